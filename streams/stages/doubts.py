"""What makes a position doubtful, report by report: pure, so that every host says the same of the same report.

    ZERO_POSITION      0, 0: nobody's; the report is placed by whatever else it says
    SWAPPED_POSITION   longitude and latitude in each other's place: placed by whatever else it says, not turned round
    DEFAULT_POSITION   the point that a system fills in where it knows nothing, as the pack says (guard.defaults)
    UNDECLARED_DATUM   neither the report, its source nor its channel says in which datum it is
    OFF_COMPONENT      far from the component that the report itself names
    OFF_GRID           far from the old grid that the report itself names
    DATUM_SUSPECT      as the last two, and in another datum it would be there

Whether a source is wrong as a whole, `grids/datumguard.py` says over many reports.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from grids import datum
from grids.datumguard import CANDIDATES, same
from grids.projection import WGS84, transformer
from streams.stages.acceptance import says_where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grids.city import City
    from grids.versions import Grid
    from streams.records import Report

_LOW, _LOWER, _LOWEST = 0.8, 0.5, 0.3

_METRE = 111_320.0


class Doubt(NamedTuple):
    """A reason, and the most that the position may be believed."""

    flag: str
    at_most: float


def datum_of(city: City, report: Report) -> str:
    """Return the datum of a report's position: its own, else its source's, else its channel's, else WGS84."""
    form = city.rules.form
    return (
        report.datum
        or city.rules.inlets.source_datum.get(report.system)
        or form.channel_datum.get(report.channel)
        or "WGS84"
    )


PASSED_OVER = 0.8
"""The most that a report is believed whose position had to be passed over, however sure the rest is."""


def passed_over(city: City, report: Report) -> str:
    """Return why a position counts for nothing, where the report says in another way where it is; else empty.

    It is 0, 0, which systems send for none, or its axes are swapped. Turned round it might be right, or look so: what
    the report says besides is surer. One that says nothing else is a dead letter: nobody could place it.
    """
    if report.lon is None or report.lat is None or not says_where(report):
        return ""
    if report.lon == 0 and report.lat == 0:
        return "ZERO_POSITION"
    return "SWAPPED_POSITION" if is_swapped(city, report.lon, report.lat) else ""


def is_swapped(city: City, lon: float, lat: float) -> bool:
    """Say whether a position lies in the city only with its axes in each other's place."""
    west, south, east, north = city.bounds
    turned, right = west <= lat <= east and south <= lon <= north, west <= lon <= east and south <= lat <= north
    return turned and not right


def doubts(city: City, grid: Grid, report: Report, lon: float, lat: float) -> list[Doubt]:
    """List what makes a report's position doubtful; `lon` and `lat` are it on WGS-84."""
    found: list[Doubt] = []
    inlets, form = city.rules.inlets, city.rules.form
    if report.lon is None or report.lat is None:
        return found
    guard = inlets.guard
    if any(_metres((lon, lat), one) <= guard.default_m for one in guard.defaults):
        found.append(Doubt("DEFAULT_POSITION", _LOWEST))
    declared = report.datum or inlets.source_datum.get(report.system) or report.channel in form.channel_datum
    if not declared and form.channel_datum:
        found.append(Doubt("UNDECLARED_DATUM", _LOW))
    for kind, miss in misses(city, grid, report, lon, lat).items():
        if miss <= guard.miss_m:
            continue
        found.append(Doubt(f"OFF_{kind}", _LOWER))
        if _elsewhere_right(city, grid, report, kind):
            found.append(Doubt("DATUM_SUSPECT", _LOWER))
    return list(dict.fromkeys(found))


def misses(city: City, grid: Grid, report: Report, lon: float, lat: float) -> dict[str, float]:
    """Return the metres from a position (WGS-84) to what the report names: COMPONENT and GRID, where it does."""
    found: dict[str, float] = {}
    known = city.rules.components.get(report.component_id or "")
    if known is not None:
        found["COMPONENT"] = _metres((lon, lat), (known.lon, known.lat))
    if report.source_layer and report.source_grid:
        cells = [index for index, _ in city.versions.cells_of(report.source_layer, report.source_grid, grid)]
        if cells:
            x, y = transformer(WGS84, grid.cells.crs)(lon, lat)
            near = shapely.distance(grid.cells.geometry[cells], shapely.points(x, y))
            found["GRID"] = float(np.min(near))
    return found


def as_each(reports: Sequence[Report]) -> list[dict[str, tuple[float, float]]]:
    """Return the positions of reports on WGS-84, each taken once as each datum that it may be in."""
    lon = np.array([np.nan if one.lon is None else one.lon for one in reports], dtype=np.float64)
    lat = np.array([np.nan if one.lat is None else one.lat for one in reports], dtype=np.float64)
    moved = {name: datum.to_wgs84(lon, lat, name) for name in CANDIDATES}
    return [
        {name: (float(east[at]), float(north[at])) for name, (east, north) in moved.items()}
        for at in range(len(reports))
    ]


def _elsewhere_right(city: City, grid: Grid, report: Report, kind: str) -> bool:
    """Say whether another datum puts a position where the report says that it is."""
    declared, near = same(datum_of(city, report)), city.rules.inlets.guard.miss_m / 2
    return any(
        misses(city, grid, report, *position).get(kind, np.inf) <= near
        for name, position in as_each([report])[0].items()
        if name != declared
    )


def _metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the metres between two positions near each other."""
    east = (one[0] - other[0]) * math.cos(math.radians(one[1]))
    return math.hypot(east, one[1] - other[1]) * _METRE
