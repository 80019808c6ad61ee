"""Shapes for the console's maps: desks, streets, grids, cells and departments' old units, in degrees, by level and place."""

from __future__ import annotations

import gzip
import threading
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import shapely

from grids.projection import WGS84, transformer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grids.city import City

LEVELS = ("desk", "street", "grid", "cell", "old")
DETAIL_M = 4.0
"""How far a drawn border may be from the true one, in metres: streets and grids are looked at closely."""

_MOST = 20_000
_SHARES = 6


class MapError(ValueError):
    """There is no such level or place."""


class Maps:
    """Draws what is asked for once, and keeps it as it is sent: compressed JSON."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._kept: dict[tuple[str, ...], bytes] = {}
        self._lock = threading.Lock()

    def shapes(self, level: str, *, desk: str = "", street: str = "", net: str = "") -> bytes:
        """Return the shapes of a level within a place, compressed. Raises MapError for what there is none of."""
        if level not in LEVELS or (level == "old" and net not in self._city.cells.nets):
            raise MapError(f"level {level!r} {net!r}; expected {', '.join(LEVELS)}, with a net for old")
        key = (level, desk, street, net)
        with self._lock:
            if key not in self._kept:
                if len(self._kept) > 500:  # noqa: PLR2004 - places that somebody made up are not kept for ever
                    self._kept.clear()
                self._kept[key] = gzip.compress(msgspec.json.encode(self._draw(*key)), 6)
            return self._kept[key]

    def _draw(self, level: str, desk: str, street: str, net: str) -> dict[str, Any]:
        places = self._city.cell_places
        chosen = [
            index
            for index, place in enumerate(places)
            if (not desk or place.desk == desk) and (not street or place.street == street)
        ]
        if not chosen:
            raise MapError(f"desk {desk!r}, street {street!r}: nothing there; expected codes of the pack")
        if level in ("desk", "street") and not street:
            return self._areas(level, desk)
        geometry = self._city.cells.geometry
        if level == "cell":
            found = [self._shape(places[i].cell, places[i].desk, geometry[i]) for i in chosen[:_MOST]]
        else:
            labels = self._city.cells.labels[net] if level == "old" else [
                place.grid if level == "grid" else place.street for place in places
            ]  # fmt: skip
            groups: dict[str, list[int]] = {}
            for index in chosen:
                if labels[index]:
                    groups.setdefault(str(labels[index]), []).append(index)
            found = [self._joined(code, members, old=level == "old") for code, members in sorted(groups.items())]
        return {"bounds": _bounds(found), "shapes": found}

    def _areas(self, level: str, desk: str) -> dict[str, Any]:
        """Return streets, or the desks that they make up, from the outlines that the pack was compiled with."""
        outlines = [one for one in self._city.grid.outlines if not desk or one.desk == desk]
        if level == "street":
            found = [self._shape(one.area, one.desk, one.shape) for one in outlines]
        else:
            groups: dict[str, list[Any]] = {}
            for one in outlines:
                groups.setdefault(one.desk, []).append(one.shape)
            found = [self._shape(code, code, shapely.union_all(many)) for code, many in sorted(groups.items())]
        return {"bounds": _bounds(found), "shapes": found}

    def _joined(self, code: str, members: Sequence[int], *, old: bool) -> dict[str, Any]:
        geometry = self._city.cells.geometry
        joined = shapely.simplify(shapely.coverage_union_all(geometry[members]), DETAIL_M)
        found = self._shape(code, self._city.cell_places[members[0]].desk, joined)
        if old:
            found["x"] = self._shares(members)
        return found

    def _shares(self, members: Sequence[int]) -> list[tuple[str, float]]:
        """Return in which new grids an old unit's ground lies now, the largest shares first."""
        area: dict[str, float] = {}
        for index in members:
            grid = self._city.cell_places[index].grid
            area[grid] = area.get(grid, 0.0) + float(shapely.area(self._city.cells.geometry[index]))
        total = sum(area.values()) or 1.0
        ranked = sorted(area.items(), key=lambda item: (-item[1], item[0]))
        return [(grid, round(part / total, 4)) for grid, part in ranked[:_SHARES]]

    def _shape(self, code: str, desk: str, shape: shapely.Geometry) -> dict[str, Any]:
        rules, move = self._city.rules, transformer(self._city.cells.crs, WGS84)
        area, centre = rules.areas.get(code), rules.places.desks.get(code)
        names = (area.name_zh, area.name_en) if area else (centre.name_zh, centre.name_en) if centre else (code, code)
        rings = []
        for polygon in shapely.get_parts(shape):
            parts = []
            for ring in (polygon.exterior, *polygon.interiors):
                xy = shapely.get_coordinates(ring)[:-1]
                lon, lat = move(xy[:, 0], xy[:, 1])
                parts.append(np.round(np.column_stack([lat, lon]), 6).tolist())
            rings.append(parts)
        return {"c": code, "n": names, "d": desk, "p": rings}


def _bounds(found: Iterable[dict[str, Any]]) -> list[list[float]] | None:
    """Return the south-western and north-eastern corner of shapes."""
    corners = [np.array(part[0]) for shape in found for part in shape["p"]]
    if not corners:
        return None
    every = np.vstack(corners)
    return [every.min(axis=0).tolist(), every.max(axis=0).tolist()]
