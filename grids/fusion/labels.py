"""Which unit of each layer a face lies in, and where a layer has gaps or overlaps itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from grids.fusion.noding import Borders, connected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

NO_UNIT = -1
"""The label of a face that lies in no unit of a layer."""


@dataclass(frozen=True, eq=False)
class Labelling:
    """One layer over all faces: the unit of each (index into the layer, or NO_UNIT), and how many units claim it."""

    unit: Ints
    claims: Ints


@dataclass(frozen=True, eq=False)
class Spot:
    """A connected place of several faces: its lowest face, area in m2 and mean width in m."""

    face: int
    area: float
    width: float


def label(inside: NDArray[Any], polygons: NDArray[Any]) -> Labelling:
    """Label every face, given by a point inside it, with the unit of a layer it lies in.

    `polygons` come in the order of their ids: where a layer overlaps itself the lowest id wins, unless a unit
    would be left without any face; then it keeps those of its faces that their owner can spare.
    """
    tree = shapely.STRtree(inside)
    unit_of, face_of = tree.query(polygons, predicate="intersects")
    unit = np.full(len(inside), len(polygons), dtype=np.int64)
    np.minimum.at(unit, face_of, unit_of)
    unit[unit == len(polygons)] = NO_UNIT
    claims = np.bincount(face_of, minlength=len(inside)).astype(np.int64)
    held = np.bincount(unit[unit != NO_UNIT], minlength=len(polygons))
    for lost in np.flatnonzero(held == 0):
        for face in np.sort(face_of[unit_of == lost]):
            if held[unit[face]] > 1:
                held[unit[face]] -= 1
                held[lost] += 1
                unit[face] = lost
    return Labelling(unit, claims)


def spots(
    mask: Mask, borders: Borders, area: Floats, perimeter: Floats, alike: NDArray[Any] | None = None
) -> list[Spot]:
    """Group the faces of a mask into connected places; with `alike`, only faces of equal value belong together."""
    inner = borders.inner()
    joined = mask[inner.left] & mask[inner.right]
    if alike is not None:
        joined &= alike[inner.left] == alike[inner.right]
    group = connected(len(mask), inner.left[joined].tolist(), inner.right[joined].tolist())
    total = np.bincount(group[mask], weights=area[mask], minlength=len(mask))
    around = np.bincount(group[mask], weights=perimeter[mask], minlength=len(mask))
    around = around - 2.0 * np.bincount(group[inner.left[joined]], weights=inner.length[joined], minlength=len(mask))
    return [
        Spot(int(face), float(total[face]), float(2.0 * total[face] / around[face]))
        for face in np.unique(group[mask])
    ]


def gaps(mask: Mask, borders: Borders, area: Floats, perimeter: Floats, least_width: float) -> list[Spot]:
    """List the gaps among the faces that a layer leaves without a unit though another layer has one there.

    A place enclosed by the layer's own units is a gap whatever its width. At the rim every independently drawn
    layer ends a little elsewhere, so a place there counts from a mean width of `least_width` metres on.
    """
    rim = borders.at_rim(len(mask))
    inner = borders.inner()
    joined = mask[inner.left] & mask[inner.right]
    group = connected(len(mask), inner.left[joined].tolist(), inner.right[joined].tolist())
    open_groups = set(group[mask & rim].tolist())
    return [
        spot
        for spot in spots(mask, borders, area, perimeter)
        if spot.face not in open_groups or spot.width >= least_width
    ]
