"""Faults that show in rows by themselves, in the catalogue, and in the ground: L4, L5, L8, L10 and L11."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from grids.duties.rows import LEAD, DutyRow
from grids.duties.selectors import is_selector

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from grids.places import Place
    from grids.rules import Rules


class Finding(msgspec.Struct, frozen=True):
    """One finding: the rule, the row (several joined by `;`, none is empty), an example, and the pairs at stake."""

    rule: str
    row: str
    category: str
    place: str
    pairs: int
    message: str


@dataclass(frozen=True)
class Clash:
    """Two LEAD rows that say the same but for their unit and dates, which overlap or leave a gap between them."""

    earlier: DutyRow
    later: DutyRow

    @property
    def overlaps(self) -> bool:
        """Whether both are in force on some day."""
        return self.later.effective_from < self.earlier.effective_to

    def explains_tie(self, rows: set[str]) -> bool:
        """Whether a tie of these rows comes of the overlap."""
        return self.overlaps and rows == {self.earlier.row, self.later.row}

    def explains_gap(self, category: str, day: date) -> bool:
        """Whether nobody leads on this day because of the gap."""
        in_gap = self.earlier.effective_to <= day < self.later.effective_from
        return not self.overlaps and in_gap and self.earlier.covers(category)


def date_clashes(rows: Sequence[DutyRow]) -> list[Clash]:
    """Find LEAD rows of one category, scope and condition whose dates overlap or leave a gap (L4).

    Rows of the very same dates are two leads (L2), and a delegation that ends goes back: it leaves no gap.
    """
    alike: dict[tuple[str, str, str, str], list[DutyRow]] = defaultdict(list)
    for row in rows:
        if row.role == LEAD:
            alike[row.category, row.scope_type, row.scope_code, row.when.text].append(row)
    clashes = []
    for group in alike.values():
        group.sort(key=lambda row: (row.effective_from, row.effective_to, row.row))
        for earlier, later in pairwise(group):
            same = (earlier.effective_from, earlier.effective_to) == (later.effective_from, later.effective_to)
            gap = later.effective_from > earlier.effective_to and not earlier.delegated_from
            if not same and (later.effective_from < earlier.effective_to or gap):
                clashes.append(Clash(earlier, later))
    return clashes


def at_stake(row: DutyRow, places: Sequence[Place], leaves: Sequence[str]) -> tuple[str, int]:
    """Return an example cell of a row's scope, and how many (cell, leaf) pairs the row speaks of."""
    inside = [place.cell for place in places if row.scope_type == "COMPONENT" or row.in_scope(place)]
    return (inside[0] if inside else row.scope_code), len(inside) * sum(row.covers(leaf) for leaf in leaves)


def of_rows(rules: Rules, clashes: Sequence[Clash], places: Sequence[Place], today: date) -> list[Finding]:
    """List what is wrong with rows by themselves: L4, L5 and L8."""
    leaves, found = rules.catalogue.leaves, []

    def note(rule: str, rows: str, row: DutyRow, message: str) -> None:
        place, pairs = at_stake(row, places, leaves)
        found.append(Finding(rule, rows, row.category, place, pairs, message))

    for clash in clashes:
        ends, begins = clash.earlier.effective_to, clash.later.effective_from
        what = "overlap" if clash.overlaps else "leave a gap"
        message = f"dates {what}: one row ends on {ends}, the other begins on {begins}"
        note("L4", f"{clash.earlier.row};{clash.later.row}", clash.later, message)
    for row in rules.duties.rows:
        if message := _delegation(row, today):
            note("L5", row.row, row, message)
        if message := _wrong_unit(rules, row):
            note("L8", row.row, row, message)
    return found


def _delegation(row: DutyRow, today: date) -> str:
    """L5: a delegation needs a basis, and a place in the list only as long as it lasts."""
    if row.mode != "DELEGATED":
        return ""
    if not row.basis:
        return "delegated without a basis; name the document"
    if row.effective_to <= today:
        return f"the delegation ended on {row.effective_to} and went back to {row.delegated_from}; renew or remove it"
    return ""


def _wrong_unit(rules: Rules, row: DutyRow) -> str:
    """L8: a unit must exist on every day of its row, and be of a level that reaches the whole scope."""
    if is_selector(row.unit):
        return ""
    unit = rules.units[row.unit]
    if unit.active_from > row.effective_from or unit.active_to < row.effective_to:
        return f"{row.unit} exists from {unit.active_from} to {unit.active_to}, the row needs it outside of that"
    if unit.level in ("DISTRICT", "STREET", "COMMUNITY") and unit.area_code not in _scope(rules, row):
        scope = f"{row.scope_type} {row.scope_code}"
        return f"{row.unit} is a unit of {unit.area_code}; the row's scope {scope} is not in it"
    if unit.level == "ZONE" and row.scope_type == "ZONE" and row.scope_code != unit.area_code:
        return f"{row.unit} is a unit of zone {unit.area_code}; the row's scope is {row.scope_code}"
    return ""


def _scope(rules: Rules, row: DutyRow) -> tuple[str, ...]:
    """List the areas that hold the whole scope of a row; a component's or zone's are not known by their codes."""
    if row.scope_type in ("ZONE", "COMPONENT", "CELL"):
        unit = rules.units[row.unit]
        return (unit.area_code,)
    return rules.places.chain(row.scope_code)


def of_catalogue(rules: Rules, cells: int, today: date) -> list[Finding]:
    """L10: every leaf needs a filing condition in force, each with a limit and a closing test."""
    found = []
    for leaf in rules.catalogue.leaves:
        conditions = rules.catalogue.conditions.get(leaf, ())
        if not any(c.effective_from <= today < c.effective_to for c in conditions):
            found.append(Finding("L10", "", leaf, "", cells, "no filing condition is in force, so no time limit"))
        for condition in conditions:
            if not condition.closing_test:
                message = f"condition {condition.condition} has no closing test"
                found.append(Finding("L10", "", leaf, "", cells, message))
    return found


def has_parent(place: Place) -> bool:
    """Say whether a cell hangs on a community, or on an area of another form that the pack names."""
    return bool(place.community or place.street or place.district)


def of_ground(places: Sequence[Place], leaves: int) -> list[Finding]:
    """L11: every cell hangs on a community, or on the base layer's own area where a city has no such codes."""
    orphans = [place for place in places if not has_parent(place)]
    if not orphans:
        return []
    message = (
        f"{len(orphans)} cells have no community parent; give the base layer a parent field, or areas.csv their ids"
    )
    return [Finding("L11", "", "", orphans[0].cell, len(orphans) * leaves, message)]
