"""What lies near: open cases and past closings of a desk, found again by category and square of the ground.

What an index answers is a function of what it holds, whatever the order in which that came or what has left.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right, insort
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from streams.stages.desk.duplicates import HOUR_S, METRES_PER_DEGREE, allowance_m, distance_m, reach_m

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from streams.stages.desk.duplicates import Parameters, Seen

_DAY_S = 24 * HOUR_S

_LAST = "\U0010ffff"
"""A text behind every case number."""

_Key = tuple[str, str | int, str | int]
_Entry = tuple[float, str, "Seen"]


class Nearby:
    """The open cases of a desk, by what a report may have in common with them."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._shelves = _Shelves()

    def __len__(self) -> int:
        """Return how many cases are held."""
        return len(self._shelves)

    def add(self, seen: Seen) -> None:
        """Hold a case; one held already is held anew as it is now."""
        self.remove(seen.case_no)
        self._shelves.put(seen, seen.occurred_at.timestamp(), self._keys(seen))

    def remove(self, case_no: str) -> None:
        """Hold a case no longer: it is closed, merged or elsewhere. One that isn't held is none the worse."""
        self._shelves.take(case_no, self._keys)

    def near(self, seen: Seen) -> list[Seen]:
        """Return the cases that a report may repeat, by the time and number of each: a superset for `judge`.

        These are the cases about its component; within its category's hours those of the squares around it, and
        those of its cell that have no position; a report without a position is near all cases of its cell.
        """
        window = self._parameters.near[seen.category].hours * HOUR_S
        at = seen.occurred_at.timestamp()
        found = self._shelves.between(self._around(seen), at - window, at + window)
        if seen.component_id:
            found |= self._shelves.between([_component(seen)], -math.inf, math.inf)
        return _in_order(seen, found)

    def _keys(self, seen: Seen) -> list[_Key]:
        keys: list[_Key] = []
        if seen.component_id:
            keys.append(_component(seen))
        keys += _home(seen, _side_m(self._parameters, seen.category))
        if seen.cell:
            keys.append(_in_cell(seen, placed=seen.lon is not None))
        return keys

    def _around(self, seen: Seen) -> list[_Key]:
        keys = _around(seen, _side_m(self._parameters, seen.category))
        if seen.cell:
            if not keys:
                keys.append(_in_cell(seen, placed=True))
            keys.append(_in_cell(seen, placed=False))
        return keys


class Closings:
    """The cases that a desk has closed lately, by place: whether a matter keeps coming back (D3)."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._shelves = _Shelves()
        self._order: list[tuple[float, str]] = []

    def __len__(self) -> int:
        """Return how many closings are held."""
        return len(self._shelves)

    def add(self, seen: Seen, closed_at: datetime) -> None:
        """Note that a case was closed. One that is closed anew counts once, with its last closing."""
        self.remove(seen.case_no)
        moment = closed_at.timestamp()
        self._shelves.put(seen, moment, self._keys(seen))
        heapq.heappush(self._order, (moment, seen.case_no))

    def remove(self, case_no: str) -> None:
        """Forget a closing: the case was reopened, or never was one."""
        self._shelves.take(case_no, self._keys)

    def count(self, seen: Seen, at: datetime, most: int | None = None) -> int:
        """Return how often the same matter was closed at the same place in the pack's `repeat.days` before a moment.

        It is counted no further than to `most`. The same place is the same component, or without one within the
        metres of the category, as far as the accuracy of both positions tells; an unsure position is no place.
        """
        last = at.timestamp()
        first = last - self._parameters.form.repeat.days * _DAY_S
        keys = _around(seen, _side_m(self._parameters, seen.category)) if seen.sure else []
        if seen.component_id:
            keys.append(_component(seen))
        found = self._shelves.between(keys, first, last)
        found.pop(seen.case_no, None)
        same = (other for _, _, other in found.values() if self._same(seen, other))
        return sum(1 for _ in islice(same, most))

    def repeats(self, seen: Seen, at: datetime) -> bool:
        """Say whether a matter that comes up at a moment was closed `repeat.times` times within the days before."""
        times = self._parameters.form.repeat.times
        return self.count(seen, at, times) >= times

    def forget(self, at: datetime) -> None:
        """Free the memory of closings that no later moment asks for; answers don't depend on when that is done."""
        first = at.timestamp() - self._parameters.form.repeat.days * _DAY_S
        while self._order and self._order[0][0] < first:
            moment, case_no = heapq.heappop(self._order)
            if self._shelves.moment(case_no) == moment:
                self.remove(case_no)

    def _same(self, seen: Seen, other: Seen) -> bool:
        if seen.component_id and other.component_id:
            return seen.component_id == other.component_id
        between = distance_m(seen, other)
        if between is None:
            return False
        allowed = allowance_m(seen, other, self._parameters.form)
        return between - allowed <= self._parameters.near[seen.category].metres

    def _keys(self, seen: Seen) -> list[_Key]:
        keys: list[_Key] = []
        if seen.component_id:
            keys.append(_component(seen))
        if seen.sure:
            keys += _home(seen, _side_m(self._parameters, seen.category))
        return keys


