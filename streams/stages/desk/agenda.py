"""The agenda: what a desk's clocks and suspensions come to next, in the order due, case, clock.

Each open case stands in it once, with the first thing that is due. A case that changes is only noted; its entry is
worked out when somebody asks, so the many steps that one input may cause cost one look at its clocks.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from streams.stages.desk.clocks import Due, next_due
from streams.stages.desk.lifecycle import OPEN, SUSPENDED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from grids.rules import Rules
    from streams.records import Case

RESUME = "RESUME"
"""Stands for a clock where a suspension ends on its date."""


class Agenda:
    """The due moments of one desk's cases, which it looks up by number in `cases`."""

    def __init__(self, rules: Rules, cases: Mapping[str, Case]) -> None:
        self._rules = rules
        self._cases = cases
        self._heap: list[Due] = []
        self._entries: dict[str, Due] = {}
        self._changed: dict[str, None] = {}

    def note(self, case_no: str) -> None:
        """Note that a case has changed, come or gone."""
        self._changed[case_no] = None

    def pop(self, until: datetime) -> tuple[Case, Due] | None:
        """Take what is due first, if it is due at or before a moment."""
        first = self._first()
        if first is None or first.at > until:
            return None
        heapq.heappop(self._heap)
        del self._entries[first.case_no]
        self.note(first.case_no)
        return self._cases[first.case_no], first

    def next(self) -> datetime | None:
        """Return when the next thing is due."""
        first = self._first()
        return first.at if first else None

    def _first(self) -> Due | None:
        """Return the first entry that still stands; entries of what has changed since are dropped."""
        for case_no in self._changed:
            due = self._due(case_no)
            if due is None:
                self._entries.pop(case_no, None)
            elif self._entries.get(case_no) != due:
                self._entries[case_no] = due
                heapq.heappush(self._heap, due)
        self._changed.clear()
        heap = self._heap
        while heap and self._entries.get(heap[0].case_no) is not heap[0]:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _due(self, case_no: str) -> Due | None:
        case = self._cases.get(case_no)
        if case is None or case.state not in OPEN:
            return None
        calendar, tiers_of = self._rules.calendar, self._rules.tiers_of
        found = [
            due
            for clock in case.clocks
            if clock.since is not None
            and (due := next_due(calendar, tiers_of(clock.name, clock.unit), case_no, clock)) is not None
        ]
        if case.state == SUSPENDED and case.until is not None:
            found.append(Due(case.until, case_no, RESUME, "", 0, 0))
        return min(found, default=None)
