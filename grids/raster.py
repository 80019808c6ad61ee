"""The locator's raster: for each pixel the cell it lies in, or the cells whose border may touch it; and its files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import shapely

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from grids.cells import Cells

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FOLDER: Final = "locator"
OUTSIDE: Final = -1
FIRST_BORDER: Final = -2
"""In the raster, border pixel number k stands as FIRST_BORDER - k."""

_FORM = 1
"""Raised when the files below change their meaning; others are then built anew."""

_PIXELS_A_CELL, _LEAST_PIXELS, _MOST_PIXELS = 8192, 1 << 14, 1 << 23
_TOUCH_M = 1e-6
"""Border pixels are marked this much wider, so that rounding can't let a point slip past its border."""


class Frame(NamedTuple):
    """Where the raster lies: its south-west corner, the side of a pixel in metres, columns and rows."""

    west: float
    south: float
    pixel: float
    columns: int
    rows: int


class Raster(NamedTuple):
    """`value` of each pixel, row by row from the south: a cell, OUTSIDE, or a border pixel's number.

    Border pixel k may touch the cells `candidates[first[k]:first[k + 1]]`, which ascend.
    """

    frame: Frame
    value: NDArray[np.int32]
    first: Ints
    candidates: NDArray[np.int32]


class _Segments(NamedTuple):
    start: Floats
    end: Floats
    owner: Ints


def build_raster(polygons: NDArray[Any], pixels: int | None = None) -> Raster:
    """Build the raster of cells, given in the order of their codes, of about so many pixels."""
    shapes = shapely.orient_polygons(polygons, exterior_cw=False)
    west, south, east, north = (float(bound) for bound in shapely.total_bounds(shapes))
    width, height = max(east - west, 1.0), max(north - south, 1.0)
    pixels = pixels or min(max(_PIXELS_A_CELL * len(shapes), _LEAST_PIXELS), _MOST_PIXELS)
    pixel = max((width * height / pixels) ** 0.5, max(width, height) / pixels)
    frame = Frame(west - pixel, south - pixel, pixel, int(width / pixel) + 3, int(height / pixel) + 3)
    segments = _directed_segments(shapes)
    return _mark_borders(_fill(segments, frame), segments, frame, len(shapes))


def compile_locator(cells: Cells, directory: Path) -> None:
    """Write the raster into `directory`/locator, so that a Locator opens it without building anything."""
    folder = directory / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    raster = build_raster(cells.geometry)
    for name in ("value", "first", "candidates"):
        np.save(folder / f"{name}.npy", getattr(raster, name), allow_pickle=False)
    about = {"form": _FORM, "version": cells.version, "frame": list(raster.frame)}
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")


def open_raster(directory: Path, version: str) -> Raster | None:
    """Map the raster of a grid version from its files; None if there is none of that version and form."""
    folder = directory / FOLDER
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        if (about["form"], about["version"]) != (_FORM, version):
            return None
        value, first, candidates = (
            np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray)
            for name in ("value", "first", "candidates")
        )
    except (OSError, ValueError, KeyError):
        return None
    return Raster(Frame(*about["frame"]), value, first, candidates)


def _fill(segments: _Segments, frame: Frame) -> NDArray[np.int32]:
    """Put into each pixel the cell that its middle lies in.

    Along a row of pixel middles, from the west, a border that runs south (the cell is on its left, so east of
    it) enters the cell, one that runs north leaves it: +number and -number, and the running sum is the answer.
    Where rounding puts the two sides of one border apart, the pixel is a border pixel and marked later.
    """
    (x0, y0), (x1, y1) = segments.start.T, segments.end.T
    low, high = np.minimum(y0, y1), np.maximum(y0, y1)
    first = np.ceil((low - frame.south) / frame.pixel - 0.5).astype(np.int64)
    count = np.ceil((high - frame.south) / frame.pixel - 0.5).astype(np.int64) - first
    segment, step = _repeat(count)
    row = first[segment] + step
    share = (frame.south + (row + 0.5) * frame.pixel - y0[segment]) / (y1 - y0)[segment]
    x = x0[segment] + share * (x1 - x0)[segment]
    column = np.ceil((x - frame.west) / frame.pixel - 0.5).astype(np.int64)
    enters = np.where(y1 < y0, 1.0, -1.0)[segment] * (segments.owner[segment] + 1)
    size = frame.rows * frame.columns
    change = np.bincount(row * frame.columns + column, weights=enters, minlength=size)
    total = np.cumsum(change.reshape(frame.rows, frame.columns), axis=1)
    return np.asarray(total.ravel() - 1, dtype=np.int32)


def _mark_borders(value: NDArray[np.int32], segments: _Segments, frame: Frame, cells: int) -> Raster:
    """Mark the pixels that a border may touch, and list for each the cells that may cover a point in it.

    These are the cells with a border there, and the one at the pixel's middle: a box round a piece of border
    takes in corners that the border doesn't reach, and such a pixel lies wholly in one cell, perhaps another.
    """
    span = np.abs(segments.end - segments.start).max(axis=1)
    segment, step = _repeat(np.maximum(np.ceil(span / (0.9 * frame.pixel)).astype(np.int64), 1))
    count = np.bincount(segment)[segment]
    along = (segments.end - segments.start)[segment] / count[:, None]
    here = segments.start[segment] + along * step[:, None]
    corner = np.array((frame.west, frame.south))
    low = np.floor((np.minimum(here, here + along) - _TOUCH_M - corner) / frame.pixel).astype(np.int64)
    high = np.floor((np.maximum(here, here + along) + _TOUCH_M - corner) / frame.pixel).astype(np.int64)
    owner = segments.owner[segment]
    corners = [(row, column) for row in (low[:, 1], high[:, 1]) for column in (low[:, 0], high[:, 0])]
    pixel = np.concatenate([row * frame.columns + column for row, column in corners])
    touched = np.zeros(len(value), dtype=bool)
    touched[pixel] = True
    marked = np.flatnonzero(touched & (value != OUTSIDE))
    keys = _distinct(np.concatenate((pixel * cells + np.tile(owner, 4), marked * cells + value[marked])))
    pixel, cell = np.divmod(keys, cells)
    first = np.flatnonzero(np.diff(pixel, prepend=-1))
    pixels = pixel[first]
    value[pixels] = FIRST_BORDER - np.arange(len(pixels), dtype=np.int32)
    return Raster(frame, value, np.append(first, len(pixel)), cell.astype(np.int32))


def _directed_segments(polygons: NDArray[Any]) -> _Segments:
    """List the segments of polygons, each with its polygon on the left, and the polygon's index."""
    parts, part_owner = shapely.get_parts(polygons, return_index=True)
    rings, ring_owner = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    real = ring[1:] == ring[:-1]
    owner = part_owner[ring_owner[ring[1:][real]]]
    return _Segments(xy[:-1][real], xy[1:][real], np.asarray(owner, dtype=np.int64))


def _distinct(values: Ints) -> Ints:
    """Return each value once, in order; for many values with few repeats sorting beats numpy's hashing."""
    values = np.sort(values)
    distinct: Ints = values[np.diff(values, prepend=values[:1] - 1) != 0]
    return distinct


def _repeat(count: Ints) -> tuple[Ints, Ints]:
    """Count up each thing: for counts (2, 3) the things (0, 0, 1, 1, 1) and the steps (0, 1, 0, 1, 2)."""
    thing = np.repeat(np.arange(len(count)), count)
    return thing, np.arange(len(thing)) - np.repeat(np.cumsum(count) - count, count)
