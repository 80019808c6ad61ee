"""How a department draws what it sees: thinned vertices, a few metres off, here and there a gap or an overlap.

Neighbours in one layer share their vertices, as in any layer that was drawn with snapping on; so noise moves
both alike. A defect is a stretch of border that one side drew again by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import shapely

from grids.synthetic import topology

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

_WAVES = 9
_ON_OUTLINE = 0.15
"""Share of the noise on the city's outline: every department took that line from the same map sheet."""

_LONG_ENOUGH_M = 150.0
_TOO_LONG_M = 1500.0


@dataclass(frozen=True)
class Hand:
    """How carefully a department drew.

    `noise_m` is the root mean square of the smooth shift, `jitter_m` of each vertex's own; a vertex whose
    triangle with its neighbours is smaller than `thin_m` squared is left out; `gaps` and `overlaps` count the
    stretches of border drawn twice.
    """

    noise_m: float
    jitter_m: float
    thin_m: float
    gaps: int
    overlaps: int


def draw(truth: NDArray[Any], hand: Hand, rng: Generator) -> NDArray[Any]:
    """Return the partition as a department would have digitised it, in metres; every shape valid and whole."""
    parts = shapely.coverage_simplify(truth, tolerance=hand.thin_m, simplify_boundary=False)
    parts = _moved(parts, hand, rng)
    return _with_defects(parts, hand, rng)


def _moved(parts: NDArray[Any], hand: Hand, rng: Generator) -> NDArray[Any]:
    """Move each vertex of the partition once, for all shapes that share it."""
    coordinates = shapely.get_coordinates(parts)
    points, index = np.unique(coordinates, axis=0, return_inverse=True)
    shift = _smooth(points, hand.noise_m, rng) + rng.normal(0.0, hand.jitter_m / np.sqrt(2), points.shape)
    rim = shapely.get_coordinates(shapely.boundary(topology.dissolve(list(parts))))
    shift[_rows_in(points, rim)] *= _ON_OUTLINE
    owner = np.repeat(np.arange(len(parts)), shapely.get_num_coordinates(parts))
    while True:
        moved = shapely.set_coordinates(parts.copy(), (points + shift)[index.ravel()])
        broken = np.flatnonzero(~shapely.is_valid(moved))
        if not len(broken):
            return cast("NDArray[Any]", moved)
        shift[index.ravel()[np.isin(owner, broken)]] = 0.0


def _rows_in(points: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.bool_]:
    pairs = {(float(x), float(y)) for x, y in wanted}
    return np.fromiter(((float(x), float(y)) in pairs for x, y in points), bool, len(points))


def _smooth(points: NDArray[np.float64], rms_m: float, rng: Generator) -> NDArray[np.float64]:
    """Sum a few waves of 400 to 4,000 m into a shift that changes slowly from place to place."""
    shift = np.zeros_like(points)
    for axis in (0, 1):
        for length in np.geomspace(400.0, 4000.0, _WAVES):
            bearing, phase = rng.uniform(0, 2 * np.pi, 2)
            along = points[:, 0] * np.cos(bearing) + points[:, 1] * np.sin(bearing)
            shift[:, axis] += np.sin(along * 2 * np.pi / length + phase)
    return cast("NDArray[np.float64]", shift * (rms_m / np.sqrt(_WAVES)))


def _with_defects(parts: NDArray[Any], hand: Hand, rng: Generator) -> NDArray[Any]:
    """Let one side of a few borders draw its stretch again, 3 to 8 m back (a gap) or forward (an overlap)."""
    found = parts.copy()
    borders = [pair for pair, m in topology.shared_borders(parts).items() if _LONG_ENOUGH_M < m < _TOO_LONG_M]
    wanted = [-1] * hand.gaps + [1] * hand.overlaps
    touched: set[int] = set()
    for number in rng.permutation(len(borders)):
        if not wanted:
            break
        one, two = borders[number]
        if touched & {one, two}:
            continue
        redrawn = _redrawn(parts[one], parts[two], wanted[0] * rng.uniform(3.0, 8.0))
        if redrawn is not None:
            found[one] = redrawn
            touched |= {one, two}
            wanted.pop(0)
    return found


def _redrawn(shape: shapely.Polygon, other: shapely.Polygon, reach_m: float) -> shapely.Polygon | None:
    """Shift the inner vertices of the shape's border with the other towards it; None where that spoils the shape."""
    shared = shapely.line_merge(shapely.intersection(shape.boundary, other.boundary))
    if shared.geom_type != "LineString" or shared.is_closed or len(shared.coords) < 4:  # noqa: PLR2004 - 2 inner ones
        return None
    ends = np.array(shared.coords)[[0, -1]]
    normal = np.array([ends[0, 1] - ends[1, 1], ends[1, 0] - ends[0, 0]]) / np.hypot(*(ends[1] - ends[0]))
    towards = shapely.get_coordinates(shapely.centroid([shape, other]))
    normal *= np.sign(normal @ (towards[1] - towards[0]))
    coordinates = shapely.get_coordinates(shape)
    coordinates[_rows_in(coordinates, np.array(shared.coords)[1:-1])] += reach_m * normal
    drawn = shapely.set_coordinates(shapely.from_wkb(shape.wkb), coordinates)
    return drawn if drawn.is_valid else None
