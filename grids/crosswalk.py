"""The crosswalk: where every unit of every old layer is in the fused grid, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from grids.cells import Cells

FILE = "crosswalk.parquet"


@dataclass(frozen=True, eq=False)
class Crosswalk:
    """One row for each unit and cell of it, sorted by layer, unit and cell.

    `weight_area` is the cell's share of the unit's area in the fused grid; the weights of a unit sum to 1.
    """

    layer: NDArray[Any]
    unit: NDArray[Any]
    cell: NDArray[Any]
    area_m2: NDArray[np.float64]
    weight_area: NDArray[np.float64]

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
            parts.append(
                (np.full(len(held), net, dtype=object), unit.astype(object), cells.codes[held], area, weight)
            )
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    @cached_property
    def _rows(self) -> dict[tuple[str, str], list[int]]:
        rows: dict[tuple[str, str], list[int]] = {}
        for row, key in enumerate(zip(self.layer, self.unit, strict=True)):
            rows.setdefault(key, []).append(row)
        return rows

    def cells_of(self, layer: str, unit: str) -> list[tuple[str, float]]:
        """List the cells of a unit with their weights, the heaviest first; empty for an unknown unit."""
        rows = self._rows.get((layer, unit), [])
        found = [(str(self.cell[row]), float(self.weight_area[row])) for row in rows]
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
        }
        pq.write_table(pa.table(columns), directory / FILE, compression="zstd")

    @classmethod
    def read(cls, directory: Path) -> Crosswalk:
        """Read what `write` wrote."""
        table = pq.read_table(directory / FILE)
        texts = (np.array(table.column(name).to_pylist(), dtype=object) for name in ("layer", "unit", "cell"))
        return cls(*texts, *(table.column(name).to_numpy() for name in ("area_m2", "weight_area")))
