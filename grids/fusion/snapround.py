"""Cutting segments at every crossing, on a grid: snap rounding in whole numbers, tile by tile without a seam.

Every end of a segment and every crossing, rounded to the grid, is a *hot* point; every segment is bent through the
hot points whose pixel it passes, and nowhere else. So whether a segment goes through a hot point depends on that
segment and that point alone, and a tile that decides it for the points inside itself decides it as any other tile
would. Tiles only share out the work: their size and the number of processes change no coordinate.

The method is Hobby's (Practical segment intersection with finite precision output, 1999), with half-open pixels, so
that a segment through a corner shared by four pixels belongs to one of them. The result crosses itself nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

SEGMENTS_A_TILE = 120_000
"""Tiles are made so that each holds about this many segments: some hundred megabytes while it is worked on."""


class Tile(NamedTuple):
    """The segments that may pass a square: their numbers, their ends (n x 4), and west, south, east, north of it.

    A point on the west or south side is inside, one on the east or north side is not.
    """

    number: Ints
    ends: Ints
    square: tuple[int, int, int, int]


def node(ends: Ints, *, tile: int | None = None, run: Any = map) -> Ints:
    """Cut segments, given as whole numbers (n x 4: x, y, x, y), at all crossings; return distinct pieces (m x 4).

    Pieces run from the lower end to the higher (x, then y) and come in that order. Tiles are `tile` units wide
    (default: by the number of segments), and `run` maps a function over them, maybe in other processes.
    """
    ends = distinct(_upward(ends[(ends[:, :2] != ends[:, 2:]).any(axis=1)]))
    if not len(ends):
        return ends
    found = np.concatenate(list(run(hot_points, _tiles(ends, tile))))
    number, xy = found[:, 0], found[:, 1:]
    start, along = ends[number, :2], ends[number, 2:] - ends[number, :2]
    reach = ((xy - start) * along).sum(axis=1)
    order = np.lexsort((xy[:, 1], xy[:, 0], reach, number))
    number, xy = number[order], xy[order]
    same = number[1:] == number[:-1]
    pieces = np.column_stack((xy[:-1][same], xy[1:][same]))
    return distinct(_upward(pieces[(pieces[:, :2] != pieces[:, 2:]).any(axis=1)]))


def hot_points(tile: Tile) -> Ints:
    """List which segments of a tile go through which hot points inside its square: rows of number, x, y."""
    number, ends, (west, south, east, north) = tile
    tree = shapely.STRtree(shapely.linestrings(ends.reshape(-1, 2, 2)))
    first, second, crossing = _crossings(ends, tree)

    def inside(xy: Ints) -> Mask:
        found: Mask = (west <= xy[:, 0]) & (xy[:, 0] < east) & (south <= xy[:, 1]) & (xy[:, 1] < north)
        return found

    here = inside(crossing)
    first, second, crossing = first[here], second[here], crossing[here]
    hot = np.concatenate((ends[:, :2], ends[:, 2:], crossing))
    hot = distinct(hot[inside(hot)])
    pixel, segment = tree.query(shapely.linestrings(np.stack((hot - 0.5, hot + 0.5), axis=1)))
    passes = _passes(ends[segment], hot[pixel])
    segment, xy = segment[passes], hot[pixel[passes]]
    # a crossing's own segments go through it even where rounding put it a hair beyond its pixel
    segment = np.concatenate((segment, first, second))
    return distinct(np.column_stack((number[segment], np.concatenate((xy, crossing, crossing)))))


def _crossings(ends: Ints, tree: shapely.STRtree) -> tuple[Ints, Ints, Ints]:
    """Find the pairs of segments that cross between their ends, and where, rounded."""
    first, second = tree.query(tree.geometries)
    keep = first < second
    first, second = first[keep], second[keep]
    a, b, c, d = ends[first, :2], ends[first, 2:], ends[second, :2], ends[second, 2:]
    side_c, side_d = _cross(b - a, c - a), _cross(b - a, d - a)
    keep = np.sign(side_c) * np.sign(side_d) < 0
    first, second, a, b, c, d = first[keep], second[keep], a[keep], b[keep], c[keep], d[keep]
    side_a, side_b = _cross(d - c, a - c), _cross(d - c, b - c)
    keep = np.sign(side_a) * np.sign(side_b) < 0
    first, second, a, b = first[keep], second[keep], a[keep], b[keep]
    return first, second, a + _rounded_share(side_a[keep], side_a[keep] - side_b[keep], b - a)


def _rounded_share(part: Ints, whole: Ints, along: Ints) -> Ints:
    """Return part / whole x along (n x 2), rounded as pixels are: a half belongs to the next one up.

    Where floating point can't tell which side of a half it is, whole numbers of any length decide.
    """
    exact = (part / whole)[:, None] * along
    found = np.floor(exact + 0.5).astype(np.int64)
    doubtful = np.abs(exact - np.floor(exact) - 0.5) < 1e-6 * np.maximum(1.0, 1e-6 * np.abs(exact))
    for row, axis in np.argwhere(doubtful):
        top, bottom = 2 * int(part[row]) * int(along[row, axis]), 2 * int(whole[row])
        found[row, axis] = (top + int(whole[row])) // bottom
    return found


def _passes(ends: Ints, hot: Ints) -> Mask:
    """Say whether each segment passes the pixel of a hot point: half a unit around it, west and south side included.

    Worked in half units, so that the pixel's corners are whole numbers. Ends that are no hot point's lie a whole
    unit away at least, so only the four corners matter.
    """
    a, b = 2 * (ends[:, :2] - hot), 2 * (ends[:, 2:] - hot)
    low, high = np.minimum(a, b), np.maximum(a, b)
    near: Mask = ((low < 1) & (high >= -1)).all(axis=1)
    along = b - a  # never westward

    def side(x: int, y: int) -> Ints:
        return np.sign(_cross(along, np.array((x, y)) - a))

    upper_left, upper_right, lower_left, lower_right = side(-1, 1), side(1, 1), side(-1, -1), side(1, -1)
    straight = (along == 0).any(axis=1)
    rising = along[:, 1] > 0
    # the first rule that applies decides, as in the order of these two lists
    rules = [
        straight,
        upper_left == 0,
        upper_right == 0,
        upper_left != upper_right,
        lower_left == 0,
        lower_left != upper_left,
        lower_right == 0,
        lower_right != lower_left,
    ]
    yes = np.ones(len(ends), dtype=bool)
    verdicts = [yes, ~rising, rising, yes, yes, yes, ~rising, yes]
    return np.asarray(near & np.select(rules, verdicts, default=False), dtype=np.bool_)


def _tiles(ends: Ints, size: int | None) -> Iterator[Tile]:
    """Share the segments out to square tiles; a segment is in each tile that it may pass within a unit."""
    low, high = np.minimum(ends[:, :2], ends[:, 2:]), np.maximum(ends[:, :2], ends[:, 2:])
    origin, span = low.min(axis=0), (high.max(axis=0) - low.min(axis=0)) + 1
    if size is None:
        size = int(np.sqrt(float(span[0]) * float(span[1]) / -(-len(ends) // SEGMENTS_A_TILE))) + 1
        size = max(size, int(span.max()) // len(ends) + 1)
    first, last = (low - 1 - origin) // size, (high + 1 - origin) // size
    wide = last - first + 1
    count = wide[:, 0] * wide[:, 1]
    number = np.repeat(np.arange(len(ends)), count)
    step = np.arange(len(number)) - np.repeat(np.cumsum(count) - count, count)
    column, row = first[number, 0] + step % wide[number, 0], first[number, 1] + step // wide[number, 0]
    order = np.lexsort((number, column, row))
    number, column, row = number[order], column[order], row[order]
    change = np.flatnonzero((np.diff(column) != 0) | (np.diff(row) != 0)) + 1
    for here in np.split(np.arange(len(number)), change):
        west = int(origin[0] + column[here[0]] * size)
        south = int(origin[1] + row[here[0]] * size)
        yield Tile(number[here], ends[number[here]], (west, south, west + size, south + size))


def distinct(rows: Ints) -> Ints:
    """Return the distinct rows of whole numbers, in ascending order; faster than np.unique over an axis."""
    rows = rows[np.lexsort(rows.T[::-1])]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return rows[new]


def _upward(ends: Ints) -> Ints:
    """Turn every segment so that it runs from its lower end to its higher one (x, then y)."""
    swap = (ends[:, 0] > ends[:, 2]) | ((ends[:, 0] == ends[:, 2]) & (ends[:, 1] > ends[:, 3]))
    return np.where(swap[:, None], ends[:, [2, 3, 0, 1]], ends)


def _cross(u: Ints, v: Ints) -> Ints:
    return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0], dtype=np.int64)
