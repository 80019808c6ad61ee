from __future__ import annotations

import csv
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.city import demo_pack
from grids.rules import read_rules
from grids.worktime import CLOCKS, HOLIDAY, MAKEUP_WORKDAY, Interval, Limit, WorkCalendar, parse_limit

CHENGDU, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
HOURS = ((time(8), time(12)), (time(14), time(18)))
NIGHTS = ((time(0), time(2, 30)), (time(3, 15), time(6)), (time(22), time(23, 30)))
WEEKDAYS = frozenset({1, 2, 3, 4, 5})


HOLIDAYS = (
    (date(2025, 1, 1), date(2025, 1, 1)),
    (date(2025, 1, 28), date(2025, 2, 4)),
    (date(2025, 5, 1), date(2025, 5, 5)),
    (date(2025, 10, 1), date(2025, 10, 8)),
    (date(2026, 1, 1), date(2026, 1, 3)),
    (date(2026, 2, 15), date(2026, 2, 23)),
    (date(2026, 5, 1), date(2026, 5, 5)),
)
MAKE_UP = "2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 2026-01-04 2026-02-14 2026-02-28 2026-05-09"
EXCEPTIONS = {
    **{start + timedelta(n): HOLIDAY for start, end in HOLIDAYS for n in range((end - start).days + 1)},
    **dict.fromkeys(map(date.fromisoformat, MAKE_UP.split()), MAKEUP_WORKDAY),
}
CALENDAR = WorkCalendar(CHENGDU, HOURS, WEEKDAYS, EXCEPTIONS)


def at(text: str, zone: ZoneInfo = CHENGDU) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def due(start: str, limit: str, calendar: WorkCalendar = CALENDAR) -> str:
    return f"{calendar.due(at(start), parse_limit(limit)).astimezone(CHENGDU):%Y-%m-%d %H:%M:%S}"


def test_a_limit_is_read_and_written_the_same():
    assert parse_limit(" 2  WORK_DAY ") == Limit(2, "WORK_DAY")
    assert str(parse_limit("1.5 URGENT_HOUR")) == "1.5 URGENT_HOUR"


@pytest.mark.parametrize(
    "text", ["", "2", "WORK_DAY", "2 DAYS", "-1 WORK_DAY", "0 WORK_DAY", "2 WORK_DAY 制止", "1e3 WORK_DAY"]
)
def test_what_is_no_limit_is_refused_with_the_clocks_there_are(text):
    with pytest.raises(
        ValueError, match="expected an amount and one of NATURAL_DAY URGENT_HOUR URGENT_MINUTE WORK_DAY"
    ):
        parse_limit(text)


