from __future__ import annotations

import json
import sqlite3
import threading
from concurrent.futures import Future

import pytest
from gates import AT, body, client_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import CENTRE, EASTGATE, OFFICE, make_report

from streams.inlets.gateway import bodies
from streams.inlets.gateway.app import make_app

NDJSON = {"content-type": "application/x-ndjson"}


def without(name):
    return {key: value for key, value in body().items() if key != name}


# Taking reports in


def test_one_report_is_taken_in_and_becomes_a_case(gate):
    answer = gate.post(body())
    assert answer.status_code == 202
    (result,) = answer.json()["results"]
    (case,) = gate.settled(1)
    assert case["reports"] == [result["report_id"]]
    assert (case["state"], case["unit"]) == ("DISPATCHED", OFFICE)


def test_an_array_is_answered_report_by_report(gate):
    answer = gate.post([body(), body(street=EASTGATE)])
    assert [result["index"] for result in answer.json()["results"]] == [0, 1]
    assert len(gate.settled(2)) == 2


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/ndjson; charset=x", "Application/X-NDJSON"])
def test_lines_are_answered_line_by_line_and_empty_ones_skipped(gate, kind):
    lines = b"\n".join([json.dumps(body()).encode(), b"", json.dumps(body()).encode(), b"  ", b""])
    answer = gate.post(lines, **{"content-type": kind})
    assert (answer.status_code, len(answer.json()["results"])) == (202, 2)


def test_good_and_bad_reports_together_are_each_told_what_became_of_them(gate):
    answer = gate.post([body(), without("channel"), body(severity=9), body()])
    assert answer.status_code == 202
    first, second, third, fourth = answer.json()["results"]
    assert set(first) == set(fourth) == {"index", "report_id"}
    assert (second["index"], second["error"]["reason"], second["error"]["field"]) == (1, "MISSING_FIELD", "channel")
    assert (third["error"]["reason"], third["error"]["field"]) == ("BAD_FIELD", "severity")
    assert third["error"]["detail_zh"] == "字段类型或取值不符：severity"
    assert len(gate.settled(2)) == 2
    assert b'onegrid_rejected_total{reason="MISSING_FIELD"} 1.0' in gate.client.get("/metrics").content


def test_a_bad_line_among_good_ones_costs_only_itself(gate):
    lines = b"\n".join([json.dumps(body()).encode(), b"ERROR 500", json.dumps(body()).encode()])
    results = gate.post(lines, **NDJSON).json()["results"]
    assert [("report_id" in result) for result in results] == [True, False, True]


BAD = {
    "an unknown field": ({**body(), "prioritaet": 1}, 422, "UNKNOWN_FIELD", "prioritaet"),
    "a missing field": (without("system"), 422, "MISSING_FIELD", "system"),
    "an empty field": (body(system_no=" "), 422, "MISSING_FIELD", "system_no"),
    "no category": (body(category=None), 422, "MISSING_FIELD", "category"),
    "a wrong word": (body(channel="FAX"), 422, "BAD_FIELD", "channel"),
    "a wrong type": (body(lon="104"), 422, "BAD_FIELD", "lon"),
    "a time without offset": ({**body(), "reported_at": "2026-03-02T09:00:00"}, 422, "BAD_TIME", "reported_at"),
    "a time in the future": ({**body(), "reported_at": "2026-03-02T10:00:00+08:00"}, 422, "FUTURE", "reported_at"),
    "a time long ago": ({**body(), "reported_at": "2024-03-02T10:00:00+08:00"}, 422, "TOO_OLD", "reported_at"),
    "a time before time": ({**body(), "occurred_at": "0001-01-01T00:00:00+14:00"}, 422, "BAD_TIME", "occurred_at"),
    "swapped coordinates": (body(lon=30.6, lat=104.0), 422, "BAD_POSITION", "lat"),
    "half a position": (body(lat=None), 422, "BAD_POSITION", "lat"),
    "no JSON": (b"ERROR 500", 400, "NOT_JSON", ""),
    "half a JSON": (b'{"system": "a"', 400, "NOT_JSON", ""),
    "half an array": (b'[{"system": "a"}', 400, "NOT_JSON", ""),
    "nothing": (b"", 400, "NOT_JSON", ""),
    "an empty array": (b"[]", 400, "NOT_JSON", ""),
    "no object": (b"7", 422, "BAD_FIELD", ""),
    "an array of numbers": (b"[1, 2]", 422, "BAD_FIELD", ""),
    "other bytes": (b"\xff\xfe\x00", 400, "NOT_JSON", ""),
    "deep nesting": (b'{"attributes": {"a": ' + b"[" * 50_000, 400, "NOT_JSON", ""),
    "a deep array": (b"[" * 50_000 + b"]" * 50_000, 400, "NOT_JSON", ""),
}


