from __future__ import annotations

from collections import Counter
from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import ZONE, when

from grids.worktime import HOLIDAY, MAKEUP_WORKDAY, WorkCalendar
from streams.stages.desk.attribution import Held, Ran, Share, attribute, overdue_us

HOURS = ((time(8), time(12)), (time(14), time(18)))
EXCEPTIONS = {date(2026, 3, 4): HOLIDAY, date(2026, 3, 7): MAKEUP_WORKDAY}
CALENDAR = WorkCalendar(ZONE, HOURS, frozenset({1, 2, 3, 4, 5}), EXCEPTIONS)
HOUR = 3_600_000_000
NOW = when("03-06 18:00")


def ran(limit_h: float, *spans: str, clock: str = "HANDLE", unit: str = "A", **more) -> Ran:
    """Make a clock of working hours; a span is `03-02 09:00 / 03-02 11:00`, or still runs if nothing follows."""
    ends = [tuple(when(end) if end else None for end in span.split(" / ")) for span in spans]
    return Ran(clock, unit, more.pop("kind", "WORK_HOUR"), round(limit_h * HOUR), ends, **more)


def line(*entries: str) -> list[Held]:
    """Make a timeline of entries such as `03-02 09:00 HANDLING A`."""
    return [Held(when(entry[:11]), *entry[12:].split(" ")) for entry in entries]


def shares(clocks, timeline, now=NOW) -> dict[str, float]:
    """Say who was overdue, by how many minutes."""
    found = attribute(CALENDAR, [clocks] if isinstance(clocks, Ran) else clocks, timeline, now)
    return {f"{one.clock} {one.unit} {one.stage}": one.minutes for one in found}


def test_a_clock_within_its_limit_has_no_overdue_time():
    timeline = line("03-02 09:00 DISPATCHED A")
    assert shares(ran(2, "03-02 09:00 / 03-02 11:00"), timeline) == {}
    assert overdue_us(CALENDAR, ran(2, "03-02 09:00 / 03-02 11:00"), NOW) == 0


def test_the_time_after_the_limit_belongs_to_the_state_that_the_case_was_in():
    timeline = line(
        "03-02 09:00 DISPATCHED A", "03-02 10:30 SIGNED A", "03-02 11:30 HANDLING A", "03-02 15:00 HANDLED A"
    )
    assert shares(ran(2, "03-02 09:00 / 03-02 15:00"), timeline) == {
        "HANDLE A SIGNED": 30,
        "HANDLE A HANDLING": 90,  # the lunch break is nobody's
    }


def test_a_change_of_state_in_a_break_leaves_no_share_behind():
    timeline = line(
        "03-02 09:00 SIGNED A", "03-02 12:10 HANDLING A", "03-02 12:20 SUSPENDED A", "03-02 13:00 HANDLING A"
    )
    assert shares(ran(2, "03-02 09:00 / 03-02 15:00"), timeline) == {"HANDLE A SIGNED": 60, "HANDLE A HANDLING": 60}


def test_no_overdue_time_passes_while_a_clock_is_paused():
    timeline = line("03-02 08:00 HANDLING A", "03-02 10:00 RETURNED A", "03-03 10:00 HANDLING A")
    clock = ran(1, "03-02 08:00 / 03-02 10:00", "03-03 10:00 / 03-03 11:00")
    assert shares(clock, timeline) == {"HANDLE A HANDLING": 120}
    assert overdue_us(CALENDAR, clock, NOW) == 2 * HOUR


def test_a_limit_may_last_over_a_pause():
    timeline = line("03-02 08:00 DISPATCHED A", "03-02 10:00 RETURNED A", "03-03 10:00 SIGNED A")
    assert shares(ran(2.5, "03-02 08:00 / 03-02 10:00", "03-03 10:00 / 03-03 11:00"), timeline) == {
        "HANDLE A SIGNED": 30
    }


def test_each_unit_has_the_overdue_time_of_its_own_clock():
    timeline = line("03-02 08:00 DISPATCHED A", "03-02 10:00 RETURNED A", "03-02 11:00 DISPATCHED B")
    clocks = [ran(1, "03-02 08:00 / 03-02 10:00"), ran(2, "03-02 11:00 / ", unit="B")]
    assert shares(clocks, timeline, when("03-02 18:00")) == {"HANDLE A DISPATCHED": 60, "HANDLE B DISPATCHED": 180}


