"""Which coordinate system numbers seem to be in, where a file doesn't say or says it wrongly.

Chinese surveys deliver Gauss-Krüger metres of CGCS2000 in 3- and 6-degree zones, with or without the zone's number
before the easting (EPSG:4491-4554). With a base layer to compare with, any projection that is made for the place is
tried, so feet of an American state are recognised as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pyproj import CRS
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType

from grids.projection import WGS84, transformer

if TYPE_CHECKING:
    from collections.abc import Iterator

Bounds = tuple[float, float, float, float]

_EASTING, _NORTHING = (1e5, 9e5), (1.7e6, 6.2e6)
"""Gauss-Krüger coordinates of places in China: with a false easting of 500 km, and from the equator."""

_WITH_ZONE_6, _WITH_ZONE_3 = range(13, 24), range(25, 46)
_FIRST_6, _FIRST_3, _FIRST_3_MERIDIAN = 4491, 4513, 4534
_LOCAL_M = 4e5
_MERCATOR: Final = ((8.0e6, 1.51e7), (1.7e6, 7.2e6))
_TOUCHING, _MOST_TRIED = 0.3, 400

OLD_DATUMS: Final = {"Beijing 1954": "北京54", "New Beijing": "新北京54", "Xian 1980": "西安80"}
"""Names of the surveys before CGCS2000, as the EPSG register and the city call them."""


@dataclass(frozen=True)
class CrsGuess:
    """A system that fits: its code ('' if it has none), whether north comes first, and why it is thought so."""

    code: str
    swapped: bool
    why: str


def old_datum(crs: CRS) -> str:
    """Return the Chinese name of the survey before CGCS2000 that a CRS is on; '' for any other."""
    name = crs.geodetic_crs.name if crs.geodetic_crs is not None else crs.name
    return next((words for part, words in OLD_DATUMS.items() if part in name), "")


def guess_crs(bounds: Bounds, base: Bounds | None = None) -> list[CrsGuess]:
    """List what numbers within `bounds` (x and y from, x and y to) may be, the likeliest first.

    `base` are west, south, east, north in degrees of a layer of the same place; with it only what lies there counts.
    """
    west, south, east, north = bounds
    found: list[CrsGuess] = []
    for swapped, box in ((False, bounds), (True, (south, west, north, east))):
        if not (swapped and found and base is None):  # numbers that make sense as they are need no turning
            found += [CrsGuess(code, swapped, why) for code, why in _by_numbers(box)]
    if base is not None:
        near = [(_overlap(_box_of(bounds, guess), base), guess) for guess in found if guess.code]
        near = [(share, guess) for share, guess in near if share > _TOUCHING]
        found = [guess for share, guess in sorted(near, key=lambda pair: -round(pair[0], 3))]
        return found or list(_by_place(bounds, base))
    return found


def _by_numbers(box: Bounds) -> Iterator[tuple[str, str]]:
    west, south, east, north = box
    if -180.0 <= west <= east <= 180.0 and -90.0 <= south <= north <= 90.0:  # noqa: PLR2004 - the globe
        yield "EPSG:4490", "degrees, taken as CGCS2000 (equal to WGS-84 within decimetres)"
        return
    if _NORTHING[0] <= south <= north <= _NORTHING[1]:
        zone = int(west // 1e6)
        if zone == int(east // 1e6) and _EASTING[0] <= west - zone * 1e6 <= east - zone * 1e6 <= _EASTING[1]:
            if zone in _WITH_ZONE_6:
                yield f"EPSG:{_FIRST_6 + zone - 13}", f"Gauss-Krüger metres, 6-degree zone {zone} before the easting"
            if zone in _WITH_ZONE_3:
                yield f"EPSG:{_FIRST_3 + zone - 25}", f"Gauss-Krüger metres, 3-degree zone {zone} before the easting"
            if zone == 0:
                for number, meridian in enumerate(range(75, 136, 3)):
                    why = f"Gauss-Krüger metres without a zone, if the central meridian is {meridian}° E"
                    yield f"EPSG:{_FIRST_3_MERIDIAN + number}", why
    (x_from, x_to), (y_from, y_to) = _MERCATOR
    if x_from <= west <= east <= x_to and y_from <= south <= north <= y_to:
        yield "EPSG:3857", "metres of Web Mercator (or of Baidu's Mercator: then declare the datum BD09MC)"
    elif max(map(abs, box)) <= _LOCAL_M and east - west > 1e3:  # noqa: PLR2004 - a kilometre
        yield "", "metres of a local city grid, which need control points"


def _by_place(bounds: Bounds, base: Bounds) -> Iterator[CrsGuess]:
    """Try every projection that is made for the place; yield the one whose numbers lie there best."""
    area = AreaOfInterest(*base)
    known = query_crs_info("EPSG", PJType.PROJECTED_CRS, area_of_interest=area, contains=True)
    best: tuple[float, int] | None = None
    for info in sorted(known, key=lambda one: int(one.code))[:_MOST_TRIED]:
        share = round(_overlap(_box_of(bounds, CrsGuess(f"EPSG:{info.code}", swapped=False, why="")), base), 2)
        if share > _TOUCHING and (best is None or share > -best[0]):
            best = (-share, int(info.code))
    if best is not None:
        name = CRS.from_epsg(best[1]).name
        yield CrsGuess(f"EPSG:{best[1]}", swapped=False, why=f"{name}: there the numbers lie on the base layer")


def _box_of(bounds: Bounds, guess: CrsGuess) -> Bounds | None:
    """Return the box in degrees that numbers span under a guess; None if they can't be converted."""
    west, south, east, north = (bounds[1], bounds[0], bounds[3], bounds[2]) if guess.swapped else bounds
    try:
        move = transformer(CRS.from_user_input(guess.code), WGS84)
        lon, lat = move(np.array([west, west, east, east]), np.array([south, north, south, north]))
    except Exception:  # noqa: BLE001 - whatever PROJ can't do is no candidate
        return None
    found: Any = (min(lon), min(lat), max(lon), max(lat))
    return found if np.isfinite(found).all() else None


def _overlap(one: Bounds | None, other: Bounds) -> float:
    """Return how much of the smaller of two boxes lies in the other, times how alike in size they are."""
    if one is None:
        return 0.0
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return 0.0 if min(width, height) <= 0.0 else float(width * height / (sum(areas) - width * height))
