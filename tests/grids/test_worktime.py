from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.worktime import HOLIDAY, MAKEUP_WORKDAY, Interval, Limit, WorkCalendar, parse_limit

CHENGDU, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
HOURS = ((time(8), time(12)), (time(14), time(18)))
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


def test_no_time_passes_backwards():
    for clock in ("WORK_HOUR", "URGENT_HOUR"):
        assert CALENDAR.elapsed(at("2026-03-03 10:00"), at("2026-03-02 10:00"), clock) == 0


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


def _minutes(calendar: WorkCalendar, first: date, last: date) -> list[bool]:
    """Say of every minute from the first day's midnight whether it is a working minute: slow and plain."""
    found = []
    day = first
    while day <= last:
        kind = EXCEPTIONS.get(day)
        works = kind == MAKEUP_WORKDAY or (kind is None and day.weekday() < 5)
        for minute in range(24 * 60):
            hour = minute // 60
            found.append(works and (8 <= hour < 12 or 14 <= hour < 18))
        day += timedelta(1)
    return found


def test_working_time_agrees_with_counting_every_minute_of_two_years():
    first, last = date(2025, 1, 1), date(2026, 12, 31)
    minutes = _minutes(CALENDAR, first, last)
    begin = datetime.combine(first, time(), CHENGDU)
    draw = random.Random(20260301)
    for _ in range(300):
        start = draw.randrange(len(minutes) - 60 * 24 * 60)
        if draw.random() < 0.3:  # on the edges, where it matters
            start = start // 1440 * 1440 + draw.choice((0, 8, 12, 14, 18)) * 60
        counted, clock = draw.choice(
            [
                (draw.randrange(1, 12) * 60, "WORK_HOUR"),
                (draw.randrange(1, 16) * 480, "WORK_DAY"),
                (17, "WORK_MINUTE"),
            ]
        )
        end, left = start, counted
        while left:
            left -= minutes[end]
            end += 1
        moment = begin + timedelta(minutes=start)
        amount = {"WORK_HOUR": counted / 60, "WORK_DAY": counted / 480, "WORK_MINUTE": counted}[clock]
        found = CALENDAR.due(moment, Limit(amount, clock))
        assert found == begin + timedelta(minutes=end), (moment, amount, clock)
        later = begin + timedelta(minutes=draw.randrange(start, len(minutes)))
        between = sum(minutes[start : int((later - begin).total_seconds()) // 60])
        assert CALENDAR.elapsed(moment, later, clock) == between * 60
        assert sum(i.minutes for i in CALENDAR.intervals(moment, later, clock)) == between


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
