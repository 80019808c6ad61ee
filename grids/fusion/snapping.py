"""A department's border that runs within a tolerance of a base border is meant to be that border, and becomes it.

Each corner within the tolerance moves to the nearest place on a base border, or to a base corner beside it; between
two corners that moved, the base border's own corners are put in where they lie within the tolerance of the straight
line. What becomes of a corner or of a line depends on that one alone, so neighbours who share a border still share
it afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from grids.fusion.noding import GRID_M

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from grids.fusion.prepare import Prepared

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Snapped:
    """A layer after snapping: how many of its corners moved, and how much ground changed hands (m2).

    `left` are units that snapping would have emptied; they stay as they were drawn.
    """

    layer: Prepared
    corners: int
    area: float
    left: int


class BaseBorder:
    """The base layer's borders, to be snapped to."""

    def __init__(self, base: Prepared) -> None:
        rings = shapely.get_rings(shapely.get_parts(base.polygons))
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        same = ring[1:] == ring[:-1]
        ends = np.hstack((xy[:-1][same], xy[1:][same]))
        swap = (ends[:, 0] > ends[:, 2]) | ((ends[:, 0] == ends[:, 2]) & (ends[:, 1] > ends[:, 3]))
        self.ends = np.unique(np.where(swap[:, None], ends[:, [2, 3, 0, 1]], ends), axis=0)
        self.corners = np.unique(self.ends.reshape(-1, 2), axis=0)
        self._segments = shapely.STRtree(shapely.linestrings(self.ends.reshape(-1, 2, 2)))
        self._points = shapely.STRtree(shapely.points(self.corners))

    def pull(self, xy: Floats, reach: float) -> tuple[Floats, NDArray[np.bool_]]:
        """Move points within `reach` metres of a border to the nearest place on it; also say which ones."""
        (which, segment), distance = self._segments.query_nearest(
            shapely.points(xy), max_distance=reach, return_distance=True, all_matches=True
        )
        order = np.lexsort((segment, distance, which))
        which, first = np.unique(which[order], return_index=True)
        start, end = np.split(self.ends[segment[order][first]], 2, axis=1)
        along = end - start
        share = ((xy[which] - start) * along).sum(axis=1) / (along**2).sum(axis=1)
        moved = xy.copy()
        moved[which] = start + np.clip(share, 0.0, 1.0)[:, None] * along
        # where a base corner is that near, it is meant: borders meet there
        (near, corner), distance = self._points.query_nearest(
            shapely.points(moved[which]), max_distance=reach / 2.0, return_distance=True, all_matches=True
        )
        order = np.lexsort((corner, distance, near))
        near, first = np.unique(near[order], return_index=True)
        moved[which[near]] = self.corners[corner[order][first]]
        pulled = np.zeros(len(xy), dtype=bool)
        pulled[which] = True
        return moved, pulled

    def corners_along(self, start: Floats, end: Floats, reach: float) -> tuple[Ints, Floats]:
        """List base corners beside each line from `start` to `end`: the line's number and the corner, in order."""
        lines = shapely.linestrings(np.stack((start, end), axis=1))
        line, corner = self._points.query(lines, predicate="dwithin", distance=reach)
        along = end[line] - start[line]
        share = ((self.corners[corner] - start[line]) * along).sum(axis=1) / (along**2).sum(axis=1)
        length = np.hypot(*along.T)
        # a corner that an end was pulled onto is there already
        between = (share * length > GRID_M) & ((1.0 - share) * length > GRID_M)
        line, corner, share = line[between], corner[between], share[between]
        order = np.lexsort((corner, share, line))
        return line[order], self.corners[corner[order]]