class _Shelves:
    """What has been seen, each under several keys, on every shelf in the order of a moment and the case's number."""

    def __init__(self) -> None:
        self._shelves: dict[_Key, list[_Entry]] = {}
        self._held: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, case_no: str) -> bool:
        return case_no in self._held

    def put(self, seen: Seen, moment: float, keys: Iterable[_Key]) -> None:
        entry = (moment, seen.case_no, seen)
        self._held[seen.case_no] = entry
        for key in keys:
            insort(self._shelves.setdefault(key, []), entry)

    def take(self, case_no: str, keys: Callable[[Seen], Iterable[_Key]]) -> None:
        entry = self._held.pop(case_no, None)
        if entry is None:
            return
        for key in keys(entry[2]):
            shelf = self._shelves[key]
            del shelf[bisect_left(shelf, entry[:2])]
            if not shelf:
                del self._shelves[key]

    def moment(self, case_no: str) -> float | None:
        entry = self._held.get(case_no)
        return entry[0] if entry else None

    def between(self, keys: Iterable[_Key], first: float, last: float) -> dict[str, _Entry]:
        """Return what lies on some shelves from one moment to another, both included, by number."""
        found = {}
        for key in keys:
            shelf = self._shelves.get(key)
            if shelf is not None:
                for entry in shelf[bisect_left(shelf, (first,)) : bisect_right(shelf, (last, _LAST))]:
                    found[entry[1]] = entry
        return found


def _in_order(seen: Seen, found: dict[str, _Entry]) -> list[Seen]:
    """Return what was found by moment and number, without the case itself."""
    found.pop(seen.case_no, None)
    return [entry[2] for entry in sorted(found.values(), key=itemgetter(0, 1))]


def _component(seen: Seen) -> _Key:
    return seen.category, "component", seen.component_id


def _in_cell(seen: Seen, *, placed: bool) -> _Key:
    return seen.category, "placed in" if placed else "somewhere in", seen.cell


def _side_m(parameters: Parameters, category: str) -> float:
    """Return the side of a category's squares: as far as anything reaches, so that nine squares hold all of it."""
    return reach_m(parameters.near[category], parameters.form)


def _home(seen: Seen, side_m: float) -> list[_Key]:
    """Return the square of a position; none without one."""
    if seen.lon is None or seen.lat is None:
        return []
    row = math.floor(seen.lat * METRES_PER_DEGREE / side_m)
    return [(seen.category, row, _column(row, seen.lon, side_m))]


def _around(seen: Seen, side_m: float) -> list[_Key]:
    """Return the square of a position and the eight around it; none without one."""
    if seen.lon is None or seen.lat is None:
        return []
    keys: list[_Key] = []
    middle = math.floor(seen.lat * METRES_PER_DEGREE / side_m)
    for row in (middle - 1, middle, middle + 1):
        column = _column(row, seen.lon, side_m)
        keys += [(seen.category, row, shifted) for shifted in (column - 1, column, column + 1)]
    return keys


def _column(row: int, lon: float, side_m: float) -> int:
    """Return a longitude's column in a row; a row has one scale, so that everybody counts its columns alike."""
    shrink = math.cos(math.radians(row * side_m / METRES_PER_DEGREE))
    return math.floor(lon * METRES_PER_DEGREE * shrink / side_m)
