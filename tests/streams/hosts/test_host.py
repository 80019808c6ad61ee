from __future__ import annotations

import sqlite3
from datetime import UTC, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packs import point
from scenes import CENTRE, CHECKER, DESK, EASTGATE, OFFICE, make_report, when
from stories import as_bytes, counters, folded, replay

from streams.hosts.embedded import EmbeddedHost
from streams.hosts.embedded.store import StoreError
from streams.inlets.lines import accept_line, refused
from streams.ledger.fold import Fold, counted
from streams.ledger.records import Claim
from streams.outlets.board.sqlite import SqliteBoard
from streams.records import Action
from streams.stages.acceptance import Accepted, Refusal

AT = when("03-02 09:00").astimezone(UTC)


@pytest.fixture
def open_host(city, tmp_path):
    """Open a host on one folder, as often as asked."""
    opened = []

    def open_one(of=None, at=AT, folder="data"):
        opened.append(EmbeddedHost(of or city, tmp_path / folder, at))
        return opened[-1]

    yield open_one
    for host in opened:
        host.close()


@pytest.fixture
def host(open_host):
    return open_host()


def accepted(at=AT, **fields):
    report = make_report(at, **fields)
    return Accepted(report, at.astimezone(UTC), msgspec.json.encode(report))


def action(case_no, verb, by=CENTRE, at=AT, name="", **payload):
    fields = {"case_no": case_no, "verb": verb, "actor": "x", "actor_unit": by, "reason": "because"}
    return Action(action_id=name or f"{case_no}-{verb}", at=at, payload=payload, **fields), at


def log_of(host):
    """Return the effects that count in a host's log, by desk."""
    return [{desk: record.of(desk) for desk in record.desks} for _, record in counted(host.store.log.read())]


def standing(host):
    """Return everything a host's file says of the work done, epochs and offsets left out."""
    tables = ("cases", "alerts", "dead_letters", "counters", "heads")
    rows = {name: host.store.db.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in tables}
    rows["heads"] = [row[:2] for row in rows["heads"]]
    return rows, as_bytes(log_of(host)), host.store.meta("applied"), host.store.meta("routed")


def book_of(host):
    """Return all that a host's desks remember."""
    return msgspec.json.encode([desk.state() for desk in host._partition.desks])


def test_reports_go_through_both_stages_into_cases(host):
    host.accept([accepted(), accepted(street=EASTGATE), accepted(category="E-99-99")])
    (effects,) = host.drain()
    assert [step.verb for step in effects.transitions] == ["REPORT", "ACCEPT", "FILE", "DISPATCH"] * 2
    assert effects.counters["cases"] == 2
    case = host.current(effects.transitions[0].case_no)
    assert case.unit == OFFICE
    assert case.opened_at == AT
    board = SqliteBoard(host.store.path)
    assert board.dead_letter_reasons() == {"UNKNOWN_CATEGORY": 1}
    assert (board.count("reports"), board.count("cases")) == (3, 2)
    board.close()
    assert host.work() is None


def test_what_is_accepted_is_on_disk_before_any_work(host, open_host):
    host.accept([accepted()])
    other = open_host()
    assert len(other.store.reports_after(0, 9)) == 1
    other.drain()
    assert other.store.db.execute("SELECT COUNT(*) FROM cases").fetchone() == (1,)


def test_an_id_given_on_acceptance_stays_with_the_report(host):
    report = make_report(AT, report_id="")
    taken = accept_line(msgspec.json.encode(report), AT)
    host.accept([taken])
    (effects,) = host.drain()
    assert taken.report.report_id
    assert effects.transitions[0].change.reports == [taken.report.report_id]


def test_lines_that_could_not_be_read_are_kept(host):
    host.refuse([refused(Refusal("NOT_JSON", "", "x", "y"), b"\xff\x00", AT, "file")])
    board = SqliteBoard(host.store.path)
    (letter,) = board.dead_letters()
    assert (letter.stage, letter.original, letter.source) == ("inlet", b"\xff\x00", "file")
    assert board.dead_letters(after=1) == []
    board.close()


def test_actions_move_cases_and_those_on_unknown_cases_are_dead_letters(host):
    host.accept([accepted()])
    number = host.drain()[0].transitions[0].case_no
    host.submit([action(number, "SIGN", OFFICE), action("9901012026030299999", "SIGN", OFFICE)])
    (effects,) = host.drain()
    assert [step.verb for step in effects.transitions] == ["SIGN"]
    assert [letter.reason for letter in effects.dead_letters] == ["NO_SUCH_CASE"]
    assert host.current(number).state == "SIGNED"
    with pytest.raises(KeyError):
        host.current("9901012026030299999")


