"""How open cases stand against their deadlines: lights by desk, and each deadline counted once when it passes."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from streams.stages.desk import clocks
from streams.stages.desk.lifecycle import CLOSED, ENDS, EVALUATED, FORCED_CLOSED, MERGED
from streams.stages.measures import VOID, duty_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from grids.worktime import WorkCalendar
    from streams.records import Case, Clock, Transition
    from streams.stages.measures import Duty

_YELLOW_FROM = 0.8
_NOBODYS = VOID | {MERGED}
_DONE = frozenset({CLOSED, EVALUATED, FORCED_CLOSED})


class Passed(NamedTuple):
    """A deadline that has passed: at which desk, and whether the work was done in time."""

    desk: str
    in_time: bool


class _Held:
    """What of a case is needed: the same names as the case's own fields, for `duty_of`.

    `turns` is when its running clock turns yellow, and red; `shown` the desk and light that it counts for.
    """

    __slots__ = ("clocks", "desk", "finished_at", "shown", "state", "told", "turns", "unit")

    def __init__(self, desk: str) -> None:
        self.desk, self.state, self.unit = desk, "", ""
        self.clocks: list[Clock] = []
        self.finished_at: datetime | None = None
        self.turns: tuple[datetime, datetime] | None = None
        self.shown: tuple[str, str] | None = None
        self.told: datetime | None = None

    def hear(self, step: Transition) -> None:
        """Take in what a step changes."""
        change = step.change
        self.state, self.desk = step.to, step.desk if change.desk is UNSET else change.desk
        if change.unit is not UNSET:
            self.unit = change.unit
        if change.finished_at is not UNSET:
            self.finished_at = change.finished_at
        for clock in () if change.clocks is UNSET else change.clocks:
            if clock.name == clocks.HANDLE:
                self.clocks = [one for one in self.clocks if one.key != clock.key] + [clock]


class Standing:
    """Hears every step; without a calendar it knows no lights.

    Lights are counted as they turn, so that to look costs as much as has turned since, however many cases are open.
    """

    def __init__(self, calendar: WorkCalendar | None = None) -> None:
        self._calendar = calendar
        self._held: dict[str, _Held] = {}
        self._ahead: list[tuple[datetime, str]] = []
        self._turning: list[tuple[datetime, str]] = []
        self._lights: Counter[tuple[str, str]] = Counter()
        self._looked: datetime | None = None

    def take(self, case: Case, now: datetime) -> None:
        """Take a case up as a host finds it when it starts; deadlines before `now` were counted by who was before."""
        if case.matter != "INCIDENT" or case.flags.get("self_handled") or case.state in _NOBODYS:
            return
        held = _Held(case.desk)
        held.state, held.unit, held.finished_at = case.state, case.unit, case.finished_at
        held.clocks = [clock for clock in case.clocks if clock.name == clocks.HANDLE]
        duty = duty_of(held)
        held.told = duty.due if duty is not None and duty.due is not None and duty.due <= now else None
        if case.state in ENDS and (duty is None or duty.due is None or duty.due <= now):
            return
        self._held[case.case_no] = held
        self._shine(case.case_no, held, duty)
        if duty is not None and duty.due is not None and duty.due > now:
            heapq.heappush(self._ahead, (duty.due, case.case_no))

    def hear(self, step: Transition) -> None:
        """Take in a step."""
        change, number = step.change, step.case_no
        held = self._held.get(number)
        if held is None:
            if change.clocks is UNSET or not any(one.name == clocks.HANDLE for one in change.clocks):
                return  # not dispatched yet
            held = self._held[number] = _Held(step.desk)
        held.hear(step)
        if held.state in _NOBODYS:
            self._drop(number, held)
            return
        duty = duty_of(held)
        self._shine(number, held, duty)
        if duty is not None and duty.due is not None:
            heapq.heappush(self._ahead, (duty.due, number))

    def unit(self, case_no: str) -> str:
        """Return the unit that handles a case; empty if none does, or the case is not known."""
        held = self._held.get(case_no)
        return held.unit if held is not None else ""

    def passed(self, now: datetime) -> Iterator[Passed]:
        """Yield the deadlines that have passed by now and were not told of yet."""
        while self._ahead and self._ahead[0][0] <= now:
            due, number = heapq.heappop(self._ahead)
            held = self._held.get(number)
            duty = duty_of(held) if held is not None else None
            if held is None or duty is None or duty.due != due or held.told == due:
                continue  # moved by a pause or an extension, nobody's any more, or told of already
            held.told = due
            yield Passed(held.desk, duty.handled and not duty.clock.overdue)
            if held.state in _DONE:
                self._drop(number, held)

    def lights(self, now: datetime) -> Counter[tuple[str, str]]:
        """Count the cases whose handling clock runs, by desk and light; `now` never falls from call to call."""
        self._looked = now
        while self._turning and self._turning[0][0] < now:
            held = self._held.get(heapq.heappop(self._turning)[1])
            if held is not None and held.shown is not None:
                self._show(held)
        return +self._lights

    def _shine(self, number: str, held: _Held, duty: Duty | None) -> None:
        """Count a case whose clock runs by its light, and note when that turns; one that stands still has none."""
        self._hide(held)
        if self._calendar is None or duty is None or duty.clock.since is None or duty.due is None:
            return
        yellow = clocks.reaches(self._calendar, duty.clock, clocks.allowed(duty.clock) * _YELLOW_FROM)
        turns = (yellow or duty.due, duty.due)
        if turns != held.turns:
            held.turns = turns
            for moment in turns:
                heapq.heappush(self._turning, (moment, number))
        self._show(held)

    def _show(self, held: _Held) -> None:
        """Count a case by the light that it had when somebody looked last."""
        assert held.turns is not None
        (yellow, red), now = held.turns, self._looked
        self._hide(held)
        light = clocks.GREEN if now is None or now <= yellow else clocks.YELLOW if now <= red else clocks.RED
        held.shown = held.desk, light
        self._lights[held.shown] += 1

    def _hide(self, held: _Held) -> None:
        if held.shown is not None:
            self._lights[held.shown] -= 1
            held.shown = None

    def _drop(self, number: str, held: _Held) -> None:
        self._hide(held)
        del self._held[number]
