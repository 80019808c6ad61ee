"""Units: who can be responsible, under all the names they are known by."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from grids.tables import Problems, read_rows

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

LEVELS = frozenset({"CITY", "DISTRICT", "STREET", "COMMUNITY", "ZONE"})
KINDS = frozenset({"DEPARTMENT", "OFFICE", "ENFORCEMENT", "SUPERVISION", "CENTRE", "COMPANY"})
COLUMNS = (
    "unit", "name_zh", "name_en", "aliases", "level", "kind", "parent", "area_code", "active_from", "active_to",
)  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """An office, department, team or company.

    `function` is the department kind that selectors name (`urban-management`, `water` …); `area_code` is the
    place or zone it works for; it exists from `active_from` to `active_to` (exclusive).
    """

    code: str
    name_zh: str
    name_en: str
    aliases: tuple[str, ...]
    level: str
    kind: str
    function: str
    parent: str
    area_code: str
    active_from: date
    active_to: date

    def active(self, day: date) -> bool:
        """Say whether the unit exists on a city date."""
        return self.active_from <= day < self.active_to


@dataclass(frozen=True)
class Units:
    """All units of a city, found by code, by any spelling of their name, or by what they are for."""

    by_code: dict[str, Unit]

    @cached_property
    def _by_role(self) -> dict[tuple[str, str, str, str], tuple[Unit, ...]]:
        found: dict[tuple[str, str, str, str], tuple[Unit, ...]] = {}
        for unit in self.by_code.values():
            for function in {unit.function, ""}:
                key = (unit.level, unit.kind, function, unit.area_code)
                found[key] = (*found.get(key, ()), unit)
        return found

    @cached_property
    def _by_name(self) -> dict[str, str]:
        found: dict[str, set[str]] = {}
        for unit in self.by_code.values():
            for name in (unit.code, unit.name_zh, unit.name_en, *unit.aliases):
                found.setdefault(_plain(name), set()).add(unit.code)
        return {name: min(codes) for name, codes in found.items() if name and len(codes) == 1}

    @cached_property
    def city_areas(self) -> tuple[str, ...]:
        """Area codes of the city's own units: one, unless the pack spells it in several ways."""
        return tuple(sorted({unit.area_code for unit in self.by_code.values() if unit.level == "CITY"}))

    def __getitem__(self, code: str) -> Unit:
        """Return a unit by its code; KeyError if there is none."""
        return self.by_code[code]

    def __contains__(self, code: object) -> bool:
        """Say whether there is a unit of this code."""
        return code in self.by_code

    def __len__(self) -> int:
        """Count the units."""
        return len(self.by_code)

    def find(self, level: str, kind: str, area_code: str, function: str = "") -> tuple[Unit, ...]:
        """List the units of one level and kind for an area, of one function if it is given."""
        return self._by_role.get((level, kind, function, area_code), ())

    def named(self, name: str) -> str | None:
        """Return the code of the one unit that a spelling means: code, name, alias; None if there isn't just one.

        English names of several units happen to be the same: places that are told apart in Chinese only.
        """
        return self._by_name.get(_plain(name))

    def nearest(self, name: str) -> str | None:
        """Return the code of the unit that a misspelt code or name most likely means; None if nothing is near."""
        near = difflib.get_close_matches(_plain(name), self._by_name, n=1, cutoff=0.7)
        return self.named(name) or (self._by_name[near[0]] if near else None)

    def line(self, code: str) -> tuple[str, ...]:
        """List a unit and those above it, the lowest first."""
        found: list[str] = []
        while code and code in self.by_code and code not in found:
            found.append(code)
            code = self.by_code[code].parent
        return tuple(found)


def _plain(name: str) -> str:
    return "".join(name.split()).casefold().replace("（", "(").replace("）", ")")


def read_units(directory: Path, problems: Problems) -> Units:
    """Read units.csv; note codes used twice, unknown parents, and names that two units share."""
    by_code: dict[str, Unit] = {}
    names: dict[str, str] = {}
    rows = list(read_rows(directory / "units.csv", COLUMNS, problems))
    for row in rows:
        code = row.text("unit")
        if code in by_code:
            row.fault("unit", "a code that no other row has")
            continue
        start, end = row.span("active_from", "active_to")
        unit = Unit(
            code=code,
            name_zh=row.text("name_zh"),
            name_en=row.text("name_en", needed=False),
            aliases=tuple(part.strip() for part in row.text("aliases", needed=False).split(";") if part.strip()),
            level=row.choice("level", LEVELS),
            kind=row.choice("kind", KINDS),
            function=row.text("function", needed=False),
            parent=row.text("parent", needed=False),
            area_code=row.text("area_code"),
            active_from=start,
            active_to=end,
        )
        by_code[code] = unit
        for name in (code, unit.name_zh, *unit.aliases):
            if names.setdefault(_plain(name), code) != code:
                row.fault("aliases", f"{name} to mean one unit; it also means {names[_plain(name)]}")
    for row in rows:
        parent = row.text("parent", needed=False)
        if parent and parent not in by_code:
            row.fault("parent", "a unit of this file, or empty")
    return Units(by_code)
