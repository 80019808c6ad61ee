"""The register of city components: manholes, lamps, hydrants, each with its place, owner and maintainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyarrow import ArrowInvalid

from grids.duties.selectors import Component
from grids.projection import WGS84, transformer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike
    from pyproj import CRS

    from grids.tables import Problems

FILE = "components.parquet"
_COLUMNS = ("id", "category", "lon", "lat", "owner", "maintainer")


def read_components(directory: Path, problems: Problems) -> Mapping[str, Component]:
    """Read components.parquet by id; a city without a register has none.

    Positions are degrees in CGCS2000: columns lon and lat, or the points of a GeoParquet geometry column.

    Notes missing columns, a file that is no Parquet, and ids used twice.
    """
    path = directory / FILE
    if not path.exists():
        return {}
    try:
        with pq.ParquetFile(path) as file:  # read_table would bring pandas along: 0.3 s
            table = file.read()
    except ArrowInvalid as error:
        problems.note(FILE, 0, "", str(error), "a Parquet file")
        return {}
    if "geometry" in table.column_names and "lon" not in table.column_names:
        points = shapely.from_wkb(table.column("geometry").to_pylist())
        table = table.append_column("lon", pa.array(shapely.get_x(points)))
        table = table.append_column("lat", pa.array(shapely.get_y(points)))
    if missing := [name for name in _COLUMNS if name not in table.column_names]:
        problems.note(FILE, 0, ", ".join(missing), "no such column", "columns " + ", ".join(_COLUMNS))
        return {}
    columns = [table.column(name).to_pylist() for name in _COLUMNS]
    found: dict[str, Component] = {}
    for number, values in enumerate(zip(*columns, strict=True), start=1):
        component = Component(*values)
        if component.component_id in found:
            problems.note(FILE, number, "id", repr(component.component_id), "an id that no other row has")
        found[component.component_id] = component
    return found


class NearestComponents:
    """Finds the component that a report without an id is about: the nearest of its category."""

    def __init__(self, components: Iterable[Component], crs: CRS) -> None:
        """Index components by category; distances are measured in `crs`, which is in metres."""
        self._move = transformer(WGS84, crs)
        self._of: dict[str, list[Component]] = {}
        for component in sorted(components):
            self._of.setdefault(component.category, []).append(component)
        self._trees = {category: self._tree(found) for category, found in self._of.items()}

    def find(
        self, categories: Sequence[str], lon: ArrayLike, lat: ArrayLike, within_m: float
    ) -> list[Component | None]:
        """Return for each of n positions (degrees, CGCS2000) the nearest component of its category within a distance.

        Of several at the same distance the one with the lowest id counts; None where none is near enough.
        """
        points = shapely.points(*self._move(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)))
        asked = np.array(categories, dtype=object)
        answers: list[Component | None] = [None] * len(asked)
        for category in sorted({category for category in categories if category in self._trees}):
            chosen = np.flatnonzero(asked == category)
            which, near = self._trees[category].query_nearest(points[chosen], max_distance=within_m)
            # Components are indexed in the order of their ids, so the first of a point's answers has the lowest.
            order = np.lexsort((near, which))
            first = np.flatnonzero(np.diff(which[order], prepend=-1))
            for position, component in zip(chosen[which[order][first]], near[order][first], strict=True):
                answers[position] = self._of[category][component]
        return answers

    def _tree(self, components: Sequence[Component]) -> shapely.STRtree:
        x, y = self._move(np.array([c.lon for c in components]), np.array([c.lat for c in components]))
        return shapely.STRtree(shapely.points(x, y))
