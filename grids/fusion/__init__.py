"""Fusion: the layers of several departments become one partition of the ground.

All boundaries are noded together (`noding`), each face gets its unit of every layer (`labels`), slivers go to a
neighbour (`slivers`), and what remains gets codes (`coding`); `report` measures the result and `page` shows it.
No file is read here, and nothing but `Fusion.write` writes one.
"""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import shapely

from grids.cells import Cells
from grids.crosswalk import Crosswalk
from grids.fusion.coding import code_cells
from grids.fusion.labels import NO_UNIT, label
from grids.fusion.noding import Faces, planar_faces, shared_borders
from grids.fusion.page import render
from grids.fusion.prepare import Prepared, in_order, prepare, working_crs
from grids.fusion.report import WORST as _WORST
from grids.fusion.report import FusionReport, Mark, Sketch, crossings, find_defects, thin, unit_changes, vanished
from grids.fusion.slivers import Merged, merge_slivers
from grids.projection import WGS84, transformer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pyproj import CRS

    from grids.layers import Layer

__all__ = ["Fusion", "FusionReport", "fuse"]


@dataclass(frozen=True, eq=False)
class Fusion:
    """A fused grid, its account, and the places that the account's map shows."""

    cells: Cells
    crosswalk: Crosswalk
    report: FusionReport
    marks: tuple[Mark, ...]

    def write(self, directory: Path) -> None:
        """Write cells.parquet, crosswalk.parquet, report.json and report.html into `directory`."""
        self.cells.write(directory)
        self.crosswalk.write(directory)
        text = msgspec.json.format(msgspec.json.encode(self.report), indent=2)
        (directory / "report.json").write_bytes(text + b"\n")
        (directory / "report.html").write_text(render(self.cells, self.report, self.marks), encoding="utf-8")


def fuse(
    layers: Sequence[Layer],
    *,
    base: str | None = None,
    crs: str | None = None,
    sliver_m: float = 5.0,
    step: Callable[[str, float], None] | None = None,
) -> Fusion:
    """Fuse layers into cells, each in exactly one unit of every layer or in none of it.

    `base` is the net of the administrative layer (default: the first); `crs` the metric CRS to work in (default:
    the base layer's, or its UTM zone); cells under `sliver_m` metres of mean width are merged; `step(name, share)`
    hears of progress. The order of layers and units makes no difference to the cells once `base` is named.
    Raises LayerError with all problems.
    """
    started = perf_counter()  # a stopwatch for the report; nothing else depends on it
    tell = step or (lambda _name, _share: None)
    ordered = in_order(layers, base)
    target = working_crs(ordered[0], crs)
    prepared = [prepare(layer, target) for layer in ordered]
    everything = np.concatenate([layer.polygons for layer in prepared])
    with ThreadPoolExecutor(1) as pool:  # the yardstick of the area is measured apart, on the second core
        union = pool.submit(lambda: float(shapely.union_all(everything).area))
        tell("切分边界 node", 0.0)
        sketch = _sketch(prepared, planar_faces(everything))
        tell("切分边界 node", 1.0)
        merged = merge_slivers(sketch.faces, sketch.borders, sketch.labels, base=0, sliver_m=sliver_m)
        tell("合并碎片 merge slivers", 1.0)
        cells, orphans, cell_of = _cells(prepared, sketch, merged, target)
        tell("编码 code", 1.0)
        figures, marks = find_defects(prepared, sketch, target, sliver_m)
        area = union.result()
    kept = {int(cell_of[group]): why for group, why in merged.kept.items()}
    thin_cells, thin_kept = thin(cells, kept, sliver_m)
    changes = unit_changes(prepared, cells)
    report = FusionReport(
        layers=figures,
        faces=len(sketch.faces),
        cells=len(cells),
        grids=len(set(cells.grids.tolist())),
        label_tuples=len(set(zip(*cells.labels.values(), strict=True))),
        orphans=orphans,
        thin_cells=thin_cells,
        slivers_merged=len(merged.slivers),
        detached_parts=len(merged.detached),
        thin_kept=thin_kept,
        base_crossings=crossings(sketch, prepared[0], cells, cell_of),
        coverage_valid=bool(shapely.coverage_is_valid(cells.geometry)),
        area_m2=float(cells.area_m2.sum()),
        area_error=abs(float(cells.area_m2.sum()) - area) / area,
        snapped_area=0.0,
        moved_area=float(sketch.area[(merged.labels != sketch.labels).any(axis=1)].sum()),
        worst_unit=changes[0],
        worst_units=changes[:_WORST],
        vanished_units=vanished(prepared, cells),
        repairs=[repair for layer in prepared for repair in layer.repairs],
        joined=[str(problem) for layer in ordered for problem in layer.joined],
        base=cells.base,
        crs=target.to_string(),
        sliver_m=sliver_m,
        version=cells.version,
        seconds=round(perf_counter() - started, 3),
        peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0, 1),
    )
    tell("核对 measure", 1.0)
    return Fusion(cells, Crosswalk.of(cells), report, tuple(marks + _merge_marks(sketch, merged, target)))


