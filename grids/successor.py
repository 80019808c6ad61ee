"""What becomes of a case when the grid is drawn anew: from a cell of an older version to today's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grids.city import City
    from grids.places import Place


def follow(city: City, old: str, cell: str, lon: float | None = None, lat: float | None = None) -> Place | None:
    """Return the place, in the city's newest grid, of what is in a cell of the version `old`.

    With a position (WGS-84) that lies in that cell it is the position's own cell now; otherwise the cell that holds
    the greatest part of the old one's ground, the lowest code where several hold as much. None if no cell holds it
    any more, or the pack knows no such version or cell.
    """
    before, now = city.grid_of(old), city.grid
    index = None if before is None else before.index.get(cell)
    if before is None or index is None:
        return None
    if before.version == now.version:
        return now.places[index]
    if lon is not None and lat is not None and before.locator.locate_one(lon, lat)[0] == index:
        found = now.locator.locate_one(lon, lat)[0]
        return now.places[found] if found >= 0 else None
    held = now.holding(before.cells, [index])
    return now.places[held[0][0]] if held else None
