"""Fusion: the layers of several departments become one partition of the ground.

All boundaries are noded together (`snapround`, `noding`), each face gets its unit of every layer (`labels`), slivers
go to a neighbour (`slivers`), and what remains gets codes (`coding`); `report` measures the result and `page` shows
it. No file is read here, and nothing but `Fusion.write` writes one.
"""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import shapely

from grids import lineage
from grids.cells import Cells
from grids.crosswalk import Crosswalk
from grids.fusion.coding import Ground, code_cells
from grids.fusion.labels import NO_UNIT, Labelling, label
from grids.fusion.noding import Borders, Faces, planar_faces, shared_borders
from grids.fusion.page import render
from grids.fusion.pool import runner
from grids.fusion.prepare import Prepared, in_order, prepare, working_crs
from grids.fusion.report import WORST as _WORST
from grids.fusion.report import (
    FusionReport,
    LayerFigures,
    Mark,
    Moved,
    Sketch,
    crossings,
    find_defects,
    place_marks,
    thin,
    unit_changes,
    vanished,
)
from grids.fusion.slivers import Merged, merge_slivers
from grids.fusion.snapping import BaseBorder, Snapped, snap
from grids.gridtable import Grids, write_adjacency
from grids.layerpairs import LayerPairs
from grids.projection import WGS84, project, transformer
from grids.raster import compile_locator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pyproj import CRS

    from grids.layers import Layer
    from grids.lineage import Lineage

__all__ = ["Fusion", "FusionReport", "fuse"]


@dataclass(frozen=True, eq=False)
class Fusion:
    """A fused grid: its cells and grids, the ways to it from units and former cells, and its account.

    `borders` are those of the cells; `lineage` is None unless a version before was given; `marks` are the places
    that the account's maps show, and `moves` the ground that changed its unit, by net ('' for all of it).
    """

    cells: Cells
    grids: Grids
    borders: Borders
    crosswalk: Crosswalk
    pairs: LayerPairs
    lineage: Lineage | None
    report: FusionReport
    marks: tuple[Mark, ...]
    moves: Mapping[str, Moved]

    def write(self, directory: Path) -> None:
        """Write cells, compiled locator, grids, adjacency, crosswalk, pairs, lineage, reports into `directory`."""
        self.cells.write(directory)
        compile_locator(self.cells, directory)
        self.grids.write(directory)
        write_adjacency(self.cells, self.borders, directory)
        self.crosswalk.write(directory)
        self.pairs.write(directory)
        if self.lineage is not None:
            self.lineage.write(directory / lineage.FILE)
        text = msgspec.json.format(msgspec.json.encode(self.report), indent=2)
        (directory / "report.json").write_bytes(text + b"\n")
        (directory / "report.html").write_text(
            render(self.cells, self.report, self.marks, self.moves), encoding="utf-8"
        )


