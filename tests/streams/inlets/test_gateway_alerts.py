"""Alerts over HTTP: documents, feed and stream, and confirmations that are signed, forged, late or repeated."""

from __future__ import annotations

import json
import socket
import threading
import time
from xml.etree import ElementTree as ET

import httpx
import msgspec
import pytest
import uvicorn
from gates import AT, Gate, body
from packs import write_pack
from scenes import CENTRE, CITY_CENTRE, DESK

from grids.city import open_city
from streams.cap.checking import faults, parse, text_of
from streams.cap.writing import answer
from streams.inlets.gateway.signed import sign
from streams.outlets.board.sqlite import SqliteBoard

SECRET = "a secret of the centre"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def signing(tmp_path, monkeypatch):
    """A gateway of a city whose district centre signs what it confirms."""
    pack = write_pack(tmp_path / "city")
    way = f'[[channel]]\nunit = "{CENTRE}"\nkind = "webhook"\ntarget = "http://127.0.0.1:9/"\n'
    way += 'secret_env = "CENTRE_SECRET"\n'
    (pack / "channels.toml").write_text(way, encoding="utf-8")
    monkeypatch.setenv("CENTRE_SECRET", SECRET)
    gate = Gate(open_city(pack), tmp_path / "data")
    yield gate
    gate.service.stop()


def alerted(gate, severity=2):
    """Let a grave case come in; return its alerts: the desk's, the city's."""
    gate.post([body(severity=severity)])
    gate.settled(1)
    return sorted(gate.client.get("/v1/alerts").json()["items"], key=lambda alert: alert["alert_id"][-1])


def verbs(gate):
    number = gate.client.get("/v1/cases").json()["items"][0]["case_no"]
    return [step["verb"] for step in gate.client.get(f"/v1/cases/{number}").json()["transitions"]]


def until(found):
    end = time.monotonic() + 10
    while not found():
        assert time.monotonic() < end
        time.sleep(0.01)


def reasons(gate):
    return SqliteBoard(gate.service._path).dead_letter_reasons()


def test_an_alert_is_read_by_its_id_and_as_a_valid_document(gate):
    desk, city = alerted(gate)
    assert gate.client.get(f"/v1/alerts/{desk['alert_id']}").json() == desk
    answered = gate.client.get(f"/v1/alerts/{city['alert_id']}/cap")
    assert answered.headers["content-type"] == "application/cap+xml"
    assert faults(answered.content) == []
    assert answered.text == city["cap"]
    for path in ("none", "none/cap"):
        assert gate.client.get(f"/v1/alerts/{path}").status_code == 404


def test_a_desks_feed_lists_its_newest_alerts_with_their_documents(gate):
    desk, _ = alerted(gate)
    feed = ET.fromstring(gate.client.get(f"/v1/alerts/feed/{DESK}").text)
    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == [desk["alert_id"]]
    assert entries[0].find(f"{ATOM}link").get("href") == f"/v1/alerts/{desk['alert_id']}/cap"
    assert gate.client.get("/v1/alerts/feed/nowhere").status_code == 404


@pytest.fixture
def served(gate):
    """The address of the gateway on a real server, since a stream has no end."""
    server = uvicorn.Server(uvicorn.Config(gate.app, log_level="warning", access_log=False))
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = server.force_exit = True
    thread.join(timeout=10)


def events(lines, count):
    """Read so many events; return the ids of their alerts, which their data say as well."""
    found = []
    for line in lines:
        if line.startswith("data: "):
            found.append(json.loads(line[6:])["alert_id"])
            if len(found) == count:
                return found
    return found


def test_a_stream_tells_alerts_as_they_come_and_goes_on_behind_the_last_one_had(gate, served):
    with httpx.Client(base_url=served, timeout=20) as client:
        with client.stream("GET", "/v1/alerts/stream") as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": alerts"
            first, second = (alert["alert_id"] for alert in alerted(gate))
            told = events(lines, 2)
            assert sorted(told) == sorted([first, second])
        with client.stream("GET", "/v1/alerts/stream", headers={"Last-Event-ID": told[0]}) as stream:
            assert events(stream.iter_lines(), 1) == told[1:]
        with client.stream("GET", f"/v1/alerts/stream?desk={DESK}", headers={"Last-Event-ID": "none"}) as stream:
            assert events(stream.iter_lines(), 1) == [first]


# Confirmations


