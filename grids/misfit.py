"""Does a layer lie where the base layer says its borders are? If not: how far off, and what would explain it.

A department's borders follow the base layer's for a good part (a street, a river, the city's rim). Points along them
are compared with the base borders as they are, after undoing the offset of GCJ-02 or BD-09, and after the one shift
that most points agree on. Nothing is converted; the answer is a sentence and a command.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from grids.datum import from_wgs84, to_wgs84
from grids.projection import WGS84, centre, project, transformer, utm_crs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pyproj import CRS

    Floats = NDArray[np.float64]
    Mover = Callable[[Floats, Floats], tuple[Floats, Floats]]

_SAMPLES: Final = 4000
_NEAR_M: Final = 12.0
"""A point this near a base border lies on it, for this purpose."""

_REACH_M, _BIN_M = 1500.0, 15.0
_GAIN, _LEAST_SHARE, _LEAST_SHIFT_M = 2.0, 0.2, 8.0
"""An explanation counts if it puts so many times more points on base borders, or leaves so many times fewer off
them, this share on them at least, and moves them this far. (On a net of small grids many are near one by chance.)"""


@dataclass(frozen=True)
class Misfit:
    """How a layer lies beside the base: by `datum` (GCJ02, BD09; '' for a plain shift), or the base itself does so.

    `east` and `north` are the shift that would put the layer right, in metres (median); `before` the median distance
    that the fitting points are off, `after` what is left; `fitting` the share of points that lie on a base border
    then, `fitted` the share that does now.
    """

    datum: str
    base_is_off: bool
    east: float
    north: float
    before: float
    after: float
    fitted: float
    fitting: float


def find_misfit(layer: NDArray[Any], crs: CRS, base: NDArray[Any], base_crs: CRS) -> Misfit | None:
    """Compare polygons with those of a base layer; None if they lie well, or nothing explains why they don't."""
    metric = utm_crs(*centre(base, base_crs))
    borders = shapely.boundary(shapely.make_valid(project(base, base_crs, metric), method="structure"))
    ground = _Ground(borders)
    lon, lat = transformer(crs, WGS84)(*_sampled(layer).T)
    to_metric = transformer(WGS84, metric)
    here = np.column_stack(to_metric(lon, lat))
    here_near = ground.distance(here)
    fitted = float((here_near < _NEAR_M).mean())
    best: Misfit | None = None
    for datum in ("GCJ02", "BD09"):
        for base_is_off, convert in ((False, to_wgs84), (True, from_wgs84)):
            moved = np.column_stack(to_metric(*convert(lon, lat, datum)))
            found = _judged(datum, here, moved, ground.distance(moved), fitted, base_is_off=base_is_off)
            best = found if best is None or (found is not None and found.fitting > best.fitting) else best
    if best is None and (shift := ground.common_shift(here)) is not None:
        moved = here + shift
        best = _judged("", here, moved, ground.distance(moved), fitted, base_is_off=False)
    return best


def _judged(
    datum: str, here: Floats, moved: Floats, distance: Floats, fitted: float, *, base_is_off: bool
) -> Misfit | None:
    near = distance < _NEAR_M
    share = float(near.mean())
    if share < _LEAST_SHARE or (share < _GAIN * fitted and _GAIN * (1.0 - share) > 1.0 - fitted):
        return None
    shift = moved[near] - here[near]
    east, north = np.median(shift, axis=0)
    off = float(np.median(np.hypot(*shift.T)))
    if off < _LEAST_SHIFT_M:
        return None
    return Misfit(datum, base_is_off, float(east), float(north), off, float(np.median(distance[near])), fitted, share)


class _Ground:
    """The base layer's borders in metres."""

    def __init__(self, borders: NDArray[Any]) -> None:
        xy, line = shapely.get_coordinates(shapely.get_parts(borders), return_index=True)
        same = line[1:] == line[:-1]
        self._ends = np.stack((xy[:-1][same], xy[1:][same]), axis=1)
        self._tree = shapely.STRtree(shapely.linestrings(self._ends))

    def distance(self, xy: Floats) -> Floats:
        """Return the distance of points to the nearest border; infinite beyond the reach."""
        found = np.full(len(xy), np.inf)
        real = np.flatnonzero(np.isfinite(xy).all(axis=1))
        (which, _), near = self._tree.query_nearest(
            shapely.points(xy[real]), max_distance=_REACH_M, return_distance=True, all_matches=False
        )
        found[real[which]] = near
        return found

    def common_shift(self, xy: Floats) -> Floats | None:
        """Find the shift that most points agree on: each votes for those to every base corner within reach."""
        xy = xy[np.isfinite(xy).all(axis=1)]
        corners = np.unique(self._ends.reshape(-1, 2), axis=0)
        corners = corners[:: max(len(corners) // (4 * _SAMPLES), 1)]
        point, corner = shapely.STRtree(shapely.points(corners)).query(
            shapely.points(xy[:: max(len(xy) // 1500, 1)]), predicate="dwithin", distance=_REACH_M
        )
        if not len(point):
            return None
        votes = corners[corner] - xy[:: max(len(xy) // 1500, 1)][point]
        bins = np.arange(-_REACH_M, _REACH_M + _BIN_M, _BIN_M)
        count, _, _ = np.histogram2d(votes[:, 0], votes[:, 1], bins=(bins, bins))
        column, row = np.unravel_index(int(count.argmax()), count.shape)
        shift = np.array([bins[column] + _BIN_M / 2.0, bins[row] + _BIN_M / 2.0])
        for reach in (2.0 * _BIN_M, _BIN_M):  # then the middle of the votes around the fullest bin
            close = votes[(np.abs(votes - shift) < reach).all(axis=1)]
            shift = np.median(close, axis=0)
        return np.asarray(shift, dtype=np.float64)


def _sampled(polygons: NDArray[Any]) -> Floats:
    """Take corners of polygons, evenly over all of them."""
    xy = shapely.get_coordinates(polygons)
    return np.asarray(xy[:: max(len(xy) // _SAMPLES, 1)], dtype=np.float64)
