"""The casebook: what a partition's desks remember, as a fold over transitions.

The book changes by `apply` alone, so a book rebuilt from the log is the same book. Closed cases leave it after
the repeat window; of them the source numbers stay, for as long as a repeat is still recognised.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from grids.codes import DISTRICT
from streams.records import Case, Change, Clock, Source, Transition
from streams.stages.desk.clocks import Due, next_due
from streams.stages.desk.lifecycle import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grids.rules import Rules

_DAY_DIGITS = 8

_CHANGES = Change.__struct_fields__


def apply(case: Case | None, transition: Transition) -> Case:
    """Fold one transition into a case: the one rule by which cases come from the log.

    The first transition of a case brings every field that a case needs.
    """
    change = transition.change
    values = {name: value for name in _CHANGES if (value := getattr(change, name)) is not UNSET}
    if case is None:
        values.setdefault("desk", transition.desk)
        return Case(
            case_no=transition.case_no,
            state=transition.to,
            seq=transition.seq,
            opened_at=transition.at,
            **values,
        )
    if "clocks" in values:
        values["clocks"] = _merged(case.clocks, values["clocks"])
    return msgspec.structs.replace(case, state=transition.to, seq=transition.seq, **values)


def _merged(clocks: list[Clock], changed: list[Clock]) -> list[Clock]:
    fresh = {(clock.name, clock.unit): clock for clock in changed}
    kept = [fresh.pop((clock.name, clock.unit), clock) for clock in clocks]
    return [*kept, *fresh.values()]


@dataclass
class CaseBook:
    """Cases of the desks of one partition, with the indexes that the desk asks.

    `sources` finds a case by desk and source's number; `components` finds an open case by desk, component and
    category; `now` is each desk's time, the highest it has seen. Nothing that one desk asks depends on another,
    so that it doesn't matter which desks share a book.
    """

    rules: Rules
    cases: dict[str, Case] = field(default_factory=dict)
    sources: dict[tuple[str, str, str], tuple[str, Source]] = field(default_factory=dict)
    components: dict[tuple[str, str, str], str] = field(default_factory=dict)
    now: dict[str, datetime] = field(default_factory=dict)
    _serials: dict[tuple[str, date], int] = field(default_factory=dict)
    _due: dict[str, list[Due]] = field(default_factory=dict)
    _closed: dict[str, deque[tuple[datetime, str]]] = field(default_factory=dict)
    _known: dict[str, deque[tuple[str, str, str]]] = field(default_factory=dict)

    def restore(self, cases: Iterable[Case], now: dict[str, datetime]) -> None:
        """Fill an empty book from cases as the log left them, in the order of their numbers."""
        for case in sorted(cases, key=lambda case: case.opened_at):
            self._remember(None, case)
        self.now.update(now)

    def serial(self, desk: str, day: date) -> int:
        """Return the next case serial of a desk on a city date."""
        return self._serials.get((desk, day), 0) + 1

    def apply(self, transition: Transition) -> Case:
        """Fold a transition in, and keep every index true."""
        before = self.cases.get(transition.case_no)
        after = apply(before, transition)
        self._remember(before, after)
        return after

    def case(self, desk: str, case_no: str, at: datetime) -> Case | None:
        """Return a case that a desk still has at a moment: open, or closed no longer ago than the repeat window.

        What is remembered depends on the moment alone and not on when memory was last cleared, so that a book
        rebuilt from the log answers the same.
        """
        case = self.cases.get(case_no)
        if case is None or case.desk != desk:
            return None
        window = timedelta(days=self.rules.duplicates.repeat.days)
        gone = case.state not in OPEN and (case.closed_at or case.opened_at) < at - window
        return None if gone else case

    def known(self, desk: str, system: str, system_no: str, at: datetime) -> tuple[Case | None, Source] | None:
        """Return what a desk remembers of a source's number: its case, None once that has left, and the source."""
        found = self.sources.get((desk, system, system_no))
        if found is None or found[1].at < at - timedelta(days=self.rules.duplicates.memory_days):
            return None
        return self.case(desk, found[0], at), found[1]

    def holder(self, system: str, system_no: str) -> str | None:
        """Return the desk that took in a source's number, the last one if several did; None if none did.

        For an inlet that sends an update to where its case is, even if its place has moved.
        """
        held = [
            (found[1].at, desk)
            for desk in self.rules.places.desks
            if (found := self.sources.get((desk, system, system_no))) is not None
        ]
        return max(held)[1] if held else None

    def pop_due(self, desk: str, until: datetime) -> tuple[Case, Due] | None:
        """Take the next tier that a desk's clocks reach at or before a moment, in the order due, case, clock.

        Entries of clocks that have stopped or moved meanwhile are skipped.
        """
        heap = self._due.get(desk, [])
        while heap and heap[0].at <= until:
            due = heapq.heappop(heap)
            if (case := self._still(due)) is not None:
                return case, due
        return None

    def next_due(self, desk: str) -> datetime | None:
        """Return when a desk's next tier is due, for a host that must send a tick."""
        heap = self._due.get(desk, [])
        while heap and self._still(heap[0]) is None:
            heapq.heappop(heap)
        return heap[0].at if heap else None

    def open_case_of(self, desk: str, component_id: str | None, category: str) -> Case | None:
        """Return a desk's open case about a component and category (duplicate class D1)."""
        number = self.components.get((desk, component_id or "", category))
        return self.cases.get(number) if number else None

    def forget(self, desk: str) -> None:
        """Free the memory of a desk's closed cases after the repeat window, and of source numbers after theirs."""
        now, closed, known = self.now[desk], self._closed.get(desk), self._known.get(desk)
        window = timedelta(days=self.rules.duplicates.repeat.days)
        while closed and closed[0][0] < now - window:
            number = closed.popleft()[1]
            if number in self.cases and self.case(desk, number, now) is None:
                del self.cases[number]
        memory = timedelta(days=self.rules.duplicates.memory_days)
        while known and self.sources[known[0]][1].at < now - memory:
            del self.sources[known.popleft()]

    def _still(self, due: Due) -> Case | None:
        """Return the case if this entry is still its clock's next tier."""
        case = self.cases.get(due.case_no)
        if case is None:
            return None
        for clock in case.clocks:
            if (clock.name, clock.unit) == (due.clock, due.unit):
                current = next_due(self.rules.calendar, self.rules.tiers, case.case_no, clock)
                return case if current == due else None
        return None

    def _remember(self, before: Case | None, after: Case) -> None:
        self.cases[after.case_no] = after
        if before is None:
            self._count(after.case_no)
        if before is None or after.sources is not before.sources:
            self._note_sources(after)
        place = (after.desk, after.component_id or "", after.category)
        if after.state not in OPEN:
            closed = self._closed.setdefault(after.desk, deque())
            closed.append((after.closed_at or after.opened_at, after.case_no))
            if self.components.get(place) == after.case_no:
                del self.components[place]
            return
        if after.component_id:
            self.components[place] = after.case_no
        if before is None or after.clocks is not before.clocks:
            heap = self._due.setdefault(after.desk, [])
            for clock in after.clocks:
                if due := next_due(self.rules.calendar, self.rules.tiers, after.case_no, clock):
                    heapq.heappush(heap, due)

    def _note_sources(self, case: Case) -> None:
        known = self._known.setdefault(case.desk, deque())
        for source in case.sources:
            key = (case.desk, source.system, source.system_no)
            if key not in self.sources:
                known.append(key)
            self.sources[key] = (case.case_no, source)

    def _count(self, case_no: str) -> None:
        """Note the serial that a case number has used."""
        day = case_no[DISTRICT : DISTRICT + _DAY_DIGITS]
        key = (case_no[:DISTRICT], date(int(day[:4]), int(day[4:6]), int(day[6:])))
        self._serials[key] = max(self._serials.get(key, 0), int(case_no[DISTRICT + _DAY_DIGITS :]))
