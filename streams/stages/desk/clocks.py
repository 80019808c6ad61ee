"""The clocks of a case: how much of a limit is used, when it is due, and which escalation tier comes next.

A clock is a small ledger: counted seconds used so far, and since when it runs. A deadline is always worked out
from these, never patched, so an edit can't reset it. Pausing and stopping bring `used_s` up to date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from streams.records import Clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from grids.settings import Tier
    from grids.worktime import Limit, WorkCalendar

ACCEPT, VERIFY, FILE, DISPATCH, SIGN = "ACCEPT", "VERIFY", "FILE", "DISPATCH", "SIGN"
HANDLE, CHECK, ANSWER = "HANDLE", "CHECK", "ANSWER"

GREEN, YELLOW, RED = "GREEN", "YELLOW", "RED"
_YELLOW_FROM = 0.8
"""Lights: green to 80 % of the limit, yellow to 100 %, red beyond (DOMAIN §4)."""

_FULL = 1.0


class Due(NamedTuple):
    """The next moment at which a clock does something; ordered as the desk must fire: due, case, clock."""

    at: datetime
    case_no: str
    clock: str
    tier: int
    unit: str


def start(calendar: WorkCalendar, name: str, limit: Limit, at: datetime, *, unit: str = "", stage: str = "") -> Clock:
    """Start a new clock over a limit."""
    fresh = Clock(
        name=name, clock=limit.clock, unit=unit, stage=stage or name, started=at, limit_s=calendar.seconds(limit)
    )
    return resume(calendar, fresh, at)


def resume(calendar: WorkCalendar, clock: Clock, at: datetime) -> Clock:
    """Let a paused or stopped clock run on from what it has used; a deadline that has passed stays where it was."""
    if clock.since is not None:
        return clock
    left = clock.limit_s - clock.used_s
    due = calendar.add(at, left, clock.clock) if left > 0 or clock.due is None else clock.due
    return replace(clock, since=at, due=due, ended=None, provisional=calendar.provisional(due))


def pause(calendar: WorkCalendar, clock: Clock, at: datetime) -> Clock:
    """Stop counting, and keep what was used; a clock that doesn't run stays as it is."""
    if clock.since is None:
        return clock
    used = used_by(calendar, clock, at)
    return replace(clock, used_s=used, since=None, overdue=used > clock.limit_s)


def stop(calendar: WorkCalendar, clock: Clock, at: datetime) -> Clock:
    """Pause for good: the step is done."""
    if clock.ended is not None:
        return clock
    return replace(pause(calendar, clock, at), ended=at)


def used_by(calendar: WorkCalendar, clock: Clock, at: datetime) -> float:
    """Return the counted seconds used by a moment."""
    return clock.used_s + (calendar.elapsed(clock.since, at, clock.clock) if clock.since else 0.0)


def light(calendar: WorkCalendar, clock: Clock, at: datetime) -> str:
    """Return the clock's light at a moment."""
    share = used_by(calendar, clock, at) / clock.limit_s
    return GREEN if share <= _YELLOW_FROM else YELLOW if share <= _FULL else RED


def next_due(calendar: WorkCalendar, tiers: Sequence[Tier], case_no: str, clock: Clock) -> Due | None:
    """Return when a running clock reaches its next tier; None if it stands still or has passed them all."""
    if clock.since is None or clock.tiers >= len(tiers):
        return None
    share = tiers[clock.tiers].share
    moment = calendar.add(clock.since, clock.limit_s * share - clock.used_s, clock.clock)
    return Due(moment, case_no, clock.name, clock.tiers, clock.unit)


def is_overdue(calendar: WorkCalendar, clock: Clock, at: datetime) -> bool:
    """Say whether the limit is used up and exceeded; ending exactly on the deadline is in time."""
    return used_by(calendar, clock, at) > clock.limit_s
