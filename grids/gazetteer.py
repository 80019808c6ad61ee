"""An address's words as a place: the names of districts, streets and communities in it, and those of gazetteer.csv.

    found = gazetteer.find("锦江区春熙路街道总府路2号")      # Found(area="510104017", level="STREET", …)

Names are found longest first and must not overlap. Two that contain each other (a street of the district that is
named as well) are one place, the smaller. A name that several places bear counts only where another name in the
address, or the city itself, leaves just one of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from grids.tables import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from grids.places import Area, Places
    from grids.tables import Problems

_SUFFIXES = (
    "街道办事处",
    "街道办",
    "街道",
    "镇",
    "乡",
    "社区居委会",
    "社区",
    "居委会",
    "村委会",
    "村",
    "区",
    "县",
    "市",
)
_LATIN = re.compile(r"[A-Za-z]")
_SHORTEST = 2
_ORDER = {"COMMUNITY": 3, "STREET": 2, "DISTRICT": 1, "CITY": 0}
_CONFIDENCE = {"COMMUNITY": 0.8, "STREET": 0.7, "DISTRICT": 0.4}


class Alias(NamedTuple):
    """A name of gazetteer.csv, such as a road or an estate, and the area that it lies in."""

    name: str
    area: str


class Found(NamedTuple):
    """The place that an address means."""

    area: str
    level: str
    confidence: float
    names: tuple[str, ...]


class Gazetteer:
    """The names of a pack."""

    def __init__(self, areas: Mapping[str, Area], places: Places, aliases: Iterable[Alias] = ()) -> None:
        self._areas, self._places = areas, places
        self._names: dict[str, set[str]] = {}
        self._weak: set[str] = set()
        for area in areas.values():
            if area.level == "CITY":
                continue
            for name in (area.name_zh, area.name_en):
                self._add(name, area.code)
            short = _short(area.name_zh)
            if len(short) >= _SHORTEST and short != area.name_zh:
                self._add(short, area.code, weak=True)
        for alias in aliases:
            self._add(alias.name, alias.area)
        longest = sorted(self._names, key=lambda name: (-len(name), name))
        parts = (rf"(?<![a-z]){re.escape(n)}(?![a-z])" if _LATIN.match(n) else re.escape(n) for n in longest)
        self._pattern = re.compile("|".join(parts)) if longest else None

    def find(self, address: str) -> Found | None:
        """Return the place that an address means; None if it means none, or several that don't contain each other."""
        if self._pattern is None or not address:
            return None
        text = " ".join(address.lower().split())
        named: list[tuple[str, set[str]]] = [(hit, self._names[hit]) for hit in self._pattern.findall(text)]
        if not named:
            return None
        strong = [one for one in named if one[0] not in self._weak]
        for chosen in (named, strong) if strong and len(strong) < len(named) else (named,):
            found = self._together(chosen)
            if found is not None:
                return found
        return None

    def _together(self, named: list[tuple[str, set[str]]]) -> Found | None:
        """Return the smallest area that agrees with as many names as any other does, where there is one."""
        every = {code for _, codes in named for code in codes}
        chains = {code: set(self._places.chain(code)) for code in every}
        score = {code: sum(bool(codes & chains[code]) for _, codes in named) for code in every}
        most = max(score.values())
        if most < len({frozenset(codes) for _, codes in named}) and most < len(named):
            return None
        best = [code for code in every if score[code] == most]
        top = max(_ORDER.get(self._areas[code].level, 0) for code in best)
        smallest = [code for code in best if _ORDER.get(self._areas[code].level, 0) == top]
        if len(smallest) > 1:
            shared = set.intersection(*(chains[code] for code in smallest)) & self._areas.keys()
            smallest = sorted(shared, key=lambda code: -_ORDER.get(self._areas[code].level, 0))[:1]
        if not smallest or self._areas[smallest[0]].level not in _CONFIDENCE:
            return None
        level = self._areas[smallest[0]].level
        return Found(smallest[0], level, _CONFIDENCE[level], tuple(name for name, _ in named))

    def _add(self, name: str, code: str, *, weak: bool = False) -> None:
        plain = " ".join(name.lower().split())
        if len(plain) < _SHORTEST:
            return
        if weak and plain not in self._names:
            self._weak.add(plain)
        elif not weak:
            self._weak.discard(plain)
        self._names.setdefault(plain, set()).add(code)


def _short(name: str) -> str:
    """Return a name without the word for what it is, as people write it."""
    return next((name[: -len(end)] for end in _SUFFIXES if name.endswith(end)), name)


def read_aliases(directory: Path, areas: Mapping[str, Area], problems: Problems) -> tuple[Alias, ...]:
    """Read gazetteer.csv, which may be left out: `name, area_code`; note areas that there are not."""
    found = []
    for row in read_rows(directory / "gazetteer.csv", ("name", "area_code"), problems, optional=True):
        area = row.text("area_code")
        if area not in areas:
            row.fault("area_code", "a code of areas.csv")
        found.append(Alias(row.text("name"), area))
    return tuple(found)
