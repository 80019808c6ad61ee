"""Names for what came out: the grid each cell belongs to, and the codes of both.

A code, once given, means the same ground for ever: cells that go on from a cell of the version before keep its
code, base units keep their grid's, and what is new gets a serial that its community has never used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from grids.codes import COMMUNITY, SPANNING, STREET, cell_serial, grid_serial, is_grid, is_place, serial_number
from grids.errors import CodeError, LayerError, Problem
from grids.fusion.labels import NO_UNIT
from grids.lineage import heirs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from grids.cells import Cells
    from grids.fusion.noding import Borders
    from grids.fusion.prepare import Prepared

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_LAST_SPANNING = 999


@dataclass(frozen=True, eq=False)
class Coded:
    """Codes of the cells, in the cells' order. `orphans` counts those that lie in no base unit.

    `kept` counts the cells that kept a code of the version before; `retired` are all codes that were ever given and
    are no longer used.
    """

    codes: NDArray[Any]
    grids: NDArray[Any]
    communities: NDArray[Any]
    orphans: int
    kept: int
    retired: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Ground:
    """What is to be coded: each cell's base unit (index, or NO_UNIT), its polygon, and the cells' borders.

    `special` is a layer of special-purpose grids with each cell's unit in it, `previous` the version before.
    """

    unit: Ints
    polygons: NDArray[Any]
    borders: Borders
    special: tuple[Prepared, Ints] | None = None
    previous: Cells | None = None


def code_cells(base: Prepared, ground: Ground) -> Coded:
    """Give every cell its grid (a base unit inside its community, or a special-purpose grid) and its code.

    Where a base unit's parent is a community (12 digits), cells and grids are community + serial of 3, from two
    ranges that never meet; a special-purpose grid that spans communities is street + 601 upward + serial. Elsewhere
    a grid is the base unit's id and a cell the id, a hyphen and a serial. New serials follow the grids, and inside
    one the cells from west to east. Raises LayerError when a community holds more cells or grids than there are
    serials.
    """
    home = adopt(ground.unit, ground.polygons, ground.borders)
    register = _Register(ground.previous)
    try:
        regular = _grid_codes(base, register)
        grids = regular[home]
        communities = _communities(base)[home]
        if ground.special is not None:
            grids = _special_grids(ground, grids, communities, register)
        codes, kept = _cell_codes(base, home, grids, ground, register)
    except CodeError as error:
        expected = "smaller communities, or fewer layers"
        raise LayerError([Problem(base.source, 0, "parent", str(error), expected)]) from error
    orphans = int((ground.unit == NO_UNIT).sum())
    return Coded(codes, grids, communities, orphans, kept, register.retired({*codes.tolist(), *grids.tolist()}))


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


class _Register:
    """Every code ever given: the next free serial of each community, and what the version before called things."""

    def __init__(self, previous: Cells | None) -> None:
        self.previous = previous
        self._given: set[str] = set()
        self._last: dict[tuple[str, bool], int] = {}
        self.grid_of: dict[tuple[str, str], str] = {}
        if previous is None:
            return
        self._given = {*previous.codes.tolist(), *previous.grids.tolist(), *previous.retired}
        for code in self._given:
            within, grid, number = _taken_apart(code)
            self._last[within, grid] = max(self._last.get((within, grid), 0), number)
        nowhere = np.full(len(previous), None, dtype=object)
        special = previous.labels.get(previous.special, nowhere)
        for own, unit, grid in zip(special, previous.labels[previous.base], previous.grids, strict=True):
            if own is not None:
                self.grid_of[previous.special, own] = grid
            elif unit is not None:
                self.grid_of[previous.base, unit] = grid

    def next(self, within: str, *, grid: bool) -> int:
        """Return the next serial number of a community (or base unit) that was never used."""
        number = self._last.get((within, grid), 0) + 1
        self._last[within, grid] = number
        return number

    def spanning(self, street: str) -> str:
        """Return the next code of a street's grids that span communities: its digits, 601 upward, the serial."""
        number = SPANNING
        while any(code.startswith(f"{street}{number}") for code in self._given):
            number += 1
        if number > _LAST_SPANNING:
            raise CodeError(f"street {street}: more than {_LAST_SPANNING - SPANNING + 1} grids that span communities")
        self._given.add(code := f"{street}{number}{grid_serial(1)}")
        return code

    def retired(self, used: set[str]) -> tuple[str, ...]:
        """Return the codes of earlier versions that are no longer used, in order."""
        before = self.previous
        known = set() if before is None else {*before.codes.tolist(), *before.grids.tolist(), *before.retired}
        return tuple(sorted(known - used))


