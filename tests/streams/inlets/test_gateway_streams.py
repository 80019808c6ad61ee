"""Lines without end, answers under a key, limits, sessions: what stands around taking a report in."""

from __future__ import annotations

import asyncio
import errno
import json
import sqlite3
import tracemalloc
from concurrent.futures import Future
from datetime import timedelta

import pytest
from gates import AT, body, client_of
from starlette.requests import Request

from streams.identity.principals import Principal
from streams.inlets.gateway import bodies, limits, reports
from streams.inlets.gateway.bodies import read_body, read_lines
from streams.inlets.gateway.limits import Budget, BusyError, Rates, too_deep
from streams.inlets.gateway.replays import Answered, Replays
from streams.stages.acceptance import Refusal

NDJSON = {"content-type": "application/x-ndjson"}
PASSWORD = "a long password"


def lines(count, **fields):
    return b"\n".join(json.dumps(body(**fields)).encode() for _ in range(count))


def journal(gate):
    db = sqlite3.connect(gate.service._path)
    found = [name for (name,) in db.execute("SELECT report_id FROM reports ORDER BY position")]
    db.close()
    return found


# Lines


def test_lines_that_come_in_any_pieces_are_taken_in_whole_and_answered_in_order(gate, monkeypatch):
    monkeypatch.setattr(bodies, "CHUNK", 700)
    sent = lines(40) + b"\n" + b'{"system": ' + b"\n" + lines(3)

    def pieces():
        for at in range(0, len(sent), 333):
            yield sent[at : at + 333]

    answer = gate.client.post("/v1/reports", content=pieces(), headers=NDJSON)
    results = answer.json()["results"]
    assert answer.status_code == 202
    assert [one["index"] for one in results] == list(range(44))
    assert results[40]["error"]["reason"] == "NOT_JSON"
    assert journal(gate) == [one["report_id"] for one in results if "report_id" in one]


def test_more_lines_than_an_array_may_have_take_no_more_memory(gate, monkeypatch):
    monkeypatch.setattr(bodies, "MOST", 100)
    assert gate.post([body() for _ in range(101)]).status_code == 400
    line = json.dumps(body()).encode() + b"\n"

    def pieces(count):
        for _ in range(count):
            yield line * 100

    def peak(count):
        tracemalloc.start()
        answer = gate.client.post("/v1/reports", content=pieces(count), headers=NDJSON)
        assert answer.status_code == 202
        grown = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return len(answer.json()["results"]), grown

    assert peak(10)[0] == 1000
    assert peak(60)[0] == 6000


def test_a_line_without_end_is_refused_and_what_follows_is_taken(gate, monkeypatch):
    monkeypatch.setattr(bodies, "CHUNK", 300_000)
    sent = b'{"text": "' + b"x" * 2_000_000 + b'"}\n' + lines(1)

    def pieces():
        for at in range(0, len(sent), 65_536):
            yield sent[at : at + 65_536]

    first, second = gate.client.post("/v1/reports", content=pieces(), headers=NDJSON).json()["results"]
    assert first["error"]["reason"] == "TOO_LARGE"
    assert "report_id" in second


def test_lines_that_can_not_be_kept_are_told_so_and_those_before_are_in(gate, monkeypatch):
    monkeypatch.setattr(reports, "_PARSED", 2)
    engine, calls = gate.service.engine, []
    accept = engine.accept

    def full(batch):
        calls.append(len(batch))
        if len(calls) == 1:
            return accept(batch)
        failed = Future()
        failed.set_exception(OSError(errno.ENOSPC, "full"))
        return failed

    monkeypatch.setattr(engine, "accept", full)

    results = gate.post(lines(6), **NDJSON).json()["results"]
    assert ["report_id" in one for one in results] == [True, True, False, False, False, False]
    assert {one["error"]["reason"] for one in results[2:]} == {"NO_SPACE"}
    assert len(journal(gate)) == 2


# Slow and greedy callers


def request_of(*pieces, wait=0.0):
    async def receive():
        if wait:
            await asyncio.sleep(wait)
        more = pieces_left.pop(0) if pieces_left else b""
        return {"type": "http.request", "body": more, "more_body": bool(pieces_left)}

    pieces_left = list(pieces)
    return Request({"type": "http", "method": "POST", "headers": [], "path": "/"}, receive)


def test_a_body_that_stands_still_is_given_up(monkeypatch):
    monkeypatch.setattr(limits, "IDLE_S", 0.02)
    found = asyncio.run(read_body(request_of(b"x", wait=0.2)))
    assert isinstance(found, Refusal)
    assert found.reason == "SLOW"

    async def first():
        return [one async for one in read_lines(request_of(b"x", wait=0.2))]

    assert asyncio.run(first())[0].reason == "SLOW"


def test_all_unfinished_bodies_together_stay_within_a_budget():
    budget = Budget(10)
    budget.take(8)
    with pytest.raises(BusyError):
        budget.take(3)
    found = asyncio.run(read_body(request_of(b"abc"), budget))
    assert found.reason == "BUSY"
    assert budget.held == 8
    budget.give(8)
    assert asyncio.run(read_body(request_of(b"abc"), budget)) == b"abc"
    assert budget.held == 0


class Clock:
    now = AT

    def __call__(self) -> object:
        return self.now