@pytest.mark.parametrize("what", BAD)
def test_a_request_of_which_nothing_can_be_taken_is_a_problem_that_names_the_field(old_gate, what):
    sent, status, reason, field = BAD[what]
    answer = old_gate.post(sent)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert (problem["reason"], problem.get("field", "")) == (reason, field)
    assert problem["detail"]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in problem["detail_zh"])
    assert problem["detail_zh"].endswith(field)


def test_an_empty_ndjson_body_is_a_problem(old_gate):
    assert old_gate.post(b"\n\n", **NDJSON).status_code == 400


def test_a_report_a_body_and_a_list_that_are_too_large_are_refused(old_gate, monkeypatch):
    big = body(text="x" * bodies.LONGEST)
    answer = old_gate.post(big)
    assert (answer.status_code, answer.json()["reason"]) == (413, "TOO_LARGE")
    mixed = old_gate.post([big, body()])
    assert [result.get("error", {}).get("reason") for result in mixed.json()["results"]] == ["TOO_LARGE", None]
    monkeypatch.setattr(bodies, "LARGEST", 1000)
    answer = old_gate.post(b" " * 1001)
    assert (answer.status_code, answer.json()["reason"]) == (413, "TOO_LARGE")
    monkeypatch.setattr(bodies, "MOST", 2)
    answer = old_gate.post([{}, {}, {}])
    assert (answer.status_code, answer.json()["reason"]) == (400, "TOO_MANY")


def test_a_body_sent_in_pieces_without_a_length_is_limited_too(old_gate, monkeypatch):
    monkeypatch.setattr(bodies, "LARGEST", 1000)

    def pieces():
        for _ in range(11):
            yield b" " * 100

    assert old_gate.client.post("/v1/reports", content=pieces()).status_code == 413


@pytest.mark.parametrize("depth", [10, 100, 500, 900, 940, 960, 980, 990])
def test_what_was_promised_to_be_taken_never_stops_the_engine_however_deep(old_gate, depth):
    nested = b"[" * depth + b"]" * depth
    line = json.dumps(body()).encode()[:-1] + b', "attributes": {"a": ' + nested + b"}}"
    answer = old_gate.post(line)
    assert answer.status_code in (202, 400)
    assert old_gate.post(body()).status_code == 202
    assert old_gate.client.get("/healthz").status_code == 200


@pytest.mark.parametrize("depth", [10, 500, 900, 940, 960, 980, 990])
def test_an_action_never_stops_the_engine_however_deep(gate, depth):
    gate.post(body(category="E-02-02"))
    number = gate.settled(1)[0]["case_no"]
    line = json.dumps({"verb": "ACCEPT", "actor": "a", "actor_unit": CENTRE}).encode()[:-1]
    sent = line + b', "payload": {"a": ' + b"[" * depth + b"]" * depth + b"}}"
    answer = gate.client.post(f"/v1/cases/{number}/actions", content=sent)
    assert answer.status_code in (202, 422)
    assert gate.post(body()).status_code == 202
    gate.settled(2)
    assert gate.client.get(f"/v1/cases/{number}").status_code == 200


