"""What is known of people, over the gateway: sealed on the way in, shown against a reason, erased for good."""

from __future__ import annotations

from datetime import timedelta

from gates import AT, body

from streams.hosts.embedded.audit import audit
from streams.identity.retention import expired
from streams.outlets.board.sqlite import SqliteBoard

PERSON = {"person": {"name": "王小明", "phone": "13800138000"}}


def files(gate):
    return b"".join(path.read_bytes() for path in gate.service.directory.glob("onegrid.sqlite*"))


def test_a_person_is_erased_and_the_chain_holds(gate):
    gate.post(body(attributes=PERSON, text="请回电 13900139000", reporter="13700137000"))
    (case,) = gate.settled(1)
    where = f"/v1/cases/{case['case_no']}/persons"
    masked = gate.client.get(where).json()
    assert masked["items"][0]["person"]["phone"] == "138****8000"
    assert masked["items"][0]["person"]["name"] == "王**"
    shown = gate.client.get(f"{where}?reason=call+back").json()["items"][0]["person"]
    assert (shown["name"], shown["reporter"]) == ("王小明", "13700137000")
    assert case["text"] == "请回电 139****9000"
    assert gate.client.delete(where).status_code == 422
    assert gate.client.delete(f"{where}?reason=asked").json() == {"erased": 1}
    assert gate.client.get(f"{where}?reason=again").json()["items"][0]["person"] is None
    did = [line["looked"]["did"] for line in gate.client.get("/v1/trail").json()["items"]]
    assert did == ["MASKED", "SHOWN", "ERASED", "SHOWN"]
    gate.service.stop()
    log = files(gate)
    for private in ("王小明", "13800138000", "13900139000", "13700137000"):
        assert private.encode() not in log
    said = audit(gate.service._path)
    assert (said.chain_ok, said.missing) == (True, [])


def test_neither_metrics_nor_lists_tell_of_a_person(gate):
    gate.post(body(attributes=PERSON))
    gate.settled(1)
    for path in ("/metrics", "/v1/cases", "/v1/sources/grid-app/reports", "/open311/v2/requests.json", "/live"):
        said = gate.client.get(path).content
        assert "王小明".encode() not in said
        assert b"13800138000" not in said


def test_people_are_known_for_as_long_as_the_pack_says(gate):
    gate.post(body(attributes=PERSON, self_handled=True))
    gate.post(body(attributes=PERSON))
    gate.settled(2)
    persons, board = gate.service.keep.persons, gate.service.board()
    days = timedelta(days=365)
    assert expired(persons, board, 365, AT + days - timedelta(days=1)) == []
    over = expired(persons, board, 365, AT + days + timedelta(days=1))
    assert len(over) == 1
    assert persons.erase(over) == 1


def test_the_same_report_with_the_same_person_is_a_repeat(gate):
    sent = body(attributes=PERSON)
    gate.post(sent)
    gate.post(sent)
    gate.settled(1)
    gate.service.stop()
    counters = SqliteBoard(gate.service._path).counters()
    assert (counters["repeats"], counters["cases"]) == (1, 1)