def ack(gate, alert, secret=SECRET, at=AT, by=CENTRE, **headers):
    content = msgspec.json.encode({"by": by})
    said = {"X-Onegrid-Signature": sign(secret, int(at.timestamp()), alert["alert_id"], content)} if secret else {}
    return gate.client.post(f"/v1/alerts/{alert['alert_id']}/ack", content=content, headers={**said, **headers})


def test_a_signed_confirmation_is_taken(signing):
    desk, _ = alerted(signing)
    assert ack(signing, desk).status_code == 202
    until(lambda: "ACK" in verbs(signing))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"secret": ""}, "FORGED_ACK"),
        ({"secret": "another"}, "FORGED_ACK"),
        ({"at": AT.replace(hour=AT.hour - 1)}, "EXPIRED_ACK"),
        ({"at": AT.replace(hour=AT.hour + 1)}, "EXPIRED_ACK"),
    ],
)
def test_a_forged_or_expired_confirmation_is_refused_and_recorded(signing, wrong, reason):
    desk, _ = alerted(signing)
    refused = ack(signing, desk, **wrong)
    assert (refused.status_code, refused.json()["reason"]) == (401, reason)
    assert "ACK" not in verbs(signing)
    assert reasons(signing) == {reason: 1}


def test_a_confirmation_that_is_played_again_is_refused_and_recorded(signing):
    desk, _ = alerted(signing)
    assert ack(signing, desk).status_code == 202
    refused = ack(signing, desk)
    assert (refused.status_code, refused.json()["reason"]) == (401, "REPLAYED_ACK")
    assert reasons(signing) == {"REPLAYED_ACK": 1}


def test_a_confirmation_is_refused_when_it_is_played_again_after_a_restart(tmp_path, signing):
    desk, _ = alerted(signing)
    assert ack(signing, desk).status_code == 202
    until(lambda: "ACK" in verbs(signing))
    signing.service.stop()
    again = Gate(signing.service.city, tmp_path / "data")
    refused = ack(again, desk)
    assert (refused.status_code, refused.json()["reason"]) == (401, "REPLAYED_ACK")
    assert reasons(again) == {"REPLAYED_ACK": 1}
    assert ack(again, desk, at=AT.replace(second=AT.second + 1)).status_code == 202, "a fresh one is no replay"
    assert SECRET.encode() not in (tmp_path / "data" / "confirmations.sqlite").read_bytes()
    again.service.stop()


def test_a_confirmation_that_could_not_be_kept_may_be_sent_again(signing, monkeypatch):
    desk, _ = alerted(signing)
    signing.service.engine.stop()
    assert ack(signing, desk).status_code >= 500
    assert ack(signing, desk).status_code >= 500, "it is no replay: nothing has come of the first"


def test_a_signature_for_one_alert_confirms_no_other(signing):
    desk, city = alerted(signing)
    content = msgspec.json.encode({"by": CENTRE})
    said = sign(SECRET, int(AT.timestamp()), desk["alert_id"], content)
    url = f"/v1/alerts/{city['alert_id']}/ack"
    refused = signing.client.post(url, content=content, headers={"X-Onegrid-Signature": said})
    assert refused.json()["reason"] == "FORGED_ACK"


def test_nobody_confirms_in_the_name_of_a_unit_that_signs(signing):
    desk, _ = alerted(signing)
    assert ack(signing, desk, secret="", by=f"{CENTRE}/S-9").json()["reason"] == "FORGED_ACK"
    assert ack(signing, desk, secret="", by=CITY_CENTRE).status_code == 202, "which the desk refuses: not its alert"
    until(lambda: "NOT_ALLOWED" in reasons(signing))


def test_a_secret_that_is_not_set_confirms_nothing(signing, monkeypatch):
    desk, _ = alerted(signing)
    monkeypatch.delenv("CENTRE_SECRET")
    assert ack(signing, desk).json()["reason"] == "FORGED_ACK"


# By CAP


def document(gate, alert, kind="Ack", sender=CENTRE, note="收到 received"):
    head = parse(alert["cap"].encode())
    reference = ",".join(text_of(head, name) for name in ("sender", "identifier", "sent"))
    made = answer(gate.service.city, kind, "centre-1", "onegrid", reference, AT, note)
    return made.replace("<sender>onegrid-990100", f"<sender>{sender}").encode()


