"""Outlines: the ground of each street as one shape, for maps. Drawn once, when a pack is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from grids.cells import Cells
    from grids.places import Place

FILE: Final = "outlines.parquet"
DETAIL_M: Final = 15.0
"""How far, in metres, a drawn outline may be from the true one: a map of a whole city shows no more."""


class Outline(NamedTuple):
    """An area's code, the desk that commands it (that of its first cell), and its shape in the cells' CRS."""

    area: str
    desk: str
    shape: Any


def draw_outlines(cells: Cells, places: Sequence[Place]) -> list[Outline]:
    """Join the cells of each street, of each district or desk where no street is known; in the order of the codes."""
    members: dict[str, list[int]] = {}
    for index, place in enumerate(places):
        members.setdefault(place.street or place.district or place.desk, []).append(index)
    found = []
    for area, held in sorted(members.items()):
        shape = shapely.simplify(shapely.coverage_union_all(cells.geometry[held]), DETAIL_M)
        found.append(Outline(area, places[held[0]].desk, shape))
    return found


def write_outlines(outlines: Sequence[Outline], directory: Path) -> None:
    """Write `directory`/outlines.parquet."""
    columns = {
        "area": pa.array([one.area for one in outlines], pa.string()),
        "desk": pa.array([one.desk for one in outlines], pa.string()),
        "geometry": pa.array([shapely.to_wkb(one.shape, byte_order=1) for one in outlines], pa.binary()),
    }
    pq.write_table(pa.table(columns), directory / FILE, compression="zstd")


def read_outlines(directory: Path) -> list[Outline]:
    """Read what `write_outlines` wrote. Raises FileNotFoundError where nothing was."""
    with pq.ParquetFile(directory / FILE) as file:
        area, desk, wkb = (column.to_pylist() for column in file.read().columns)
    return [Outline(*one) for one in zip(area, desk, shapely.from_wkb(np.array(wkb, dtype=object)), strict=True)]
