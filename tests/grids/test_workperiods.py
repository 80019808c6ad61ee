from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.workperiods import WorkPeriods, micros, moment_of, whole


def counted_in(*periods: tuple[int, int]) -> WorkPeriods:
    begins, ends = np.array(periods, dtype=np.int64).reshape(-1, 2).T
    return WorkPeriods(0, 100, begins, ends)


PERIODS = counted_in((10, 20), (20, 25), (40, 60))


@pytest.mark.parametrize(
    ("at", "counted"), [(0, 0), (10, 0), (11, 1), (20, 10), (25, 15), (39, 15), (40, 15), (60, 35), (99, 35)]
)
def test_only_what_lies_in_a_period_is_counted(at, counted):
    assert PERIODS.position(at) == counted
    assert PERIODS.positions(np.array([at])).tolist() == [counted]


@pytest.mark.parametrize(("counted", "at"), [(1, 11), (10, 20), (11, 21), (15, 25), (16, 41), (35, 60)])
def test_so_much_has_been_counted_first_when_a_period_ends_and_not_when_the_next_begins(counted, at):
    assert PERIODS.moment(counted) == at
    assert PERIODS.moments(np.array([counted])).tolist() == [at]


@pytest.mark.parametrize("at", [-1, 100])
def test_a_moment_outside_is_refused(at):
    for ask in (
        PERIODS.position,
        lambda at: PERIODS.positions(np.array([50, at])),
        lambda at: [*PERIODS.between(at, 50)],
    ):
        with pytest.raises(ValueError, match="outside the calendar"):
            ask(at)


def test_more_than_there_is_is_refused():
    for ask in (PERIODS.moment, lambda position: PERIODS.moments(np.array([1, position]))):
        with pytest.raises(ValueError, match="outside the calendar"):
            ask(36)


def test_where_nobody_ever_works_nothing_is_counted():
    nobody = counted_in()
    assert nobody.position(99) == 0
    assert list(nobody.between(0, 99)) == []
    with pytest.raises(ValueError, match="outside the calendar"):
        nobody.moment(1)


def test_a_period_inside_another_is_counted_once():
    assert counted_in((10, 40), (20, 30), (35, 50)).position(99) == 40


@given(st.lists(st.integers(0, 99), max_size=12, unique=True).map(sorted), st.integers(0, 99), st.integers(0, 99))
def test_the_stretches_between_two_moments_are_what_is_counted(borders, a, b):
    periods = counted_in(*zip(borders[::2], borders[1::2], strict=False))
    found = list(periods.between(a, b))
    assert sum(ends - begins for begins, ends in found) == max(periods.position(b) - periods.position(a), 0)
    assert all(a <= begins < ends <= b for begins, ends in found)
    assert found == sorted(found)


def test_a_moment_is_the_same_in_every_zone():
    moment = datetime(2026, 3, 2, 9, 0, 0, 7, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert micros(moment) == micros(moment.astimezone(UTC)) == 1772413200000007
    assert moment_of(micros(moment)) == moment


def test_times_and_spans_of_any_unit_are_whole_microseconds():
    assert whole(np.datetime64("1970-01-01T00:00:02", "s")).tolist() == 2_000_000
    assert whole(np.array([3], dtype="m8[ms]")).tolist() == [3000]
    assert whole([4, 5]).tolist() == [4, 5]


@pytest.mark.parametrize("values", [[1.5], ["2026-03-02"], [None]])
def test_what_is_no_time_is_refused(values):
    with pytest.raises(TypeError, match="expected datetime64, timedelta64 or whole microseconds"):
        whole(values)


def test_a_missing_time_is_refused():
    with pytest.raises(ValueError, match="a time is missing"):
        whole(np.array(["2026-03-02", "NaT"], dtype="M8[us]"))
