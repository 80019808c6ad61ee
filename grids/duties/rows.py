"""Duty rows: one sentence each of the list that says who does what, where, when, and on what basis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from grids.catalogue import CITY, Catalogue
from grids.duties.selectors import is_selector, selector_fault
from grids.tables import OPEN_END, Problems, Row, read_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from grids.places import Place
    from grids.units import Units
    from grids.when import When

LEAD, BACKSTOP = "LEAD", "BACKSTOP"
ROLES = ("LEAD", "COOPERATE", "SUPERVISE", "APPROVE", "ENFORCE", "BACKSTOP")
MODES = frozenset({"STATUTORY", "DELEGATED", "ENTRUSTED", "CONSOLIDATED", "MANAGED"})
SCOPES = {"CITY": 1, "DISTRICT": 2, "STREET": 3, "COMMUNITY": 4, "CELL": 5, "ZONE": 5, "COMPONENT": 6}
"""Scope types by rank: the higher is the more specific (DOMAIN §3)."""

EVERY = "*"

COLUMNS = (
    "row", "list_no", "category", "scope_type", "scope_code", "when", "role", "unit", "fallback", "mode",
    "delegated_from", "basis", "effective_from", "effective_to", "decided_by",
)  # fmt: skip


class Specificity(NamedTuple):
    """What decides between rows that all apply; the greatest wins, equal ones are in dispute."""

    scope: int
    category: int
    comparisons: int
    given: int  # 1 for a row in its own dates, 0 for a delegation that has gone back


@dataclass(frozen=True)
class DutyRow:
    """One duty: `unit` has `role` for `category` in a scope, under a condition, between two dates.

    A DELEGATED row is in force twice: in its own dates for `unit`, and after them for `delegated_from`, until
    another row says otherwise.
    """

    row: str
    list_no: str
    category: str
    scope_type: str
    scope_code: str
    when: When
    role: str
    unit: str
    fallback: str
    mode: str
    delegated_from: str
    basis: str
    effective_from: date
    effective_to: date
    decided_by: str

    def covers(self, category: str) -> bool:
        """Say whether the row speaks of a city leaf: itself, a group above it, or every category."""
        return self.category in (EVERY, category) or category.startswith(self.category + "-")

    def in_scope(self, place: Place, component: str = "") -> bool:
        """Say whether a place (and a component, if the matter has one) lies in the row's scope."""
        match self.scope_type:
            case "CITY":
                return True
            case "ZONE":
                return self.scope_code in place.zones
            case "COMPONENT":
                return bool(component) and self.scope_code == component
            case "CELL":
                return self.scope_code in (place.cell, place.grid)
            case scope:
                return bool(self.scope_code) and self.scope_code == getattr(place, scope.lower())

    def unit_on(self, day: date) -> str | None:
        """Return whom the row names on a city date: its unit, the delegator once it ended, None outside its dates."""
        if self.effective_from <= day < self.effective_to:
            return self.unit
        if self.delegated_from and day >= self.effective_to:
            return self.delegated_from
        return None

    def specificity(self, day: date) -> Specificity:
        """Return what the row counts against others on a city date."""
        return Specificity(
            SCOPES[self.scope_type],
            0 if self.category == EVERY else len(self.category),
            self.when.comparisons,
            int(day < self.effective_to),
        )

    @property
    def dates(self) -> tuple[date, ...]:
        """The dates on which the row begins or stops to say something."""
        return tuple(day for day in (self.effective_from, self.effective_to) if date.min < day < OPEN_END)


def read_duties(
    directory: Path, catalogue: Catalogue, units: Units, places: Mapping[str, Collection[str]], problems: Problems
) -> tuple[DutyRow, ...]:
    """Read duties.csv; note unknown categories, units, selectors, places and conditions, and row ids used twice.

    `places` are the known codes by scope type; a scope type that is not in it is not checked.
    """
    found: dict[str, DutyRow] = {}
    for row in read_rows(directory / "duties.csv", COLUMNS, problems):
        name = row.text("row")
        if name in found:
            row.fault("row", "an id that no other row has")
        start, end = row.span()
        duty = DutyRow(
            row=name,
            list_no=row.text("list_no", needed=False),
            category=row.text("category"),
            scope_type=row.choice("scope_type", SCOPES) or "CITY",
            scope_code=row.text("scope_code", needed=False),
            when=row.when(),
            role=row.choice("role", ROLES),
            unit=row.text("unit"),
            fallback=row.text("fallback", needed=False),
            mode=row.choice("mode", MODES, default="STATUTORY"),
            delegated_from=row.text("delegated_from", needed=False),
            basis=row.text("basis", needed=False),
            effective_from=start,
            effective_to=end,
            decided_by=row.text("decided_by", needed=False),
        )
        found[name] = duty
        _check(row, duty, catalogue, units)
        if duty.scope_type in places and duty.scope_code and duty.scope_code not in places[duty.scope_type]:
            file = "city.toml" if duty.scope_type == "ZONE" else "areas.csv"
            row.fault("scope_code", f"a {duty.scope_type} of {file}")
    return tuple(found.values())


def _check(row: Row, duty: DutyRow, catalogue: Catalogue, units: Units) -> None:
    if duty.category != EVERY and (CITY, duty.category) not in catalogue.categories:
        row.fault("category", "a category of scheme city in categories.csv, or *")
    for field in ("unit", "fallback", "delegated_from"):
        name = getattr(duty, field)
        if not name:
            continue
        if is_selector(name):
            if fault := selector_fault(name, units):
                row.fault(field, fault)
        elif name not in units:
            near = units.nearest(name)
            row.fault(field, f"a unit of units.csv or a selector; did you mean {near}?" if near else
                      "a unit of units.csv or a selector such as @street-office")  # fmt: skip
    if duty.scope_type != "CITY" and not duty.scope_code:
        row.fault("scope_code", f"the code of a {duty.scope_type}")
    if duty.mode == "DELEGATED" and not duty.delegated_from:
        row.fault("delegated_from", "the unit that a DELEGATED duty goes back to")
