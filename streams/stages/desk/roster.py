"""The roster: which grid worker on duty is nearest to a place, outside the line of the unit that handled it.

    roster = Roster(city)  # once for each pack
    roster.nearest(104.06, 30.66, "510104017001901", at, "510104017-OF")

A worker stands in the middle of the grid they walk: the fused grid of that code, or what became of the base layer's
unit of that code. Without such a grid they stand in the middle of their unit's area. Distances are straight lines,
exact enough to say who is nearer within one city.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streams.stages.desk.authority import independent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime, time, tzinfo

    from numpy.typing import NDArray

    from grids.city import City
    from grids.rules import Worker

    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float64]

_DAY = 24 * 60
_DECIMALS = 7
"""Decimals of a degree that a position keeps: a centimetre, so that no machine's rounding decides who is nearer."""


class Roster:
    """The workers of a city, to be asked for the nearest one on duty. Shifts are city time and count every day.

    A shift that ends before it begins goes over midnight; one that ends when it begins lasts the whole day.
    """

    def __init__(self, city: City) -> None:
        self._rules, self._zone = city.rules, city.zone
        self._workers = sorted(city.rules.workers, key=lambda worker: worker.worker)
        self._number = {worker.worker: number for number, worker in enumerate(self._workers)}

        ground = self._ground = _Ground(city)
        homes = [ground.walked_by(worker) for worker in self._workers]
        self._walkers: dict[str, list[int]] = {}
        for number, cells in enumerate(homes):
            for grid in {str(city.cells.grids[cell]) for cell in cells}:
                self._walkers.setdefault(grid, []).append(number)
        stands = [
            ground.middle(cells or ground.area_of(worker)) for worker, cells in zip(self._workers, homes, strict=True)
        ]
        self._lon, self._lat = np.array(stands, dtype=np.float64).reshape(-1, 2).T.copy()

        units = sorted({worker.unit for worker in self._workers})
        self._units = [city.rules.units[unit] for unit in units]
        self._unit_of = np.array([units.index(worker.unit) for worker in self._workers], dtype=np.intp)
        self._active_from = np.array([unit.active_from.toordinal() for unit in self._units], dtype=np.int64)
        self._active_to = np.array([unit.active_to.toordinal() for unit in self._units], dtype=np.int64)
        self._outside: dict[str, Flags] = {}

        of_workers = [(_minute(worker.shift_from), _minute(worker.shift_to)) for worker in self._workers]
        self._shifts = sorted(set(of_workers))
        self._shift_of = np.array([self._shifts.index(shift) for shift in of_workers], dtype=np.intp)

    def __len__(self) -> int:
        return len(self._workers)

    def nearest(
        self,
        lon: float | None,
        lat: float | None,
        grid: str,
        at: datetime,
        outside: str = "",
        *,
        off: Iterable[str] = (),
        on: Iterable[str] = (),
    ) -> Worker | None:
        """Return the nearest worker on duty at a moment; None if there is none, or nobody knows where the place is.

        The place is `lon`, `lat` in degrees (WGS-84), else the middle of `grid`, the code of a fused grid. Who walks
        that very grid is at no distance; of several at one distance it is the first by pseudonym. `outside` is the
        unit that handled the case: who works in its line, above or below, is left out, and so is everybody whose
        unit doesn't exist on the date. `on` and `off` are pseudonyms of those who said that they are on or off
        duty, whatever their shift; off wins.
        """
        free = self._free(at, outside, off, on)
        for number in self._walkers.get(grid, ()):
            if free[number]:
                return self._workers[number]
        if lon is None or lat is None:
            lon, lat = self._ground.middle(self._ground.grids.get(grid, []))
        if not math.isfinite(lon + lat) or not free.any():
            return None
        narrow = round(math.cos(math.radians(lat)), _DECIMALS)  # a degree of longitude in degrees of latitude
        far = np.square((self._lon - lon) * narrow) + np.square(self._lat - lat)
        far[~free] = np.inf
        found = int(far.argmin())
        return self._workers[found] if math.isfinite(far[found]) else None

    def _free(self, at: datetime, outside: str, off: Iterable[str], on: Iterable[str]) -> Flags:
        """Say of every worker whether they may be asked at a moment."""
        local = at.astimezone(self._zone)
        minute, day = local.hour * 60 + local.minute, local.toordinal()
        duty = [(minute - begins) % _DAY < ((ends - begins) % _DAY or _DAY) for begins, ends in self._shifts]
        free: Flags = np.array(duty, dtype=bool)[self._shift_of]
        for said, present in ((on, True), (off, False)):
            free[[self._number[worker] for worker in said if worker in self._number]] = present
        units = self._independent(outside) & (self._active_from <= day) & (day < self._active_to)
        return free & units[self._unit_of]

    def _independent(self, outside: str) -> Flags:
        """Say of every unit that has workers whether it is out of the line of another; kept for the next time."""
        known = outside if outside in self._rules.units else ""
        found = self._outside.get(known)
        if found is None:
            found = np.array([independent(self._rules, known, unit.code) for unit in self._units], dtype=bool)
            self._outside[known] = found
        return found


