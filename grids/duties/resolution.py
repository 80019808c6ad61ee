"""Resolution: from place, category, facts and date to one lead and its helpers, with every row's verdict.

Of the rows that apply, the one with the narrowest scope wins, then the longer category, then more conditions,
then the row in its own dates over a delegation that has gone back. Two equal rows that name different units are
DISPUTED; row order never decides. No LEAD at all falls to the BACKSTOP rows. Decisions are remembered per
ancestry class, so a city's cells cost no more than its communities.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from grids.duties.receipts import RowVerdict
from grids.duties.rows import BACKSTOP, LEAD, ROLES, DutyRow, Specificity
from grids.duties.selectors import Component, select
from grids.tables import OPEN_END, OPEN_START

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from datetime import date

    from grids.places import Place
    from grids.units import Units

DISPUTED, NONE = "DISPUTED", "NONE"

_LEVELS: tuple[str, ...] = ("community", "street", "district")

_MEMORY = 500_000
"""Decisions kept before the memory starts anew: about 200 MB, far above what a megacity's classes need."""


class Verdict(NamedTuple):
    """What became of one row: whether it won for its role, whom it named, and why."""

    row: str
    role: str
    unit: str
    won: bool
    why: str


@dataclass(frozen=True)
class Decision:
    """Who is responsible. `outcome` is LEAD, BACKSTOP, DISPUTED or NONE; `lead` is empty for the last two."""

    outcome: str
    lead: str
    cooperate: tuple[str, ...]
    supervise: tuple[str, ...]
    approve: tuple[str, ...]
    enforce: tuple[str, ...]
    rows: tuple[Verdict, ...]

    @cached_property
    def verdicts(self) -> tuple[RowVerdict, ...]:
        """The rows as receipts write them; made once for all receipts of this decision."""
        return tuple(RowVerdict(*verdict) for verdict in self.rows)

    @property
    def self_supervised(self) -> bool:
        """Whether the checker would be the doer (lint L7)."""
        return bool(self.lead) and self.lead in self.supervise


@dataclass(frozen=True)
class Shape:
    """What the rows of one leaf can tell apart: facts, dates, how small an area, cells and components by name.

    `holders` says whether they ask who owns or maintains a component. Two places with the same `of`, components with
    the same `about`, on days with the same `interval` and with the same `variables`, get the same decision.
    """

    variables: tuple[str, ...]
    dates: tuple[date, ...]
    cells: frozenset[str]
    levels: tuple[str, ...]
    components: frozenset[str] = frozenset()
    holders: bool = False

    def of(self, place: Place) -> tuple[Hashable, ...]:
        """Return the ancestry class of a place."""
        own = place.cell if place.cell in self.cells else place.grid if place.grid in self.cells else ""
        area = next((code for level in self.levels if (code := getattr(place, level))), "")
        return (area, place.zones, own)

    def about(self, component: Component | None) -> tuple[str, ...]:
        """Return the class of a component; none is in a class of its own where components tell anything apart."""
        if component is None or not (self.components or self.holders):
            return ()
        own = component.component_id if component.component_id in self.components else ""
        return (own, component.owner, component.maintainer) if self.holders else (own,)

    def interval(self, day: date) -> int:
        """Return in which of the intervals between the dates a day lies."""
        return bisect_right(self.dates, day)