def test_a_clock_that_still_runs_is_overdue_until_now():
    timeline = line("03-02 08:00 REPORTED C")
    clock = ran(0.25, "03-02 08:00 / ", clock="ACCEPT", unit="C", kind="URGENT_HOUR")
    assert shares(clock, timeline, when("03-02 08:15")) == {}
    assert shares(clock, timeline, when("03-02 13:00")) == {"ACCEPT C REPORTED": 285}


def test_what_came_after_the_moment_that_is_asked_about_does_not_count():
    timeline = line("03-02 08:00 SIGNED A", "03-02 11:00 HANDLING A")
    clock = ran(1, "03-02 08:00 / 03-02 12:00", "03-02 16:00 / 03-02 17:00")
    assert shares(clock, timeline, when("03-02 10:00")) == {"HANDLE A SIGNED": 60}


def test_a_clock_of_no_unit_is_the_unit_that_held_the_case():
    timeline = line("03-02 08:00 CHECKING A", "03-02 10:00 CHECKING B")
    assert shares(ran(1, "03-02 08:00 / 03-02 11:00", clock="CHECK", unit=""), timeline) == {
        "CHECK A CHECKING": 60,
        "CHECK B CHECKING": 60,
    }


def test_time_before_anything_is_known_of_the_case_has_no_stage():
    assert shares(ran(1, "03-02 08:00 / 03-02 11:00"), line("03-02 10:00 SIGNED A")) == {
        "HANDLE A ": 60,
        "HANDLE A SIGNED": 60,
    }
    assert shares(ran(1, "03-02 08:00 / 03-02 11:00"), []) == {"HANDLE A ": 120}


def test_an_entry_that_takes_effect_in_the_past_replaces_what_was_said_of_later_moments():
    late = line("03-02 08:00 HANDLING A", "03-02 15:00 CHECKING A", "03-02 10:00 HANDLED A")
    assert shares(ran(1, "03-02 08:00 / 03-02 16:00"), late) == {"HANDLE A HANDLING": 60, "HANDLE A HANDLED": 240}


def test_an_entry_that_changes_nothing_does_not_replace_what_was_said():
    noted = line("03-02 08:00 HANDLING A", "03-02 10:00 HANDLED A", "03-02 08:30 HANDLED A")
    assert shares(ran(1, "03-02 08:00 / 03-02 11:00"), noted) == {"HANDLE A HANDLING": 60, "HANDLE A HANDLED": 60}


def test_an_appeal_that_was_granted_marks_the_shares_and_keeps_their_time():
    timeline = line("03-02 08:00 HANDLING A")
    first, again = ran(1, "03-02 08:00 / 03-02 10:00", excused=True), ran(1, "03-03 08:00 / 03-03 11:00")
    assert attribute(CALENDAR, [again, first], timeline, NOW) == [
        Share("HANDLE", "A", "HANDLING", overdue_us=2 * HOUR, excused=False),
        Share("HANDLE", "A", "HANDLING", overdue_us=HOUR, excused=True),
    ]


def test_clocks_of_one_name_and_unit_are_added_up():
    timeline = line("03-02 08:00 HANDLING A")
    rounds = [ran(1, "03-02 08:00 / 03-02 10:00"), ran(1, "03-03 08:00 / 03-03 11:00")]
    assert shares(rounds, timeline) == {"HANDLE A HANDLING": 180}


@pytest.mark.parametrize("kind", ["URGENT_HOUR", "NATURAL_DAY"])
def test_a_clock_that_runs_on_is_overdue_at_night_as_well(kind):
    timeline = line("03-02 08:00 SIGNED A", "03-02 20:00 HANDLING A")
    assert shares(ran(10, "03-02 08:00 / 03-03 08:00", kind=kind), timeline) == {
        "HANDLE A SIGNED": 120,
        "HANDLE A HANDLING": 720,
    }


# Laws

