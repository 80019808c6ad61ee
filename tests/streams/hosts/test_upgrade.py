"""A file of version 1, as that version wrote it, becomes one of today's: what was said is still said."""

from __future__ import annotations

import sqlite3
from datetime import UTC, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import BELLTOWER, CENTRE, DESK, EASTGATE, OFFICE, OTHER_DESK, make_report, when

from grids.worktime import parse_limit
from streams.hosts.embedded import EmbeddedHost, Store, upgrade
from streams.hosts.embedded.audit import audit
from streams.hosts.embedded.store import FILE, StoreError
from streams.hosts.embedded.version1 import Given, Record1, Version1
from streams.outlets.board.sqlite import SqliteBoard
from streams.records import Action
from streams.stages.acceptance import Accepted
from streams.stages.desk import clocks
from streams.stages.intake import route

AT = when("03-02 09:00").astimezone(UTC)

SCHEMA = """
CREATE TABLE effects ("offset" INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE reports (
    position INTEGER PRIMARY KEY, report_id TEXT NOT NULL, at TEXT NOT NULL, original BLOB NOT NULL
);
CREATE TABLE inbox (position INTEGER PRIMARY KEY, desk TEXT NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE cases (
    case_no TEXT PRIMARY KEY, desk TEXT NOT NULL, state TEXT NOT NULL, matter TEXT NOT NULL, category TEXT NOT NULL,
    severity INTEGER NOT NULL, unit TEXT NOT NULL, street TEXT NOT NULL, opened_at TEXT NOT NULL,
    closed_at TEXT, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX cases_by_desk ON cases (desk, state, case_no);
CREATE TABLE steps (case_no TEXT NOT NULL, "offset" INTEGER NOT NULL, PRIMARY KEY (case_no, "offset")) WITHOUT ROWID;
CREATE TABLE alerts (
    alert_id TEXT PRIMARY KEY, desk TEXT NOT NULL, sent_at TEXT NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE dead_letters (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL
);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE desks (desk TEXT PRIMARY KEY, now TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


class OldClock:
    """A clock as version 1 kept it: counted seconds used, and since when it runs."""

    def __init__(self, calendar, name, unit, limit, at) -> None:
        self.calendar, self.limit = calendar, parse_limit(limit)
        self.said = {
            "name": name, "clock": self.limit.clock, "unit": unit, "stage": name, "started": at.isoformat(),
            "limit_s": calendar.seconds(self.limit),
        }  # fmt: skip
        self.used, self.since = 0.0, None
        self.resume(at)

    def used_by(self, at):
        return self.used + (self.calendar.elapsed(self.since, at, self.limit.clock) if self.since else 0.0)

    def resume(self, at):
        if self.since is None:
            left = self.said["limit_s"] - self.used
            if left > 0 or "due" not in self.said:
                self.said["due"] = self.calendar.add(at, left, self.limit.clock).isoformat()
            self.since = at
            self.said.pop("ended", None)

    def pause(self, at):
        if self.since is not None:
            self.used, self.since = self.used_by(at), None
            self.said["overdue"] = self.used > self.said["limit_s"]

    def stop(self, at):
        self.pause(at)
        self.said["ended"] = at.isoformat()

    @property
    def json(self):
        running = {"since": self.since.isoformat()} if self.since else {}
        return {**self.said, **({"used_s": self.used} if self.used else {}), **running}


def read(steps):
    """Give steps (clocks of one case, at) to the reader of version 1; return each step's clocks as they are now."""
    reader, found = Version1(), []
    for number, (old, at) in enumerate(steps, start=1):
        step = {
            "case_no": f"{DESK}2026030200001", "seq": number, "desk": DESK, "cause": f"action:{number}",
            "from": "SIGNED", "to": "SIGNED", "verb": "ASSIGN", "actor": "x", "actor_unit": "y",
            "at": at.isoformat(), "change": {"clocks": old},
        }  # fmt: skip
        effects = {"transitions": [step], "alerts": [], "dead_letters": [], "counters": {}}
        item = Given(DESK, at, {"type": "Action", "action_id": f"{number}"})
        (transition,) = reader.effects(Record1(1, number, number, effects), [item])[DESK].transitions
        found.append(transition.change.clocks)
    return found