def fuse(  # noqa: PLR0913 - each is a choice of the city's
    layers: Sequence[Layer],
    *,
    base: str | None = None,
    crs: str | None = None,
    sliver_m: float = 5.0,
    snap_m: float = 0.0,
    special: str | None = None,
    previous: Cells | None = None,
    jobs: int = 1,
    tile_m: float | None = None,
    step: Callable[[str, float], None] | None = None,
) -> Fusion:
    """Fuse layers into cells, each in exactly one unit of every layer or in none of it.

    `base` is the net of the administrative layer (default: the first); `crs` the metric CRS to work in (default:
    the base layer's, or its UTM zone); cells under `sliver_m` metres of mean width are merged; borders of other
    layers within `snap_m` metres of a base border become that border; the units of the net `special` are
    special-purpose grids and stay whole; cells that go on from one of `previous` keep its code. Boundaries are cut
    in tiles of `tile_m` metres by `jobs` processes; `step(name, share)` hears of progress.

    Neither the order of layers and units (once `base` is named) nor tiles and jobs make a difference to the cells.
    Raises LayerError with all problems.
    """
    started = perf_counter()  # a stopwatch for the report; nothing else depends on it
    tell = step or (lambda _name, _share: None)
    ordered = in_order(layers, base, special)
    target = working_crs(ordered[0], crs)
    if previous is not None and previous.crs != target:
        previous = replace(previous, crs=target, geometry=project(previous.geometry, previous.crs, target))
    prepared, snapped = _snapped([prepare(layer, target) for layer in ordered], snap_m)
    tell("对齐 snap", 1.0)
    everything = np.concatenate([layer.polygons for layer in prepared])
    with ThreadPoolExecutor(1) as thread, runner(jobs, len(everything)) as run:
        # the yardstick of the area is measured apart, on the second core
        union = thread.submit(lambda: float(shapely.union_all(everything).area))
        tell("切分边界 node", 0.0)
        sketch = _sketch(prepared, planar_faces(everything, tile_m=tile_m, run=run))
        tell("切分边界 node", 1.0)
        merged = merge_slivers(sketch.faces, sketch.borders, sketch.labels, base=0, sliver_m=sliver_m)
        tell("合并碎片 merge slivers", 1.0)
        made = _make(prepared, sketch, merged, target, special=special, previous=previous)
        tell("编码 code", 1.0)
        figures, marks = find_defects(prepared, sketch, target, sliver_m)
        area = union.result()
    cells = made.cells
    kept = {int(made.cell_of[group]): why for group, why in merged.kept.items()}
    thin_cells, thin_kept = thin(cells, kept, sliver_m)
    changes = unit_changes(prepared, cells)
    moved = merged.labels != sketch.labels
    for column, layer in enumerate(prepared):
        figures[layer.net] = _with_moves(figures[layer.net], snapped.get(layer.net), sketch.area[moved[:, column]])
    report = FusionReport(
        layers=figures,
        faces=len(sketch.faces),
        cells=len(cells),
        grids=len(made.grids),
        label_tuples=len(set(zip(*cells.labels.values(), strict=True))),
        orphans=made.orphans,
        thin_cells=thin_cells,
        slivers_merged=len(merged.slivers),
        detached_parts=len(merged.detached),
        thin_kept=thin_kept,
        base_crossings=crossings(sketch, prepared[0], cells, made.cell_of),
        coverage_valid=bool(shapely.coverage_is_valid(cells.geometry)),
        area_m2=float(cells.area_m2.sum()),
        area_error=abs(float(cells.area_m2.sum()) - area) / area,
        snapped_area=sum(one.area for one in snapped.values()),
        moved_area=float(sketch.area[moved.any(axis=1)].sum()),
        worst_unit=changes[0],
        worst_units=changes[:_WORST],
        vanished_units=vanished(prepared, cells),
        repairs=[repair for layer in prepared for repair in layer.repairs],
        joined=[str(problem) for layer in ordered for problem in layer.joined],
        base=cells.base,
        crs=target.to_string(),
        sliver_m=sliver_m,
        snap_m=snap_m,
        jobs=jobs,
        special_grids=int((made.grids.kind == "SPECIAL").sum()),
        kept_codes=made.kept_codes,
        retired_codes=len(cells.retired),
        version=cells.version,
        previous_version="" if previous is None else previous.version,
        seconds=round(perf_counter() - started, 3),
        peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0, 1),
    )
    tell("核对 measure", 1.0)
    nets = [layer.net for layer in prepared]
    ids = {layer.net: layer.ids for layer in prepared}
    return Fusion(
        cells=cells,
        grids=made.grids,
        borders=made.borders,
        crosswalk=Crosswalk.of(cells),
        pairs=LayerPairs.of(nets, ids, sketch.labels, sketch.area, sketch.perimeter),
        lineage=None if previous is None else lineage.diff(previous, cells),
        report=report,
        marks=tuple(marks + _merge_marks(sketch, merged, target)),
        moves={
            "": Moved(sketch.faces.inside[merged.slivers], sketch.area[merged.slivers]),
            **{
                net: Moved(sketch.faces.inside[own], sketch.area[own]) for net, own in zip(nets, moved.T, strict=True)
            },
        },
    )


def _snapped(prepared: list[Prepared], reach: float) -> tuple[list[Prepared], dict[str, Snapped]]:
    """Snap every layer but the base to the base's borders; also say by net what that did."""
    if reach <= 0.0 or len(prepared) == 1:
        return prepared, {}
    border = BaseBorder(prepared[0])
    found = {layer.net: snap(layer, border, reach) for layer in prepared[1:]}
    return [prepared[0], *(one.layer for one in found.values())], found


