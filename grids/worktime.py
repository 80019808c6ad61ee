"""Working time: when a limit ends, and how much of it has passed.

Four kinds of clock (DOMAIN §4): URGENT_HOUR and NATURAL_DAY run continuously; WORK_HOUR and WORK_DAY run in the
city's working hours on its working days, with public holidays and make-up days. The working periods are counted
once into a running total, so a deadline is two binary searches and never a loop over minutes. A limit that is used
up exactly when a working period ends falls on that end, not on the next beginning. Everything is reckoned in whole
microseconds, so stretches of counted time add up exactly; the forms for many at once give the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from grids.workperiods import SECOND, WorkPeriods, micros, moment_of, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from zoneinfo import ZoneInfo

    from numpy.typing import ArrayLike, NDArray

HOLIDAY, MAKEUP_WORKDAY = "HOLIDAY", "MAKEUP_WORKDAY"

_CONTINUOUS = {"URGENT_MINUTE": 60, "URGENT_HOUR": 3600, "NATURAL_DAY": 86_400}
_WORKING = {"WORK_MINUTE": 60, "WORK_HOUR": 3600}
CLOCKS = frozenset({*_CONTINUOUS, *_WORKING, "WORK_DAY"})
"""Kinds of clock. The MINUTE kinds are for the steps of the desk itself; filing conditions use the other four."""

_LIMIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Z_]+)\s*")


class Limit(NamedTuple):
    """An amount of one kind of clock, such as 2 WORK_DAY."""

    amount: float
    clock: str

    def __str__(self) -> str:
        """Write it as it is read: `2 WORK_DAY`."""
        return f"{self.amount:g} {self.clock}"

    def times(self, factor: float) -> Limit:
        """Return the limit stretched by `factor`."""
        return Limit(self.amount * factor, self.clock)


class Interval(NamedTuple):
    """A stretch of counted time, in the city's own hours."""

    start: datetime
    end: datetime
    minutes: float


@lru_cache(maxsize=1024)
def parse_limit(text: str) -> Limit:
    """Read `2 WORK_DAY`. Raises ValueError that names the clocks there are."""
    match = _LIMIT.fullmatch(text)
    if not match or match[2] not in CLOCKS or float(match[1]) <= 0:
        raise ValueError(f"{text!r} is no limit; expected an amount and one of {' '.join(sorted(CLOCKS))}")
    return Limit(float(match[1]), match[2])