def test_a_limit_is_stretched_by_a_factor():
    assert Limit(5, "WORK_HOUR").times(0.8) == Limit(4, "WORK_HOUR")


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        ("2026-03-02 09:00", "2 WORK_HOUR", "2026-03-02 11:00:00"),
        ("2026-03-02 11:00", "2 WORK_HOUR", "2026-03-02 15:00:00"),
        ("2026-03-02 17:00", "2 WORK_HOUR", "2026-03-03 09:00:00"),
        ("2026-03-06 17:00", "2 WORK_HOUR", "2026-03-09 09:00:00"),
        ("2026-03-02 09:30", "1 WORK_DAY", "2026-03-03 09:30:00"),
        ("2026-03-02 09:30", "5 WORK_DAY", "2026-03-09 09:30:00"),
        ("2026-03-02 12:30", "1 WORK_HOUR", "2026-03-02 15:00:00"),
        ("2026-03-02 05:00", "1 WORK_HOUR", "2026-03-02 09:00:00"),
        ("2026-03-02 23:00", "30 WORK_MINUTE", "2026-03-03 08:30:00"),
        ("2026-03-07 10:00", "30 WORK_MINUTE", "2026-03-09 08:30:00"),
    ],
)
def test_working_time_runs_in_working_hours_of_working_days(start, limit, expected):
    assert due(start, limit) == expected


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        ("2026-03-02 08:00", "4 WORK_HOUR", "2026-03-02 12:00:00"),
        ("2026-03-02 10:00", "2 WORK_HOUR", "2026-03-02 12:00:00"),
        ("2026-03-02 14:00", "4 WORK_HOUR", "2026-03-02 18:00:00"),
        ("2026-03-02 12:00", "4 WORK_HOUR", "2026-03-02 18:00:00"),
        ("2026-03-02 08:00", "1 WORK_DAY", "2026-03-02 18:00:00"),
        ("2026-03-01 20:00", "1 WORK_DAY", "2026-03-02 18:00:00"),
        ("2026-03-02 18:00", "1 WORK_DAY", "2026-03-03 18:00:00"),
        ("2026-03-06 14:00", "4 WORK_HOUR", "2026-03-06 18:00:00"),
        ("2026-03-02 12:00", "8 WORK_HOUR", "2026-03-03 12:00:00"),
    ],
)
def test_a_limit_used_up_when_a_working_period_ends_falls_on_that_end(start, limit, expected):
    assert due(start, limit) == expected


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        ("2025-09-30 17:00", "2 WORK_HOUR", "2025-10-09 09:00:00"),  # eight days of holiday
        ("2025-09-30 08:00", "3 WORK_DAY", "2025-10-10 18:00:00"),
        ("2025-09-30 08:00", "4 WORK_DAY", "2025-10-11 18:00:00"),  # a working Saturday
        ("2025-01-25 10:00", "1 WORK_DAY", "2025-01-26 18:00:00"),  # a working Sunday
        ("2026-02-13 17:00", "9 WORK_HOUR", "2026-02-14 18:00:00"),
        ("2026-02-14 17:00", "2 WORK_HOUR", "2026-02-24 09:00:00"),
        ("2026-01-02 10:00", "1 WORK_HOUR", "2026-01-04 09:00:00"),
    ],
)
def test_holidays_do_not_count_and_make_up_days_do(start, limit, expected):
    assert due(start, limit) == expected


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        ("2025-09-30 23:30", "2 URGENT_HOUR", "2025-10-01 01:30:00"),
        ("2025-10-01 12:00", "15 URGENT_MINUTE", "2025-10-01 12:15:00"),
        ("2025-09-30 17:00", "4 NATURAL_DAY", "2025-10-04 17:00:00"),
        ("2026-02-28 00:00", "1 NATURAL_DAY", "2026-03-01 00:00:00"),
    ],
)
def test_urgent_hours_and_natural_days_run_through_nights_and_holidays(start, limit, expected):
    assert due(start, limit) == expected


def test_a_deadline_is_in_utc():
    assert CALENDAR.due(at("2026-03-02 09:00"), Limit(1, "WORK_HOUR")).tzinfo is UTC
    assert CALENDAR.add(at("2026-03-02 09:00"), 0, "WORK_HOUR") == datetime(2026, 3, 2, 1, tzinfo=UTC)


def test_a_deadline_beyond_the_last_year_of_the_calendar_is_provisional():
    assert CALENDAR.last_known == date(2026, 12, 31)
    assert not CALENDAR.provisional(at("2026-12-31 23:59:59"))
    assert CALENDAR.provisional(at("2027-01-01 00:00:00"))
    assert CALENDAR.provisional(datetime(2026, 12, 31, 16, tzinfo=UTC))  # already New Year in Chengdu
    assert due("2026-12-31 17:00", "2 WORK_HOUR") == "2027-01-01 09:00:00"  # only weekends count there


def test_without_a_calendar_every_deadline_is_provisional():
    assert WorkCalendar(CHENGDU, HOURS, WEEKDAYS, {}).provisional(at("2026-03-02 09:00"))


def test_a_week_may_have_six_days_and_a_day_three_periods():
    periods = ((time(6, 30), time(9)), (time(10), time(11, 15)), (time(20), time(23)))
    calendar = WorkCalendar(CHENGDU, periods, frozenset({1, 2, 3, 4, 5, 6}), {})
    assert calendar.day_seconds == 6.75 * 3600
    assert due("2026-03-07 22:00", "1.5 WORK_HOUR", calendar) == "2026-03-09 07:00:00"
    assert due("2026-03-07 06:00", "1 WORK_DAY", calendar) == "2026-03-07 23:00:00"


@pytest.mark.parametrize("moment", ["2019-12-31 10:00", "2081-01-01 10:00"])
def test_a_moment_outside_the_calendar_is_refused(moment):
    with pytest.raises(ValueError, match="outside the calendar"):
        CALENDAR.due(at(moment), Limit(1, "WORK_HOUR"))