def _with_moves(figures: LayerFigures, snapped: Snapped | None, moved: NDArray[np.float64]) -> LayerFigures:
    """Add how much ground of a layer changed its unit, by snapping and by merging slivers."""
    corners, area = (0, 0.0) if snapped is None else (snapped.corners, snapped.area)
    moved_m2 = round(float(moved.sum()), 2)
    return msgspec.structs.replace(figures, snapped_corners=corners, snapped_m2=round(area, 2), moved_m2=moved_m2)


def _sketch(prepared: Sequence[Prepared], faces: Faces) -> Sketch:
    """Label the faces and drop those that lie in no layer."""
    points = shapely.points(faces.inside)
    found = [label(points, layer.polygons) for layer in prepared]
    covered = np.any([labelling.unit != NO_UNIT for labelling in found], axis=0)
    faces = faces.take(covered)
    found = [Labelling(labelling.unit[covered], labelling.claims[covered]) for labelling in found]
    labels = np.column_stack([labelling.unit for labelling in found])
    return Sketch(faces, shared_borders(faces.polygons), labels, found)


@dataclass(frozen=True, eq=False)
class _Made:
    cells: Cells
    grids: Grids
    borders: Borders
    cell_of: NDArray[np.int64]
    orphans: int
    kept_codes: int


def _make(
    prepared: Sequence[Prepared],
    sketch: Sketch,
    merged: Merged,
    crs: CRS,
    *,
    special: str | None,
    previous: Cells | None,
) -> _Made:
    """Rebuild the geometry of each group and code it; also say which cell each face is in."""
    groups, group_of = np.unique(merged.root, return_inverse=True)
    polygons = _joined(sketch.faces.polygons, group_of)
    labels = merged.labels[groups]
    base = prepared[0]
    borders = shared_borders(polygons)
    own = next(
        ((layer, column) for layer, column in zip(prepared, labels.T, strict=True) if layer.net == special), None
    )
    coded = code_cells(base, Ground(labels[:, 0], polygons, borders, own, previous))
    cells = Cells.of(
        crs=crs,
        base=base.net,
        codes=coded.codes,
        grids=coded.grids,
        communities=coded.communities,
        labels={layer.net: _names(layer.ids)[column] for layer, column in zip(prepared, labels.T, strict=True)},
        geometry=polygons,
        special=special or "",
        retired=coded.retired,
    )
    place = np.empty(len(groups), dtype=np.int64)
    place[np.argsort(coded.codes.astype(str))] = np.arange(len(groups))
    grids = Grids.of(cells, base, None if own is None else own[0])
    return _Made(cells, grids, borders.renumbered(place), place[group_of], coded.orphans, coded.kept)


def _names(ids: NDArray[Any]) -> NDArray[Any]:
    """Return the ids with None at the end, where the index NO_UNIT finds it."""
    return np.array([*ids, None], dtype=object)


def _joined(polygons: NDArray[Any], group_of: NDArray[np.int64]) -> NDArray[Any]:
    """Join the faces of each group; most groups are one face."""
    order = np.argsort(group_of, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(group_of))[:-1])
    single = np.array([len(faces) == 1 for faces in members])
    found = np.empty(len(members), dtype=object)
    found[single] = polygons[[faces[0] for faces, alone in zip(members, single, strict=True) if alone]]
    for number in np.flatnonzero(~single):
        found[number] = shapely.coverage_union_all(polygons[members[number]])
    return found


def _merge_marks(sketch: Sketch, merged: Merged, crs: CRS) -> list[Mark]:
    """Place the detached parts and the thin cells that stayed, for the map."""
    to_wgs84 = transformer(crs, WGS84)
    area, width = sketch.area, 2.0 * sketch.area / sketch.perimeter
    marks = []
    for kind, faces in (("DETACHED", merged.detached), ("KEPT", list(merged.kept))):
        sizes = zip(area[faces].tolist(), width[faces].tolist(), strict=True)
        marks += place_marks(kind, "", sketch.faces.inside[faces], sizes, to_wgs84)
    return marks