@dataclass(frozen=True)
class Duties:
    """A duty list ready to answer. Pure: the memory inside never changes an answer."""

    rows: tuple[DutyRow, ...]
    units: Units
    _by_category: dict[str, tuple[DutyRow, ...]] = field(default_factory=dict, compare=False)
    _shapes: dict[str, Shape] = field(default_factory=dict, compare=False)
    _in_force: dict[tuple[str, int], list[tuple[DutyRow, str | None, Specificity]]] = field(
        default_factory=dict, compare=False
    )
    _memory: dict[Hashable, Decision] = field(default_factory=dict, compare=False)

    def for_category(self, category: str) -> tuple[DutyRow, ...]:
        """List the rows that speak of a city leaf, in the order of their ids."""
        rows = self._by_category.get(category)
        if rows is None:
            rows = tuple(sorted((row for row in self.rows if row.covers(category)), key=lambda row: row.row))
            self._by_category[category] = rows
        return rows

    def shape(self, category: str) -> Shape:
        """Return what the rows of a leaf can tell apart."""
        shape = self._shapes.get(category)
        if shape is None:
            rows = self.for_category(category)
            named = {name for row in rows for name in (row.unit, row.fallback, row.delegated_from)}
            scopes = {row.scope_type for row in rows}
            if "COMMUNITY" in scopes or "@community" in named:
                levels = _LEVELS
            else:
                levels = _LEVELS[1:] if "STREET" in scopes or "@street-office" in named else _LEVELS[2:]
            shape = self._shapes[category] = Shape(
                tuple(sorted(frozenset().union(*(row.when.variables for row in rows)))),
                tuple(sorted({day for row in rows for day in row.dates} | self._unit_dates)),
                frozenset(row.scope_code for row in rows if row.scope_type == "CELL"),
                levels,
                frozenset(row.scope_code for row in rows if row.scope_type == "COMPONENT"),
                bool(named & {"@owner", "@maintainer"}),
            )
        return shape

    @cached_property
    def _unit_dates(self) -> set[date]:
        spans = ((unit.active_from, unit.active_to) for unit in self.units.by_code.values())
        return {day for span in spans for day in span if OPEN_START < day < OPEN_END}

    def resolve(
        self,
        category: str,
        place: Place,
        facts: Mapping[str, Any],
        day: date,
        component: Component | None = None,
    ) -> Decision:
        """Decide for one matter.

        `category` is a city leaf; `facts` hold severity, urgency, hour, area_class and zone; `day` is the city
        date of the event.
        """
        shape = self.shape(category)
        about = shape.about(component)
        key = (category, shape.of(place), shape.interval(day), about, *(facts[name] for name in shape.variables))
        decision = self._memory.get(key)
        if decision is None:
            if len(self._memory) >= _MEMORY:
                self._memory.clear()
            decision = self._memory[key] = self.decide(category, place, facts, day, component)
        return decision

    def _on(self, category: str, day: date) -> list[tuple[DutyRow, str | None, Specificity]]:
        """List a leaf's rows, whom each names and how specific it is on a day; the same all through an interval."""
        key = (category, self.shape(category).interval(day))
        found = self._in_force.get(key)
        if found is None:
            rows = self.for_category(category)
            found = self._in_force[key] = [(row, row.unit_on(day), row.specificity(day)) for row in rows]
        return found

    def decide(
        self,
        category: str,
        place: Place,
        facts: Mapping[str, Any],
        day: date,
        component: Component | None = None,
    ) -> Decision:
        """Decide as `resolve` does, from scratch: for who asks each thing once."""
        verdicts: list[Verdict] = []
        standing: dict[str, list[tuple[Specificity, DutyRow, tuple[str, ...]]]] = {role: [] for role in ROLES}
        for row, named, specificity in self._on(category, day):
            if not row.in_scope(place, component.component_id if component else ""):
                continue
            if named is None:
                verdicts.append(Verdict(row.row, row.role, row.unit, won=False, why="OUT_OF_DATE"))
            elif not row.when(facts):
                verdicts.append(Verdict(row.row, row.role, named, won=False, why="CONDITION_FALSE"))
            else:
                units = select(named, self.units, place, day, component)
                if not units and row.fallback:
                    units = select(row.fallback, self.units, place, day, component)
                if units:
                    standing[row.role].append((specificity, row, units))
                else:
                    verdicts.append(Verdict(row.row, row.role, named, won=False, why="NO_SUCH_UNIT_HERE"))
        backstops = standing.pop(BACKSTOP)
        winners = {role: _winners(role, rows, verdicts, day) for role, rows in standing.items()}
        lead = winners[LEAD]
        outcome = LEAD if len(lead) == 1 else DISPUTED if lead else NONE
        if outcome == NONE and backstops:
            lead = _winners(BACKSTOP, backstops, verdicts, day)
            outcome = BACKSTOP if len(lead) == 1 else DISPUTED
        else:
            for _, row, units in backstops:
                verdicts.append(Verdict(row.row, BACKSTOP, ";".join(units), won=False, why="NOT_NEEDED"))
        doer = lead[0] if outcome in (LEAD, BACKSTOP) else ""
        return Decision(
            outcome,
            doer,
            tuple(unit for unit in winners["COOPERATE"] if unit != doer),
            winners["SUPERVISE"],
            winners["APPROVE"],
            winners["ENFORCE"],
            tuple(sorted(verdicts, key=lambda v: (ROLES.index(v.role), not v.won, v.row))),
        )


def _winners(
    role: str,
    standing: Sequence[tuple[Specificity, DutyRow, tuple[str, ...]]],
    verdicts: list[Verdict],
    day: date,
) -> tuple[str, ...]:
    """Return the units of a role's most specific rows, in order of code, and note every row's verdict."""
    if not standing:
        return ()
    best = max(specificity for specificity, _, _ in standing)
    units = sorted({unit for specificity, _, named in standing if specificity == best for unit in named})
    tie = role in (LEAD, BACKSTOP) and len(units) > 1
    for specificity, row, named in standing:
        won = specificity == best
        why = "LESS_SPECIFIC" if not won else "TIE" if tie else "WENT_BACK" if day >= row.effective_to else "WON"
        verdicts.append(Verdict(row.row, role, ";".join(named), won=won and not tie, why=why))
    return tuple(units)
