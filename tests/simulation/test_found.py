"""What the simulation, and building it, found in the product: each fault as small as it gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.hosts.partition import Partition
from streams.ledger.records import Claim
from streams.ledger.testing import MemoryInbox, MemoryLog, MemoryOutbox, MemorySnapshots
from streams.records import Action, PackActivated, Report, Tick
from streams.stages.acceptance import Accepted
from streams.stages.desk.desks import Desks
from streams.stages.intake import route
from tests.packs import point
from tests.simulation.cities import cities

AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
DESK, OTHER, CENTRE = "990101", "990102", "990101-CC"
NUMBER = "9901012026030200001"


class Bench:
    """One partition with everything in memory, and an owner that has taken it over."""

    def __init__(self, *, log=None, snapshots=None) -> None:
        self.city = cities()[0]
        self.inbox, self.log, self.snapshots = MemoryInbox(), log or MemoryLog(), snapshots or MemorySnapshots()
        outbox, zone = MemoryOutbox(self.inbox), self.city.rules.calendar.zone
        packs = {one.digest: one for one in cities()}
        self.owner = Partition(
            "a", lambda: Desks(self.city, packs.__getitem__), self.log, self.snapshots, outbox, zone, grown=1
        )
        self.owner.take_over(AT)

    def report(self, number="1", **fields):
        lon, lat = point("990101002")
        made = Report(
            system="app", system_no=number, channel="GRID_WORKER", reported_at=AT, report_id=f"r{number}",
            scheme="city", category="E-01-10", lon=lon, lat=lat + int(number) * 0.0006, **fields,
        )  # fmt: skip
        (routed,) = route(self.city, [Accepted(made, AT, b"")])
        self.inbox.append(DESK, AT, routed)

    def act(self, verb, at, heard=None, to="", case_no=NUMBER, unit=CENTRE, **payload):
        action = Action(
            action_id=f"{verb}-{at}", case_no=case_no, verb=verb, actor="p", actor_unit=unit, at=at, reason="because",
            payload={"desk": to} if to else payload,
        )  # fmt: skip
        self.inbox.append(DESK, heard or at, action)

    def work(self):
        while items := self.inbox.read(self.owner.applied, 100):
            self.owner.apply(items)

    def cases(self):
        return {case.case_no: case for desk in self.owner.desks for case in desk.book.cases.values()}


def test_a_transfer_heard_of_after_a_tier_has_fired_does_not_lose_the_case():
    bench = Bench()
    bench.report()
    later = AT + timedelta(hours=3)
    bench.inbox.append(DESK, later, Tick(DESK, later))  # SIGN has gone through its tiers
    bench.act("TRANSFER", AT + timedelta(minutes=1), later, to=OTHER)
    bench.work()
    assert {number: case.desk for number, case in bench.cases().items()} == {NUMBER: OTHER}


class Contested(MemoryLog):
    """Somebody else claims the partition whenever a record is about to be appended."""

    attempts = 0

    def append(self, record):
        if not isinstance(record, Claim):
            self.attempts += 1
            if self.attempts > 10:
                raise RecursionError("ten attempts, and still at it")
            super().append(Claim("somebody else", AT))
        return super().append(record)


def test_an_owner_that_is_overtaken_again_and_again_lets_its_host_decide():
    bench = Bench(log=Contested())
    bench.report()
    bench.owner.apply(bench.inbox.read(0, 10))


class Failing(MemorySnapshots):
    """Cannot be written to at first."""

    broken = True

    def put(self, name, body):
        if self.broken:
            raise OSError("the line went dead")
        super().put(name, body)


def test_a_snapshot_that_could_not_be_written_does_not_hinder_the_next_record():
    bench = Bench(snapshots=Failing())
    bench.owner._shelf._grown = 10**9
    bench.report()
    bench.work()
    with pytest.raises(OSError, match="dead"):
        bench.owner.snapshot()
    bench.snapshots.broken = False
    bench.report("2")
    bench.work()
    assert len(bench.cases()) == 2


def test_a_copy_of_an_older_order_does_not_put_an_older_pack_in_force():
    bench = Bench()
    first, _, second = cities()
    older, newer = (PackActivated(one.digest, AT + timedelta(hours=n), DESK) for n, one in enumerate((first, second)))
    for order in (older, newer, older):
        bench.inbox.append(DESK, AT + timedelta(hours=2), order)
    bench.work()
    assert bench.owner.desks[DESK].pack == second.digest


def test_a_master_that_another_desk_has_taken_over_learns_that_a_case_was_taken_apart_from_it():
    bench = Bench()
    bench.report("1")
    bench.report("2")
    bench.act("MERGE", AT + timedelta(minutes=1), case_no="9901012026030200002", master=NUMBER)
    bench.act("TRANSFER", AT + timedelta(minutes=2), to=OTHER)
    bench.work()
    bench.act("UNMERGE", AT + timedelta(minutes=3), case_no="9901012026030200002")
    bench.work()
    assert bench.cases()[NUMBER].merged == []


def test_a_centre_is_not_blamed_for_an_alert_that_was_cancelled_when_its_case_was_merged():
    bench = Bench()
    bench.report("1", severity=3)
    bench.report("2", severity=3)
    bench.act("MERGE", AT + timedelta(minutes=1), case_no="9901012026030200002", master=NUMBER)
    bench.act("UNMERGE", AT + timedelta(hours=9), case_no="9901012026030200002")
    bench.inbox.append(DESK, AT + timedelta(hours=9, seconds=1), Tick(DESK, AT + timedelta(hours=9, seconds=1)))
    bench.work()
    case = bench.cases()["9901012026030200002"]
    assert [one.tiers for one in case.clocks if one.name == "ACK" and one.started < AT + timedelta(hours=9)] == [0]


def test_a_case_closed_by_force_and_taken_up_again_is_not_suspended_any_more():
    bench = Bench()
    bench.report()
    office = "990101002-OF"
    bench.act("SIGN", AT + timedelta(minutes=1), unit=office)
    bench.act("ASK_SUSPENSION", AT + timedelta(minutes=2), unit=office, until="2026-04-01")
    bench.act("GRANT", AT + timedelta(minutes=3), request="SUSPENSION")
    bench.act("FORCE_CLOSE", AT + timedelta(minutes=4))
    bench.act("REOPEN", AT + timedelta(minutes=5))
    bench.work()
    case = bench.cases()[NUMBER]
    assert (case.state, case.until, case.back) == ("DISPATCHED", None, "")


def test_a_copy_of_an_older_update_is_a_repeat():
    bench = Bench()
    bench.report()
    first = Report(
        system="app", system_no="1", channel="GRID_WORKER", reported_at=AT, scheme="city", category="E-01-10"
    )
    newer, older = (
        msgspec.structs.replace(first, report_id=name, text=name, source_updated_at=AT + timedelta(minutes=minutes))
        for name, minutes in (("newer", 2), ("older", 1))
    )
    for update in (newer, older, older):
        (routed,) = route(bench.city, [Accepted(update, AT + timedelta(minutes=3), b"")])
        bench.inbox.append(DESK, AT + timedelta(minutes=3), routed)
    bench.work()
    steps = [
        step for _, record in bench.log.read() if not isinstance(record, Claim) for step in record.effects.transitions
    ]
    assert [step.cause for step in steps].count("report:older") == 1


def test_a_copy_of_the_first_report_that_comes_after_an_update_is_a_repeat():
    bench = Bench()
    bench.report()
    first = bench.inbox.read(0, 1)[0].body
    update = msgspec.structs.replace(
        first.report, report_id="u1", text="worse", source_updated_at=AT + timedelta(minutes=1)
    )
    (routed,) = route(bench.city, [Accepted(update, AT + timedelta(minutes=2), b"")])
    for body in (routed, first):
        bench.inbox.append(DESK, AT + timedelta(minutes=3), body)
    bench.work()
    last = [record for _, record in bench.log.read() if not isinstance(record, Claim)][-1].effects
    assert last.repeats == ["report:r1"]
