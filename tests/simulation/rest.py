"""The laws that hold once everything has come to rest: all is delivered, nothing is lost, every reader agrees."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING

from streams.hosts.partition import Partition
from streams.ledger.audit import Anchor, Findings, LogAudit
from streams.ledger.fold import counted
from streams.ledger.testing import MemoryLog, MemorySnapshots
from streams.outlets.board.tables import SCHEMA, rebuild
from streams.records import together
from streams.stages.casefile import overdue_shares
from streams.stages.desk import clocks
from streams.stages.desk.attribution import Ran, overdue_us
from streams.stages.desk.desks import Desks
from streams.stages.desk.lifecycle import OPEN, SUSPENDED
from tests.simulation.laws import encode
from tests.simulation.turns import BrokenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.records import Effects, Outgoing
    from tests.simulation.laws import Laws, Reading
    from tests.simulation.media import Line
    from tests.simulation.world import World


def check_rest(world: World) -> None:
    """Hold the whole world against all laws of rest. Raises BrokenError."""
    laws = world.laws
    laws.look()
    for line, reading in zip(world.lines, laws.readings, strict=True):
        _hold(reading.applied == len(line.inbox.bodies), f"inbox {line.number} is applied up to {reading.applied}")
    _nothing_lost(world, laws)
    _cases_have_homes(world, laws)
    _merges_agree(laws)
    _packs_are_the_newest(world, laws)
    _clocks_have_fired(world, laws)
    _overdue_time_adds_up(world, laws)
    _outlets_agree(world, laws)
    for line, reading in zip(world.lines, laws.readings, strict=True):
        check_takeover(world, line, reading, line.snapshots, "from the newest snapshot that is whole")
        check_takeover(world, line, reading, MemorySnapshots(), "from the whole log")
        _happens_again(world, line)
        _audit_is_clean(line)
        _board_is_made_anew(world, line)


def check_takeover(world: World, line: Line, reading: Reading, snapshots: MemorySnapshots, how: str) -> None:
    """Whoever takes over now knows what the log says."""
    log = MemoryLog()
    log.bodies = list(line.log.bodies)
    probe = Partition(
        "probe", lambda: Desks(world.first, world.packs.__getitem__), log, snapshots, _Nowhere(), world.zone
    )
    probe.take_over(world.now)
    _hold(probe.applied == reading.applied, f"a takeover {how} is at {probe.applied}, the log at {reading.applied}")
    _hold(probe.heads == reading.chain.heads, f"a takeover {how} knows other chain heads than the log")
    world.laws.same_book(f"a takeover of {line.number} {how}", probe.desks, reading.desks)


class _Nowhere:
    def send(self, offset: int, outgoing: Sequence[Outgoing]) -> None:
        """Send nothing."""


def _nothing_lost(world: World, laws: Laws) -> None:
    """What was acknowledged has had an effect, was found to be a repeat, or is a dead letter."""
    letters = {letter.id for letter in world.store.letters}
    for entry in world.store.journal:
        name = entry.report_id
        known = laws.marks[f"report:{name}"] or laws.marks[f"dead:{name}"] or name in letters
        _hold(bool(known), f"report {name} was acknowledged at {entry.at}, and nothing became of it")
    for name, letter in world.network.acknowledged.items():
        if letter.deed is not None:
            kind = type(letter.deed).__name__.lower()
            known = laws.marks[f"{kind}:{name}"] or laws.marks[f"dead:{name}"]
            _hold(bool(known), f"{kind} {name} was acknowledged, and nothing became of it")
            world.figures["refused, and a copy taken later"] += bool(
                laws.marks[f"{kind}:{name}"] and laws.marks[f"dead:{name}"]
            )
    for name, letter in world.network.acknowledged.items():
        if letter.deed is None:
            _hold(any(name == entry.report_id for entry in world.store.journal), f"report {name} is in no journal")


def _cases_have_homes(world: World, laws: Laws) -> None:
    """Each case is in the book of exactly one desk, as the steps of all logs say it is; of one long over, of none."""
    desks = [desk for reading in laws.readings for desk in reading.desks]
    window = timedelta(days=world.first.rules.duplicates.repeat.days)
    for number, case in laws.steps.cases.items():
        found = [desk.book.cases[number] for desk in desks if number in desk.book.cases]
        now = next(desk.book.now for desk in desks if desk.code == case.desk)
        if not found and case.closed_at is not None and case.closed_at < now - window:
            continue
        _hold(len(found) == 1, f"{number} ({case.state}) is in {len(found)} books")
        _hold(encode(found[0]) == encode(case), f"{number} in its book is not the fold of its steps")
        _hold(found[0].desk == case.desk, f"{number} is in the book of {found[0].desk}; its steps say {case.desk}")


def _merges_agree(laws: Laws) -> None:
    """A merged case and its master say so of each other, whichever desks have them."""
    cases = laws.steps.cases
    for number, case in cases.items():
        if case.state == "MERGED":
            _hold(number in cases[case.master].merged, f"{number} is merged into {case.master}, which does not know")
        for other in case.merged:
            said = f"{number} has {other} merged into it, which is {cases[other].state} of {cases[other].master!r}"
            _hold(cases[other].master == number, said)


def _packs_are_the_newest(world: World, laws: Laws) -> None:
    """Every desk works under the pack that was put in force as of the latest moment, told in any order."""
    _, newest = max(world.store.told)
    for reading in laws.readings:
        for desk in reading.desks:
            _hold(desk.pack == newest, f"desk {desk.code} works under the pack {desk.pack[:8]}")


def _overdue_time_adds_up(world: World, laws: Laws) -> None:
    """The shares of units and stages in a case's overdue time are all of it, to the microsecond."""
    calendar = laws.steps.rules.calendar
    for number, case in laws.steps.cases.items():
        shares = overdue_shares(calendar, case, laws.steps.history[number], world.now)
        whole = sum(
            overdue_us(
                calendar,
                Ran(one.name, one.unit, one.clock, round(clocks.allowed(one) * 1_000_000), one.spans),
                world.now,
            )
            for one in case.clocks
        )
        _hold(
            sum(one.overdue_us for one in shares) == whole,
            f"{number}: shares of overdue time do not add up to {whole} us",
        )