def _sketch(prepared: Sequence[Prepared], faces: Faces) -> Sketch:
    """Label the faces and drop those that lie in no layer."""
    covered = np.zeros(len(faces), dtype=bool)
    for layer in prepared:
        covered |= label(faces.inside, layer.polygons).unit != NO_UNIT
    faces = faces.take(covered)
    found = [label(faces.inside, layer.polygons) for layer in prepared]
    labels = np.column_stack([labelling.unit for labelling in found])
    return Sketch(faces, shared_borders(faces.polygons), labels, found)


def _cells(
    prepared: Sequence[Prepared], sketch: Sketch, merged: Merged, crs: CRS
) -> tuple[Cells, int, NDArray[np.int64]]:
    """Rebuild the geometry of each group, code it; also count orphans and say which cell each face is in."""
    groups, group_of = np.unique(merged.root, return_inverse=True)
    members = np.split(np.argsort(group_of, kind="stable"), np.cumsum(np.bincount(group_of))[:-1])
    polygons = np.array([_joined(sketch.faces.polygons[faces]) for faces in members], dtype=object)
    labels = merged.labels[groups]
    base = prepared[0]
    coded = code_cells(base, labels[:, 0], polygons, shared_borders(polygons))
    cells = Cells.of(
        crs=crs,
        base=base.net,
        codes=coded.codes,
        grids=coded.grids,
        communities=coded.communities,
        labels={layer.net: _names(layer.ids)[column] for layer, column in zip(prepared, labels.T, strict=True)},
        geometry=polygons,
    )
    place = np.empty(len(groups), dtype=np.int64)
    place[np.argsort(coded.codes.astype(str))] = np.arange(len(groups))
    return cells, coded.orphans, place[group_of]


def _names(ids: NDArray[Any]) -> NDArray[Any]:
    """Return the ids with None at the end, where the index NO_UNIT finds it."""
    return np.array([*ids, None], dtype=object)


def _joined(polygons: NDArray[Any]) -> Any:
    return polygons[0] if len(polygons) == 1 else shapely.coverage_union_all(polygons)


def _merge_marks(sketch: Sketch, merged: Merged, crs: CRS) -> list[Mark]:
    """Place the merged slivers and the thin cells that stayed, for the map."""
    to_wgs84 = transformer(crs, WGS84)
    area, perimeter = sketch.area, sketch.perimeter
    marks = []
    for kind, faces in (("SLIVER", merged.slivers), ("DETACHED", merged.detached), ("KEPT", list(merged.kept))):
        for face in faces:
            x, y = sketch.faces.inside[face]
            width = 2.0 * area[face] / perimeter[face]
            marks.append(Mark(kind, "", x, y, *to_wgs84(x, y), float(area[face]), float(width)))
    return marks
