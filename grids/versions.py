"""The versions of a city's grid, open together: what happened on a day is located on the one in force then."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely

from grids.cells import Cells, CellsFile
from grids.crosswalk import FILE as CROSSWALK
from grids.crosswalk import Crosswalk
from grids.lineage import overlaps
from grids.locator import Located, Locator
from grids.outlines import FILE as OUTLINES
from grids.outlines import Outline, draw_outlines, read_outlines
from grids.places import Place, Places
from grids.projection import WGS84, convert, project, transformer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path
    from typing import Any

    from numpy.typing import ArrayLike

NO_AREAS: Final = Places({}, (), {}, {})
"""For a grid without a city pack: its cells are found, but nothing is known of what they lie in."""


@dataclass(frozen=True, eq=False)
class Grid:
    """One version of the grid, in force from its first day until the next one's.

    `source` is its cells or the file that holds them; a file is read when the cells are first asked for.
    """

    first: date
    source: Cells | CellsFile = field(repr=False)
    ancestry: Places = field(default=NO_AREAS, repr=False)
    snap_m: float = 0.0

    @property
    def version(self) -> str:
        """The name that its content gives it, 16 hex digits."""
        return self.source.version

    @cached_property
    def cells(self) -> Cells:
        """Its cells."""
        return self.source if isinstance(self.source, Cells) else self.source.read()

    @cached_property
    def locator(self) -> Locator:
        """Finds its cells by position; a point within `snap_m` metres of the grid snaps to it."""
        return Locator(self.cells, snap_m=self.snap_m)

    @cached_property
    def places(self) -> list[Place]:
        """The place of every cell, in the order of the cells."""
        return self.ancestry.of_cells(self.cells)

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each cell by its code."""
        return {str(code): index for index, code in enumerate(self.cells.codes)}

    @cached_property
    def crosswalk(self) -> Crosswalk:
        """Where the ground of every department's unit is."""
        folder = self.cells.folder
        if folder is not None and (folder / CROSSWALK).is_file():
            return Crosswalk.read(folder)
        return Crosswalk.of(self.cells)

    @cached_property
    def outlines(self) -> list[Outline]:
        """The ground of each street, in the order of the codes."""
        folder = self.cells.folder
        if folder is not None and (folder / OUTLINES).is_file():
            return read_outlines(folder)
        return draw_outlines(self.cells, self.places)

    def desks_near(self, cell: str, metres: float) -> tuple[str, ...]:
        """Return the desks that command ground within so many metres of a cell, its own left out, in order."""
        key = (cell, metres)
        if key not in self._near:
            index = self.index[cell]
            near = self.locator.touching(shapely.buffer(self.cells.geometry[index], metres))
            self._near[key] = tuple(sorted({self.places[other].desk for other in near} - {self.places[index].desk}))
        return self._near[key]

    @cached_property
    def _near(self) -> dict[tuple[str, float], tuple[str, ...]]:
        """What was asked before."""
        return {}

    def rings(self, cell: str) -> tuple[str, ...]:
        """Return the outer borders of a cell as CAP has them: `lat,lon` pairs (WGS-84), the last one the first."""
        if cell not in self._rings:
            shape = convert(self.cells.geometry[[self.index[cell]]], self._to_wgs84)[0]
            self._rings[cell] = tuple(
                " ".join(f"{lat:.6f},{lon:.6f}" for lon, lat in shapely.get_coordinates(part.exterior))
                for part in shapely.get_parts(shape)
            )
        return self._rings[cell]

    @cached_property
    def _to_wgs84(self) -> Callable[[Any, Any], tuple[Any, Any]]:
        """Kept, since finding it anew writes the CRS out as text each time."""
        return transformer(self.cells.crs, WGS84)

    @cached_property
    def _rings(self) -> dict[str, tuple[str, ...]]:
        """What was asked before."""
        return {}

    def holding(self, cells: Cells, members: Sequence[int]) -> list[tuple[int, float]]:
        """Say which cells of this grid hold the ground of some cells of another, and their shares, heaviest first.

        The shares sum to less than 1 where ground is in no cell of this grid.
        """
        shapes = cells.geometry[list(members)]
        if cells.crs != self.cells.crs:
            shapes = project(shapes, cells.crs, self.cells.crs)
        ground = shapely.union_all(shapes)
        near = self.locator.touching(ground)
        found = overlaps(np.array([ground]), self.cells.geometry[near])
        shares = found.area / shapely.area(ground)
        order = np.lexsort((found.new, -shares))
        return list(zip(near[found.new[order]].tolist(), shares[order].tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Versions:
    """The grid through time, the oldest version first. What is older than the first is located on the first."""

    grids: tuple[Grid, ...]

    def __post_init__(self) -> None:
        if not self.grids:
            raise ValueError("no version of the grid")

    @classmethod
    def open(cls, folders: Mapping[date, Path], *, snap_m: float = 0.0) -> Versions:
        """Open the folders that `grid fuse` wrote, by the first day of each; compiled ones are only mapped.

        Raises LayerError for a folder without a grid.
        """
        return cls(tuple(Grid(day, CellsFile(folders[day]), snap_m=snap_m) for day in sorted(folders)))

    def __iter__(self) -> Iterator[Grid]:
        return iter(self.grids)

    def __len__(self) -> int:
        return len(self.grids)

    @property
    def newest(self) -> Grid:
        """The version that begins last."""
        return self.grids[-1]

    def at(self, day: date) -> Grid:
        """Return the version in force on a city date; before the first, the first."""
        return self.grids[self._number(day)]

    def named(self, version: str) -> Grid | None:
        """Return the grid of a version, None for one that isn't here."""
        return next((grid for grid in reversed(self.grids) if grid.version == version), None)

    def locate(
        self, lon: ArrayLike, lat: ArrayLike, days: Sequence[date], *, border: bool = True
    ) -> tuple[Located, list[Grid]]:
        """Locate WGS-84 positions, each on the version in force on its day; also return that version of each."""
        x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        number = np.array([self._number(day) for day in days], dtype=np.int64)
        asked = np.unique(number)
        grids = [self.grids[each] for each in number.tolist()]
        if len(asked) == 1:
            return grids[0].locator.locate(x, y, border=border), grids
        index, method = np.empty(len(x), dtype=np.int32), np.empty(len(x), dtype=np.uint8)
        border_m = np.empty(len(x))
        for each in asked.tolist():
            here = np.flatnonzero(number == each)
            found = self.grids[each].locator.locate(x[here], y[here], border=border)
            index[here], method[here], border_m[here] = found.index, found.method, found.border_m
        return Located(index, method, border_m), grids

    def cells_of(self, layer: str, unit: str, grid: Grid) -> list[tuple[int, float]]:
        """Say which cells of a grid hold the ground of a department's unit, and their shares of it, heaviest first.

        A code that this version doesn't know is looked up in those before it, the latest first, then in those after
        it, and its ground is found again in this one: old codes stay resolvable. Empty for a unit nobody knows.
        """
        if own := grid.crosswalk.cells_of(layer, unit):
            return [(grid.index[code], weight) for code, weight in own]
        found = self._found_again.get(asked := (grid.first, layer, unit))
        if found is not None:
            return found
        at = self.grids.index(grid)
        for other in (*reversed(self.grids[:at]), *self.grids[at + 1 :]):
            if members := [other.index[code] for code, _ in other.crosswalk.cells_of(layer, unit)]:
                self._found_again[asked] = found = grid.holding(other.cells, members)
                return found
        return []

    @cached_property
    def _found_again(self) -> dict[tuple[date, str, str], list[tuple[int, float]]]:
        """Units of other versions that were asked for before: there are only so many."""
        return {}

    @cached_property
    def _days(self) -> list[date]:
        return [grid.first for grid in self.grids]

    def _number(self, day: date) -> int:
        return max(bisect_right(self._days, day) - 1, 0)
