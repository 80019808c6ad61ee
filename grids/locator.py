"""From a position to its cell: a raster answers for pixels inside one cell, exact geometry for those on a border.

The answers are those of `shapely.covers` on the projected coordinates; where several cells cover a point (it lies
on their border) the one with the lowest code wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from grids.projection import WGS84, transformer
from grids.raster import FIRST_BORDER as _FIRST_BORDER
from grids.raster import OUTSIDE as _OUTSIDE
from grids.raster import build_raster, open_raster

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from grids.cells import Cells

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

POINT: Final = 0
SNAP: Final = 1
NONE: Final = 2
METHODS: Final = ("POINT", "SNAP", "NONE")
"""Names of the method codes: inside a cell, near one, nowhere."""


_LONG = 100
"""From so many corners on it pays to index a border before a distance to it is measured."""


@dataclass(frozen=True, eq=False)
class Located:
    """Answers for an array of points: cell index (-1 none), method code, metres to the nearest cell border.

    `border_m` is NaN where nothing was found, and everywhere if it wasn't asked for; for SNAP it is the distance
    to the cell that was snapped to.
    """

    index: NDArray[np.int32]
    method: NDArray[np.uint8]
    border_m: Floats


class Locator:
    """Finds cells by position; built once for one version of the grid, then only read.

    Cells read from a folder where `compile_locator` left its files take the raster from there, mapped into memory,
    so opening a city takes no building and several processes share it.
    """

    def __init__(self, cells: Cells, *, snap_m: float = 0.0) -> None:
        """Take the compiled raster or build one. A point outside but within `snap_m` metres of a cell snaps to it."""
        self.cells = cells
        self.snap_m = snap_m
        self._move = transformer(WGS84, cells.crs)
        self._shapes = cells.geometry
        self._ready = np.zeros(len(cells), dtype=bool)
        self._drawn = np.zeros(len(cells), dtype=bool)
        self._borders = np.empty(len(cells), dtype=object)
        self._is_long = np.zeros(len(cells), dtype=bool)
        raster = open_raster(cells.folder, cells.version) if cells.folder is not None else None
        raster = build_raster(cells.geometry) if raster is None else raster
        self._west, self._south, self._pixel = raster.frame.west, raster.frame.south, raster.frame.pixel
        self._columns, self._rows = raster.frame.columns, raster.frame.rows
        self._raster, self._first, self._candidates = raster.value, raster.first, raster.candidates

    def locate(self, lon: ArrayLike, lat: ArrayLike, *, border: bool = True) -> Located:
        """Locate WGS-84 positions; NaN means no coordinates. Without `border` no distance is measured (faster)."""
        x, y = self._move(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        return self.locate_xy(x, y, border=border)

    def locate_xy(self, x: ArrayLike, y: ArrayLike, *, border: bool = True) -> Located:
        """Locate positions in the cells' own CRS (metres)."""
        x, y = np.atleast_1d(np.asarray(x, dtype=np.float64)), np.atleast_1d(np.asarray(y, dtype=np.float64))
        index = self._look_up(x, y)
        method = np.where(index >= 0, POINT, NONE).astype(np.uint8)
        border_m = np.full(len(x), np.nan)
        if border:
            found = np.flatnonzero(method == POINT)
            border_m[found] = self._distance(index[found], x[found], y[found])
        if self.snap_m > 0.0:
            lost = np.flatnonzero((method == NONE) & self._near(x, y))
            if len(lost):
                which, cell, distance = self._snap(x[lost], y[lost])
                index[lost[which]], method[lost[which]] = cell, SNAP
                if border:
                    border_m[lost[which]] = distance
        return Located(index, method, border_m)

    def locate_one(self, lon: float, lat: float) -> tuple[int, int, float]:
        """Locate one WGS-84 position: cell index, method code, metres to the nearest border."""
        x, y = self._move(lon, lat)
        column, row = (x - self._west) / self._pixel, (y - self._south) / self._pixel
        if not (0.0 <= column < self._columns and 0.0 <= row < self._rows):
            return self._snap_one(x, y)
        value = int(self._raster[int(row) * self._columns + int(column)])
        if value <= _FIRST_BORDER:
            number = _FIRST_BORDER - value
            cells = self._candidates[self._first[number] : self._first[number + 1]]
            self._prepare(cells)
            candidates = cells.tolist()
            value = next((cell for cell in candidates if shapely.intersects_xy(self._shapes[cell], x, y)), _OUTSIDE)
        if value == _OUTSIDE:
            return self._snap_one(x, y)
        return value, POINT, float(self._distance(np.array([value]), np.array([x]), np.array([y]))[0])

    def _snap_one(self, x: float, y: float) -> tuple[int, int, float]:
        if self.snap_m > 0.0 and self._near(x, y):
            _, cell, distance = self._snap(np.array([x]), np.array([y]))
            if len(cell):
                return int(cell[0]), SNAP, float(distance[0])
        return _OUTSIDE, NONE, float("nan")

    def touching(self, shape: Any) -> Ints:
        """Return the cells that a shape in the cells' own CRS touches, in order."""
        return np.sort(self._tree.query(shape, predicate="intersects"))

    def _near(self, x: Any, y: Any) -> Any:
        """Say which points are on the raster or as near to it as a point may snap; those without coordinates aren't.

        So a point far away never makes the index that snapping needs.
        """
        east, north = self._west + self._columns * self._pixel, self._south + self._rows * self._pixel
        across = (x >= self._west - self.snap_m) & (x <= east + self.snap_m)
        return across & (y >= self._south - self.snap_m) & (y <= north + self.snap_m)

    def _look_up(self, x: Floats, y: Floats) -> NDArray[np.int32]:
        """Return the lowest cell that covers each point, -1 where none does."""
        with np.errstate(invalid="ignore"):
            column, row = (x - self._west) / self._pixel, (y - self._south) / self._pixel
            on_map = (column >= 0.0) & (column < self._columns) & (row >= 0.0) & (row < self._rows)
        if on_map.all():
            value: NDArray[np.int32] = self._raster[row.astype(np.int64) * self._columns + column.astype(np.int64)]
        else:
            value = np.full(len(x), _OUTSIDE, dtype=np.int32)
            value[on_map] = self._raster[
                row[on_map].astype(np.int64) * self._columns + column[on_map].astype(np.int64)
            ]
        todo = np.flatnonzero(value <= _FIRST_BORDER)
        number = _FIRST_BORDER - value[todo]
        value[todo] = _OUTSIDE
        at, stop = self._first[number], self._first[number + 1]
        while len(todo):
            cell = self._candidates[at]
            self._prepare(cell)
            hit = shapely.intersects_xy(self._shapes[cell], x[todo], y[todo])
            value[todo[hit]] = cell[hit]
            at += 1
            more = ~hit & (at < stop)
            todo, at, stop = todo[more], at[more], stop[more]
        return value

    def _prepare(self, cells: NDArray[np.int32]) -> None:
        """Index the shapes that are about to be asked, each once: a city's open reports lie in few of its cells."""
        fresh = np.unique(cells[~self._ready[cells]])
        if len(fresh):
            shapely.prepare(self._shapes[fresh])
            self._ready[fresh] = True

    def _distance(self, cell: NDArray[Any], x: Floats, y: Floats) -> Floats:
        """Measure from points to their cells' borders; long borders are indexed, each once.

        No cell's border runs through another, so a point's own cell has the nearest.
        """
        self._draw(cell)
        points, borders = shapely.points(x, y), self._borders[cell]
        long = self._is_long[cell]
        found = np.empty(len(x))
        found[~long] = shapely.distance(points[~long], borders[~long])
        if long.any():
            shapely.prepare(self._borders[np.unique(cell[long])])
            found[long] = shapely.length(shapely.shortest_line(borders[long], points[long]))
        return found

    def _draw(self, cells: NDArray[Any]) -> None:
        """Draw the borders of cells that are about to be measured to, each once."""
        fresh = cells[~self._drawn[cells]]
        if len(fresh):
            fresh = np.unique(fresh)
            self._borders[fresh] = shapely.boundary(self._shapes[fresh])
            self._is_long[fresh] = shapely.get_num_coordinates(self._borders[fresh]) > _LONG
            self._drawn[fresh] = True

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self._shapes)

    def _snap(self, x: Floats, y: Floats) -> tuple[Ints, NDArray[np.int32], Floats]:
        """Find the nearest cell within reach: which points have one, the lowest such cell, the distance."""
        (which, cell), distance = self._tree.query_nearest(
            shapely.points(x, y), max_distance=self.snap_m, return_distance=True
        )
        order = np.lexsort((cell, which))
        which, first = np.unique(which[order], return_index=True)
        return which, cell[order][first].astype(np.int32), distance[order][first]