@dataclass(frozen=True)
class WorkCalendar:
    """A city's working hours, weekdays, holidays and make-up days.

    `periods` are (start, end) pairs of one day in order; `weekdays` are ISO numbers (1 is Monday); `exceptions`
    says for single dates whether they are a HOLIDAY or a MAKEUP_WORKDAY. Beyond the last year of `exceptions`
    only weekdays count, and `provisional` says so.
    """

    zone: ZoneInfo
    periods: tuple[tuple[time, time], ...]
    weekdays: frozenset[int]
    exceptions: Mapping[date, str]
    first: date = date(2020, 1, 1)
    days: int = 366 * 60

    @cached_property
    def day_seconds(self) -> int:
        """Working seconds of one working day."""
        return sum(closes - opens for opens, closes in self._spans) // SECOND

    def is_workday(self, day: date) -> bool:
        """Say whether people work on this date."""
        exception = self.exceptions.get(day)
        if exception is not None:
            return exception == MAKEUP_WORKDAY
        return day.isoweekday() in self.weekdays

    @cached_property
    def _counted(self) -> WorkPeriods:
        """The working periods of all days, each as long as it really is, also where summer time begins or ends."""
        walls = np.datetime64(self.first) + np.arange(self.days + 1)
        offsets = [self.zone.utcoffset(midnight) for midnight in walls.astype("M8[s]").tolist()]
        midnights = whole(walls) - whole(np.array(offsets, dtype="m8[us]"))
        periods = midnights[:-1, None, None] + np.array(self._spans, dtype=np.int64).reshape(-1, 2)
        for uneven in [n for n in range(self.days) if offsets[n] != offsets[n + 1]]:
            day = self.first + timedelta(days=uneven)
            periods[uneven] = [[micros(datetime.combine(day, wall, self.zone)) for wall in p] for p in self.periods]
        works = np.isin((self.first.weekday() + np.arange(self.days)) % 7 + 1, list(self.weekdays))
        for day, kind in self.exceptions.items():
            if 0 <= (number := (day - self.first).days) < self.days:
                works[number] = kind == MAKEUP_WORKDAY
        begins, ends = periods[works].reshape(-1, 2).T
        return WorkPeriods(int(midnights[0]), int(midnights[-1]), begins, ends)

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        """The working periods of an ordinary day, from its midnight."""
        return [(_midnight_to(opens), _midnight_to(closes)) for opens, closes in self.periods]

    @cached_property
    def last_known(self) -> date:
        """Last day of the calendar's last year; a later deadline is provisional."""
        return date(max((day.year for day in self.exceptions), default=self.first.year), 12, 31)

    @cached_property
    def _unknown_from(self) -> datetime:
        return datetime.combine(self.last_known + timedelta(days=1), time(), self.zone).astimezone(UTC)

    def provisional(self, moment: datetime) -> bool:
        """Say whether `moment` lies in a year whose holidays are not known yet."""
        return moment >= self._unknown_from

    def seconds(self, limit: Limit) -> float:
        """Return a limit in counted seconds: a working day counts as its working seconds."""
        if limit.clock == "WORK_DAY":
            return limit.amount * self.day_seconds
        return limit.amount * (_CONTINUOUS.get(limit.clock) or _WORKING[limit.clock])

    def elapsed_us(self, start: datetime, end: datetime, clock: str) -> int:
        """Return the counted microseconds between two moments on this kind of clock; 0 if `end` is before `start`.

        Exactly additive: what is counted from a to b and from b to c is what is counted from a to c. Raises
        ValueError for a moment outside the calendar.
        """
        begins, ends = micros(start), micros(end)
        if ends <= begins:
            return 0
        if clock in _CONTINUOUS:
            return ends - begins
        return self._counted.position(ends) - self._counted.position(begins)

    def elapsed(self, start: datetime, end: datetime, clock: str) -> float:
        """Return the same in seconds."""
        return self.elapsed_us(start, end, clock) / SECOND

    def elapsed_many(self, starts: ArrayLike, ends: ArrayLike, clock: str) -> NDArray[np.int64]:
        """Return the same for many: microseconds.

        Moments are datetime64 (UTC) or microseconds since 1970; `starts` or `ends` may be a single one.
        """
        begins, stops = np.broadcast_arrays(whole(starts), whole(ends))
        found: NDArray[np.int64] = np.asarray(np.maximum(stops - begins, 0))
        if clock not in _CONTINUOUS:
            runs = found > 0
            found[runs] = self._counted.positions(stops[runs]) - self._counted.positions(begins[runs])
        return found

    def add_us(self, start: datetime, counted_us: int, clock: str) -> datetime:
        """Return the earliest moment (UTC) at which so many microseconds have been counted since `start`.

        That is `start` if there is nothing to count. Raises ValueError for what is outside the calendar.
        """
        at = micros(start)
        if counted_us <= 0:
            return moment_of(at)
        if clock in _CONTINUOUS:
            return moment_of(at + counted_us)
        return moment_of(self._counted.moment(self._counted.position(at) + counted_us))

    def add(self, start: datetime, counted: float, clock: str) -> datetime:
        """Return the same for counted seconds, taken to the microsecond: 4 h and a trifle still end at 12:00."""
        return self.add_us(start, round(counted * SECOND), clock)

    def add_many(self, starts: ArrayLike, counted: ArrayLike, clock: str) -> NDArray[np.datetime64]:
        """Return the same for many: datetime64[us] (UTC).

        `starts` are datetime64 (UTC) or microseconds since 1970, `counted` timedelta64 or microseconds; one of them
        may be a single one.
        """
        begins, amounts = np.broadcast_arrays(whole(starts), whole(counted))
        found: NDArray[np.int64] = np.asarray(begins + np.maximum(amounts, 0))
        if clock not in _CONTINUOUS:
            runs = amounts > 0
            found[runs] = self._counted.moments(self._counted.positions(begins[runs]) + amounts[runs])
        return found.astype("datetime64[us]")

    def due(self, start: datetime, limit: Limit) -> datetime:
        """Return the deadline (UTC) of a limit that starts to run at `start`."""
        return self.add(start, self.seconds(limit), limit.clock)

    def due_around(
        self, start: datetime, limit: Limit, pauses: Iterable[tuple[datetime, datetime | None]]
    ) -> tuple[datetime | None, list[Interval]]:
        """Return the deadline (UTC) of a limit whose clock stands still in the pauses, and the time it is made of.

        Pauses may come in any order and overlap; one without an end is still on. If it begins before the limit is
        used up there is no deadline yet, and the intervals are those counted so far.
        """
        left, at, found = round(self.seconds(limit) * SECOND), start, list[Interval]()
        for stops, resumes in sorted(pauses, key=lambda pause: pause[0]):
            counted = self.elapsed_us(at, stops, limit.clock)
            if counted >= left:
                break
            found += self.intervals(at, stops, limit.clock)
            left -= counted
            if resumes is None:
                return None, found
            at = max(at, resumes)
        due = self.add_us(at, left, limit.clock)
        return due, found + self.intervals(at, due, limit.clock)

    def intervals(self, start: datetime, end: datetime, clock: str) -> list[Interval]:
        """List the stretches of counted time between two moments, in city time, for a person to check by hand."""
        begins, ends = micros(start), micros(end)
        if begins >= ends:
            return []
        found = [(begins, ends)] if clock in _CONTINUOUS else self._counted.between(begins, ends)
        return [Interval(self._local(a), self._local(b), (b - a) / (60 * SECOND)) for a, b in found]

    def _local(self, at: int) -> datetime:
        return moment_of(at).astimezone(self.zone)


def _midnight_to(moment: time) -> int:
    """Return how long after midnight a time of day is, in microseconds."""
    return (moment.hour * 60 + moment.minute) * 60 * SECOND
