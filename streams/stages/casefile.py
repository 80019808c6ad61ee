"""A case as people look at it: its record, the lights of its clocks, and whose overdue time it is, at a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from streams.stages.desk import clocks
from streams.stages.desk.attribution import Held, Ran, Share, attribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from grids.worktime import WorkCalendar
    from streams.records import Case, Clock, Transition

_MICRO = 1_000_000


def overdue_shares(
    calendar: WorkCalendar, case: Case, transitions: Iterable[Transition], now: datetime
) -> list[Share]:
    """Share out a case's overdue time at a moment by clock, unit and stage; the shares of a clock add up exactly."""
    unit, timeline = "", []
    for step in transitions:
        unit = step.change.unit if isinstance(step.change.unit, str) else unit
        timeline.append(Held(step.at, step.to, unit))
    return attribute(calendar, [_ran(clock) for clock in case.clocks], timeline, now)


def casefile(
    calendar: WorkCalendar, case: Case, now: datetime, transitions: Sequence[Transition] | None = None
) -> dict[str, Any]:
    """Return a case for a reader: each clock with `light` and `paused`; with its transitions, `overdue` too."""
    shown: dict[str, Any] = msgspec.to_builtins(case)
    shown["clocks"] = [
        {
            **msgspec.to_builtins(clock),
            "paused": clock.since is None and clock.ended is None,
            "light": clocks.light(calendar, clock, clock.ended or now),
        }
        for clock in case.clocks
    ]
    if transitions is not None:
        shown["transitions"] = msgspec.to_builtins(transitions)
        shown["overdue"] = [
            {
                "clock": share.clock,
                "unit": share.unit,
                "stage": share.stage,
                "minutes": share.minutes,
                "excused": share.excused,
            }
            for share in overdue_shares(calendar, case, transitions, now)
        ]
    return shown


def _ran(clock: Clock) -> Ran:
    limit = round(clocks.allowed(clock) * _MICRO)
    return Ran(clock.name, clock.unit, clock.clock, limit, clock.spans, clock.excused)
