"""Working periods as a running total: how much is counted by a moment, and when so much has been counted.

Moments are microseconds since 1970 (UTC), amounts are microseconds. Each answer is one binary search; the forms for
many at once do the same on arrays.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Whole = NDArray[np.int64]

SECOND = 1_000_000
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class WorkPeriods:
    """The periods in which time is counted, in order; those that overlap are counted once.

    They are known from one moment to another; what lies outside raises ValueError.
    """

    def __init__(self, known_from: int, known_to: int, begins: Whole, ends: Whole) -> None:
        self._known = (known_from, known_to)
        closed = np.maximum.accumulate(np.append(known_from, np.maximum(begins, ends)))
        opens = np.maximum(begins, closed[:-1])
        # a first period of no length: every moment comes after the beginning of some period
        counted = np.append([0, 0], np.cumsum(closed[1:] - opens))
        self._arrays: tuple[Whole, Whole] = np.append(known_from, opens), counted
        self._opens: list[int] = self._arrays[0].tolist()
        self._counted: list[int] = counted.tolist()

    def position(self, at: int) -> int:
        """Return what has been counted by a moment."""
        known_from, known_to = self._known
        if not known_from <= at < known_to:
            raise self._outside(at)
        period = bisect_right(self._opens, at)
        return min(self._counted[period - 1] + at - self._opens[period - 1], self._counted[period])

    def positions(self, at: Whole) -> Whole:
        """Return what has been counted by each of many moments."""
        known_from, known_to = self._known
        if len(outside := at[(at < known_from) | (at >= known_to)]):
            raise self._outside(int(outside[0]))
        opens, counted = self._arrays
        period = np.searchsorted(opens, at, "right")
        found: Whole = np.minimum(counted[period - 1] + at - opens[period - 1], counted[period])
        return found

    def moment(self, position: int) -> int:
        """Return the earliest moment at which so much has been counted; `position` is above 0."""
        period = bisect_left(self._counted, position) - 1
        if period == len(self._opens):
            raise self._too_late()
        return self._opens[period] + position - self._counted[period]

    def moments(self, positions: Whole) -> Whole:
        """Return the same for many."""
        opens, counted = self._arrays
        period = np.searchsorted(counted, positions, "left") - 1
        if (period == len(opens)).any():
            raise self._too_late()
        found: Whole = opens[period] + positions - counted[period]
        return found

    def between(self, begins: int, ends: int) -> Iterator[tuple[int, int]]:
        """List the stretches of counted time from one moment to another."""
        self.positions(np.array([begins, ends]))
        for period in range(bisect_right(self._opens, begins) - 1, bisect_left(self._opens, ends)):
            opens = self._opens[period]
            closes = opens + self._counted[period + 1] - self._counted[period]
            if (a := max(begins, opens)) < (b := min(ends, closes)):
                yield a, b

    def _outside(self, at: int) -> ValueError:
        known_from, known_to = (moment_of(known).date() for known in self._known)
        return ValueError(
            f"{moment_of(at).date()} (UTC) is outside the calendar, which goes from {known_from} to {known_to}"
        )

    def _too_late(self) -> ValueError:
        return ValueError(f"a deadline after {moment_of(self._known[1]).date()} is outside the calendar")


def micros(moment: datetime) -> int:
    """Return a moment as microseconds since 1970, by the clock of UTC, whatever its zone."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(at: int) -> datetime:
    """Return microseconds since 1970 as a moment (UTC)."""
    return _EPOCH + at * _MICROSECOND


def whole(values: ArrayLike) -> Whole:
    """Return times or spans as whole microseconds. Raises TypeError for fractions, ValueError for missing times."""
    array: NDArray[Any] = np.asarray(values)
    if array.dtype.kind in "Mm":
        if np.isnat(array).any():
            raise ValueError("a time is missing; expected a datetime64 or timedelta64 in every place")
        return array.astype(f"{array.dtype.kind}8[us]").astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{array.dtype} is no time; expected datetime64, timedelta64 or whole microseconds")
    return array.astype(np.int64)
