"""report.html: one page that needs nothing else, for a person who decides what to mend first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from jinja2 import Environment, StrictUndefined

from grids.codes import STREET
from grids.fusion.png import data_uri, glow, hues, paint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from grids.cells import Cells
    from grids.fusion.report import FusionReport, Mark, Moved

    Ints = NDArray[np.int64]

WIDTH = 1000
"""Width of a map in the page's own units; also the number of steps that shapes are drawn with."""

_GOLDEN_ANGLE = 137.508
_LISTED = 12
_DRAWN = 4000
"""Up to so many cells are drawn as shapes that can be pointed at; more are painted."""

_PAINTED = 1_500_000
"""Pixels of a painted city."""

_DOTS = 300
"""How many of the largest gaps and overlaps a layer's own map shows."""

_SLIVER_COLOUR, _MOVED_COLOUR = (110, 123, 139), (200, 40, 110)
_FIRST_KINDS = ("OVERLAP", "GAP")
KINDS = {
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


def render(cells: Cells, report: FusionReport, marks: Sequence[Mark], moves: Mapping[str, Moved]) -> str:
    """Draw the page: the maps, one of each layer's misfit, the figures, and the tables of what to fix first."""
    frame = _Frame.of(shapely.total_bounds(cells.geometry))
    names, region = np.unique(_regions(cells), return_inverse=True)
    drawn = shapely.coverage_simplify(cells.geometry, 0.6 / frame.scale)
    order = np.argsort(region, kind="stable")
    groups = np.split(drawn[order], np.cumsum(np.bincount(region))[:-1])
    regions = [frame.path(shapely.coverage_union_all(group)) for group in groups] if len(names) <= _DRAWN else []
    as_paths = len(cells) <= _DRAWN
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["metres"] = lambda number: f"{number:,.2f}"
    environment.filters["whole"] = lambda number: f"{number:,}"
    template = environment.from_string(Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8"))
    shown = {kind: [mark for mark in marks if mark.kind == kind] for kind in KINDS}
    return template.render(
        report=report,
        width=WIDTH,
        height=frame.height,
        cells=list(zip(map(frame.path, drawn), _colours(region), _titles(cells), strict=True)) if as_paths else [],
        picture=None if as_paths else _picture(cells, region, frame),
        regions=regions,
        slivers=_heat(moves[""], frame, _SLIVER_COLOUR),
        dots=_dots([mark for found in shown.values() for mark in _largest(found, _DRAWN)], frame),
        kinds=[(kind, words, len(shown[kind])) for kind, words in KINDS.items()],
        misfits=[
            (
                net,
                figures,
                _heat(moves[net], frame, _MOVED_COLOUR),
                _dots(_largest([m for m in marks if m.net == net and m.kind in _FIRST_KINDS], _DOTS), frame),
            )
            for net, figures in report.layers.items()
        ],
        defects=_largest([mark for mark in marks if mark.kind in _FIRST_KINDS], _LISTED),
        area_km2=f"{report.area_m2 / 1e6:,.2f}",
    )


def _largest(marks: Sequence[Mark], count: int) -> list[Mark]:
    return sorted(marks, key=lambda mark: (-mark.area, mark.x, mark.y))[:count]


def _picture(cells: Cells, region: Ints, frame: _Frame) -> tuple[str, float, float, float, float]:
    """Paint the cells of a large city: the picture, and its place and size on the map."""
    painted, (west, south, east, north) = paint(cells.geometry, hues(region, np.arange(len(cells))), _PAINTED)
    x, y = (west - frame.west) * frame.scale, (frame.north - north) * frame.scale
    return data_uri(painted), x, y, (east - west) * frame.scale, (north - south) * frame.scale


def _heat(moved: Moved, frame: _Frame, colour: tuple[int, int, int]) -> str:
    """Paint where ground changed hands, a pixel for each two units of the map; '' where none did."""
    if not len(moved.area):
        return ""
    places = (moved.xy - (frame.west, frame.north)) * (frame.scale, -frame.scale) / 2.0
    return data_uri(glow(places, moved.area, (frame.height // 2 + 1, WIDTH // 2 + 1), colour))


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