def test_a_tick_wakes_only_desks_that_have_something_due(host):
    host.accept([accepted()])
    host.drain()
    host.tick(AT + timedelta(minutes=1))
    assert host.work() is None
    host.tick(AT + timedelta(days=2))
    (effects,) = host.drain()
    assert effects.counters["items_Tick"] == 1
    assert {step.desk for step in effects.transitions} == {DESK}
    host.tick(AT + timedelta(days=2))
    assert host.work() is None


def test_an_update_follows_its_case_although_its_place_has_moved(host):
    first = accepted(system="s", system_no="1")
    host.accept([first])
    number = host.drain()[0].transitions[0].case_no
    lon, lat = point(EASTGATE)
    host.accept([accepted(AT + timedelta(minutes=5), system="s", system_no="1", lon=lon, lat=lat, text="moved")])
    steps = [step for effects in host.drain() for step in effects.transitions]
    assert steps[0].verb == "APPEND"
    assert {step.case_no for step in steps} == {number}


def test_a_restarted_host_goes_on_as_one_that_never_stopped(open_host):
    steady, shaky = open_host(folder="steady"), open_host(folder="shaky")
    for hour in range(6):
        at = AT + timedelta(hours=hour * 9)
        batch = [accepted(at, category=name, severity=3) for name in ("E-01-10", "C-01-01")]
        for one in (steady, shaky):
            one.accept(batch)
            one.tick(at)
            one.drain()
        numbers = [case.case_no for case in steady.store.cases() if case.state == "DISPATCHED"]
        for one in (steady, shaky):
            one.submit([action(number, "SIGN", steady.current(number).unit, at) for number in numbers])
            one.drain()
        shaky.close()
        shaky = open_host(at=at, folder="shaky")
    assert standing(shaky) == standing(steady)
    claims = [record for _, record in shaky.store.log.read() if isinstance(record, Claim)]
    assert len(claims) == 7


def test_the_files_tables_are_the_fold_of_its_log(host):
    for hour in range(4):
        host.accept([accepted(AT + timedelta(hours=hour), severity=2) for _ in range(60)])
        host.drain()
    told = log_of(host)
    cases = folded(step for part in told for effects in part.values() for step in effects.transitions)
    assert cases == {case.case_no: case for case in host.store.cases()}
    assert counters(told) == dict(host.store.db.execute("SELECT name, value FROM counters ORDER BY name"))
    fold = host.store.log.fold()
    assert (fold.applied, fold.rejected) == (int(host.store.meta("applied")), 0)
    items = host.store.inbox_after(0, 10_000)
    assert as_bytes(replay(host.city, items, 1)) == as_bytes(told)


def test_records_stay_small_and_cover_the_inbox_without_gaps(host):
    host.accept([accepted() for _ in range(250)])
    host.drain()
    records = [record for _, record in host.store.log.read() if not isinstance(record, Claim)]
    assert len(records) > 1
    covered = [position for record in records for position in range(record.first, record.last + 1)]
    assert covered == list(range(1, 255))  # four desks hear of the pack
    sizes = [length for (length,) in host.store.db.execute("SELECT LENGTH(body) FROM effects")]
    assert max(sizes) < 1_000_000


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from((1, 2, 7, 500)), min_size=1, max_size=8))
def test_what_comes_of_reports_does_not_depend_on_the_size_of_batches(city, tmp_path_factory, limits):
    batch = [accepted(AT + timedelta(minutes=n), report_id=f"r{n}", system_no=f"{n}") for n in range(12)]
    told = []
    for sizes in ([500], limits):
        host = EmbeddedHost(city, tmp_path_factory.mktemp("host"), AT)
        host.accept(batch)
        number = 0
        while host.work(sizes[number % len(sizes)]) is not None:
            number += 1
        told.append((as_bytes(log_of(host)), counters(log_of(host))))
        host.close()
    assert told[0] == told[1]


def test_a_new_pack_is_put_in_force_in_every_desks_inbox_once(open_host, bent_city):
    first = open_host()
    desks = len(first.city.rules.places.desks)
    assert first.drain()[0].counters == {"items_PackActivated": desks}
    assert open_host().work() is None
    other = bent_city(("city.toml", 'answer = "2 WORK_DAY"', 'answer = "3 WORK_DAY"'))
    assert open_host(other).drain()[0].counters == {"items_PackActivated": desks}


