from __future__ import annotations

import time
from datetime import timedelta

import pytest
from gates import AT, body
from scenes import DESK, EASTGATE, OFFICE

from streams.inlets.gateway import bodies

# Actions


def act(gate, number, **fields):
    asked = {"verb": "SIGN", "actor": "u1", "actor_unit": OFFICE, **fields}
    return gate.client.post(f"/v1/cases/{number}/actions", json=asked)


def test_an_action_is_taken_in_and_moves_the_case(gate):
    gate.post(body())
    number = gate.settled(1)[0]["case_no"]
    answer = act(gate, number)
    assert answer.status_code == 202
    end = time.monotonic() + 10
    while (case := gate.client.get(f"/v1/cases/{number}").json())["state"] != "SIGNED":
        assert time.monotonic() < end
    assert [step["verb"] for step in case["transitions"]] == ["REPORT", "ACCEPT", "FILE", "DISPATCH", "SIGN"]
    assert case["transitions"][-1]["cause"] == f"action:{answer.json()['action_id']}"


def test_an_action_keeps_the_id_that_its_sender_gave_it(gate):
    gate.post(body())
    number = gate.settled(1)[0]["case_no"]
    assert act(gate, number, action_id="mine").json() == {"action_id": "mine"}


def test_an_action_on_a_case_that_nobody_knows_is_not_found(old_gate):
    answer = act(old_gate, "9901012026030299999")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail_zh"] == "不存在"


@pytest.mark.parametrize(
    "sent", [b"", b"x", b"[]", b'{"verb": "SIGN"}', b'{"verb": 1, "actor": "a", "actor_unit": "b"}', b"[" * 20_000]
)
def test_an_action_that_is_none_is_a_problem(old_gate, sent):
    answer = old_gate.client.post("/v1/cases/x/actions", content=sent)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_action_that_is_too_large_is_refused(old_gate, monkeypatch):
    monkeypatch.setattr(bodies, "LARGEST", 10)
    assert old_gate.client.post("/v1/cases/x/actions", content=b" " * 11).status_code == 413


# Lists


def test_cases_are_listed_page_by_page_and_by_what_they_are(gate):
    gate.post([body(street=street) for street in (EASTGATE, "990101001", "990101002", "990101002", EASTGATE)])
    numbers = [case["case_no"] for case in gate.settled(5)]
    assert numbers == sorted(numbers)
    found, after = [], ""
    for _ in range(9):
        page = gate.client.get("/v1/cases", params={"limit": 2, "after": after}).json()
        found += [case["case_no"] for case in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert found == numbers
    assert len(gate.client.get("/v1/cases", params={"desk": DESK}).json()["items"]) == 3
    assert len(gate.client.get("/v1/cases", params={"street": EASTGATE, "state": "DISPATCHED"}).json()["items"]) == 2
    assert gate.client.get("/v1/cases", params={"unit": OFFICE}).json()["items"][0]["unit"] == OFFICE
    assert gate.client.get("/v1/cases", params={"state": "CLOSED"}).json() == {"items": [], "next": None}


def test_alerts_are_listed_page_by_page_and_by_desk(gate):
    gate.post([body(severity=1), body(severity=3, street=EASTGATE)])
    gate.settled(2)
    page = gate.client.get("/v1/alerts", params={"limit": 2}).json()
    rest = gate.client.get("/v1/alerts", params={"limit": 2, "after": page["next"]}).json()
    assert (len(page["items"]), len(rest["items"])) == (2, 2)
    assert [alert["severity"] for alert in gate.client.get("/v1/alerts?desk=990102").json()["items"]] == [3]


def test_a_case_that_nobody_knows_is_not_found(old_gate):
    answer = old_gate.client.get("/v1/cases/none")
    assert (answer.status_code, answer.json()["reason"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1"])
def test_a_limit_that_is_none_is_the_callers_mistake(old_gate, limit):
    assert old_gate.client.get("/v1/cases", params={"limit": limit}).status_code == 422


# A case as its reader sees it


def waited(gate, path, until):
    """Ask a path until its answer is as a test wants it, and return it."""
    end = time.monotonic() + 10
    while not until(found := gate.client.get(path).json()):
        assert time.monotonic() < end, found
        time.sleep(0.01)
    return found


def test_a_case_shows_how_its_clocks_stand_and_whose_overdue_time_it_is(gate):
    gate.post(body())
    number = gate.settled(1)[0]["case_no"]
    case = gate.client.get(f"/v1/cases/{number}").json()
    handle = next(clock for clock in case["clocks"] if clock["name"] == "HANDLE")
    assert (handle["light"], handle["paused"]) == ("GREEN", False)
    assert case["overdue"] == []


def test_an_action_says_when_it_was_done_if_its_phone_had_no_reception(gate):
    gate.post(body())
    number = gate.settled(1)[0]["case_no"]
    done = (AT + timedelta(minutes=5)).isoformat()
    assert act(gate, number, at=done).status_code == 202
    case = waited(gate, f"/v1/cases/{number}", lambda case: case["state"] == "SIGNED")
    assert case["transitions"][-1]["verb"] == "SIGN"


@pytest.mark.parametrize("at", ["2026-03-02T09:00:00", "2026-03-02T12:00:00+08:00", "soon"])
def test_a_time_that_is_none_or_lies_ahead_is_refused(gate, at):
    gate.post(body())
    number = gate.settled(1)[0]["case_no"]
    assert act(gate, number, at=at).status_code == 422


# Acknowledgements


def test_a_centre_confirms_an_alert(gate):
    gate.post(body(severity=3))
    number = gate.settled(1)[0]["case_no"]
    alert = gate.client.get("/v1/alerts").json()["items"][0]["alert_id"]
    answer = gate.client.post(f"/v1/alerts/{alert}/ack", json={"by": "990101-CC/watch"})
    assert (answer.status_code, answer.json()) == (202, {"alert_id": alert})
    case = waited(gate, f"/v1/cases/{number}", lambda case: case["transitions"][-1]["verb"] == "ACK")
    assert case["transitions"][-1]["actor"] == "990101-CC/watch"


@pytest.mark.parametrize(
    ("sent", "status"), [({"by": "x"}, 404), ({}, 422), ({"by": 1}, 422), ({"by": "x", "to": 1}, 422)]
)
def test_an_alert_that_nobody_sent_and_a_confirmation_that_is_none_are_problems(old_gate, sent, status):
    answer = old_gate.client.post("/v1/alerts/990101-9901012026030299999-1/ack", json=sent)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
