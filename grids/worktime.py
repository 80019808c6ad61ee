"""Working time: when a limit ends, and how much of it has passed.

Four kinds of clock (DOMAIN §4): URGENT_HOUR and NATURAL_DAY run continuously; WORK_HOUR and WORK_DAY run in the
city's working hours on its working days, with public holidays and make-up days. A day's working minutes are
counted once into a running total, so a deadline is two binary searches and never a loop over minutes. A limit
that is used up exactly when a working period ends falls on that end, not on the next beginning.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

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
    def _spans(self) -> tuple[tuple[int, int], ...]:
        return tuple(((a.hour * 60 + a.minute) * 60, (b.hour * 60 + b.minute) * 60) for a, b in self.periods)

    @cached_property
    def day_seconds(self) -> int:
        """Working seconds of one working day."""
        return sum(end - start for start, end in self._spans)

    def is_workday(self, day: date) -> bool:
        """Say whether people work on this date."""
        exception = self.exceptions.get(day)
        if exception is not None:
            return exception == MAKEUP_WORKDAY
        return day.isoweekday() in self.weekdays

    @cached_property
    def _totals(self) -> Sequence[int]:
        """Working seconds before each day since `first`; one entry more than days."""
        worked = (
            self.day_seconds if self.is_workday(self.first + timedelta(days=n)) else 0 for n in range(self.days)
        )
        return (0, *accumulate(worked))

    @cached_property
    def last_known(self) -> date:
        """Last day of the calendar's last year; a later deadline is provisional."""
        return date(max((day.year for day in self.exceptions), default=self.first.year), 12, 31)

    def provisional(self, moment: datetime) -> bool:
        """Say whether `moment` lies in a year whose holidays are not known yet."""
        return moment.astimezone(self.zone).date() > self.last_known

    def seconds(self, limit: Limit) -> float:
        """Return a limit in counted seconds: a working day counts as its working seconds."""
        if limit.clock == "WORK_DAY":
            return limit.amount * self.day_seconds
        return limit.amount * (_CONTINUOUS.get(limit.clock) or _WORKING[limit.clock])

    def _position(self, moment: datetime) -> float:
        """Return the working seconds from `first` to `moment`."""
        local = moment.astimezone(self.zone)
        index = (local.date() - self.first).days
        if not 0 <= index < self.days:
            raise ValueError(f"{local.date()} is outside the calendar {self.first} + {self.days} days")
        total = self._totals[index]
        if self._totals[index + 1] == total:
            return total
        second = local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1e6
        return total + sum(min(max(second - start, 0), end - start) for start, end in self._spans)

    def _moment(self, position: float) -> datetime:
        """Return the earliest moment at which `position` working seconds have passed."""
        index = bisect_left(self._totals, position) - 1
        if index < 0 or index >= self.days:
            raise ValueError(f"a deadline after {self.first + timedelta(days=self.days)} is outside the calendar")
        rest = position - self._totals[index]
        for start, end in self._spans:
            if rest <= end - start:
                local = datetime.combine(self.first + timedelta(days=index), time()) + timedelta(seconds=start + rest)
                return local.replace(tzinfo=self.zone).astimezone(UTC)
            rest -= end - start
        raise AssertionError("a day's total is the sum of its periods")

    def elapsed(self, start: datetime, end: datetime, clock: str) -> float:
        """Return the counted seconds between two moments on this kind of clock; 0 if `end` is before `start`."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)  # in one zone Python would count the wall clock
        if end <= start:
            return 0.0
        if clock in _CONTINUOUS:
            return (end - start).total_seconds()
        return self._position(end) - self._position(start)

    def add(self, start: datetime, counted: float, clock: str) -> datetime:
        """Return the moment (UTC) at which `counted` seconds have passed since `start` on this kind of clock."""
        if counted <= 0:
            return start.astimezone(UTC)
        if clock in _CONTINUOUS:
            return start.astimezone(UTC) + timedelta(seconds=counted)
        # to the microsecond: 4 h and a trifle of float noise must still end at 12:00, not after the break
        return self._moment(round(self._position(start) + counted, 6))

    def due(self, start: datetime, limit: Limit) -> datetime:
        """Return the deadline (UTC) of a limit that starts to run at `start`."""
        return self.add(start, self.seconds(limit), limit.clock)

    def intervals(self, start: datetime, end: datetime, clock: str) -> list[Interval]:
        """List the stretches of counted time between two moments, in city time, for a person to check by hand."""
        if clock in _CONTINUOUS:
            local = start.astimezone(self.zone), end.astimezone(self.zone)
            return [Interval(*local, self.elapsed(start, end, clock) / 60)]
        found = []
        first = bisect_right(self._totals, self._position(start)) - 1
        day = self.first + timedelta(days=max(first, 0))
        while day <= end.astimezone(self.zone).date():
            if self.is_workday(day):
                for opens, closes in self.periods:
                    a = max(datetime.combine(day, opens, self.zone), start.astimezone(self.zone))
                    b = min(datetime.combine(day, closes, self.zone), end.astimezone(self.zone))
                    if a < b:
                        found.append(Interval(a, b, (b - a).total_seconds() / 60))
            day += timedelta(days=1)
        return found