_BEGIN = when("03-02 00:00")
_STATES = st.sampled_from(["DISPATCHED", "SIGNED", "HANDLING", "RETURNED", "SUSPENDED"])
_UNITS = st.sampled_from(["A", "B"])
_KINDS = st.sampled_from(["WORK_HOUR", "URGENT_HOUR"])
_DAY_US, _STEP_US = 24 * HOUR, 5 * 60_000_000


def _moments(step_us: int):
    """Draw moments of one week."""
    return st.integers(0, 7 * _DAY_US // step_us).map(lambda n: _BEGIN + timedelta(microseconds=n * step_us))


@st.composite
def _clocks(draw, step_us: int = 1):
    """Draw a clock with up to four spans, the last of which may still run."""
    borders = sorted(draw(st.lists(_moments(step_us), max_size=8, unique=True)))
    ends = [*borders[1::2], None]
    limit = draw(st.integers(0, 3 * _DAY_US // step_us)) * step_us
    spans = list(zip(borders[::2], ends, strict=False))
    return Ran(
        draw(st.sampled_from(["SIGN", "HANDLE"])), draw(_UNITS), draw(_KINDS), limit, spans, draw(st.booleans())
    )


def _timelines(step_us: int = 1):
    return st.lists(st.builds(Held, _moments(step_us), _STATES, _UNITS), max_size=8)


def _sums(found: list[Share]) -> dict[tuple[str, str, bool], int]:
    total = Counter()
    for one in found:
        total[one.clock, one.unit, one.excused] += one.overdue_us
    return dict(total)


@given(st.lists(_clocks(), max_size=4), _timelines(), _moments(1))
def test_shares_add_up_to_the_overdue_time_of_their_clocks_exactly(clocks, timeline, now):
    expected = Counter()
    for clock in clocks:
        expected[clock.clock, clock.unit, clock.excused] += overdue_us(CALENDAR, clock, now)
    assert _sums(attribute(CALENDAR, clocks, timeline, now)) == {who: much for who, much in expected.items() if much}


@given(_clocks(_STEP_US), _timelines(_STEP_US), _moments(_STEP_US))
def test_shares_are_what_looking_at_every_fifth_minute_finds(clock, timeline, now):
    used, found = 0, Counter()
    for begins, ends in clock.spans:
        minute = begins
        while minute < min(ends or now, now):
            wall = minute.time()
            works = any(opens <= wall < closes for opens, closes in HOURS) and CALENDAR.is_workday(minute.date())
            if works or clock.kind == "URGENT_HOUR":
                used += 1
                if used * _STEP_US > clock.limit_us:
                    found[_state_at(timeline, minute)] += 5
            minute += timedelta(minutes=5)
    shared = {one.stage: one.minutes for one in attribute(CALENDAR, [clock], timeline, now)}
    assert shared == dict(found)


def _state_at(timeline: list[Held], moment) -> str:
    """Say what the last entry that counts says: each change wipes out what was said of moments after it."""
    said: dict = {}
    for one in timeline:
        if not said or said[max(said)] != (one.state, one.unit):
            said = {at: what for at, what in said.items() if at < one.at} | {one.at: (one.state, one.unit)}
    before = [at for at in said if at <= moment]
    return said[max(before)][0] if before else ""


@given(_clocks(), _timelines(), _moments(1), _moments(1))
def test_stopping_a_clock_and_going_on_at_once_changes_nothing(clock, timeline, cut, now):
    spans = []
    for begins, ends in clock.spans:
        inside = begins < cut < (ends or max(now, cut + timedelta(1)))
        spans += [(begins, cut), (cut, ends)] if inside else [(begins, ends)]
    parted = clock._replace(spans=spans)
    assert attribute(CALENDAR, [parted], timeline, now) == attribute(CALENDAR, [clock], timeline, now)


@given(_clocks(), _timelines(), _moments(1), st.integers(0, _DAY_US))
def test_more_time_takes_from_the_first_stages_and_adds_to_none(clock, timeline, now, more):
    before = {one.stage: one.overdue_us for one in attribute(CALENDAR, [clock], timeline, now)}
    longer = clock._replace(limit_us=clock.limit_us + more)
    after = {one.stage: one.overdue_us for one in attribute(CALENDAR, [longer], timeline, now)}
    assert all(amount <= before[stage] for stage, amount in after.items())
    assert sum(before.values()) - sum(after.values()) == min(more, sum(before.values()))
