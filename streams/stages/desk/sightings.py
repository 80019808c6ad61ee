"""Sightings: which open case a new report may repeat, and how often a matter has come back, kept in step with a book.

What is held is a function of the book's cases alone, so a book rebuilt from the log finds the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.records import Suggestion
from streams.stages.desk.duplicates import Parameters, Seen, judge, together
from streams.stages.desk.lifecycle import CLOSED, EVALUATED, FORCED_CLOSED, OPEN, REHEARSALS
from streams.stages.desk.nearby import Closings, Nearby

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from grids.rules import Rules
    from streams.records import Case, Placement

_DONE = frozenset({CLOSED, EVALUATED, FORCED_CLOSED})
_UNSURE = frozenset({"COARSE_POSITION"})
_BY_PLACE = frozenset({"POINT", "SNAP", "COMPONENT", "MANUAL"})


def seen_of(
    case_no: str, category: str, occurred_at: datetime, text: str, placement: Placement, component: str
) -> Seen:
    """Return what is compared of a report: a position that doesn't name a cell for sure decides nothing."""
    return Seen(
        case_no=case_no,
        category=category,
        occurred_at=occurred_at,
        text=text,
        component_id=component,
        lon=placement.lon,
        lat=placement.lat,
        accuracy_m=placement.accuracy_m,
        sure=placement.method in _BY_PLACE and placement.lon is not None and not _UNSURE & set(placement.flags),
        cell=placement.cell,
    )


def of_case(case: Case) -> Seen:
    """Return what is compared of a case by itself."""
    return seen_of(
        case.case_no,
        case.category,
        case.occurred_at or case.opened_at,
        case.text,
        case.placement,
        case.component_id or case.receipt.place.component,
    )


class Sightings:
    """The open incidents of a desk and its closings of late."""

    def __init__(self, rules: Rules) -> None:
        self.parameters = Parameters.of(rules.duplicates, rules.catalogue)
        self._near = Nearby(self.parameters)
        self._closings = Closings(self.parameters)

    def note(self, after: Case, cases: Mapping[str, Case]) -> None:
        """Keep in step with a case as it is now; `cases` hold those merged into it."""
        if after.matter != "INCIDENT" or after.category not in self.parameters.near:
            return  # no incident, or of a category that the pack in force knows no more
        if not REHEARSALS.isdisjoint(after.flags):
            return  # nothing real may be merged into a rehearsal, nor be told apart by it
        if after.state in OPEN:
            others = [of_case(cases[number]) for number in after.merged if number in cases]
            seen = of_case(after)
            self._near.add(together(self.parameters, seen, others) if others else seen)
            self._closings.remove(after.case_no)
            return
        self._near.remove(after.case_no)
        if after.state in _DONE and after.closed_at is not None:
            self._closings.add(of_case(after), after.closed_at)

    def drop(self, case_no: str) -> None:
        """Forget a case that another desk has taken over."""
        self._near.remove(case_no)
        self._closings.remove(case_no)

    def matches(self, seen: Seen) -> list[Suggestion]:
        """Return the open cases that a report may repeat, the likeliest first."""
        found = judge(self.parameters, seen, self._near.near(seen))
        return [Suggestion(one.case_no, one.klass, one.score, one.parts) for one in found]

    def repeats(self, seen: Seen, at: datetime) -> bool:
        """Say whether the same matter was closed at the same place as often lately as makes a repeat (D3)."""
        return self._closings.repeats(seen, at)

    def forget(self, at: datetime) -> None:
        """Free the memory of closings that no longer count."""
        self._closings.forget(at)