def test_a_deadline_outside_the_calendar_is_refused():
    with pytest.raises(ValueError, match="outside the calendar"):
        CALENDAR.due(at("2026-03-02 10:00"), Limit(99_999, "WORK_DAY"))


@pytest.mark.parametrize("moment", ["2019-12-31 10:00", "2081-01-01 10:00"])
def test_one_of_many_moments_outside_the_calendar_is_refused(moment):
    outside = np.array(["2026-03-02 02:00", moment], dtype="M8[us]")
    with pytest.raises(ValueError, match="outside the calendar"):
        CALENDAR.add_many(outside, 1, "WORK_HOUR")
    with pytest.raises(ValueError, match="outside the calendar"):
        CALENDAR.elapsed_many(np.datetime64("2019-01-01"), outside, "WORK_HOUR")
    with pytest.raises(ValueError, match="outside the calendar"):
        CALENDAR.intervals(at("2026-03-02 10:00"), at("2081-01-01 10:00"), "WORK_HOUR")
    assert CALENDAR.add_many(outside, 0, "WORK_HOUR").tolist() == outside.tolist()  # nothing to count


def test_one_of_many_deadlines_outside_the_calendar_is_refused():
    amounts = np.array([1, 10**16])
    with pytest.raises(ValueError, match="outside the calendar"):
        CALENDAR.add_many(np.datetime64("2026-03-02T02:00"), amounts, "WORK_HOUR")


def test_no_time_passes_backwards():
    before, after = at("2026-03-02 10:00"), at("2026-03-03 10:00")
    for clock in ("WORK_HOUR", "URGENT_HOUR"):
        assert CALENDAR.elapsed(after, before, clock) == 0
        assert CALENDAR.elapsed_many(np.datetime64("2026-03-03"), np.datetime64("2026-03-02"), clock) == 0
        assert CALENDAR.intervals(after, before, clock) == []


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-07", 6), ("2026-03-08", 5), ("2026-11-01", 7)], ids=["plain", "skipped", "repeated"]
)
def test_a_night_shift_over_the_change_of_summer_time_counts_the_hours_that_there_are(day, hours):
    calendar = WorkCalendar(NEW_YORK, ((time(0), time(6)),), frozenset(range(1, 8)), {})
    start, end = at(f"{day} 00:00", NEW_YORK), at(f"{day} 06:00", NEW_YORK)
    assert calendar.elapsed(start, end, "WORK_HOUR") == hours * 3600
    assert calendar.due(start, Limit(hours, "WORK_HOUR")) == end
    assert [interval.minutes for interval in calendar.intervals(start, end, "WORK_HOUR")] == [hours * 60]


def test_periods_that_summer_time_lays_over_one_another_are_counted_once():
    """On 8 March 02:30 is 03:30, so the first period runs into the second."""
    calendar = WorkCalendar(NEW_YORK, ((time(1), time(2, 30)), (time(3), time(5))), frozenset(range(1, 8)), {})
    start, end = at("2026-03-08 00:00", NEW_YORK), at("2026-03-08 12:00", NEW_YORK)
    assert calendar.elapsed(start, end, "WORK_HOUR") == 3 * 3600


# Clocks that were stopped


def around(limit: str, *pauses: str, start: str = "2026-03-02 09:00"):
    """Return the deadline and its minutes; a pause is `03-02 10:00 / 03-02 11:00`, or still on if nothing follows."""
    ends = [[at(f"2026-{end}") if end else None for end in pause.split(" / ")] for pause in pauses]
    due, found = CALENDAR.due_around(at(start), parse_limit(limit), [(a, b) for a, b in ends])
    return due and f"{due.astimezone(CHENGDU):%m-%d %H:%M}", [interval.minutes for interval in found]


def test_without_a_pause_a_clock_runs_through():
    assert around("4 WORK_HOUR") == ("03-02 15:00", [180, 60])


def test_a_clock_goes_on_where_it_stood_when_its_pause_ends():
    assert around("4 WORK_HOUR", "03-02 10:00 / 03-02 16:00") == ("03-03 09:00", [60, 120, 60])
    assert around("4 URGENT_HOUR", "03-02 10:00 / 03-02 16:00") == ("03-02 19:00", [60, 180])