def _taken_apart(code: str) -> tuple[str, bool, int]:
    """Split a code into what it counts in, whether it is a grid's, and its number there."""
    within, hyphen, serial = code.rpartition("-")
    if is_place(code[:COMMUNITY]) and len(code[:COMMUNITY]) == COMMUNITY and not hyphen:
        return code[:COMMUNITY], is_grid(code), serial_number(code[COMMUNITY:])
    return f"{within}-", False, int(serial) if serial.isascii() and serial.isdigit() else 0


def _communities(base: Prepared) -> NDArray[Any]:
    """Return the parent of each base unit where it is a community's code, '' elsewhere."""
    found = [p if len(p) == COMMUNITY and p.isascii() and p.isdigit() else "" for p in base.parents]
    return np.array(found, dtype=object)


def _grid_codes(base: Prepared, register: _Register) -> NDArray[Any]:
    """Return the grid code of each base unit; the units come in the order of their ids."""
    codes = []
    for unit, community in zip(base.ids, _communities(base), strict=True):
        before = register.grid_of.get((base.net, unit), "")
        if not community:
            codes.append(unit)
        elif before.startswith(community) and is_grid(before):
            codes.append(before)
        else:
            codes.append(community + _within(community, grid_serial, register.next(community, grid=True)))
    return np.array(codes, dtype=object)


def _special_grids(
    ground: Ground, grids: NDArray[Any], communities: NDArray[Any], register: _Register
) -> NDArray[Any]:
    """Put the cells of each special-purpose unit into one grid, whatever base units they are in."""
    assert ground.special is not None
    special, unit = ground.special
    found = grids.copy()
    area = shapely.area(ground.polygons)
    for number in np.unique(unit[unit != NO_UNIT]):
        cells = np.flatnonzero(unit == number)
        held: dict[str, float] = {}
        for cell in cells:
            held[communities[cell]] = held.get(communities[cell], 0.0) + float(area[cell])
        parent = min(held, key=lambda community: (-held[community], community))
        before = register.grid_of.get((special.net, special.ids[number]), "")
        if not parent:
            found[cells] = f"{special.net}-{special.ids[number]}"
        elif is_grid(before) and _fits(before, parent, spanning=len(held) > 1):
            found[cells] = before
        elif len(held) > 1:
            found[cells] = register.spanning(parent[:STREET])
        else:
            found[cells] = parent + _within(parent, grid_serial, register.next(parent, grid=True))
    return found


def _fits(grid: str, parent: str, *, spanning: bool) -> bool:
    """Say whether a special-purpose grid may keep its code under this parent."""
    if spanning:
        return grid.startswith(parent[:STREET]) and int(grid[STREET:COMMUNITY]) >= SPANNING
    return grid.startswith(parent)


def _cell_codes(
    base: Prepared, home: Ints, grids: NDArray[Any], ground: Ground, register: _Register
) -> tuple[NDArray[Any], int]:
    """Return the cells' codes, and how many of them are a former cell's."""
    communities = _communities(base)
    within = np.array([communities[unit] or f"{base.ids[unit]}-" for unit in home], dtype=object)
    codes = np.full(len(home), "", dtype=object)
    if (before := register.previous) is not None:
        heir = heirs(before.geometry, ground.polygons)
        for cell in np.flatnonzero(heir >= 0):
            code = before.codes[heir[cell]]
            if _taken_apart(code)[0] == within[cell]:
                codes[cell] = code
    kept = int((codes != "").sum())
    inside = shapely.get_coordinates(shapely.point_on_surface(ground.polygons))
    for cell in np.lexsort((inside[:, 1], inside[:, 0], grids.astype(str))):
        if not codes[cell]:
            community = communities[home[cell]]
            number = register.next(within[cell], grid=False)
            codes[cell] = within[cell] + (_within(community, cell_serial, number) if community else f"{number:03d}")
    return codes, kept


def _within(community: str, serial: Any, number: int) -> str:
    try:
        return str(serial(number))
    except CodeError as error:
        raise CodeError(f"community {community}: {error}") from error
