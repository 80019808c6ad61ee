"""Grids: what a grid worker is given, made of cells; and which cells are neighbours. Each has a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from grids.cells import Cells
    from grids.fusion.noding import Borders
    from grids.fusion.prepare import Prepared

GRIDS: Final = "grids.parquet"
ADJACENCY: Final = "adjacency.parquet"

_TEXTS = ("grid", "kind", "net", "unit", "community", "name_zh", "name_en")


@dataclass(frozen=True, eq=False)
class Grids:
    """One row a grid, by code. `kind` is REGULAR (a base unit inside its community) or SPECIAL (专属网格).

    `net` and `unit` say what it comes from, `community` is its parent: of a grid that spans several, the one with
    the largest share. Names are the unit's, where the layer gives none made from its id.
    """

    grid: NDArray[Any]
    kind: NDArray[Any]
    net: NDArray[Any]
    unit: NDArray[Any]
    community: NDArray[Any]
    name_zh: NDArray[Any]
    name_en: NDArray[Any]
    cells: NDArray[np.int64]
    area_m2: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.grid)

    @classmethod
    def of(cls, cells: Cells, base: Prepared, special: Prepared | None = None) -> Grids:
        """List the grids of `cells`."""
        grid, of_grid = np.unique(cells.grids.astype(str), return_inverse=True)
        nowhere = np.full(len(cells), None, dtype=object)
        own = nowhere if special is None else cells.labels[special.net]
        names = {layer.net: _names(layer) for layer in (base, special) if layer is not None}
        unit_of: dict[int, tuple[str, str]] = {}
        share: dict[int, dict[str, float]] = {}
        rows = zip(of_grid.tolist(), own, cells.labels[base.net], cells.communities, cells.area_m2, strict=True)
        for number, purpose, unit, community, area in rows:
            if purpose is not None and special is not None:
                unit_of[number] = (special.net, purpose)
            elif unit is not None:
                unit_of[number] = (base.net, unit)
            held = share.setdefault(number, {})
            held[community] = held.get(community, 0.0) + float(area)
        found = []
        for number, code in enumerate(grid.tolist()):
            net, unit = unit_of.get(number, (base.net, code))
            zh, en = names[net].get(unit, ("", ""))
            kind = "REGULAR" if net == base.net else "SPECIAL"
            parent = min(share[number], key=lambda community: (-share[number][community], community))
            found.append((code, kind, net, unit, parent, zh or f"网格 {unit}", en or f"Grid {unit}"))
        texts = dict(
            zip(_TEXTS, (np.array(column, dtype=object) for column in zip(*found, strict=True)), strict=True)
        )
        count = np.bincount(of_grid, minlength=len(grid)).astype(np.int64)
        area = np.bincount(of_grid, weights=cells.area_m2, minlength=len(grid)).astype(np.float64)
        return cls(**texts, cells=count, area_m2=area)

    def write(self, directory: Path) -> None:
        """Write `directory`/grids.parquet."""
        directory.mkdir(parents=True, exist_ok=True)
        columns = {name: pa.array(getattr(self, name), pa.string()) for name in _TEXTS}
        columns |= {"cells": pa.array(self.cells), "area_m2": pa.array(self.area_m2)}
        pq.write_table(pa.table(columns), directory / GRIDS, compression="zstd")


def write_adjacency(cells: Cells, borders: Borders, directory: Path) -> None:
    """Write `directory`/adjacency.parquet: each two cells with a common border, and its length in metres."""
    directory.mkdir(parents=True, exist_ok=True)
    inner = borders.inner()
    columns = {
        "cell": pa.array(cells.codes[inner.left], pa.string()),
        "neighbour": pa.array(cells.codes[inner.right], pa.string()),
        "border_m": pa.array(np.round(inner.length, 2)),
    }
    pq.write_table(pa.table(columns), directory / ADJACENCY, compression="zstd")


def _names(layer: Prepared) -> dict[str, tuple[str, str]]:
    return {
        str(unit): (str(zh), str(en)) for unit, zh, en in zip(layer.ids, layer.names, layer.names_en, strict=True)
    }
