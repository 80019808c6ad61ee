"""Datums: from what a source delivers to WGS-84 and back.

WGS84 and CGCS2000 differ by decimetres at most and count as equal here. GCJ02 is the offset that Chinese map
services put on every position (Amap, Tencent), BD09 is Baidu's own offset on top of it, and BD09MC the metres of
Baidu's Mercator projection. The formulas are the published ones that these services' clients use; they are known
in the forward direction only, so the way back is an iteration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

DATUMS = frozenset({"CGCS2000", "WGS84", "GCJ02", "BD09", "BD09MC"})
"""The names that reports, layers and channels may declare."""

_CHINA = (72.004, 137.8347, 0.8293, 55.8271)
"""West, east, south, north of the box in which the GCJ-02 offset applies, in degrees."""

_KRASOVSKY_A, _KRASOVSKY_E2 = 6378245.0, 0.00669342162296594323
"""Semi-major axis in metres and squared eccentricity of the ellipsoid that GCJ-02 is defined on."""

_BAIDU_WAVE = np.pi * 3000.0 / 180.0
_BAIDU_SHIFT = (0.0065, 0.006)

_BAIDU_METRES_A_DEGREE = 111320.70202
_BAIDU_BANDS = (15.0, 30.0, 45.0, 60.0, 75.0)
_BAIDU_BAND_METRES = (1678043.12, 3481989.83, 5591021.0, 8362377.87, 12890594.86)
# fmt: off
_BAIDU_NORTHING = np.array([
    [0.00369383431289, 823725.6402795718, 0.46104986909093, 2351.343141331292, 1.58060784298199,
     8.77738589078284, 0.37238884252424, 7.45],
    [278.2353980772752, 2485758.690035394, 6070.750963243378, 54821.18345352118, 9540.606633304236,
     -2710.55326746645, 1405.483844121726, 22.5],
    [51751.86112841131, 3796837.749470245, 992013.7397791013, -1221952.21711287, 1340652.697009075,
     -620943.6990984312, 144416.9293806241, 37.5],
    [4481351.045890365, -23393751.19931662, 79682215.47186455, -115964993.2797253, 97236711.15602145,
     -43661946.33752821, 8477230.501135234, 52.5],
    [647795574.6671607, -4082003173.641316, 10774905663.51142, -15171875531.51559, 12053065338.62167,
     -5124939663.577472, 913311935.9512032, 67.5],
    [1704480524535203.0, -10338987376042340.0, 26112667856603880.0, -35149669176653700.0, 26595700718403920.0,
     -10725012454188240.0, 1800819912950474.0, 82.5],
])
# fmt: on
"""Per latitude band from the equator: the coefficients of (latitude/scale) to the powers 0 to 6, and the scale."""

_ROUNDS = 12
"""Upper bound of the iterations back; the offsets contract by about 0.02 a round, so six give 1e-10 degrees."""


def to_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> tuple[Floats, Floats]:
    """Convert positions of `datum` (degrees; metres for BD09MC) to WGS-84 degrees, element by element.

    The error against the exact inverse is under 1e-7 degrees. NaN stays NaN. Outside China GCJ02 is the identity.
    Raises ValueError for a datum that is not in DATUMS.
    """
    x, y = _pair(lon, lat)
    if _checked(datum) == "BD09MC":
        x, y = _baidu_degrees(x, y)
    if datum in {"BD09", "BD09MC"}:
        x, y = _inverse(_gcj02_to_bd09, x, y)
    if datum in {"GCJ02", "BD09", "BD09MC"}:
        inside = _in_china(x, y)
        x[inside], y[inside] = _inverse(_wgs84_to_gcj02, x[inside], y[inside])
    return x, y


def from_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> tuple[Floats, Floats]:
    """Convert WGS-84 degrees to positions of `datum` (degrees; metres for BD09MC), element by element.

    Raises ValueError for a datum that is not in DATUMS.
    """
    x, y = _pair(lon, lat)
    if _checked(datum) in {"GCJ02", "BD09", "BD09MC"}:
        inside = _in_china(x, y)
        x[inside], y[inside] = _wgs84_to_gcj02(x[inside], y[inside])
    if datum in {"BD09", "BD09MC"}:
        x, y = _gcj02_to_bd09(x, y)
    if datum == "BD09MC":
        x, y = _baidu_metres(x, y)
    return x, y


def _checked(datum: str) -> str:
    if datum not in DATUMS:
        raise ValueError(f"unknown datum {datum!r}; expected one of {', '.join(sorted(DATUMS))}")
    return datum


def _pair(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Copy both into arrays of one shape, at least 1-d, so that the callers may write into them."""
    x, y = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    return np.atleast_1d(x).copy(), np.atleast_1d(y).copy()


def _in_china(x: Floats, y: Floats) -> Any:
    west, east, south, north = _CHINA
    return (x >= west) & (x <= east) & (y >= south) & (y <= north)


def _inverse(forward: Any, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Find the positions that `forward` takes to (x, y), by fixed-point iteration."""
    u, v = x.copy(), y.copy()
    for _ in range(_ROUNDS):
        fu, fv = forward(u, v)
        du, dv = x - fu, y - fv
        u, v = u + du, v + dv
        if not (np.nanmax(np.abs(du), initial=0.0) > 1e-11 or np.nanmax(np.abs(dv), initial=0.0) > 1e-11):  # noqa: PLR2004 - degrees
            break
    return u, v


def _wgs84_to_gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = lon - 105.0, lat - 35.0
    ripple = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    root = np.sqrt(np.abs(x))
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ripple
    north += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    north += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ripple
    east += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    east += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    phi = np.radians(lat)
    w2 = 1.0 - _KRASOVSKY_E2 * np.sin(phi) ** 2
    w = np.sqrt(w2)
    metres_north = _KRASOVSKY_A * (1.0 - _KRASOVSKY_E2) / (w2 * w) * np.pi / 180.0
    metres_east = _KRASOVSKY_A / w * np.cos(phi) * np.pi / 180.0
    return lon + east / metres_east, lat + north / metres_north


def _gcj02_to_bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    radius = np.hypot(lon, lat) + 2e-5 * np.sin(lat * _BAIDU_WAVE)
    angle = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * _BAIDU_WAVE)
    return radius * np.cos(angle) + _BAIDU_SHIFT[0], radius * np.sin(angle) + _BAIDU_SHIFT[1]


def _baidu_metres(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    northing, _ = _northing(np.abs(lat), np.searchsorted(_BAIDU_BANDS, np.abs(lat), side="right"))
    return lon * _BAIDU_METRES_A_DEGREE, np.copysign(northing, lat)


def _baidu_degrees(east: Floats, north: Floats) -> tuple[Floats, Floats]:
    """Solve the northing's polynomial by Newton's method, from the sphere's latitude as the first guess."""
    metres = np.abs(north)
    band = np.searchsorted(_BAIDU_BAND_METRES, metres, side="right")
    lat = np.degrees(np.arctan(np.sinh(metres / 6378137.0)))
    for _ in range(_ROUNDS):
        value, slope = _northing(lat, band)
        lat = lat - (value - metres) / slope
    return east / _BAIDU_METRES_A_DEGREE, np.copysign(lat, north)


def _northing(lat: Floats, band: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return the metres north of the equator in Baidu's Mercator, and their slope in metres a degree."""
    powers, scale = _BAIDU_NORTHING[band, :7], _BAIDU_NORTHING[band, 7]
    t = lat / scale
    value, slope = np.zeros_like(t), np.zeros_like(t)
    for power in range(6, -1, -1):
        slope = slope * t + value
        value = value * t + powers[..., power]
    return value, slope / scale
