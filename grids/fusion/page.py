"""report.html: one page that needs nothing else, for a person who decides what to mend first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from jinja2 import Environment, StrictUndefined

from grids.codes import STREET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from grids.cells import Cells
    from grids.fusion.report import FusionReport, Mark

    Ints = NDArray[np.int64]

WIDTH = 1000
"""Width of a map in the page's own units; also the number of steps that shapes are drawn with."""

_GOLDEN_ANGLE = 137.508
_LISTED = 12
_FIRST_KINDS = ("OVERLAP", "GAP")
KINDS = {
    "SLIVER": "并入邻格的碎片 slivers merged",
    "DETACHED": "并入同属地单元的飞地 detached parts",
    "GAP": "缺口 gaps",
    "OVERLAP": "重叠 overlaps",
    "KEPT": "保留的细条 thin cells kept",
}
"""What the marks of the second map mean, in the order they are drawn."""


@dataclass(frozen=True)
class _Frame:
    """From metres to the map's units, y downward."""

    west: float
    north: float
    scale: float
    height: int

    @classmethod
    def of(cls, bounds: NDArray[np.float64]) -> _Frame:
        west, south, east, north = bounds
        scale = WIDTH / max(east - west, (north - south) * 0.6, 1.0)
        return cls(float(west), float(north), float(scale), max(int((north - south) * scale) + 1, 1))

    def path(self, shape: Any) -> str:
        """Draw a polygon as the `d` of an SVG path in whole half-units."""
        steps = []
        for ring in shapely.get_rings(shapely.get_parts(shape)):
            xy = shapely.get_coordinates(ring)[:-1]
            units = np.column_stack(((xy[:, 0] - self.west), (self.north - xy[:, 1]))) * self.scale
            units = np.round(units, 1)
            turns = np.append(True, (units[1:] != units[:-1]).any(axis=1))
            steps.append("M" + "L".join(f"{x:g} {y:g}" for x, y in units[turns]) + "Z")
        return "".join(steps)


def render(cells: Cells, report: FusionReport, marks: Sequence[Mark]) -> str:
    """Draw the page: both maps, the figures, and the tables of what to fix first."""
    frame = _Frame.of(shapely.total_bounds(cells.geometry))
    drawn = shapely.coverage_simplify(cells.geometry, 0.6 / frame.scale)
    names, region = np.unique(_regions(cells), return_inverse=True)
    regions = [shapely.coverage_union_all(drawn[region == number]) for number in range(len(names))]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["metres"] = lambda number: f"{number:,.2f}"
    environment.filters["whole"] = lambda number: f"{number:,}"
    template = environment.from_string(Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        report=report,
        width=WIDTH,
        height=frame.height,
        cells=list(zip(map(frame.path, drawn), _colours(region), _titles(cells), strict=True)),
        regions=[frame.path(shape) for shape in regions],
        specks="".join(f"M{x:g} {y:g}h0" for x, y in _places([m for m in marks if m.kind == "SLIVER"], frame)),
        dots=_dots([mark for mark in marks if mark.kind != "SLIVER"], frame),
        kinds=[(kind, words, sum(mark.kind == kind for mark in marks)) for kind, words in KINDS.items()],
        defects=sorted((mark for mark in marks if mark.kind in _FIRST_KINDS), key=lambda m: -m.area)[:_LISTED],
        area_km2=f"{report.area_m2 / 1e6:,.2f}",
    )


def _regions(cells: Cells) -> list[str]:
    """Name the region that colours each cell: its street where that is known, else its base unit."""
    pairs = zip(cells.communities, cells.grids, strict=True)
    return [community[:STREET] if community else grid for community, grid in pairs]


def _colours(region: Ints) -> list[str]:
    """Give each region a hue far from its neighbours' in number, and its cells shades of it."""
    shade = np.zeros(len(region), dtype=np.int64)
    seen: dict[int, int] = {}
    for cell, number in enumerate(region.tolist()):
        seen[number] = seen.get(number, -1) + 1
        shade[cell] = seen[number] % 5
    return [f"hsl({n * _GOLDEN_ANGLE % 360:.0f} 42% {62 + 5 * s}%)" for n, s in zip(region, shade, strict=True)]


def _titles(cells: Cells) -> list[str]:
    columns = [cells.labels[net] for net in cells.nets]
    return [
        f"{code} · " + " · ".join(f"{net} {unit or '—'}" for net, unit in zip(cells.nets, units, strict=True))
        for code, *units in zip(cells.codes, *columns, strict=True)
    ]


def _places(marks: Sequence[Mark], frame: _Frame) -> list[tuple[float, float]]:
    return [
        (round((mark.x - frame.west) * frame.scale, 1), round((frame.north - mark.y) * frame.scale, 1))
        for mark in marks
    ]


def _dots(marks: Sequence[Mark], frame: _Frame) -> list[tuple[str, float, float, float, str]]:
    """Place a dot a mark: kind, x, y, radius growing with the area, and its text."""
    order = list(KINDS)
    marks = sorted(marks, key=lambda mark: order.index(mark.kind))
    return [
        (
            mark.kind,
            *place,
            round(min(1.2 + 0.12 * mark.area**0.4, 9.0), 1),
            f"{mark.kind} {mark.net} {mark.area:,.1f} m² · {mark.lon:.5f}, {mark.lat:.5f}",
        )
        for mark, place in zip(marks, _places(marks, frame), strict=True)
    ]