MINUTES = st.integers(1, 4000)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    limit=st.sampled_from(["2 URGENT_HOUR", "1 NATURAL_DAY", "4 WORK_HOUR", "3 WORK_DAY"]),
    moves=st.lists(st.tuples(st.sampled_from(["pause", "resume", "stop", "nothing"]), MINUTES), max_size=12),
)
def test_a_clock_read_from_version_1_has_used_what_it_had_used_then_and_is_due_when_it_was(city, limit, moves):
    calendar, at = city.rules.calendar, AT
    old = OldClock(calendar, "HANDLE", OFFICE, limit, at)
    steps, expected = [([old.json], at)], [(old.used_by(at), old.said["due"])]
    for move, minutes in moves:
        at += timedelta(minutes=minutes)
        if move != "nothing":
            getattr(old, move)(at)
        steps.append(([old.json], at))
        expected.append((old.used_by(at), old.said["due"]))
    for (new,), (_, moment), (used, due) in zip(read(steps), steps, expected, strict=True):
        assert clocks.used_by(calendar, new, moment) == pytest.approx(used, abs=1e-6)
        assert new.due.isoformat() == due
        assert (new.since is None) == (new.spans[-1][1] is not None)
    assert (new.since is not None) == (old.since is not None)
    assert new.overdue == old.json.get("overdue", False)
    assert (new.ended is not None) == ("ended" in old.json)


def test_a_clock_that_was_started_anew_is_another_round(city):
    first = OldClock(city.rules.calendar, "VERIFY", CENTRE, "30 URGENT_MINUTE", AT)
    begun = first.json
    first.stop(AT + timedelta(minutes=5))
    second = OldClock(city.rules.calendar, "VERIFY", CENTRE, "30 URGENT_MINUTE", AT + timedelta(hours=1))
    steps = [([begun], AT), ([first.json], AT + timedelta(minutes=5)), ([second.json], AT + timedelta(hours=1))]
    found = [one for (one,) in read(steps)]
    assert [clock.round for clock in found] == [1, 1, 2]
    assert found[1].spans == [(AT, AT + timedelta(minutes=5))]
    assert found[2].spans == [(AT + timedelta(hours=1), None)]


