"""The board's tables: kept by a host, and made anew from the log byte for byte."""

from __future__ import annotations

import sqlite3
from datetime import UTC, timedelta

import msgspec
import pytest
from hosted import hosted
from hypothesis import HealthCheck, given, settings
from scenes import CENTRE, OFFICE, make_report, when
from stories import stories

from streams.hosts.embedded import EmbeddedHost
from streams.ledger.fold import counted
from streams.ledger.records import Claim, decode
from streams.outlets.board.folding import Folding
from streams.outlets.board.tables import FOLDED, SCHEMA, Tables, rebuild
from streams.records import Action
from streams.stages.acceptance import Accepted

AT = when("03-02 09:00").astimezone(UTC)


def rows(db, tables=FOLDED):
    return {name: db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in tables}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories())
def test_whatever_has_happened_the_tables_made_anew_are_those_that_were_kept(city, story, tmp_path_factory):
    host = hosted(city, tmp_path_factory.mktemp("host"), story)
    kept = rows(host.store.db)
    assert rebuild(host.store.db, counted(host.store.log.read())) > 0
    assert rows(host.store.db) == kept
    host.close()


@pytest.fixture
def host(city, tmp_path):
    host = EmbeddedHost(city, tmp_path, AT)
    reports = [make_report(AT, severity=2), make_report(AT, self_handled=True), make_report(AT, matter="PRAISE")]
    host.accept([Accepted(report, AT, msgspec.json.encode(report)) for report in reports])
    host.drain()
    yield host
    host.close()


def scratch():
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(SCHEMA)
    return db


def test_the_tables_can_be_made_in_another_file(host):
    db = scratch()
    rebuild(db, counted(host.store.log.read()))
    assert rows(db) == rows(host.store.db)
    assert len(rows(db)["alerts"]) > 0


def test_dead_letters_are_left_as_they_are(host):
    host.submit([(Action(action_id="x", case_no="none", verb="SIGN", actor="a", actor_unit=OFFICE, at=AT), AT)])
    host.drain()
    before = rows(host.store.db, ["dead_letters"])
    rebuild(host.store.db, counted(host.store.log.read()))
    assert rows(host.store.db, ["dead_letters"]) == before
    assert len(before["dead_letters"]) == 1


def test_a_case_that_has_ended_is_found_again_when_something_more_happens(host):
    ended = next(case for case in host.store.cases() if case.state == "CLOSED")
    at = AT + timedelta(hours=1)
    asked = Action(
        action_id="y", case_no=ended.case_no, verb="REOPEN", actor="a", actor_unit=CENTRE, at=at, reason="x"
    )
    host.submit([(asked, at)])
    host.drain()
    assert host.current(ended.case_no).state == "DISPATCHED"
    kept = rows(host.store.db)
    rebuild(host.store.db, counted(host.store.log.read()))
    assert rows(host.store.db) == kept


def test_a_step_that_stands_twice_in_a_log_is_taken_once(host):
    folding = Folding(Tables(scratch()))
    bodies = [body for (body,) in host.store.db.execute('SELECT body FROM effects ORDER BY "offset"')]
    (record,) = [one for one in map(decode, bodies) if not isinstance(one, Claim)]
    folding.add(1, record.effects)
    number = record.effects.transitions[0].case_no
    before = folding.case(number)
    again = record.effects
    again.alerts, again.counters = [], {}
    folding.add(2, again)
    assert folding.case(number) == before
    assert folding.case("none") is None
