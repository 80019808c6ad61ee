"""The figures of a stretch of work, folded from cases and counters (DOMAIN §7).

Every rate is over its cohort, and an empty cohort gives no figure. "Should have been handled" are the dispatched
incidents whose deadline falls into the window; those seen to on the spot are no work of any unit.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import msgspec

from streams.stages.desk import clocks
from streams.stages.desk.lifecycle import CLOSED, EVALUATED, MERGED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from grids.worktime import WorkCalendar
    from streams.records import Case, Clock

_MINUTE = 60.0
_DONE = frozenset({CLOSED, EVALUATED})


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


def deadline_of(case: Case) -> tuple[Clock, datetime] | None:
    """Return the handling clock that counts for a case and its deadline; None without one.

    It is that of the unit that holds the case, or where nobody does, of the last one that began.
    """
    found = [clock for clock in case.clocks if clock.name == clocks.HANDLE and clock.due is not None]
    if not found:
        return None
    last = max(found, key=lambda clock: (clock.unit == case.unit, clock.started))
    assert last.due is not None
    return last, last.due


def figures(calendar: WorkCalendar, cases: Iterable[Case], start: datetime, end: datetime) -> Figures:
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
        due = deadline_of(case)
        if due is not None and start <= due[1] < end:
            in_time = case.finished_at is not None and not clocks.is_overdue(calendar, due[0], end)
            by_desk.setdefault(case.desk, []).append(in_time)
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
