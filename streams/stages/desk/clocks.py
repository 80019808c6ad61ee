"""The clocks of a case: how much of a limit is used, when it is due, and which escalation tier comes next.

A clock is a ledger of the stretches of time in which it ran. Used time and deadline are always worked out from
them, never patched, so an edit can't reset a clock and a late message can put it right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from streams.records import Clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from grids.settings import Tier
    from grids.worktime import Limit, WorkCalendar

ACCEPT, VERIFY, FILE, DISPATCH, SIGN = "ACCEPT", "VERIFY", "FILE", "DISPATCH", "SIGN"
HANDLE, CHECK, ANSWER, HELP, DISPUTE, ACK = "HANDLE", "CHECK", "ANSWER", "HELP", "DISPUTE", "ACK"

GREEN, YELLOW, RED = "GREEN", "YELLOW", "RED"
_YELLOW_FROM = 0.8
"""Lights: green to 80 % of the limit, yellow to 100 %, red beyond (DOMAIN §4)."""

_FULL = 1.0
_NOISE = 1e-6
"""Counted seconds are exact to the microsecond; less than that is no difference."""


class Due(NamedTuple):
    """The next moment at which a clock does something; ordered as the desk must fire: due, case, clock."""

    at: datetime
    case_no: str
    clock: str
    unit: str
    round: int
    tier: int


def start(
    calendar: WorkCalendar,
    name: str,
    limit: Limit,
    at: datetime,
    *,
    unit: str = "",
    stage: str = "",
    number: int = 1,
) -> Clock:
    """Start a new clock over a limit; `number` tells it from earlier ones of its name and unit."""
    seconds = calendar.seconds(limit)
    due = calendar.add(at, seconds, limit.clock)
    return Clock(
        name=name,
        clock=limit.clock,
        unit=unit,
        stage=stage or name,
        started=at,
        limit_s=seconds,
        spans=[(at, None)],
        due=due,
        provisional=calendar.provisional(due),
        round=number,
    )


def resume(calendar: WorkCalendar, clock: Clock, at: datetime) -> Clock:
    """Let a paused or stopped clock run on from what it has used; one that runs stays as it is."""
    if clock.since is not None:
        return clock
    return _dated(calendar, replace(clock, spans=[*clock.spans, (at, None)], ended=None))


def pause(calendar: WorkCalendar, clock: Clock, at: datetime) -> Clock:
    """Stop counting, and keep what was used; a clock that doesn't run stays as it is."""
    return clock if clock.since is None else replace(clock, **_halted(calendar, clock, at))


def stop(calendar: WorkCalendar, clock: Clock, at: datetime) -> Clock:
    """Pause for good: the step is done."""
    if clock.ended is not None:
        return clock
    return replace(clock, ended=at, **(_halted(calendar, clock, at) if clock.since is not None else {}))


def limited(calendar: WorkCalendar, clock: Clock, *, limit_s: float | None = None, extra_s: float = 0.0) -> Clock:
    """Give a clock another limit, or more of it; what it has used stays used, and its deadline follows."""
    changed = replace(clock, limit_s=clock.limit_s if limit_s is None else limit_s, extra_s=clock.extra_s + extra_s)
    return _dated(calendar, changed)


def allowed(clock: Clock) -> float:
    """Return the counted seconds that a clock may use, extensions included."""
    return clock.limit_s + clock.extra_s


def used_by(calendar: WorkCalendar, clock: Clock, at: datetime) -> float:
    """Return the counted seconds used by a moment."""
    return sum(
        calendar.elapsed(begin, at if end is None or end > at else end, clock.clock) for begin, end in clock.spans
    )


def light(calendar: WorkCalendar, clock: Clock, at: datetime) -> str:
    """Return the clock's light at a moment."""
    share = used_by(calendar, clock, at) / allowed(clock)
    return GREEN if share <= _YELLOW_FROM else YELLOW if share <= _FULL else RED


def reaches(calendar: WorkCalendar, clock: Clock, counted: float) -> datetime | None:
    """Return the moment at which a clock has used so many counted seconds; None if it stands still before."""
    for begin, end in clock.spans:
        moment = calendar.add(begin, counted, clock.clock)
        if end is None or moment <= end:
            return moment
        counted -= calendar.elapsed(begin, end, clock.clock)
    return None


def next_due(calendar: WorkCalendar, tiers: Sequence[Tier], case_no: str, clock: Clock) -> Due | None:
    """Return when a running clock reaches its next tier; None if it stands still or has passed them all."""
    since = clock.since
    if since is None or clock.tiers >= len(tiers):
        return None
    moment = reaches(calendar, clock, allowed(clock) * tiers[clock.tiers].share)
    assert moment is not None, "a clock that runs reaches everything"
    return Due(max(moment, since), case_no, clock.name, clock.unit, clock.round, clock.tiers)


def passed(calendar: WorkCalendar, tiers: Sequence[Tier], clock: Clock, at: datetime) -> int:
    """Count the tiers that a clock has reached by a moment: what must have fired, whatever has."""
    used = used_by(calendar, clock, at)
    return sum(used >= allowed(clock) * tier.share - _NOISE for tier in tiers)


def is_overdue(calendar: WorkCalendar, clock: Clock, at: datetime) -> bool:
    """Say whether the limit is used up and exceeded; ending exactly on the deadline is in time."""
    return used_by(calendar, clock, at) > allowed(clock) + _NOISE


def _halted(calendar: WorkCalendar, clock: Clock, at: datetime) -> dict[str, Any]:
    """Return the spans of a clock that stops running, and whether it is overdue by then."""
    since = clock.spans[-1][0]
    late = clock.due is None or at > clock.due  # before that nothing needs to be counted
    return {
        "spans": [*clock.spans[:-1], (since, max(at, since))],
        "overdue": late and is_overdue(calendar, clock, at),
    }


def _dated(calendar: WorkCalendar, clock: Clock) -> Clock:
    due = reaches(calendar, clock, allowed(clock)) or clock.due
    return replace(clock, due=due, provisional=due is not None and calendar.provisional(due))