class Old:
    """Writes a file of version 1, one effects record after another."""

    def __init__(self, city, folder) -> None:
        self.city = city
        folder.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(folder / FILE, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.executescript(SCHEMA)
        self.position, self.counters, self.alerts = 0, {}, []
        self.log({"type": "claim", "owner": "embedded", "at": AT.isoformat()})
        self.fresh()
        for desk in city.rules.places.desks:
            activated = {"type": "PackActivated", "digest": city.digest, "from": AT.isoformat(), "desk": desk}
            self.give(desk, AT, activated)

    def fresh(self):
        self.steps, self.letters, self.counts, self.told, self.first = [], [], {}, [], self.position + 1

    def log(self, record):
        self.db.execute("INSERT INTO effects (body) VALUES (?)", (msgspec.json.encode(record),))

    def give(self, desk, at, body):
        self.position += 1
        row = (desk, at.isoformat(), msgspec.json.encode(body))
        self.db.execute("INSERT INTO inbox (desk, at, body) VALUES (?, ?, ?)", row)
        self.count(f"items_{body['type'] if isinstance(body, dict) else type(body).__name__}")

    def count(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1

    def report(self, at, **fields):
        """Take a report in; return it routed, for who writes what came of it."""
        report = make_report(at, **fields)
        original = msgspec.json.encode(report)
        self.db.execute(
            "INSERT INTO reports (report_id, at, original) VALUES (?, ?, ?)",
            (report.report_id, at.isoformat(), original),
        )
        routed = route(self.city, [Accepted(report, at, original)])[0]
        self.give(routed.placement.desk, at, routed)
        return routed

    def step(self, number, seq, verb, states, at, cause, change, **fields):
        step = {
            "case_no": number, "seq": seq, "desk": number[:6], "cause": cause, "from": states[0], "to": states[1],
            "verb": verb, "actor": "system", "actor_unit": "", "at": at.isoformat(), "change": change, **fields,
        }  # fmt: skip
        self.steps.append(step)
        self.count(f"verb_{verb}")

    def close_record(self):
        effects = {
            "transitions": self.steps, "alerts": self.told, "dead_letters": self.letters,
            "counters": dict(sorted(self.counts.items())),
        }  # fmt: skip
        self.log({"type": "effects", "epoch": 1, "first": self.first, "last": self.position, "effects": effects})
        for letter in self.letters:
            self.db.execute(
                "INSERT INTO dead_letters (id, stage, reason, body) VALUES (?, ?, ?, ?)",
                (letter["id"], letter["stage"], letter["reason"], msgspec.json.encode(letter)),
            )
        self.fresh()

    def end(self):
        (routed,) = self.db.execute("SELECT COALESCE(MAX(position), 0) FROM reports").fetchone()
        marks = {"epoch": "1", "applied": f"{self.position}", "routed": f"{routed}", "pack": self.city.digest}
        self.db.executemany("INSERT INTO meta VALUES (?, ?)", marks.items())
        self.db.close()


def opened(old, number, routed, at):
    """Write what came of a new case in version 1: reported, accepted, filed, dispatched at once."""
    calendar, centre, limit = old.city.rules.calendar, f"{number[:6]}-CC", "4 WORK_HOUR"
    report = routed.report
    source = {"system": report.system, "system_no": report.system_no, "digest": routed.digest,
              "updated_at": report.reported_at.isoformat(), "at": at.isoformat()}  # fmt: skip
    first = OldClock(calendar, "ACCEPT", centre, "15 URGENT_MINUTE", at)
    filing = OldClock(calendar, "FILE", centre, "15 URGENT_MINUTE", at)
    sign, handle = (OldClock(calendar, name, OFFICE, limit, at) for name in ("SIGN", "HANDLE"))
    cause = f"report:{report.report_id}"
    change = {
        "desk": number[:6], "matter": "INCIDENT", "category": report.category, "severity": report.severity,
        "urgency": "NORMAL", "placement": msgspec.to_builtins(routed.placement),
        "receipt": msgspec.to_builtins(routed.receipt), "reports": [report.report_id], "sources": [source],
        "text": report.text, "reported_at": report.reported_at.isoformat(), "clocks": [first.json],
    }  # fmt: skip
    old.step(number, 1, "REPORT", ("", "REPORTED"), at, cause, change)
    first.stop(at)
    old.step(number, 2, "ACCEPT", ("REPORTED", "ACCEPTED"), at, cause, {"clocks": [first.json, filing.json]})
    filing.stop(at)
    change = {"limit": limit, "closing_test": "clean", "clocks": [filing.json]}
    old.step(number, 3, "FILE", ("ACCEPTED", "FILED"), at, cause, change)
    change = {"unit": OFFICE, "first_unit": OFFICE, "dispatched_at": at.isoformat(),
              "clocks": [handle.json, sign.json]}  # fmt: skip
    old.step(number, 4, "DISPATCH", ("FILED", "DISPATCHED"), at, cause, change)
    old.count("cases")
    return source, sign, handle


def asked(old, number, verb, at, name):
    action = Action(action_id=name, case_no=number, verb=verb, actor="x", actor_unit=OFFICE, at=at, reason="because")
    old.give(number[:6], at, action)


@pytest.fixture
def folder(city, tmp_path):
    """A file of version 1: a case returned and dispatched anew, one merged into, repeats, an alert, dead letters."""
    old = Old(city, tmp_path / "data")
    one, two = f"{DESK}2026030200001", f"{OTHER_DESK}2026030200001"
    routed = old.report(AT, street=BELLTOWER, system_no="1", component_id=None)
    source, sign, handle = opened(old, one, routed, AT)
    other = old.report(AT, street=EASTGATE, system_no="2")
    opened(old, two, other, AT)
    old.close_record()

    at = AT + timedelta(hours=1)
    old.give(DESK, at, routed)  # the same once more
    old.db.execute("INSERT INTO reports (report_id, at, original) SELECT report_id, ?, original FROM reports "
                   "WHERE position = 1", (at.isoformat(),))  # fmt: skip
    old.count("repeats")
    again = old.report(at, street=BELLTOWER, system_no="3")
    joined = {"system": "grid-app", "system_no": "3", "digest": again.digest, "updated_at": at.isoformat(),
              "at": at.isoformat()}  # fmt: skip
    old.step(one, 5, "MERGE", ("DISPATCHED", "DISPATCHED"), at, f"report:{again.report.report_id}",
             {"reports": [routed.report.report_id, again.report.report_id], "sources": [source, joined]},
             reason="D1 component")  # fmt: skip
    old.count("merged")
    asked(old, one, "RETURN", at, "a1")
    sign.stop(at)
    handle.pause(at)
    centre = OldClock(city.rules.calendar, "DISPATCH", f"{DESK}-CC", "15 URGENT_MINUTE", at)
    old.step(one, 6, "RETURN", ("DISPATCHED", "RETURNED"), at, "action:a1",
             {"unit": "", "team": "", "flags": {"returned": 1}, "actions": ["a1"],
              "clocks": [sign.json, handle.json, centre.json]})  # fmt: skip
    asked(old, one, "CHECK_PASS", at, "a2")
    old.letters.append({"id": "a2", "stage": "desk", "reason": "WRONG_STATE", "text": "no",
                        "at": msgspec.to_builtins(at), "original": "e30=", "source": OFFICE})  # fmt: skip
    old.count("refused_actions")
    old.close_record()

    later = AT + timedelta(hours=6)
    due = AT + timedelta(hours=1, minutes=12)
    old.give(DESK, later, {"type": "Tick", "desk": DESK, "at": later.isoformat()})
    alert = {"alert_id": f"{DESK}-{one}-1", "desk": DESK, "level": "DISTRICT", "case_no": one, "kind": "ALERT",
             "severity": 3, "sent_at": due.isoformat(), "reason": "DISPATCH 80%"}  # fmt: skip
    old.told.append(alert)
    old.step(one, 7, "REMIND", ("RETURNED", "RETURNED"), due, f"clock:{one}:DISPATCH:{due.isoformat()}",
             {"flags": {"returned": 1, "escalated": 1}, "alerts": [alert["alert_id"]],
              "clocks": [{**centre.json, "tiers": 1}]})  # fmt: skip
    asked(old, one, "REDISPATCH", later, "a3")
    centre.said["tiers"] = 1
    centre.stop(later)
    handle.resume(later)
    fresh = OldClock(city.rules.calendar, "SIGN", OFFICE, "2 WORK_HOUR", later)
    old.step(one, 8, "REDISPATCH", ("RETURNED", "DISPATCHED"), later, "action:a3",
             {"unit": OFFICE, "actions": ["a1", "a3"], "clocks": [centre.json, fresh.json, handle.json]})  # fmt: skip
    old.close_record()
    old.end()
    return tmp_path / "data"


def test_the_upgraded_file_says_what_the_old_one_said_and_its_audit_is_clean(folder):
    Store(folder).close()
    found = audit(folder / FILE)
    assert found.findings == []
    assert (found.accepted, found.applied, found.records) == (4, 4, 4)
    board = SqliteBoard(folder / FILE)
    one, two = board.all_cases()
    assert (one.state, two.state) == ("DISPATCHED", "DISPATCHED")
    assert one.flags == {"returned": 1, "escalated": 1}
    assert one.actions == ["a1", "a3"]
    assert len(one.reports) == 2
    handle = next(clock for clock in one.clocks if clock.name == "HANDLE")
    assert handle.spans == [(AT, AT + timedelta(hours=1)), (AT + timedelta(hours=6), None)]
    assert [(clock.round, clock.ended is None) for clock in one.clocks if clock.name == "SIGN"] == [
        (1, False), (2, True),
    ]  # fmt: skip
    assert one.moved_at == AT + timedelta(hours=6)
    assert two.occurred_at == two.receipt.at
    assert [step.verb for step in board.transitions(one.case_no)] == [
        "REPORT", "ACCEPT", "FILE", "DISPATCH", "ABSORB", "RETURN", "REMIND", "REDISPATCH",
    ]  # fmt: skip
    assert board.counters()["repeats"] == 1
    assert [alert.case_no for alert in board.alerts()] == [one.case_no]
    assert len(board.dead_letters()) == 1
    board.close()


def test_work_goes_on_where_the_old_program_stopped(city, folder):
    at = AT + timedelta(hours=7)
    host = EmbeddedHost(city, folder, at)
    number = f"{DESK}2026030200001"
    assert host.current(number).unit == OFFICE
    signed = Action(action_id="a4", case_no=number, verb="SIGN", actor="x", actor_unit=OFFICE, at=at)
    host.submit([(signed, at)])
    repeated = make_report(AT, street=BELLTOWER, system_no="1", report_id="new")
    host.accept([Accepted(repeated, at, msgspec.json.encode(repeated))])
    told = host.drain()
    steps = [step for effects in told for step in effects.transitions]
    assert ("SIGN", number) in [(step.verb, step.case_no) for step in steps]
    assert "REPORT" not in [step.verb for step in steps]
    fresh = make_report(at, street=BELLTOWER)
    host.accept([Accepted(fresh, at, msgspec.json.encode(fresh))])
    assert host.drain()[0].transitions[0].case_no == f"{DESK}2026030200002"
    host.close()
    assert audit(folder / FILE).findings == []


def test_a_copy_of_the_old_file_is_kept_beside_it(folder):
    before = (folder / FILE).read_bytes()
    Store(folder).close()
    kept = folder / "onegrid.version-1.sqlite"
    db = sqlite3.connect(kept)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT COUNT(*) FROM effects").fetchone() == (4,)
    db.close()
    assert (folder / FILE).read_bytes() != before
    Store(folder).close()
    assert sorted(path.name for path in folder.iterdir()) == [FILE, kept.name]


def test_an_upgrade_that_fails_leaves_the_old_file_and_can_be_tried_again(folder, monkeypatch):
    def broken(*_):
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "rebuild", broken)
        with pytest.raises(OSError, match="no space"):
            Store(folder)
    db = sqlite3.connect(folder / FILE)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT COUNT(*) FROM desks").fetchone() == (0,)
    db.close()
    Store(folder).close()
    assert audit(folder / FILE).clean


def test_an_audit_of_an_old_file_says_what_to_do(folder):
    with pytest.raises(StoreError, match="schema version 1; expected 2: onegrid run upgrades an older file"):
        audit(folder / FILE)


def test_a_record_that_did_not_count_still_does_not(city, tmp_path):
    old = Old(city, tmp_path)
    old.close_record()
    old.log({"type": "effects", "epoch": 7, "first": 9, "last": 9, "effects": {"transitions": []}})
    old.end()
    store = Store(tmp_path)
    fold = store.log.fold()
    assert (fold.applied, fold.rejected) == (4, 1)
    store.close()


def test_repeats_are_not_named_where_they_do_not_add_up(city, tmp_path):
    old = Old(city, tmp_path)
    old.report(AT)
    old.close_record()
    old.end()
    Store(tmp_path).close()
    assert len(audit(tmp_path / FILE).missing) == 1
