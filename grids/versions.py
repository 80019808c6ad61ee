"""Several versions of the grid, open together: a report is located on the one in force when it happened."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from grids.cells import Cells
from grids.errors import LayerError, Problem
from grids.locator import NONE, Located, Locator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


class Versions:
    """The grid through time: each version is in force from its day until the next one's."""

    def __init__(self, locators: Mapping[date, Locator]) -> None:
        """Take locators by the first day of their version. Raises ValueError without any."""
        if not locators:
            raise ValueError("no version of the grid")
        self.days = sorted(locators)
        self.locators = [locators[day] for day in self.days]

    @classmethod
    def open(cls, folders: Mapping[date, Path], *, snap_m: float = 0.0) -> Versions:
        """Open the folders that `grid fuse` wrote, by the first day of each; compiled ones are only mapped.

        Raises LayerError for a folder without a grid.
        """
        return cls({day: Locator(Cells.read(folder), snap_m=snap_m) for day, folder in folders.items()})

    def number(self, day: date) -> int:
        """Return the position of the version in force on a city date. Raises LayerError before the first."""
        if (found := bisect_right(self.days, day) - 1) < 0:
            expected = f"{self.days[0].isoformat()} or later"
            raise LayerError([Problem("", 0, "occurred_at", day.isoformat(), expected)])
        return found

    def at(self, day: date) -> Locator:
        """Return the locator of the version in force on a city date. Raises LayerError before the first."""
        return self.locators[self.number(day)]

    def locate(
        self, lon: ArrayLike, lat: ArrayLike, days: list[date], *, border: bool = True
    ) -> tuple[Located, NDArray[np.int64]]:
        """Locate WGS-84 positions, each on the version in force on its day; also return which version that is.

        A position from before the first version is nowhere: its version is -1.
        """
        x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        known = np.array([bisect_right(self.days, day) - 1 for day in days], dtype=np.int64)
        index = np.full(len(x), -1, dtype=np.int32)
        method = np.full(len(x), NONE, dtype=np.uint8)
        border_m = np.full(len(x), np.nan)
        for number in np.unique(known[known >= 0]):
            here = np.flatnonzero(known == number)
            found = self.locators[number].locate(x[here], y[here], border=border)
            index[here], method[here], border_m[here] = found.index, found.method, found.border_m
        return Located(index, method, border_m), known