def _clocks_have_fired(world: World, laws: Laws) -> None:
    """No clock of an open case has used the share of a tier that has not fired.

    An input of a gateway whose clock is ahead may start a clock that has used its share at once; its owner sends a
    tick for it when its own clock gets there.
    """
    rules = laws.steps.rules
    earliest = min(owner.clock() for owner in world.owners)
    for reading in laws.readings:
        for desk in reading.desks:
            assert desk.book.now is not None
            now = min(desk.book.now, earliest)
            for case in desk.book.cases.values():
                if case.state not in OPEN:
                    continue
                resumed = case.state != SUSPENDED or (case.until is not None and case.until > now)
                _hold(resumed, f"{case.case_no} should have been resumed at {case.until}")
                for clock in case.clocks:
                    if clock.since is not None:
                        tiers = rules.tiers_of(clock.name, clock.unit)
                        due = clocks.passed(rules.calendar, tiers, clock, now)
                        fired = f"{case.case_no} {clock.key} has fired {clock.tiers} tiers of {due} due by {now}"
                        _hold(clock.tiers >= due, fired)


def _outlets_agree(world: World, laws: Laws) -> None:
    """The board shows the fold of all steps; every alert has arrived."""
    board, cases = world.store.board.cases, laws.steps.cases
    _hold(board.keys() == cases.keys(), f"the board has {len(board)} cases, the logs {len(cases)}")
    for number, case in cases.items():
        _hold(encode(board[number]) == encode(case), f"{number} on the board is not the fold of its steps")
    arrived = {name for name, _ in world.store.delivered}
    missing = sorted(laws.alerts.keys() - arrived)
    _hold(not missing, f"{len(missing)} alerts were never delivered: {missing[:3]}")


def _happens_again(world: World, line: Line) -> None:
    """The same inbox, one input after another at fresh desks, leads to the same steps, byte for byte."""
    desks = Desks(world.first, world.packs.__getitem__)
    once: dict[str, list[Effects]] = {}
    for item in line.inbox.read(0, len(line.inbox.bodies)):
        for desk, effects in desks.receive([item]).items():
            once.setdefault(desk, []).append(effects)
    told: dict[str, list[Effects]] = {}
    for _, record in counted(line.log.read()):
        for desk in record.desks:
            told.setdefault(desk, []).append(record.of(desk))
    for desk in line.desks:
        one, other = together(once.get(desk, ())), together(told.get(desk, ()))
        for name in ("transitions", "alerts", "dead_letters", "outgoing", "repeats", "counters"):
            same = _sorted(getattr(one, name)) == _sorted(getattr(other, name))
            _hold(same, f"{name} of desk {desk} come out differently when its inbox is applied again")


def _audit_is_clean(line: Line) -> None:
    """An audit of the log finds nothing, and all heads that were told of days that ended."""
    findings = Findings()
    audit = LogAudit(findings, [Anchor(head.desk, head.offset, head.head) for head in line.heads])
    for _ in audit.read(enumerate(line.log.bodies), 0):
        pass
    audit.finish()
    _hold(
        not findings.counts, f"an audit of log {line.number} finds {dict(findings.counts)}: {findings.examples[:1]}"
    )


def _sorted(values: object) -> bytes:
    return encode(sorted(values.items()) if isinstance(values, dict) else values)


def _board_is_made_anew(world: World, line: Line) -> None:
    """The board's tables made anew from a log have the cases that this log has last seen, as it left them."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    try:
        db.executescript(SCHEMA)
        rebuild(db, counted(line.log.read()))
        rows = dict(db.execute("SELECT case_no, body FROM cases"))
    finally:
        db.close()
    cases = world.laws.steps.cases
    for number, body in rows.items():
        if cases[number].desk in line.desks:
            _hold(body == encode(cases[number]), f"{number} in tables made anew is not the fold of its steps")


def _hold(fact: bool, otherwise: str) -> None:
    if not fact:
        raise BrokenError(otherwise)