def test_a_pause_outside_working_hours_costs_nothing():
    assert around("4 WORK_HOUR", "03-02 12:00 / 03-02 14:00") == ("03-02 15:00", [180, 60])


def test_pauses_may_overlap_and_come_in_any_order():
    pauses = "03-02 11:00 / 03-02 14:00", "03-02 09:30 / 03-02 11:30", "03-02 10:00 / 03-02 10:30"
    assert around("1 WORK_HOUR", *pauses) == ("03-02 14:30", [30, 30])


def test_a_pause_before_the_clock_or_after_its_deadline_does_nothing():
    pauses = "03-01 08:00 / 03-02 09:00", "03-02 10:00 / 03-05 10:00"
    assert around("1 WORK_HOUR", *pauses) == ("03-02 10:00", [60])


def test_a_clock_that_is_paused_when_it_starts_runs_from_the_end_of_the_pause():
    assert around("1 WORK_HOUR", "03-01 08:00 / 03-02 16:00") == ("03-02 17:00", [60])


def test_a_pause_that_is_still_on_leaves_no_deadline_unless_it_began_after_it():
    assert around("4 WORK_HOUR", "03-02 10:00 / ") == (None, [60])
    assert around("1 WORK_HOUR", "03-02 10:00 / ") == ("03-02 10:00", [60])


def test_the_intervals_of_a_deadline_can_be_added_up_by_hand():
    start = at("2026-03-06 11:00")
    found = CALENDAR.intervals(start, CALENDAR.due(start, Limit(1, "WORK_DAY")), "WORK_DAY")
    assert found == [
        Interval(start, at("2026-03-06 12:00"), 60),
        Interval(at("2026-03-06 14:00"), at("2026-03-06 18:00"), 240),
        Interval(at("2026-03-09 08:00"), at("2026-03-09 11:00"), 180),
    ]
    assert {interval.start.tzinfo for interval in found} == {CHENGDU}


def test_continuous_time_is_one_interval():
    start, end = at("2026-03-06 11:00"), at("2026-03-07 12:30")
    assert CALENDAR.intervals(start, end, "URGENT_HOUR") == [Interval(start, end, 25.5 * 60)]


def test_a_weekend_has_no_interval_of_working_time():
    assert CALENDAR.intervals(at("2026-03-07 00:00"), at("2026-03-08 23:00"), "WORK_HOUR") == []


def test_the_hour_that_summer_time_skips_is_not_counted():
    calendar = WorkCalendar(NEW_YORK, HOURS, WEEKDAYS, {})
    start, end = at("2026-03-08 01:00", NEW_YORK), at("2026-03-08 04:00", NEW_YORK)
    assert calendar.elapsed(start, end, "URGENT_HOUR") == 2 * 3600
    assert [interval.minutes for interval in calendar.intervals(start, end, "URGENT_HOUR")] == [120]
    assert calendar.due(start, Limit(2, "URGENT_HOUR")) == end


def test_working_hours_are_those_of_the_clock_on_the_wall_also_in_summer_time():
    calendar = WorkCalendar(NEW_YORK, HOURS, WEEKDAYS, {})
    found = calendar.due(at("2026-03-06 17:00", NEW_YORK), Limit(2, "WORK_HOUR"))
    assert found == at("2026-03-09 09:00", NEW_YORK)
    assert found.hour == 13


# Against counting every minute


MINUTE = 60_000_000
COUNTS = {
    "URGENT_MINUTE": 1,
    "URGENT_HOUR": 60,
    "NATURAL_DAY": 1440,
    "WORK_MINUTE": 1,
    "WORK_HOUR": 60,
    "WORK_DAY": 480,
}


@pytest.fixture(scope="module")
def chengdu():
    return read_rules(demo_pack()).calendar