def test_a_cap_ack_confirms_what_it_refers_to_and_is_answered_with_one(gate):
    desk, _ = alerted(gate)
    answered = gate.client.post("/v1/cap", content=document(gate, desk))
    assert answered.status_code == 202
    assert faults(answered.content) == []
    assert text_of(parse(answered.content), "msgType") == "Ack"
    until(lambda: "ACK" in verbs(gate))


def signed(gate, alerts, secret=SECRET, at=AT, identifier="centre-7"):
    """Post an Ack that refers to all of some alerts, signed by its own identifier."""
    references = " ".join(
        ",".join(text_of(parse(one["cap"].encode()), name) for name in ("sender", "identifier", "sent"))
        for one in alerts
    )
    made = answer(gate.service.city, "Ack", identifier, "onegrid", references, AT, "收到 received")
    content = made.replace("<sender>onegrid-990100", f"<sender>{CENTRE}").encode()
    headers = {"X-Onegrid-Signature": sign(secret, int(at.timestamp()), identifier, content)} if secret else {}
    return gate.client.post("/v1/cap", content=content, headers=headers)


def test_one_signed_document_confirms_all_that_it_refers_to(signing):
    signing.post([body(severity=2), body(severity=2)])
    signing.settled(2)
    items = signing.client.get(f"/v1/alerts?desk={DESK}").json()["items"]
    assert len(items) == 2
    answered = signed(signing, items)
    assert (answered.status_code, text_of(parse(answered.content), "msgType")) == (202, "Ack")
    numbers = [one["case_no"] for one in items]
    until(
        lambda: all(
            "ACK" in [step["verb"] for step in signing.client.get(f"/v1/cases/{number}").json()["transitions"]]
            for number in numbers
        )
    )


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"secret": ""}, "FORGED_ACK"),
        ({"secret": "another"}, "FORGED_ACK"),
        ({"at": AT.replace(hour=AT.hour - 1)}, "EXPIRED_ACK"),
    ],
)
def test_a_forged_or_expired_document_confirms_nothing_and_is_recorded(signing, wrong, reason):
    desk, _ = alerted(signing)
    answered = signed(signing, [desk], **wrong)
    assert (answered.status_code, text_of(parse(answered.content), "msgType")) == (401, "Error")
    assert reason in text_of(parse(answered.content), "note")
    assert "ACK" not in verbs(signing)
    assert reasons(signing) == {reason: 1}


def test_a_document_that_is_played_again_is_refused(signing):
    desk, _ = alerted(signing)
    assert signed(signing, [desk]).status_code == 202
    assert signed(signing, [desk]).status_code == 401
    assert reasons(signing) == {"REPLAYED_ACK": 1}


def test_what_is_known_of_a_document_is_confirmed_and_what_is_not_is_named(gate):
    desk, _ = alerted(gate)
    unknown = {**desk, "cap": desk["cap"].replace(desk["alert_id"], f"{desk['alert_id']}9")}
    answered = signed(gate, [desk, unknown], secret="")
    assert (answered.status_code, text_of(parse(answered.content), "msgType")) == (404, "Error")
    note = text_of(parse(answered.content), "note")
    assert f"{desk['alert_id']}9 is not known; the others are confirmed" in note
    until(lambda: "ACK" in verbs(gate))


def test_a_cap_ack_of_what_was_not_sent_is_answered_with_an_error(gate):
    desk, _ = alerted(gate)
    unknown = {**desk, "cap": desk["cap"].replace(desk["alert_id"], f"{desk['alert_id']}9")}
    answered = gate.client.post("/v1/cap", content=document(gate, unknown))
    assert answered.status_code == 404
    assert text_of(parse(answered.content), "msgType") == "Error"
    assert faults(answered.content) == []


def test_a_cap_error_is_recorded_for_a_person(gate):
    desk, _ = alerted(gate)
    answered = gate.client.post("/v1/cap", content=document(gate, desk, "Error", note="我方无此单元 not ours"))
    assert answered.status_code == 202
    assert reasons(gate) == {"CAP_ERROR": 1}


@pytest.mark.parametrize("content", [b"", b"<a/>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"])
def test_what_is_no_cap_document_is_a_problem_that_says_so(gate, content):
    answered = gate.client.post("/v1/cap", content=content)
    assert (answered.status_code, answered.json()["reason"]) == (422, "NOT_CAP")


def test_an_alert_sent_to_us_is_no_answer(gate):
    desk, _ = alerted(gate)
    assert gate.client.post("/v1/cap", content=desk["cap"].encode()).status_code == 422
