"""All boundaries of all layers, cut at every crossing on a grid of one centimetre, and the faces between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from grids.fusion.snapround import node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

GRID_M = 0.01
"""The grid that boundaries are noded on, in metres. Without it, real layers lost 9 % of their area in silence."""

OUTSIDE = -1
"""The face on the far side of a border at the rim."""


@dataclass(frozen=True, eq=False)
class Faces:
    """Polygons without overlaps, in the order of their inside points (x, then y), so input order can't matter."""

    polygons: NDArray[Any]
    inside: Floats

    def __len__(self) -> int:
        return len(self.polygons)

    def take(self, keep: NDArray[Any]) -> Faces:
        """Return the faces of a mask or of indices."""
        return Faces(self.polygons[keep], self.inside[keep])


@dataclass(frozen=True, eq=False)
class Borders:
    """Which faces share a border, and how long it is: `left` < `right` (face indices), `length` in metres.

    A border with nothing behind it has `left` OUTSIDE.
    """

    left: Ints
    right: Ints
    length: Floats

    def inner(self) -> Borders:
        """Return the borders that have a face on both sides."""
        keep = self.left != OUTSIDE
        return Borders(self.left[keep], self.right[keep], self.length[keep])

    def renumbered(self, place: Ints) -> Borders:
        """Return the borders by the new numbers of the faces: face i becomes `place[i]`; in the order of those."""
        left = np.where(self.left == OUTSIDE, OUTSIDE, place[self.left])
        right = place[self.right]
        low, high = np.minimum(left, right), np.maximum(left, right)
        order = np.lexsort((high, low))
        return Borders(low[order], high[order], self.length[order])

    def at_rim(self, faces: int) -> NDArray[np.bool_]:
        """Say which of `faces` faces have a border with nothing behind it."""
        found = np.zeros(faces, dtype=bool)
        found[self.right[self.left == OUTSIDE]] = True
        return found


def planar_faces(polygons: NDArray[Any], *, tile_m: float | None = None, run: Any = map) -> Faces:
    """Cut the plane along the boundaries of `polygons` (metric coordinates) into the faces between them.

    The work is done in tiles of `tile_m` metres (default: by the number of segments), which `run` maps over; that
    changes nothing in the faces.
    """
    start, end, _ = _segments(shapely.get_rings(shapely.get_parts(polygons)))
    tile = None if tile_m is None else round(tile_m / GRID_M)
    pieces = node(np.hstack((start, end)), tile=tile, run=run)
    found = shapely.get_parts(shapely.polygonize(shapely.linestrings(pieces.reshape(-1, 2, 2) * GRID_M)))
    found = shapely.normalize(found)
    inside = shapely.get_coordinates(shapely.point_on_surface(found))
    order = np.lexsort((inside[:, 1], inside[:, 0]))
    return Faces(found[order], inside[order])


def shared_borders(polygons: NDArray[Any]) -> Borders:
    """Find the borders of noded polygons: two faces share one where they have segments with the same ends."""
    parts, part_owner = shapely.get_parts(polygons, return_index=True)
    rings, ring_owner = shapely.get_rings(parts, return_index=True)
    start, end, owner = _segments(rings, part_owner[ring_owner])
    order = np.lexsort((end[:, 1], end[:, 0], start[:, 1], start[:, 0]))
    start, end, owner = start[order], end[order], owner[order]
    twin = np.zeros(len(order), dtype=bool)  # is the segment the same as the one before?
    twin[1:] = (start[1:] == start[:-1]).all(axis=1) & (end[1:] == end[:-1]).all(axis=1)
    second = np.flatnonzero(twin)
    single = np.flatnonzero(~twin & ~np.append(twin[1:], False))
    length = np.hypot(*(end - start).T) * GRID_M
    left = np.concatenate((np.minimum(owner[second], owner[second - 1]), np.full(len(single), OUTSIDE)))
    right = np.concatenate((np.maximum(owner[second], owner[second - 1]), owner[single]))
    keys = (left + 1) * (len(polygons) + 1) + right
    pairs, where = np.unique(keys, return_inverse=True)
    total = np.bincount(where, weights=np.concatenate((length[second], length[single])), minlength=len(pairs))
    left, right = np.divmod(pairs, len(polygons) + 1)
    return Borders(left - 1, right, total.astype(np.float64))


def connected(count: int, left: Iterable[int], right: Iterable[int]) -> Ints:
    """Number the connected groups of `count` things joined by pairs: each thing gets its group's lowest member."""
    parent = list(range(count))
    for a, b in zip(left, right, strict=True):
        while parent[a] != a:
            parent[a] = a = parent[parent[a]]  # noqa: PLW2901
        while parent[b] != b:
            parent[b] = b = parent[parent[b]]  # noqa: PLW2901
        if a != b:
            parent[max(a, b)] = min(a, b)
    for thing in range(count):
        parent[thing] = parent[parent[thing]]
    return np.array(parent, dtype=np.int64)


def _segments(rings: NDArray[Any], owner: Ints | None = None) -> tuple[Ints, Ints, Ints]:
    """List the segments of rings in whole centimetres, each from its lower to its higher end, and its owner."""
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    ends = np.rint(xy / GRID_M).astype(np.int64)
    real = (ring[1:] == ring[:-1]) & (ends[1:] != ends[:-1]).any(axis=1)
    a, b, ring = ends[:-1][real], ends[1:][real], ring[1:][real]
    swap = (a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1]))
    start, end = np.where(swap[:, None], b, a), np.where(swap[:, None], a, b)
    return start, end, np.asarray(ring, dtype=np.int64) if owner is None else owner[ring]