def test_a_host_whose_folder_another_has_taken_over_writes_no_more(host, open_host):
    host.accept([accepted()])
    other = open_host()
    with pytest.raises(StoreError, match="taken over by another process"):
        host.work()
    other.drain()
    fold = Fold()
    list(counted(other.store.log.read(), fold))
    assert fold.rejected == 0
    assert other.store.db.execute("SELECT COUNT(*) FROM cases").fetchone() == (1,)


class CutError(Exception):
    """The power goes."""


class Failing:
    """A connection whose `left`-th statement from now fails, before it is carried out."""

    def __init__(self, db, left) -> None:
        self.db, self.left = db, left

    def __getattr__(self, name: str) -> object:
        return getattr(self.db, name)

    def _count(self, text):
        if text != "ROLLBACK":
            self.left -= 1
            if self.left == 0:
                raise CutError(text)

    def execute(self, text, *values):
        self._count(text)
        return self.db.execute(text, *values)

    def executemany(self, text, rows):
        self._count(text)
        return self.db.executemany(text, rows)


def use(host, db):
    store = host.store
    store.db = store.log._db = store.snapshots._db = store.board.db = db


def fail_at(host, left):
    use(host, Failing(host.store.db, left))


def mend(host):
    use(host, host.store.db.db)


BATCH = [
    accepted(system_no="1", severity=2),
    accepted(system_no="2", category="E-99-99"),
    accepted(system_no="3", self_handled=True),
    accepted(AT + timedelta(hours=3), system_no="1", severity=2, text="worse"),
]


@pytest.mark.parametrize("reopen", [True, False], ids=["killed", "alive"])
def test_a_failure_at_any_statement_leaves_nothing_half_done_and_work_goes_on(open_host, reopen):
    """CutError the power at the first, second, third … statement of the work, until it gets through."""
    calm = open_host(folder="calm")
    calm.accept(BATCH)
    calm.drain()
    expected, cuts = standing(calm), 0
    for left in range(1, 60):
        folder = f"cut{left}"
        host = open_host(folder=folder)
        host.accept(BATCH)
        before, book = standing(host), book_of(host)
        fail_at(host, left)
        try:
            host.work()
            break
        except CutError:
            cuts += 1
        mend(host)
        assert not host.store.db.in_transaction
        assert standing(host) == before
        host._ready()
        assert book_of(host) == book
        if reopen:
            host.close()
            host = open_host(folder=folder)
        host.drain()
        assert standing(host) == expected
    assert cuts > 15


@pytest.mark.parametrize("left", [1, 2, 3])
def test_a_failure_while_reports_are_taken_in_keeps_none_of_them(host, left):
    fail_at(host, left)
    with pytest.raises(CutError):
        host.accept(BATCH)
    mend(host)
    assert host.store.reports_after(0, 10) == []


def test_a_check_by_the_handling_unit_is_refused_through_the_whole_host(host):
    host.accept([accepted()])
    number = host.drain()[0].transitions[0].case_no
    host.submit([action(number, verb, OFFICE, evidence="x") for verb in ("SIGN", "START", "FINISH", "CHECK_PASS")])
    (effects,) = host.drain()
    assert [letter.reason for letter in effects.dead_letters] == ["NOT_INDEPENDENT"]
    host.submit([action(number, "CHECK_PASS", CHECKER, name="again")])
    host.drain()
    assert host.current(number).state == "CLOSED"


def test_a_locked_file_is_an_error_and_not_a_loss(host):
    other = sqlite3.connect(host.store.path, isolation_level=None)
    host.store.db.execute("PRAGMA busy_timeout = 1")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        host.accept([accepted()])
    other.execute("ROLLBACK")
    other.close()
    host.accept([accepted()])
    assert len(host.store.reports_after(0, 9)) == 1


def test_calls_put_together_are_on_disk_together(host):
    with host.together():
        host.accept([accepted()])
        host.drain()
        assert list(SqliteBoard(host.store.path).all_cases()) == []
    assert len(list(SqliteBoard(host.store.path).all_cases())) == 1


def test_a_failure_among_calls_put_together_undoes_them_all_and_work_goes_on(host):
    before = standing(host)

    def broken():
        with host.together():
            host.accept([accepted()])
            host.drain()
            raise RuntimeError("the power")

    with pytest.raises(RuntimeError, match="the power"):
        broken()
    assert standing(host) == before
    host.accept([accepted()])
    (effects,) = host.drain()
    assert effects.transitions[0].case_no.endswith("00001")