@pytest.fixture(scope="module")
def every_minute():
    """Whether each minute of 2025 to 2028 is worked, as the demo pack's calendar.csv says: plain, without a City."""
    with (demo_pack() / "calendar.csv").open(encoding="utf-8-sig", newline="") as file:
        kinds = {row["date"]: row["kind"] for row in csv.DictReader(file)}
    days = [date(2025, 1, 1) + timedelta(n) for n in range(4 * 365 + 1)]
    worked = np.zeros((len(days), 24 * 60), dtype=np.int64)
    for number, day in enumerate(days):
        if kinds.get(str(day)) == MAKEUP_WORKDAY or (str(day) not in kinds and day.isoweekday() < 6):
            worked[number, 8 * 60 : 12 * 60] = worked[number, 14 * 60 : 18 * 60] = 1
    assert worked[:730].any(axis=1).sum() == 248 + 248  # the working days of 2025 and of 2026
    return worked.ravel()


class ByMinutes:
    """Counted time from the beginning of 2025, by adding up minutes."""

    def __init__(self, worked) -> None:
        self.worked, self.before = worked, np.concatenate([[0], np.cumsum(worked)])

    def position(self, at):
        minute, rest = np.divmod(at, MINUTE)
        return self.before[minute] * MINUTE + self.worked[minute] * rest

    def moment(self, position):
        minute = np.searchsorted(self.before, -(-position // MINUTE), "left") - 1  # the one in which it is reached
        return minute * MINUTE + position - self.before[minute] * MINUTE


@pytest.mark.parametrize("clock", COUNTS)
def test_10000_intervals_agree_with_counting_every_minute_of_two_years(chengdu, every_minute, clock):
    counting = ByMinutes(every_minute if clock.startswith("WORK") else np.ones_like(every_minute))
    draw = np.random.default_rng(20260301)
    starts, ends = np.sort(draw.integers(0, 730 * 1440 * MINUTE, (2, 10_000)), axis=0)
    edges = draw.random(10_000) < 0.4  # where it matters: periods begin and end, days and nights
    for moments in (starts, ends):
        edge = moments // (1440 * MINUTE) * 1440 + draw.choice([0, 8, 12, 14, 18], 10_000) * 60
        moments[edges] = (edge * MINUTE + draw.choice([-1, 0, 0, 0, 1], 10_000))[edges]
    np.clip(starts, 0, ends, out=starts)
    amounts = draw.integers(1, {"NATURAL_DAY": 40, "WORK_DAY": 60}.get(clock, 120), 10_000)
    limits = amounts * COUNTS[clock] * MINUTE
    between = counting.position(ends) - counting.position(starts)
    due = counting.moment(counting.position(starts) + limits)

    begin = int(at("2025-01-01").timestamp()) * 1_000_000
    at_start, at_end = (begin + starts).astype("M8[us]"), (begin + ends).astype("M8[us]")
    assert (chengdu.elapsed_many(at_start, at_end, clock) == between).all()
    assert (chengdu.add_many(at_start, limits, clock) == (begin + due).astype("M8[us]")).all()

    first = datetime(2025, 1, 1, tzinfo=CHENGDU).astimezone(UTC)
    for row in zip(*(column.tolist() for column in (starts, ends, amounts, between, due)), strict=True):
        start, end, amount, counted, deadline = row
        start, end = first + timedelta(microseconds=start), first + timedelta(microseconds=end)
        assert chengdu.elapsed_us(start, end, clock) == counted
        assert chengdu.due(start, Limit(amount, clock)) == first + timedelta(microseconds=deadline)
    for row in zip(*(column.tolist()[:200] for column in (starts, ends, between)), strict=True):
        start, end, counted = row
        found = chengdu.intervals(first + timedelta(microseconds=start), first + timedelta(microseconds=end), clock)
        assert sum(round(interval.minutes * MINUTE) for interval in found) == counted


# Laws


_YEARS = st.timedeltas(timedelta(0), timedelta(days=600)).map(lambda after: datetime(2025, 1, 1, tzinfo=UTC) + after)
_EVERYWHERE = st.sampled_from([CALENDAR, WorkCalendar(NEW_YORK, NIGHTS, frozenset(range(1, 8)), {})])


@given(_EVERYWHERE, st.tuples(_YEARS, _YEARS, _YEARS).map(sorted), st.sampled_from(sorted(CLOCKS)))
def test_counted_time_adds_up_exactly_over_adjoining_intervals(calendar, moments, clock):
    a, b, c = moments
    parts = calendar.elapsed_us(a, b, clock), calendar.elapsed_us(b, c, clock)
    assert sum(parts) == calendar.elapsed_us(a, c, clock)
    assert min(parts) >= 0
    assert calendar.elapsed(a, c, clock) == sum(parts) / 1_000_000


@given(_EVERYWHERE, _YEARS, st.integers(1, 10**12), st.sampled_from(sorted(CLOCKS)))
def test_what_is_added_has_passed_to_the_microsecond_and_not_earlier(calendar, start, counted, clock):
    end = calendar.add_us(start, counted, clock)
    assert calendar.elapsed_us(start, end, clock) == counted
    assert calendar.elapsed_us(start, end - timedelta(microseconds=1), clock) == counted - 1


@given(
    _EVERYWHERE,
    st.lists(st.tuples(_YEARS, _YEARS, st.integers(-5, 10**12)), max_size=9),
    st.sampled_from(sorted(CLOCKS)),
)
def test_many_at_once_give_what_single_ones_give(calendar, rows, clock):
    starts = np.array([start.replace(tzinfo=None) for start, _, _ in rows], dtype="M8[us]")
    ends = np.array([end.replace(tzinfo=None) for _, end, _ in rows], dtype="M8[us]")
    counted = np.array([amount for _, _, amount in rows], dtype="m8[us]")
    assert calendar.elapsed_many(starts, ends, clock).tolist() == [
        calendar.elapsed_us(a, b, clock) for a, b, _ in rows
    ]
    found = calendar.add_many(starts, counted, clock)
    assert found.dtype == "M8[us]"
    assert [one.replace(tzinfo=UTC) for one in found.tolist()] == [calendar.add_us(a, n, clock) for a, _, n in rows]


_MOMENTS = st.timedeltas(timedelta(0), timedelta(days=600)).map(lambda after: at("2025-01-01") + after)
_CLOCKS = st.sampled_from(["WORK_HOUR", "WORK_DAY", "URGENT_HOUR", "NATURAL_DAY"])


@given(_MOMENTS, st.integers(1, 60), _CLOCKS)
def test_what_has_passed_at_the_deadline_is_the_limit(start, amount, clock):
    limit = Limit(amount / 4, clock)
    end = CALENDAR.due(start, limit)
    assert CALENDAR.elapsed(start, end, clock) == pytest.approx(CALENDAR.seconds(limit), abs=1e-5)


@given(_MOMENTS, st.integers(1, 40), st.integers(0, 10**6), st.integers(0, 10 * 86_400), st.booleans())
def test_a_deadline_reckoned_again_from_what_is_left_is_the_same(start, hours, fraction, wait, edge):
    """A clock that was stopped and resumed at once must not move, least of all over a lunch break."""
    if edge:
        start = start.replace(hour=8, minute=0, second=0, microsecond=0)
    limit = Limit(hours, "WORK_HOUR")
    end = CALENDAR.due(start, limit)
    now = min(start + timedelta(seconds=wait, microseconds=fraction), end)
    left = CALENDAR.seconds(limit) - CALENDAR.elapsed(start, now, "WORK_HOUR")
    if left > 1e-5:
        assert CALENDAR.add(now, left, "WORK_HOUR") == end


@pytest.mark.parametrize("micro", [22_016, 86_840, 470_493])
def test_the_noise_of_fractions_does_not_carry_a_deadline_over_the_lunch_break(micro):
    start = at("2026-03-02 11:00") + timedelta(microseconds=micro)
    left = (at("2026-03-02 12:00") - start).total_seconds()
    assert CALENDAR.add(start, left, "WORK_HOUR") == at("2026-03-02 12:00")


@given(_MOMENTS, st.integers(1, 100), st.integers(1, 100), _CLOCKS)
def test_a_longer_limit_never_ends_earlier(start, one, more, clock):
    assert CALENDAR.due(start, Limit(one, clock)) < CALENDAR.due(start, Limit(one + more, clock))


@given(_MOMENTS, st.integers(1, 100), st.sampled_from(["WORK_HOUR", "WORK_DAY"]))
def test_a_working_deadline_always_falls_into_working_hours(start, amount, clock):
    end = CALENDAR.due(start, Limit(amount, clock)).astimezone(CHENGDU)
    assert CALENDAR.is_workday(end.date())
    assert any(opens < end.time() <= closes for opens, closes in HOURS)
