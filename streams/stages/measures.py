"""The figures of a stretch of work, folded from cases and counters (DOMAIN §7).

Every rate is over its cohort, and an empty cohort gives no figure. "Should have been handled" are the dispatched
incidents whose deadline falls into the window; those seen to on the spot are no work of any unit.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from streams.stages.desk import clocks
from streams.stages.desk.lifecycle import CANCELLED, CLOSED, EVALUATED, MERGED, NOT_ACCEPTED, NOT_FILED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from streams.records import Case, Clock

_MINUTE = 60.0
_DONE = frozenset({CLOSED, EVALUATED})

VOID = frozenset({CANCELLED, NOT_ACCEPTED, NOT_FILED})
"""Ends of what was nobody's work: withdrawn, cancelled, refused, found false."""


class Duty(NamedTuple):
    """The handling that a unit owes for a case: its clock, the deadline that counts, and whether it is done.

    `due` is None while the clock stands still before its limit is used up: a pause moves the deadline on.
    """

    clock: Clock
    due: datetime | None
    handled: bool

    def overdue(self, now: datetime) -> bool:
        """Say whether the limit is exceeded at a moment; finishing exactly on the deadline is in time."""
        return self.clock.overdue or (self.clock.since is not None and self.due is not None and self.due < now)


class Figures(msgspec.Struct, kw_only=True):
    """What one screen says about a stretch of days. Rates are 0-1, medians minutes; None where nothing counts."""

    cases: int
    not_incidents: int
    closed: int
    on_time_rate: float | None
    on_time_of: int
    on_time_by_desk: dict[str, float]
    median_minutes: dict[str, float | None]
    outcomes: dict[str, int]


class Handled(Protocol):
    """What of a case says who handles it and how that stands."""

    clocks: list[Clock]
    unit: str
    finished_at: datetime | None


def deadline_of(case: Handled) -> tuple[Clock, datetime] | None:
    """Return the handling clock that counts for a case and its deadline; None without one.

    It is that of the unit that holds the case, or where nobody does, of the last one that began.
    """
    found = [clock for clock in case.clocks if clock.name == clocks.HANDLE and clock.due is not None]
    if not found:
        return None
    last = found[0] if len(found) == 1 else max(found, key=lambda one: (one.unit == case.unit, one.started))
    assert last.due is not None
    return last, last.due


def duty_of(case: Handled) -> Duty | None:
    """Return the handling that is owed for a case as it stands; None where it was never dispatched.

    Handled is what its last FINISH ended; work that is done anew, or was ended by force, is not handled.
    """
    found = deadline_of(case)
    if found is None:
        return None
    clock, due = found
    still = clock.since is None and clock.ended is None and not clock.overdue
    return Duty(clock, None if still else due, clock.ended is not None and clock.ended == case.finished_at)


def figures(cases: Iterable[Case], start: datetime, end: datetime) -> Figures:
    """Work the figures out over cases as they stand at `end`; the window is [start, end)."""
    incidents: list[Case] = []
    others = 0
    for case in cases:
        if case.matter != "INCIDENT":
            others += 1
        elif case.state != MERGED:  # it counts with its master
            incidents.append(case)
    by_desk: dict[str, list[bool]] = {}
    outcomes: dict[str, int] = {}
    dispatch: list[float] = []
    close: list[float] = []
    for case in incidents:
        outcomes[case.receipt.outcome] = outcomes.get(case.receipt.outcome, 0) + 1
        if case.flags.get("self_handled"):
            continue
        if case.dispatched_at and case.reported_at:
            dispatch.append((case.dispatched_at - case.reported_at).total_seconds() / _MINUTE)
        if case.state in _DONE and case.closed_at and case.reported_at:
            close.append((case.closed_at - case.reported_at).total_seconds() / _MINUTE)
        duty = duty_of(case)
        if duty is not None and duty.due is not None and start <= duty.due < end and case.state not in VOID:
            by_desk.setdefault(case.desk, []).append(duty.handled and not duty.overdue(end))
    counted = [one for desk in by_desk.values() for one in desk]
    return Figures(
        cases=len(incidents),
        not_incidents=others,
        closed=sum(case.state in _DONE for case in incidents),
        on_time_rate=_rate(counted),
        on_time_of=len(counted),
        on_time_by_desk={desk: sum(ones) / len(ones) for desk, ones in sorted(by_desk.items())},
        median_minutes={"report_to_dispatch": _median(dispatch), "report_to_close": _median(close)},
        outcomes=dict(sorted(outcomes.items())),
    )


def _rate(ones: list[bool]) -> float | None:
    return sum(ones) / len(ones) if ones else None


def _median(values: list[float]) -> float | None:
    return round(median(values), 2) if values else None
