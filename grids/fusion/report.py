"""What fusing did, in figures: report.json. Everything here is measured on the result, not taken from the method."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import shapely

from grids.fusion.labels import NO_UNIT, Labelling, gaps, spots
from grids.fusion.prepare import Repair
from grids.projection import WGS84, transformer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from grids.cells import Cells
    from grids.fusion.noding import Borders, Faces
    from grids.fusion.prepare import Prepared

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

WORST = 10
"""How many of the most changed units the report lists."""


class LayerFigures(msgspec.Struct, frozen=True):
    """One layer: its units, and what was wrong with it. Gaps and overlaps are counted as connected places."""

    units: int
    gaps: int
    overlaps: int
    repaired: int
    gap_m2: float
    overlap_m2: float
    file: str
    snapped_corners: int = 0
    snapped_m2: float = 0.0
    moved_m2: float = 0.0


class ThinKept(msgspec.Struct, frozen=True):
    """A cell under the sliver limit that had to stay, and why."""

    cell: str
    why: str
    width_m: float


class BaseCrossing(msgspec.Struct, frozen=True):
    """Ground of one base unit that ended up in a cell of another."""

    cell: str
    unit: str
    area_m2: float


class UnitChange(msgspec.Struct, frozen=True):
    """How far a unit's area in the fused grid differs from its area in its layer, as a share of the latter."""

    net: str
    unit: str
    area_change: float


class UnitName(msgspec.Struct, frozen=True):
    """A unit of a layer."""

    net: str
    unit: str


class FusionReport(msgspec.Struct, frozen=True):
    """The whole account of one fusion; the field names are the keys of report.json.

    `area_error` compares the cells with the union of the repaired input layers, `coverage_valid` says that cells
    neither overlap nor leave gaps, `snapped_area` is what noisy borders moved onto base borders (nothing here).
    `moved_area` is the ground whose unit changed in any layer because a sliver was merged; areas are in m2.
    `detached_parts` counts the slivers that joined a cell of their base unit without touching it, `joined` tells
    of rows that were taken as further parts of a unit, `repairs` of shapes that were invalid. `seconds` is the
    fusing, with the reading where a command did both, and `peak_mb` the process's highest memory so far.
    """

    layers: dict[str, LayerFigures]
    faces: int
    cells: int
    grids: int
    label_tuples: int
    orphans: int
    thin_cells: int
    slivers_merged: int
    detached_parts: int
    thin_kept: list[ThinKept]
    base_crossings: list[BaseCrossing]
    coverage_valid: bool
    area_m2: float
    area_error: float
    snapped_area: float
    moved_area: float
    worst_unit: UnitChange
    worst_units: list[UnitChange]
    vanished_units: list[UnitName]
    repairs: list[Repair]
    joined: list[str]
    base: str
    crs: str
    sliver_m: float
    snap_m: float
    jobs: int
    special_grids: int
    kept_codes: int
    retired_codes: int
    version: str
    previous_version: str
    seconds: float
    peak_mb: float

    @property
    def clean(self) -> bool:
        """Say whether the grid keeps every promise that the method makes."""
        return self.coverage_valid and not (self.thin_cells or self.base_crossings or self.vanished_units)


@dataclass(frozen=True, eq=False)
class Mark:
    """A place for the report's map: kind GAP, OVERLAP, DETACHED or KEPT, where (working CRS), how large."""

    kind: str
    net: str
    x: float
    y: float
    lon: float
    lat: float
    area: float
    width: float


@dataclass(frozen=True, eq=False)
class Moved:
    """Ground that slivers took along: where its faces are (n x 2, working CRS), and their areas in m2."""

    xy: Floats
    area: Floats


@dataclass(frozen=True, eq=False)
class Sketch:
    """What the noding and labelling found, before anything was merged. `labels` has a column a layer."""

    faces: Faces
    borders: Borders
    labels: Ints
    found: Sequence[Labelling]

    @cached_property
    def area(self) -> Floats:
        """Area of each face in m2."""
        return np.asarray(shapely.area(self.faces.polygons), dtype=np.float64)

    @cached_property
    def perimeter(self) -> Floats:
        """Length of each face's boundary in m."""
        return np.asarray(shapely.length(self.faces.polygons), dtype=np.float64)


