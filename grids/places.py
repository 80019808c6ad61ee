"""Places: areas with their names, special zones, desks, and the ancestry of every cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from grids.codes import COMMUNITY, DISTRICT, STREET, ancestors, is_place
from grids.tables import Problems, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from grids.cells import Cells

AREA_LEVELS = frozenset({"CITY", "DISTRICT", "STREET", "COMMUNITY"})


class Area(NamedTuple):
    """A named administrative place."""

    code: str
    name_zh: str
    name_en: str
    level: str
    parent: str


class Zone(NamedTuple):
    """A special zone: a set of places (`areas` are area codes) with a committee and duties of its own."""

    code: str
    name_zh: str
    name_en: str
    areas: tuple[str, ...]


class Desk(NamedTuple):
    """Who commands: a district, a special zone, or the city itself; `centre` is its command centre's unit."""

    code: str
    name_zh: str
    name_en: str
    level: str
    areas: tuple[str, ...]
    centre: str


class Place(NamedTuple):
    """Where something is, as far as rules care. Empty texts where a level is unknown."""

    cell: str
    grid: str
    community: str
    street: str
    district: str
    desk: str
    zones: tuple[str, ...]
    area_class: str
    factor: float


class AreaClass(NamedTuple):
    """How much time a place may take: the factor stretches handling limits."""

    area_class: str
    factor: float


PLAIN = AreaClass("", 1.0)


@dataclass(frozen=True)
class Places:
    """The ancestry of cells and areas. `desks` holds exactly one of level CITY, the desk of last resort."""

    areas: Mapping[str, Area]
    zones: Sequence[Zone]
    desks: Mapping[str, Desk]
    classes: Mapping[str, AreaClass]

    @property
    def city_desk(self) -> Desk:
        """The city's own desk: it gets whatever has no place."""
        return next(desk for desk in self.desks.values() if desk.level == "CITY")

    @property
    def nowhere(self) -> Place:
        """The place of what has no place."""
        return Place("", "", "", "", "", self.city_desk.code, (), "", 1.0)

    def chain(self, area: str) -> tuple[str, ...]:
        """List an area and those that hold it, the smallest first.

        Chinese codes hold one another by their digits; codes of another form by the parents of areas.csv. What is
        neither is no area at all.
        """
        if is_place(area):
            return ancestors(area)
        found: list[str] = []
        while area in self.areas and area not in found:
            found.append(area)
            area = self.areas[area].parent
        return tuple(found)

    def desk_of(self, area: str) -> Desk:
        """Return the desk that commands an area: of those that claim it or what holds it, the nearest.

        Desks can't tie: the pack's loader refuses an area that two desks claim.
        """
        chain = self.chain(area)
        nearest = [(near, code) for code, desk in self.desks.items() if (near := _nearness(chain, desk.areas)) > 0]
        return self.desks[max(nearest)[1]] if nearest else self.city_desk

    def at(self, area: str, *, cell: str = "", grid: str = "") -> Place:
        """Return the place of a community, street or district code, and of a cell in it if one is given."""
        chain = self.chain(area)
        levels = {level: code for code in reversed(chain) if (level := self._level(code))}
        known = next((self.classes[code] for code in (cell, *chain) if code in self.classes), PLAIN)
        return Place(
            cell=cell,
            grid=grid,
            community=levels.get("COMMUNITY", ""),
            street=levels.get("STREET", ""),
            district=levels.get("DISTRICT", ""),
            desk=self.desk_of(area).code,
            zones=tuple(sorted(zone.code for zone in self.zones if _nearness(chain, zone.areas))),
            area_class=known.area_class,
            factor=known.factor,
        )

    def _level(self, code: str) -> str:
        if is_place(code):
            return {DISTRICT: "DISTRICT", STREET: "STREET", COMMUNITY: "COMMUNITY"}[len(code)]
        return self.areas[code].level

    def of_cells(self, cells: Cells) -> list[Place]:
        """Return the place of every cell, in the order of the cells; where no community is known, its grid's."""
        known: dict[str, Place] = {}
        found = []
        for code, grid, community in zip(cells.codes, cells.grids, cells.communities, strict=True):
            area = community or grid
            place = known.get(area)
            if place is None:
                place = known[area] = self.at(area)
            if code in self.classes:
                place = self.at(area, cell=code)
            found.append(Place(code, grid, *place[2:]))  # three times as fast as _replace
        return found


def _nearness(chain: Sequence[str], areas: Sequence[str]) -> int:
    """Say how near the nearest of some areas is that holds a place: 0 if none does.

    An area holds a place if it is in its chain, or is the beginning of its digits, as 5101 is of all Chengdu.
    """
    if not chain:
        return 0
    digits = chain[0] if is_place(chain[0]) else ""
    by_digits = (len(area) for area in areas if digits.startswith(area or "-"))
    by_chain = (len(chain) - chain.index(area) for area in areas if not digits and area in chain)
    return max((*by_digits, *by_chain), default=0)


def read_areas(directory: Path, problems: Problems) -> dict[str, Area]:
    """Read areas.csv: `code, name_zh, name_en, level, parent`; note codes used twice and unknown parents."""
    areas: dict[str, Area] = {}
    rows = list(
        read_rows(
            directory / "areas.csv",
            ("code", "name_zh", "name_en", "level", "parent"),
            problems,
            optional=True,
        )
    )
    for row in rows:
        code = row.text("code")
        if code in areas:
            row.fault("code", "a code that no other row has")
        areas[code] = Area(
            code,
            row.text("name_zh"),
            row.text("name_en", needed=False),
            row.choice("level", AREA_LEVELS),
            row.text("parent", needed=False),
        )
    for row in rows:
        if (parent := row.text("parent", needed=False)) and parent not in areas:
            row.fault("parent", "an area of this file, or empty")
    return areas


def read_area_classes(directory: Path, problems: Problems) -> dict[str, AreaClass]:
    """Read area_classes.csv: `area_code` (a cell's code too), `area_class`, `factor` (> 0)."""
    classes: dict[str, AreaClass] = {}
    columns = ("area_code", "area_class", "factor")
    for row in read_rows(directory / "area_classes.csv", columns, problems, optional=True):
        code, factor = row.text("area_code"), row.number_of("factor", default=1.0)
        if factor <= 0:
            row.fault("factor", "a number above 0")
        if code in classes:
            row.fault("area_code", "a code that no other row has")
        classes[code] = AreaClass(row.text("area_class"), factor)
    return classes
