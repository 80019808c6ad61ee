"""Coordinate reference systems: reading one from text, a metric one for a place, and moving geometries between."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import CRS, Transformer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WGS84 = CRS.from_epsg(4326)
"""The CRS of everything that comes from a phone or a browser; also of converted GCJ-02 and BD-09 layers."""


def is_metric(crs: CRS) -> bool:
    """Say whether a CRS is a projection in metres, so that lengths and areas mean something."""
    return bool(crs.is_projected and all(axis.unit_name in {"metre", "meter"} for axis in crs.axis_info[:2]))


def utm_crs(lon: float, lat: float) -> CRS:
    """Return the WGS-84 UTM zone of a position; its scale is true to 0.1 %."""
    zone = min(max(int((lon + 180.0) // 6.0) + 1, 1), 60)
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


@lru_cache(maxsize=64)
def transformer(source: CRS, target: CRS) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Return a function from (x, y) of one CRS to (x, y) of another, always in the order east, north."""
    same = source == target
    return (lambda x, y: (x, y)) if same else Transformer.from_crs(source, target, always_xy=True).transform


def convert(geometries: NDArray[Any], move: Callable[[Any, Any], tuple[Any, Any]]) -> NDArray[Any]:
    """Return copies of `geometries` (2-d) with every vertex moved by `move`; None stays None."""
    xy = shapely.get_coordinates(geometries)
    x, y = move(xy[:, 0], xy[:, 1])
    moved: NDArray[Any] = shapely.set_coordinates(geometries.copy(), np.column_stack((x, y)))
    return moved


def project(geometries: NDArray[Any], source: CRS, target: CRS) -> NDArray[Any]:
    """Return copies of `geometries` in another CRS."""
    return convert(geometries, transformer(source, target))


def centre(geometries: NDArray[Any], crs: CRS) -> tuple[float, float]:
    """Return longitude and latitude of the middle of the geometries' bounding box."""
    west, south, east, north = shapely.total_bounds(geometries)
    lon, lat = transformer(crs, WGS84)((west + east) / 2.0, (south + north) / 2.0)
    return float(lon), float(lat)