def find_defects(
    prepared: Sequence[Prepared], sketch: Sketch, crs: Any, sliver_m: float
) -> tuple[dict[str, LayerFigures], list[Mark]]:
    """Count and place every layer's gaps and overlaps."""
    figures, marks = {}, []
    area, perimeter = sketch.area, sketch.perimeter
    to_wgs84 = transformer(crs, WGS84)
    for layer, found in zip(prepared, sketch.found, strict=True):
        holes = gaps(found.unit == NO_UNIT, sketch.borders, area, perimeter, sliver_m)
        double = spots(found.claims > 1, sketch.borders, area, perimeter)
        figures[layer.net] = LayerFigures(
            units=len(layer.ids),
            gaps=len(holes),
            overlaps=len(double),
            repaired=len(layer.repairs),
            gap_m2=round(sum(spot.area for spot in holes), 2),
            overlap_m2=round(sum(spot.area for spot in double), 2),
            file=layer.source,
        )
        for kind, places in (("GAP", holes), ("OVERLAP", double)):
            faces = [spot.face for spot in places]
            sizes = ((spot.area, spot.width) for spot in places)
            marks += place_marks(kind, layer.net, sketch.faces.inside[faces], sizes, to_wgs84)
    return figures, marks


def place_marks(kind: str, net: str, xy: Floats, sizes: Iterable[tuple[float, float]], to_wgs84: Any) -> list[Mark]:
    """Make the marks of one kind at places (n x 2, working CRS) with their areas and widths."""
    lon, lat = to_wgs84(xy[:, 0], xy[:, 1]) if len(xy) else (xy[:, 0], xy[:, 1])
    places = zip(xy.tolist(), np.atleast_1d(lon).tolist(), np.atleast_1d(lat).tolist(), sizes, strict=True)
    return [Mark(kind, net, x, y, east, north, *size) for (x, y), east, north, size in places]


def unit_changes(prepared: Sequence[Prepared], cells: Cells) -> list[UnitChange]:
    """List every unit's relative change of area, the largest first."""
    changes = []
    for layer in prepared:
        index = {unit: number for number, unit in enumerate(layer.ids)}
        held = cells.labels[layer.net]
        owned = np.array([index.get(unit, len(index)) for unit in held], dtype=np.int64)
        now = np.bincount(owned, weights=cells.area_m2, minlength=len(index) + 1)[: len(index)]
        before = shapely.area(layer.polygons)
        for unit, change in zip(layer.ids, np.abs(now - before) / before, strict=True):
            changes.append(UnitChange(layer.net, str(unit), float(change)))
    return sorted(changes, key=lambda change: (-change.area_change, change.net, change.unit))


def vanished(prepared: Sequence[Prepared], cells: Cells) -> list[UnitName]:
    """List the units that no cell belongs to."""
    return [
        UnitName(layer.net, unit)
        for layer in prepared
        for unit in sorted(set(layer.ids.tolist()) - set(cells.labels[layer.net].tolist()))
    ]


def crossings(sketch: Sketch, base: Prepared, cells: Cells, cell_of: Ints) -> list[BaseCrossing]:
    """Compare each face's base unit with that of the cell it is in; faces in no base unit can't cross."""
    there = cells.labels[base.net]
    moved: dict[tuple[str, str], float] = {}
    area = sketch.area
    owned = np.flatnonzero(sketch.found[0].unit != NO_UNIT)
    unit = base.ids[sketch.found[0].unit[owned]]
    crossed = np.flatnonzero(there[cell_of[owned]] != unit)
    for face, name in zip(owned[crossed], unit[crossed], strict=True):
        key = (str(cells.codes[cell_of[face]]), str(name))
        moved[key] = moved.get(key, 0.0) + float(area[face])
    return [BaseCrossing(cell, unit, area) for (cell, unit), area in sorted(moved.items())]


def thin(cells: Cells, kept: Mapping[int, str], sliver_m: float) -> tuple[int, list[ThinKept]]:
    """Measure every cell: how many are thin without being in `kept` (cell index -> reason), and the list of those."""
    width = 2.0 * cells.area_m2 / shapely.length(cells.geometry)
    narrow = np.flatnonzero(width < sliver_m)
    listed = [ThinKept(str(cells.codes[c]), why, round(float(width[c]), 3)) for c, why in sorted(kept.items())]
    return sum(1 for cell in narrow if int(cell) not in kept), listed
