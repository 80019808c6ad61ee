"""The crosswalk: where every unit of every old layer is in the fused grid, and how much of it.

Weights are shares of area; where points with people or households are given, also shares of those.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from grids.cells import Cells

    Floats = NDArray[np.float64]

FILE = "crosswalk.parquet"
_WEIGHT = "weight_"


@dataclass(frozen=True, eq=False)
class Crosswalk:
    """One row for each unit and cell of it, sorted by layer, unit and cell; `grid` is the cell's grid.

    `weight_area` is the cell's share of the unit's area in the fused grid; the weights of a unit sum to 1. `weights`
    are shares of other amounts by their name, such as `population`; a unit with none of it has its area's.
    """

    layer: NDArray[Any]
    unit: NDArray[Any]
    cell: NDArray[Any]
    area_m2: Floats
    weight_area: Floats
    grid: NDArray[Any]
    weights: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.cell)

    @classmethod
    def of(cls, cells: Cells) -> Crosswalk:
        """List the cells of every unit of `cells`."""
        parts = []
        for net in sorted(cells.nets):
            held = np.flatnonzero(cells.labels[net] != None)  # noqa: E711 - element by element
            unit = cells.labels[net][held].astype(str)
            order = np.lexsort((held, unit))  # codes ascend, so positions order the cells
            held, unit = held[order], unit[order]
            _, number = np.unique(unit, return_inverse=True)
            area = cells.area_m2[held]
            weight = area / np.bincount(number, weights=area)[number] if len(held) else area
            net_column = np.full(len(held), net, dtype=object)
            parts.append((net_column, unit.astype(object), cells.codes[held], area, weight, cells.grids[held]))
        layer, unit_id, cell, area, weight, grid = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(layer, unit_id, cell, area, weight, grid)

    def weighted(self, name: str, cells: Cells, amount: Floats) -> Crosswalk:
        """Add weights by an amount that is known for each cell (in the order of `cells`), such as its inhabitants."""
        here = amount[np.searchsorted(cells.codes.astype(str), self.cell.astype(str))]
        change = (self.layer[1:] != self.layer[:-1]) | (self.unit[1:] != self.unit[:-1])
        number = np.cumsum(np.append(False, change)) if len(self) else np.empty(0, dtype=np.int64)
        total = np.bincount(number, weights=here)[number] if len(self) else here
        known = total > 0.0
        weight = np.where(known, here / np.where(known, total, 1.0), self.weight_area)
        return replace(self, weights={**self.weights, name: weight})

    def cells_of(self, layer: str, unit: str, by: str = "area") -> list[tuple[str, float]]:
        """List the cells of a unit with their weights, the heaviest first; empty for an unknown unit.

        `by` names the weights: area, or one of `weights`.
        """
        weights = self.weight_area if by == "area" else self.weights[by]
        first, last = bisect_left(self.layer, layer), bisect_right(self.layer, layer)
        rows = range(bisect_left(self.unit, unit, first, last), bisect_right(self.unit, unit, first, last))
        found = [(str(self.cell[row]), float(weights[row])) for row in rows]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))

    def write(self, directory: Path) -> None:
        """Write `directory`/crosswalk.parquet."""
        directory.mkdir(parents=True, exist_ok=True)
        columns = {
            "layer": pa.array(self.layer, pa.string()),
            "unit": pa.array(self.unit, pa.string()),
            "cell": pa.array(self.cell, pa.string()),
            "area_m2": pa.array(self.area_m2),
            "weight_area": pa.array(self.weight_area),
            "grid": pa.array(self.grid, pa.string()),
            **{_WEIGHT + name: pa.array(weight) for name, weight in self.weights.items()},
        }
        pq.write_table(pa.table(columns), directory / FILE, compression="zstd")

    @classmethod
    def read(cls, directory: Path) -> Crosswalk:
        """Read what `write` wrote."""
        with pq.ParquetFile(directory / FILE) as file:
            table = file.read()
        layer, unit, cell, grid = (
            np.array(table.column(name).to_numpy(zero_copy_only=False), dtype=object)
            for name in ("layer", "unit", "cell", "grid")
        )
        area, weight = (table.column(name).to_numpy() for name in ("area_m2", "weight_area"))
        more = [name for name in table.column_names if name.startswith(_WEIGHT) and name != "weight_area"]
        weights = {name.removeprefix(_WEIGHT): table.column(name).to_numpy() for name in more}
        return cls(layer, unit, cell, area, weight, grid, weights)
