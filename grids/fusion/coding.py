"""Names for what came out: the grid each cell belongs to, and both their codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from grids.codes import COMMUNITY, cell_serial, grid_serial
from grids.errors import CodeError, LayerError, Problem
from grids.fusion.labels import NO_UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from grids.fusion.noding import Borders
    from grids.fusion.prepare import Prepared

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Coded:
    """Codes of the cells, in the cells' order; `orphans` counts those that lie in no base unit."""

    codes: NDArray[Any]
    grids: NDArray[Any]
    communities: NDArray[Any]
    orphans: int


def code_cells(base: Prepared, unit: Ints, polygons: NDArray[Any], borders: Borders) -> Coded:
    """Give every cell its grid (a base unit inside its community) and its code.

    Where a base unit's parent is a community (12 digits), cells and grids are community + serial of 3, from two
    ranges that never meet; elsewhere a grid is the base unit's id and a cell the id, a hyphen and a serial. The
    serials follow the grids, and inside one the cells from west to east. `unit` is the base unit of each cell
    (index, or NO_UNIT). Raises LayerError when a community holds more cells or grids than there are serials.
    """
    home = adopt(unit, polygons, borders)
    try:
        grids = _grid_codes(base)
        codes = _cell_codes(base, home, grids, polygons)
    except CodeError as error:
        expected = "smaller communities, or fewer layers"
        raise LayerError([Problem(base.source, 0, "parent", str(error), expected)]) from error
    return Coded(codes, grids[home], _communities(base)[home], int((unit == NO_UNIT).sum()))


def adopt(unit: Ints, polygons: NDArray[Any], borders: Borders) -> Ints:
    """Give each cell outside every base unit the base unit that it shares the longest border with.

    Cells further out follow their neighbours, round by round; an island goes to the nearest base unit. Ties go
    to the unit that comes first.
    """
    home = unit.copy()
    inner = borders.inner()
    left = np.concatenate((inner.left, inner.right))
    right = np.concatenate((inner.right, inner.left))
    length = np.concatenate((inner.length, inner.length))
    while len(reach := np.flatnonzero((home[left] == NO_UNIT) & (home[right] != NO_UNIT))):
        pairs, where = np.unique(np.column_stack((left[reach], home[right[reach]])), axis=0, return_inverse=True)
        total = np.bincount(where.ravel(), weights=length[reach])
        order = np.lexsort((pairs[:, 1], -total, pairs[:, 0]))
        orphan, first = np.unique(pairs[order, 0], return_index=True)
        home[orphan] = pairs[order, 1][first]
    if len(islands := np.flatnonzero(home == NO_UNIT)):
        settled = np.flatnonzero(home != NO_UNIT)
        island, near = shapely.STRtree(polygons[settled]).query_nearest(polygons[islands])
        for which, candidate in sorted(zip(island, home[settled[near]], strict=True), reverse=True):
            home[islands[which]] = candidate
    return home


def _communities(base: Prepared) -> NDArray[Any]:
    """Return the parent of each base unit where it is a community's code, '' elsewhere."""
    found = [p if len(p) == COMMUNITY and p.isascii() and p.isdigit() else "" for p in base.parents]
    return np.array(found, dtype=object)


def _grid_codes(base: Prepared) -> NDArray[Any]:
    """Return the grid code of each base unit; the units come in the order of their ids."""
    seen: dict[str, int] = {}
    codes = []
    for unit, community in zip(base.ids, _communities(base), strict=True):
        if community:
            seen[community] = seen.get(community, 0) + 1
            codes.append(community + _within(community, grid_serial, seen[community]))
        else:
            codes.append(unit)
    return np.array(codes, dtype=object)


def _cell_codes(base: Prepared, home: Ints, grids: NDArray[Any], polygons: NDArray[Any]) -> NDArray[Any]:
    communities = _communities(base)
    inside = shapely.get_coordinates(shapely.point_on_surface(polygons))
    order = np.lexsort((inside[:, 1], inside[:, 0], grids[home].astype(str)))
    seen: dict[str, int] = {}
    codes = np.empty(len(home), dtype=object)
    for cell in order:
        community = communities[home[cell]]
        within = community or base.ids[home[cell]] + "-"
        seen[within] = seen.get(within, 0) + 1
        serial = _within(community, cell_serial, seen[within]) if community else f"{seen[within]:03d}"
        codes[cell] = within + serial
    return codes


def _within(community: str, serial: Any, number: int) -> str:
    try:
        return str(serial(number))
    except CodeError as error:
        raise CodeError(f"community {community}: {error}") from error