class OnDuty(NamedTuple):
    """A roster at a moment: by the shifts, but for whoever has said that they are on or off duty."""

    roster: Roster
    on: Collection[str]
    off: Collection[str]

    def nearest(
        self, lon: float | None, lat: float | None, grid: str, at: datetime, outside: str = ""
    ) -> Worker | None:
        """Return the nearest worker on duty; see `Roster.nearest`."""
        return self.roster.nearest(lon, lat, grid, at, outside, on=self.on, off=self.off)


def on_shift(worker: Worker, at: datetime, zone: tzinfo) -> bool:
    """Say whether a moment lies in a worker's shift."""
    local = at.astimezone(zone)
    begins, ends = _minute(worker.shift_from), _minute(worker.shift_to)
    return (local.hour * 60 + local.minute - begins) % _DAY < ((ends - begins) % _DAY or _DAY)


_NOWHERE = (math.inf, math.inf)


class _Ground:
    """Which cells make up a grid, a unit of the base layer or an area, and where their middle is."""

    def __init__(self, city: City) -> None:
        self._units = city.rules.units
        self._points = city.inner_points()
        self.grids = _group(city.cells.grids)
        self._base = _group(city.cells.labels[city.cells.base])
        self._areas: dict[str, list[int]] = {}
        for cell, place in enumerate(city.cell_places):
            for area in {place.community, place.street, place.district, place.desk, *place.zones}:
                self._areas.setdefault(area, []).append(cell)

    def walked_by(self, worker: Worker) -> list[int]:
        """List the cells of a worker's grid; none if the map doesn't know it."""
        return self.grids.get(worker.grid) or self._base.get(worker.grid, [])

    def area_of(self, worker: Worker) -> list[int]:
        """List the cells of the area of a worker's unit; a unit of the city is for all of it."""
        unit = self._units[worker.unit]
        return list(range(len(self._points))) if unit.level == "CITY" else self._areas.get(unit.area_code, [])

    def middle(self, cells: list[int]) -> tuple[float, float]:
        """Return the mean of the cells' inner points: longitude and latitude; infinite if there are no cells."""
        if not cells:
            return _NOWHERE
        lon, lat = self._points[cells].mean(axis=0).round(_DECIMALS).tolist()
        return lon, lat


def _group(codes: NDArray[Any]) -> dict[str, list[int]]:
    """List the cells of each code; a cell without one is in none."""
    found: dict[str, list[int]] = {}
    for cell, code in enumerate(codes):
        if code:
            found.setdefault(str(code), []).append(cell)
    return found


def _minute(moment: time) -> int:
    return moment.hour * 60 + moment.minute