# Whatever is sent

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = st.sampled_from(sorted(make_report(AT).__struct_fields__))
_MUTANTS = st.dictionaries(_FIELDS, _JSON, max_size=3).map(lambda change: json.dumps({**body(), **change}).encode())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(st.binary(max_size=200), _JSON.map(lambda value: json.dumps(value).encode()), _MUTANTS),
    st.sampled_from(["application/json", "application/x-ndjson", "text/plain", ""]),
)
def test_no_bytes_whatever_give_a_server_error_or_stop_the_engine(old_gate, content, kind):
    answer = old_gate.post(content, **{"content-type": kind})
    assert answer.status_code in (202, 400, 413, 422)
    assert old_gate.client.get("/healthz").status_code == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {"verb": st.sampled_from(["DISPATCH", "REDISPATCH", "FILE", "ASSIGN", "FINISH", "RETURN", "?"]) | st.text()},
        optional={
            "actor": st.text(),
            "actor_unit": st.sampled_from([CENTRE, OFFICE, "990101-SV"]) | st.text(),
            "action_id": st.text(max_size=5),
            "reason": st.text(),
            "payload": st.dictionaries(
                st.sampled_from(["unit", "condition", "team", "evidence", "relies_on"]) | st.text(), _JSON, max_size=3
            )
            | _JSON,
            "other": _JSON,
        },
    )
)
def test_no_action_whatever_gives_a_server_error_or_stops_the_engine(old_gate, asked):
    if not hasattr(old_gate, "case"):
        old_gate.post(body(category="E-02-02"))
        old_gate.case = old_gate.settled(1)[0]["case_no"]
    sent = json.dumps({"actor": "a", "actor_unit": CENTRE, **asked}).encode()
    answer = old_gate.client.post(f"/v1/cases/{old_gate.case}/actions", content=sent)
    assert answer.status_code in (202, 422)
    assert old_gate.client.get(f"/v1/cases/{old_gate.case}").status_code == 200
    assert old_gate.client.get("/healthz").status_code == 200


# Who may call, and how it goes


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8311", "10.0.0.1", "[::1", "testserver", "localhost.evil.example", ""]
)
def test_a_page_of_another_origin_can_not_make_a_call_for_its_reader(old_gate, host):
    answer = old_gate.client.get("/v1/cases", headers={"host": host})
    assert (answer.status_code, answer.json()["reason"]) == (403, "LOOPBACK_ONLY")


@pytest.mark.parametrize("host", ["127.0.0.1:8311", "localhost:8311", "[::1]:8311", "LOCALHOST"])
def test_calls_to_this_machine_come_in(old_gate, host):
    assert old_gate.client.get("/healthz", headers={"host": host}).status_code == 200


def test_a_caller_from_elsewhere_is_turned_away_whatever_it_says(old_gate):
    answer = client_of(old_gate.app, peer="10.1.2.3").post("/v1/reports", json=body())
    assert answer.status_code == 403


def test_the_api_describes_itself(old_gate):
    assert "/v1/reports" in old_gate.client.get("/openapi.json").json()["paths"]
    assert old_gate.client.get("/docs").status_code == 200


class Broken:
    """An engine that has stopped."""

    healthy = False

    def accept(self, _reports):
        future = Future()
        future.set_exception(RuntimeError("the engine has stopped"))
        return future

    submit = accept


def test_an_engine_that_has_stopped_shows_and_takes_nothing_in(old_gate):
    service = old_gate.service
    client = client_of(make_app(Broken(), service.board, service.metrics, service.clock, service.city.rules.calendar))
    for path in ("/healthz", "/readyz"):
        assert client.get(path).status_code == 503
    answer = client.post("/v1/reports", json=body())
    assert (answer.status_code, answer.json()["reason"]) == (503, "NOT_READY")
    if not hasattr(old_gate, "case"):
        old_gate.post(body(category="E-02-02"))
        old_gate.case = old_gate.settled(1)[0]["case_no"]
    asked = {"verb": "SIGN", "actor": "u1", "actor_unit": OFFICE}
    assert client.post(f"/v1/cases/{old_gate.case}/actions", json=asked).status_code == 503


def test_an_answer_comes_only_after_the_report_is_on_disk(gate):
    threads = []
    for _ in range(4):
        threads.append(threading.Thread(target=lambda: gate.post([body() for _ in range(5)])))
        threads[-1].start()
    for thread in threads:
        thread.join()
    db = sqlite3.connect(gate.service._path)
    assert db.execute("SELECT COUNT(*) FROM reports").fetchone() == (20,)
    db.close()


def test_metrics_are_what_prometheus_reads(old_gate):
    answer = old_gate.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