def snap(layer: Prepared, border: BaseBorder, reach: float) -> Snapped:
    """Snap a layer's borders to the base border within `reach` metres."""
    parts, part_owner = shapely.get_parts(layer.polygons, return_index=True)
    rings, ring_owner = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    distinct, where = np.unique(xy, axis=0, return_inverse=True)
    moved, pulled = border.pull(distinct, reach)
    where = where.ravel()
    at, on_base = moved[where], pulled[where]
    starts = np.flatnonzero((ring[1:] == ring[:-1]) & on_base[1:] & on_base[:-1] & (at[1:] != at[:-1]).any(axis=1))
    line, corner = _both_ways(border, at[starts], at[starts + 1], reach)
    whole = np.insert(at, starts[line] + 1, corner, axis=0)
    whole_ring = np.insert(ring, starts[line] + 1, ring[starts[line]])
    rebuilt = _rebuilt(whole, whole_ring, len(rings), ring_owner, part_owner, len(layer.polygons))
    empty = ~(shapely.area(rebuilt) > 0.0)
    rebuilt[empty] = layer.polygons[empty]
    changed = np.flatnonzero(shapely.area(rebuilt) != shapely.area(layer.polygons))
    difference = shapely.area(shapely.symmetric_difference(rebuilt[changed], layer.polygons[changed]))
    corners = int((np.abs(moved - distinct).max(axis=1, initial=0.0) > GRID_M).sum())
    # ground that one unit lost to its neighbour is in the difference of both
    return Snapped(replace(layer, polygons=rebuilt), corners, float(difference.sum()) / 2.0, int(empty.sum()))


def _both_ways(border: BaseBorder, start: Floats, end: Floats, reach: float) -> tuple[Ints, Floats]:
    """List the corners along lines so that a line drawn the other way by a neighbour gets the same ones."""
    swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    low, high = np.where(swap[:, None], end, start), np.where(swap[:, None], start, end)
    line, corner = border.corners_along(low, high, reach)
    number = np.arange(len(line))
    order = np.lexsort((np.where(swap[line], -number, number), line))
    return line[order], corner[order]


def _rebuilt(xy: Floats, ring: Ints, rings: int, ring_owner: Ints, part_owner: Ints, units: int) -> NDArray[Any]:
    """Put rings, parts and units together again; a ring of fewer than three places is left out with its holes."""
    fresh = np.append(True, (ring[1:] != ring[:-1]) | (xy[1:] != xy[:-1]).any(axis=1))
    xy, ring = xy[fresh], ring[fresh]
    size = np.bincount(ring, minlength=rings)
    first_ring = np.searchsorted(ring_owner, np.arange(len(part_owner)))
    whole = (size >= 4) & (size[first_ring[ring_owner]] >= 4)  # noqa: PLR2004 - a ring comes back to its start
    kept = np.flatnonzero(whole)
    number = np.cumsum(whole) - 1
    lines = shapely.linearrings(xy[whole[ring]], indices=number[ring[whole[ring]]])
    parts_left, of_part = np.unique(ring_owner[kept], return_inverse=True)
    shells = np.append(True, of_part[1:] != of_part[:-1]) if len(of_part) else np.empty(0, dtype=bool)
    polygons = shapely.make_valid(shapely.polygons(lines[shells]), method="structure", keep_collapsed=False)
    if not shells.all():
        polygons = shapely.difference(polygons, _holes(lines[~shells], of_part[~shells], len(polygons)))
    found = np.full(units, shapely.MultiPolygon(), dtype=object)
    owners = part_owner[parts_left]
    single = np.bincount(owners, minlength=units)[owners] == 1
    found[owners[single]] = polygons[single]
    for unit in np.unique(owners[~single]):
        found[unit] = shapely.union_all(polygons[owners == unit])
    return found


def _holes(rings: NDArray[Any], part: Ints, parts: int) -> NDArray[Any]:
    """Return for each part the ground of its holes, an empty shape where it has none."""
    shapes = shapely.make_valid(shapely.polygons(rings), method="structure", keep_collapsed=False)
    found = np.full(parts, shapely.MultiPolygon(), dtype=object)
    for which in np.unique(part):
        found[which] = shapely.union_all(shapes[part == which])
    return found
