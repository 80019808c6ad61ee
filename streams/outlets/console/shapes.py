"""Outlines of streets for the live page's map, as SVG paths in a box of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import shapely

if TYPE_CHECKING:
    from grids.city import City

_WIDTH = 1000.0
_SIMPLIFY_M = 15.0


class StreetShape(msgspec.Struct):
    """One street: its code, names, desk, and its outline as an SVG path."""

    code: str
    name_zh: str
    name_en: str
    desk: str
    path: str


class MapShapes(msgspec.Struct):
    """The map of a city: the size of its box and its streets."""

    width: float
    height: float
    streets: list[StreetShape]


def street_shapes(city: City) -> MapShapes:
    """Draw each street (each district, where a grid knows no streets) as the union of its cells."""
    west, south, east, north = shapely.total_bounds(city.cells.geometry)
    scale = _WIDTH / (east - west)
    members: dict[str, list[int]] = {}
    for index, place in enumerate(city.cell_places):
        members.setdefault(place.street or place.district or place.desk, []).append(index)
    streets = []
    for code, cells in sorted(members.items()):
        outline = shapely.coverage_union_all(city.cells.geometry[cells])
        outline = shapely.simplify(outline, _SIMPLIFY_M)
        area = city.rules.areas.get(code)
        streets.append(
            StreetShape(
                code=code,
                name_zh=area.name_zh if area else code,
                name_en=area.name_en if area else code,
                desk=city.cell_places[cells[0]].desk,
                path=_path(outline, west, north, scale),
            )
        )
    return MapShapes(_WIDTH, round(float((north - south) * scale), 1), streets)


def _path(shape: shapely.Geometry, west: float, north: float, scale: float) -> str:
    parts = []
    for polygon in shapely.get_parts(shape):
        for ring in (polygon.exterior, *polygon.interiors):
            xy = np.round((shapely.get_coordinates(ring) - (west, north)) * (scale, -scale), 1)
            parts.append("M" + "L".join(f"{x:g},{y:g}" for x, y in xy[:-1]) + "Z")
    return "".join(parts)
