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

_OUTSIDE = -1
_FIRST_BORDER = -2
"""In the raster, border pixel number k stands as _FIRST_BORDER - k."""

_PIXELS_A_CELL, _LEAST_PIXELS, _MOST_PIXELS = 8192, 1 << 14, 1 << 23
_TOUCH_M = 1e-6
"""Border pixels are marked this much wider, so that rounding can't let a point slip past its border."""


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
    """Finds cells by position; built once for one version of the grid, then only read."""

    def __init__(self, cells: Cells, *, snap_m: float = 0.0) -> None:
        """Build the raster. A point outside every cell but within `snap_m` metres of one is snapped to it."""
        self.cells = cells
        self.snap_m = snap_m
        self._move = transformer(WGS84, cells.crs)
        self._shapes = shapely.orient_polygons(cells.geometry, exterior_cw=False)
        shapely.prepare(self._shapes)
        self._start, self._end, self._owner = _directed_segments(self._shapes)
        self._west, self._south, east, north = shapely.total_bounds(self._shapes)
        width, height = max(east - self._west, 1.0), max(north - self._south, 1.0)
        pixels = min(max(_PIXELS_A_CELL * len(cells), _LEAST_PIXELS), _MOST_PIXELS)
        self._pixel = max((width * height / pixels) ** 0.5, max(width, height) / pixels)
        self._west, self._south = self._west - self._pixel, self._south - self._pixel
        self._columns = int(width / self._pixel) + 3
        self._rows = int(height / self._pixel) + 3
        self._raster = self._fill()
        self._first, self._candidates = self._mark_borders()

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
            border_m[found] = self._distance(x[found], y[found])
        if self.snap_m > 0.0:
            lost = np.flatnonzero((method == NONE) & np.isfinite(x) & np.isfinite(y))
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
            candidates = self._candidates[self._first[number] : self._first[number + 1]].tolist()
            value = next((cell for cell in candidates if shapely.intersects_xy(self._shapes[cell], x, y)), _OUTSIDE)
        if value == _OUTSIDE:
            return self._snap_one(x, y)
        _, distance = self._segments.query_nearest(shapely.Point(x, y), return_distance=True, all_matches=False)
        return value, POINT, float(distance[0])

    def _snap_one(self, x: float, y: float) -> tuple[int, int, float]:
        if self.snap_m > 0.0 and np.isfinite(x) and np.isfinite(y):
            _, cell, distance = self._snap(np.array([x]), np.array([y]))
            if len(cell):
                return int(cell[0]), SNAP, float(distance[0])
        return _OUTSIDE, NONE, float("nan")

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
            hit = shapely.intersects_xy(self._shapes[cell], x[todo], y[todo])
            value[todo[hit]] = cell[hit]
            at += 1
            more = ~hit & (at < stop)
            todo, at, stop = todo[more], at[more], stop[more]
        return value

    @cached_property
    def _segments(self) -> shapely.STRtree:
        return shapely.STRtree(shapely.linestrings(np.stack((self._start, self._end), axis=1)))

    def _distance(self, x: Floats, y: Floats) -> Floats:
        """Measure the distance to the nearest border of any cell."""
        found, distance = self._segments.query_nearest(shapely.points(x, y), return_distance=True, all_matches=False)
        result = np.full(len(x), np.nan)
        result[found[0]] = distance
        return result

    def _snap(self, x: Floats, y: Floats) -> tuple[Ints, NDArray[np.int32], Floats]:
        """Find the nearest cell within reach: which points have one, the lowest such cell, the distance."""
        (which, segment), distance = self._segments.query_nearest(
            shapely.points(x, y), max_distance=self.snap_m, return_distance=True
        )
        cell = self._owner[segment]
        order = np.lexsort((cell, which))
        which, first = np.unique(which[order], return_index=True)
        return which, cell[order][first].astype(np.int32), distance[order][first]

    def _fill(self) -> NDArray[np.int32]:
        """Put into each pixel the cell that its middle lies in.

        Along a row of pixel middles, from the west, a border that runs south (the cell is on its left, so east of
        it) enters the cell, one that runs north leaves it: +number and -number, and the running sum is the answer.
        Where rounding puts the two sides of one border apart, the pixel is a border pixel and marked later.
        """
        (x0, y0), (x1, y1) = self._start.T, self._end.T
        low, high = np.minimum(y0, y1), np.maximum(y0, y1)
        first = np.ceil((low - self._south) / self._pixel - 0.5).astype(np.int64)
        count = np.ceil((high - self._south) / self._pixel - 0.5).astype(np.int64) - first
        segment, step = _repeat(count)
        row = first[segment] + step
        share = (self._south + (row + 0.5) * self._pixel - y0[segment]) / (y1 - y0)[segment]
        x = x0[segment] + share * (x1 - x0)[segment]
        column = np.ceil((x - self._west) / self._pixel - 0.5).astype(np.int64)
        enters = np.where(y1 < y0, 1.0, -1.0)[segment] * (self._owner[segment] + 1)
        size = self._rows * self._columns
        change = np.bincount(row * self._columns + column, weights=enters, minlength=size)
        total = np.cumsum(change.reshape(self._rows, self._columns), axis=1)
        return np.asarray(total.ravel() - 1, dtype=np.int32)

    def _mark_borders(self) -> tuple[Ints, NDArray[np.int32]]:
        """Mark the pixels that a border may touch, and list for each the cells that may cover a point in it.

        These are the cells with a border there, and the one at the pixel's middle: a box round a piece of border
        takes in corners that the border doesn't reach, and such a pixel lies wholly in one cell, perhaps another.
        """
        span = np.abs(self._end - self._start).max(axis=1)
        segment, step = _repeat(np.maximum(np.ceil(span / (0.9 * self._pixel)).astype(np.int64), 1))
        count = np.bincount(segment)[segment]
        along = (self._end - self._start)[segment] / count[:, None]
        here = self._start[segment] + along * step[:, None]
        corner = np.array((self._west, self._south))
        low = np.floor((np.minimum(here, here + along) - _TOUCH_M - corner) / self._pixel).astype(np.int64)
        high = np.floor((np.maximum(here, here + along) + _TOUCH_M - corner) / self._pixel).astype(np.int64)
        owner = self._owner[segment]
        corners = [(row, column) for row in (low[:, 1], high[:, 1]) for column in (low[:, 0], high[:, 0])]
        pixel = np.concatenate([row * self._columns + column for row, column in corners])
        touched = np.zeros(len(self._raster), dtype=bool)
        touched[pixel] = True
        marked = np.flatnonzero(touched & (self._raster != _OUTSIDE))
        keys = _distinct(
            np.concatenate(
                (pixel * len(self.cells) + np.tile(owner, 4), marked * len(self.cells) + self._raster[marked])
            )
        )
        pixel, cell = np.divmod(keys, len(self.cells))
        first = np.flatnonzero(np.diff(pixel, prepend=-1))
        pixels = pixel[first]
        self._raster[pixels] = _FIRST_BORDER - np.arange(len(pixels), dtype=np.int32)
        return np.append(first, len(pixel)), cell.astype(np.int32)


def _directed_segments(polygons: NDArray[Any]) -> tuple[Floats, Floats, Ints]:
    """List the segments of polygons, each with its polygon on the left, and the polygon's index."""
    parts, part_owner = shapely.get_parts(polygons, return_index=True)
    rings, ring_owner = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    real = ring[1:] == ring[:-1]
    owner = part_owner[ring_owner[ring[1:][real]]]
    return xy[:-1][real], xy[1:][real], np.asarray(owner, dtype=np.int64)


def _distinct(values: Ints) -> Ints:
    """Return each value once, in order; for many values with few repeats sorting beats numpy's hashing."""
    values = np.sort(values)
    distinct: Ints = values[np.diff(values, prepend=values[:1] - 1) != 0]
    return distinct


def _repeat(count: Ints) -> tuple[Ints, Ints]:
    """Count up each thing: for counts (2, 3) the things (0, 0, 1, 1, 1) and the steps (0, 1, 0, 1, 2)."""
    thing = np.repeat(np.arange(len(count)), count)
    return thing, np.arange(len(thing)) - np.repeat(np.cumsum(count) - count, count)
