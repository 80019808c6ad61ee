"""Outlines of streets for the live page's map, as SVG paths in a box of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import shapely

if TYPE_CHECKING:
    from grids.city import City

_WIDTH = 1000.0


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
    """Draw each street (each district, where a grid knows no streets) of the newest grid."""
    outlines = city.grid.outlines
    west, south, east, north = shapely.total_bounds([outline.shape for outline in outlines])
    scale = _WIDTH / (east - west)
    streets = []
    for code, desk, shape in outlines:
        area = city.rules.areas.get(code)
        streets.append(
            StreetShape(
                code=code,
                name_zh=area.name_zh if area else code,
                name_en=area.name_en if area else code,
                desk=desk,
                path=_path(shape, west, north, scale),
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
