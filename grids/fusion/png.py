"""Pictures for the report: the smallest PNG writer, and two ways to fill one."""

from __future__ import annotations

import base64
import colorsys
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from grids.raster import FIRST_BORDER, OUTSIDE, build_raster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Pixels = NDArray[np.uint8]


def data_uri(pixels: Pixels) -> str:
    """Write rows x columns x RGBA, from the top, as an address that holds the picture itself."""
    rows, columns, _ = pixels.shape
    raw = np.concatenate((np.zeros((rows, 1), dtype=np.uint8), pixels.reshape(rows, columns * 4)), axis=1)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw.tobytes(), 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def paint(polygons: NDArray[Any], colours: Pixels, pixels: int) -> tuple[Pixels, tuple[float, float, float, float]]:
    """Paint a coverage with a colour (RGB) each; return the picture and the west, south, east, north it spans.

    Where a border runs the picture is a little darker, as far as there are pixels beside it that are not.
    """
    frame, value, first, candidates = build_raster(polygons, pixels)
    border = np.flatnonzero(value <= FIRST_BORDER)
    held = np.asarray(value, dtype=np.int64)
    held[border] = candidates[first[FIRST_BORDER - value[border]]]
    picture = np.zeros((len(held), 4), dtype=np.uint8)
    inside = held != OUTSIDE
    picture[inside, :3], picture[inside, 3] = colours[held[inside]], 255
    if len(border) < len(held) / 4:
        picture[border, :3] = picture[border, :3] * 0.72
    grid = picture.reshape(frame.rows, frame.columns, 4)[::-1]
    east, north = frame.west + frame.columns * frame.pixel, frame.south + frame.rows * frame.pixel
    return grid, (frame.west, frame.south, east, north)


def glow(places: Floats, amount: Floats, shape: tuple[int, int], colour: tuple[int, int, int]) -> Pixels:
    """Paint how much of something is where: `places` are n x (column, row) of a picture; more is brighter."""
    rows, columns = shape
    at = np.clip(places.astype(np.int64), 0, (columns - 1, rows - 1))
    total = np.bincount(at[:, 1] * columns + at[:, 0], weights=amount, minlength=rows * columns)
    picture = np.zeros((rows * columns, 4), dtype=np.uint8)
    lit = total > 0.0
    strength = np.log1p(total[lit]) / max(float(np.log1p(total.max())), 1e-9) if lit.any() else total[lit]
    picture[lit, :3], picture[lit, 3] = colour, 90 + 165 * strength
    return picture.reshape(rows, columns, 4)


def hues(number: NDArray[np.int64], shade: NDArray[np.int64]) -> Pixels:
    """Give neighbours in number hues far apart (the golden angle), and things of one number five shades."""
    found = [
        colorsys.hls_to_rgb(n * 0.381966 % 1.0, 0.62 + 0.05 * (s % 5), 0.42)
        for n, s in zip(number.tolist(), shade.tolist(), strict=True)
    ]
    return np.asarray(np.array(found) * 255.0, dtype=np.uint8)
