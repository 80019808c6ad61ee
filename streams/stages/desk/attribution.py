"""Attribution: whose overdue time it is (DOMAIN §4).

A clock's time is overdue once its limit is used up. Each such stretch belongs to the unit whose clock it is, and to
the stage, which is the state that the case was in. Whole microseconds of counted time, so the shares of a clock add
up to its overdue time exactly. An appeal that was granted excuses a clock: its shares keep their time, which is the
fact, and are marked, so that a score can leave them out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from grids.worktime import WorkCalendar


class Ran(NamedTuple):
    """A clock: its name, unit and kind of time, what it may use with all that was granted, and when it ran.

    Spans are in order and don't overlap; the last one has no end while the clock runs.
    """

    clock: str
    unit: str
    kind: str
    limit_us: int
    spans: Sequence[tuple[datetime, datetime | None]]
    excused: bool = False


class Held(NamedTuple):
    """From `at` on the case is in `state` and with `unit`."""

    at: datetime
    state: str
    unit: str


class Share(NamedTuple):
    """What a unit's clocks of one name were overdue by in one stage."""

    clock: str
    unit: str
    stage: str
    overdue_us: int
    excused: bool

    @property
    def minutes(self) -> float:
        """The time in counted minutes."""
        return self.overdue_us / 60_000_000


def attribute(calendar: WorkCalendar, clocks: Iterable[Ran], timeline: Iterable[Held], now: datetime) -> list[Share]:
    """Share out the overdue time of a case as it stands at `now`: by clock, unit and stage, sorted, nothing of 0.

    `timeline` is what the case's transitions said, in their order. One that took effect in the past replaces what
    was said of later moments. A clock without a unit is the unit's that held the case; before the first entry, the
    stage is empty.
    """
    stages = _settled(timeline)
    shares = Counter[tuple[str, str, str, bool]]()
    for ran in clocks:
        for begins, ends in _overdue(calendar, ran, now):
            for state, unit, a, b in _cut(begins, ends, stages):
                shares[ran.clock, ran.unit or unit, state, ran.excused] += calendar.elapsed_us(a, b, ran.kind)
    return [
        Share(clock, unit, stage, amount, excused)
        for (clock, unit, stage, excused), amount in sorted(shares.items())
        if amount
    ]


def overdue_us(calendar: WorkCalendar, ran: Ran, now: datetime) -> int:
    """Return by how much a clock is over its limit at `now`, in counted microseconds; 0 if it is not."""
    used = sum(calendar.elapsed_us(begins, ends, ran.kind) for begins, ends in _until(ran, now))
    return max(used - ran.limit_us, 0)


def _until(ran: Ran, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    for begins, ends in ran.spans:
        yield begins, now if ends is None else min(ends, now)


def _overdue(calendar: WorkCalendar, ran: Ran, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """List the stretches in which a clock ran after its limit was used up."""
    left = ran.limit_us
    for begins, ends in _until(ran, now):
        used = calendar.elapsed_us(begins, ends, ran.kind)
        if used > left:
            yield calendar.add_us(begins, left, ran.kind), ends
        left -= used


def _settled(timeline: Iterable[Held]) -> list[Held]:
    """List what held from when, no entry earlier than the one before."""
    found: list[Held] = []
    for one in timeline:
        if found and (one.state, one.unit) == (found[-1].state, found[-1].unit):
            continue
        while found and found[-1].at > one.at:
            found.pop()
        found.append(one)
    return found


def _cut(begins: datetime, ends: datetime, stages: Sequence[Held]) -> Iterator[tuple[str, str, datetime, datetime]]:
    """Cut a stretch where the stage changes; yields state, unit, and the beginning and end of each piece."""
    at, state, unit = begins, "", ""
    for one in stages:
        until = min(one.at, ends)
        if until > at:
            yield state, unit, at, until
            at = until
        state, unit = one.state, one.unit
    if at < ends:
        yield state, unit, at, ends