def test_a_bucket_lets_through_what_its_rate_brings_and_says_how_long_to_wait():
    clock = Clock()
    rates = Rates(clock, burst=2.0)
    assert rates.wait_s("a", 0, 10**9) == 0
    assert rates.wait_s("a", 10, 20) == 0
    assert rates.wait_s("a", 10, 5) == pytest.approx(0.5)
    assert rates.wait_s("b", 10, 5) == 0
    clock.now += timedelta(seconds=0.5)
    assert rates.wait_s("a", 10, 5) == 0
    clock.now += timedelta(seconds=10)
    assert rates.wait_s("a", 10, 500) == 0
    assert rates.wait_s("a", 10, 1) > 40


def test_a_key_that_sends_more_than_it_may_is_told_when_to_come_again(gate):
    key = gate.service.keep.accounts.add_key(Principal("k", "system", systems=("grid-app",), rate=1.0))
    post = lambda: gate.client.post("/v1/reports", json=body(), headers={"X-API-Key": key})  # noqa: E731
    answers = [post() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 429, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert answers[2].json()["reason"] == "TOO_FAST"


@pytest.mark.parametrize(("depth", "deep"), [(1, False), (31, False), (33, True)])
def test_depth_is_measured_without_going_deeper(depth, deep):
    value = []
    for _ in range(depth - 1):
        value = [value]
    assert too_deep({"a": value}) is deep
    for _ in range(100_000):
        value = [value]
    assert too_deep(value)


def test_attributes_nested_too_deep_are_named(old_gate):
    nested: dict = {}
    for _ in range(40):
        nested = {"a": nested}
    answer = old_gate.post(body(attributes=nested))
    assert (answer.status_code, answer.json()["reason"], answer.json()["field"]) == (400, "TOO_DEEP", "attributes")


# The same request again


def test_the_same_request_under_a_key_is_done_once_and_answered_alike(gate):
    sent = json.dumps(body()).encode()
    first = gate.post(sent, **{"idempotency-key": "k1"})
    again = gate.post(sent, **{"idempotency-key": "k1"})
    other = gate.post(sent, **{"idempotency-key": "k2"})
    assert first.json() == again.json() != other.json()
    assert again.headers["idempotent-replay"] == "true"
    assert len(journal(gate)) == 2
    gate.settled(1)


def test_a_key_used_for_another_body_is_refused_and_so_is_one_too_long(gate):
    gate.post(body(), **{"idempotency-key": "k"})
    answer = gate.post(body(), **{"idempotency-key": "k"})
    assert (answer.status_code, answer.json()["reason"]) == (422, "KEY_REUSED")
    assert gate.post(body(), **{"idempotency-key": "k" * 300}).status_code == 400
    bad = gate.post(b"[", **{"idempotency-key": "bad"})
    assert bad.status_code == gate.post(b"[", **{"idempotency-key": "bad"}).status_code == 400
    sent = lines(3)
    first, again = (gate.post(sent, **NDJSON, **{"idempotency-key": "lines"}) for _ in range(2))
    assert first.json() == again.json()
    assert len(journal(gate)) == 4


def test_answers_outlive_a_restart_and_a_day_ends_them(tmp_path):
    clock = Clock()
    replays = Replays(clock, tmp_path)
    name = replays.begin("a", "k")
    assert replays.begin("a", "k") is None
    assert replays.begin("b", "k") is not None
    replays.keep(name, Answered("d", 202, b"{}"))
    replays.end(name)
    replays.close()
    replays = Replays(clock, tmp_path)
    assert replays.find(name) == Answered("d", 202, b"{}")
    clock.now += timedelta(days=1, seconds=1)
    assert replays.find(name) is None
    replays.close()


# Sessions


def test_a_session_changes_something_only_with_its_token(gate):
    gate.service.keep.accounts.add(Principal("lin", "city"), PASSWORD)
    client = client_of(gate.app, host="grid.example", peer="203.0.113.9")
    assert client.post("/v1/reports", json=body()).status_code == 401
    wrong = client.post("/v1/session", json={"name": "lin", "password": "wrong password"})
    assert (wrong.status_code, wrong.json()["reason"]) == (401, "WRONG_PASSWORD")
    said = client.post("/v1/session", json={"name": "lin", "password": PASSWORD})
    assert "httponly" in said.headers["set-cookie"].lower()
    assert "samesite=strict" in said.headers["set-cookie"].lower()
    answer = client.post("/v1/reports", json=body())
    assert (answer.status_code, answer.json()["reason"]) == (403, "NO_CSRF_TOKEN")
    token = client.get("/v1/session").json()["csrf"]
    assert client.post("/v1/reports", json=body(), headers={"X-CSRF-Token": token}).status_code == 202
    assert client.post("/v1/reports", json=body(), headers={"X-CSRF-Token": "x" + token}).status_code == 403
    assert client.delete("/v1/session", headers={"X-CSRF-Token": token}).status_code == 204
    assert client.get("/v1/cases").status_code == 401


def test_a_locked_account_is_told_how_long(gate):
    gate.service.keep.accounts.add(Principal("lin", "city"), PASSWORD)
    for _ in range(5):
        gate.client.post("/v1/session", json={"name": "lin", "password": "wrong password"})
    answer = gate.client.post("/v1/session", json={"name": "lin", "password": PASSWORD})
    assert (answer.status_code, answer.json()["reason"]) == (429, "LOCKED")
    assert int(answer.headers["retry-after"]) > 800
