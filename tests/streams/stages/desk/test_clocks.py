from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packs import point
from scenes import BELLTOWER, CENTRE, CITY_CENTRE, OFFICE, OTHER_OFFICE, PARK, WHARF, make_report, when

from grids.worktime import parse_limit
from streams.stages.desk import clocks

TIERS = ["HANDLER", "UNIT_HEAD", "STREET", "DISTRICT", "CITY"]


@pytest.fixture(scope="module")
def calendar(city):
    return city.rules.calendar


def due(scene, number, name="HANDLE", unit=""):
    return scene.clock(number, name, unit).due


def fired(scene, clock="HANDLE"):
    return [step for step in scene.transitions if step.payload.get("clock") == clock]


def test_a_report_has_fifteen_minutes_to_be_accepted(scene):
    number = scene.report("03-02 09:00")
    assert due(scene, number, "ACCEPT") == when("03-02 09:15")
    assert scene.clock(number, "ACCEPT").unit == CENTRE


def test_the_handling_clock_starts_at_the_dispatch_whether_signed_or_not(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    assert scene.clock(number, "HANDLE").since == when("03-02 09:00")
    scene.act(number, "SIGN", "03-02 09:30")
    scene.act(number, "START", "03-02 09:40")
    assert due(scene, number) == when("03-02 15:00")


def test_the_limit_is_stretched_by_the_area_class(scene):
    number = scene.bring("DISPATCHED", "03-02 08:00", street=WHARF)
    assert scene[number].limit == "3.2 WORK_HOUR"
    assert due(scene, number) == when("03-02 11:12")


@pytest.mark.parametrize(
    ("urgency", "until"), [("NORMAL", "03-02 11:00"), ("URGENT", "03-02 09:30"), ("CRITICAL", "03-02 09:05")]
)
def test_the_time_to_sign_depends_on_the_urgency(scene, urgency, until):
    number = scene.bring("DISPATCHED", "03-02 09:00", urgency=urgency)
    assert due(scene, number, "SIGN") == when(until)


def test_signing_ends_the_clock_for_signing_only(scene):
    number = scene.bring("SIGNED", "03-02 09:00")
    assert scene.clock(number, "SIGN").ended == when("03-02 09:00")
    assert scene.clock(number, "HANDLE").since is not None


def test_a_return_pauses_the_handling_clock_and_the_same_unit_resumes_it(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "RETURN", "03-02 10:00")
    paused = scene.clock(number, "HANDLE")
    assert paused.since is None
    assert scene.used(number, "HANDLE", "03-03 09:00") == 3600
    scene.act(number, "REDISPATCH", "03-02 15:00", unit=OFFICE)
    assert due(scene, number) == when("03-02 18:00")
    assert scene.clock(number, "HANDLE").tiers == 0


def test_a_return_gives_the_centre_its_time_to_dispatch_again(scene):
    number = scene.bring("RETURNED", "03-02 10:00")
    assert due(scene, number, "DISPATCH") == when("03-02 10:15")
    scene.act(number, "REDISPATCH", "03-02 10:10")
    assert scene.clock(number, "DISPATCH").ended == when("03-02 10:10")


def test_a_new_unit_starts_a_clock_of_its_own_and_the_old_one_stands_still(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "REDISPATCH", "03-02 10:00", unit=OTHER_OFFICE)
    assert due(scene, number, "HANDLE", OTHER_OFFICE) == when("03-02 16:00")
    old = scene.clock(number, "HANDLE", OFFICE)
    assert (old.since, old.ended) == (None, None)
    assert scene.used(number, "HANDLE", "03-03 09:00", OFFICE) == 3600
    assert scene.clock(number, "SIGN", OFFICE).ended == when("03-02 10:00")
    assert due(scene, number, "SIGN", OTHER_OFFICE) == when("03-02 12:00")


def test_a_unit_that_gets_a_case_back_goes_on_with_what_it_had_used(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "REDISPATCH", "03-02 10:00", unit=OTHER_OFFICE)
    scene.act(number, "REDISPATCH", "03-02 11:00", unit=OFFICE)
    assert scene.used(number, "HANDLE", "03-02 11:00", OFFICE) == 3600
    assert due(scene, number, "HANDLE", OFFICE) == when("03-02 16:00")
    assert scene.clock(number, "HANDLE", OTHER_OFFICE).since is None


def test_a_dispatch_to_the_unit_that_has_the_case_already_changes_no_running_clock(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    before = scene[number].clocks
    scene.act(number, "REDISPATCH", "03-02 09:30", unit=OFFICE)
    assert scene[number].clocks == before


def test_a_centre_that_takes_a_returned_case_itself_ends_its_clock_for_dispatching(scene):
    number = scene.bring("RETURNED", "03-02 09:00")
    scene.act(number, "REDISPATCH", "03-02 09:05", unit=CENTRE)
    assert scene.clock(number, "DISPATCH", CENTRE).ended == when("03-02 09:05")
    assert scene.clock(number, "HANDLE", CENTRE).since == when("03-02 09:05")


def test_an_update_of_the_report_resets_no_clock(scene):
    lon, lat = point(BELLTOWER)
    number = scene.report("03-02 09:00", system_no="X1", lon=lon, lat=lat)
    for verb in ("ACCEPT", "FILE", "DISPATCH"):
        scene.act(number, verb, "03-02 09:00")
    before = scene[number].clocks
    update = make_report(when("03-02 09:30"), system_no="X1", text="worse", lon=lon, lat=lat)
    scene.send(update, when("03-02 09:30"))
    assert scene.verbs(number)[-1] == "APPEND"
    assert scene[number].clocks == before


def test_verifying_pauses_the_accept_clock_and_has_its_own(scene):
    number = scene.report("03-02 09:00")
    scene.act(number, "REQUEST_VERIFY", "03-02 09:05")
    assert scene.clock(number, "ACCEPT").since is None
    assert due(scene, number, "VERIFY") == when("03-02 09:35")
    scene.act(number, "VERIFY_TRUE", "03-02 09:30")
    assert due(scene, number, "ACCEPT") == when("03-02 09:40")
    assert scene.clock(number, "VERIFY").ended == when("03-02 09:30")


@pytest.mark.parametrize("end", ["REFUSE", "VERIFY_FALSE", "DECLINE", "CLOSE"])
def test_no_clock_runs_after_the_end(scene, end):
    state = {"REFUSE": "REPORTED", "VERIFY_FALSE": "VERIFYING", "DECLINE": "ACCEPTED", "CLOSE": "CHECKING"}[end]
    number = scene.bring(state, "03-02 09:00")
    if end == "CLOSE":
        scene.act(number, "CHECK_PASS", "03-02 09:05")
    scene.act(number, end, "03-02 09:10")
    assert all(clock.ended is not None and clock.since is None for clock in scene[number].clocks)
    scene.tick("03-20 09:00")
    assert not [step for step in scene.transitions if step.cause.startswith("clock:")]


@pytest.mark.parametrize(("second", "overdue"), [("15:00:00", False), ("15:00:01", True)])
def test_finishing_exactly_on_the_deadline_is_in_time(scene, second, overdue):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "FINISH", f"03-02 {second}")
    assert scene.clock(number, "HANDLE").overdue is overdue


def test_a_rework_goes_on_with_the_clock_where_the_unit_had_stopped_it(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "FINISH", "03-02 10:00")
    scene.act(number, "REQUEST_CHECK", "03-02 10:05")
    assert due(scene, number, "CHECK") == when("03-02 10:35")
    scene.act(number, "CHECK_FAIL", "03-02 14:00")
    assert scene.verbs(number)[-2:] == ["CHECK_FAIL", "REWORK"]
    assert due(scene, number) == when("03-02 17:00")
    assert scene.clock(number, "HANDLE").ended is None


def test_a_deadline_that_has_passed_stays_where_it_was_when_the_clock_goes_on(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "FINISH", "03-03 09:00")
    scene.act(number, "REQUEST_CHECK", "03-03 09:00")
    scene.act(number, "CHECK_FAIL", "03-03 16:00")
    assert due(scene, number) == when("03-02 15:00")
    assert scene.clock(number, "HANDLE").since == when("03-03 16:00")
    scene.act(number, "FINISH", "03-03 16:30")
    assert scene.clock(number, "HANDLE").overdue


def test_a_clock_of_working_hours_stands_still_over_a_weekend(scene):
    number = scene.bring("DISPATCHED", "03-06 17:00")  # a Friday, one hour before the end of work
    assert due(scene, number) == when("03-09 11:00")


def test_a_clock_of_urgent_hours_runs_through_the_night_and_the_weekend(scene):
    number = scene.bring("DISPATCHED", "03-06 23:30", category="E-02-01", severity=3)
    assert due(scene, number) == when("03-07 00:30")


def test_a_deadline_beyond_the_known_holidays_is_provisional(scene):
    number = scene.bring("DISPATCHED", "2026-12-31 17:00")
    assert scene.clock(number, "HANDLE").provisional
    early = scene.bring("DISPATCHED", "2027-01-04 08:00")
    assert scene.clock(early, "HANDLE").provisional


def test_five_tiers_fire_once_each_at_the_moment_they_are_due(scene):
    number = scene.bring("HANDLING", "03-02 08:00")  # 4 working hours: due at 12:00
    scene.tick("03-09 00:00")
    steps = fired(scene)
    assert [step.payload["notify"] for step in steps] == TIERS
    assert [step.payload["tier"] for step in steps] == [1, 2, 3, 4, 5]
    assert [step.at for step in steps] == [
        when("03-02 11:12"), when("03-02 12:00"), when("03-02 16:00"), when("03-02 18:00"), when("03-03 12:00"),
    ]  # fmt: skip
    assert [step.verb for step in steps] == ["REMIND", "REMIND", "SUPERVISE", "SUPERVISE", "SUPERVISE"]
    assert [step.payload["order"] for step in steps] == [0, 0, 1, 2, 3]
    assert [step.reason for step in steps] == [f"HANDLE {share}%" for share in (80, 100, 150, 200, 300)]
    assert all(step.cause == f"clock:{number}:HANDLE:{step.at.isoformat()}" for step in steps)
    assert all((step.actor, step.from_, step.to) == ("SYSTEM", "HANDLING", "HANDLING") for step in steps)
    scene.tick("04-09 00:00")
    assert len(fired(scene)) == 5


def test_an_unassigned_case_escalates_as_well(scene):
    scene.report("03-02 09:00")
    scene.tick("03-02 10:00")
    assert [step.at for step in fired(scene, "ACCEPT")] == [
        when("03-02 09:12"), when("03-02 09:15"), when("03-02 09:22:30"), when("03-02 09:30"), when("03-02 09:45"),
    ]  # fmt: skip


def test_what_is_due_fires_before_the_input_that_carries_time_past_it(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    effects = scene.act(number, "FINISH", "03-02 12:30")
    assert [step.verb for step in effects.transitions] == ["REMIND", "REMIND", "FINISH"]
    assert [step.seq for step in effects.transitions] == sorted(step.seq for step in effects.transitions)
    assert [step.at for step in effects.transitions] == sorted(step.at for step in effects.transitions)


def test_a_tier_due_at_the_very_moment_of_an_input_fires_first(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    effects = scene.act(number, "FINISH", "03-02 12:00")
    assert [(step.verb, step.reason) for step in effects.transitions][:2] == [
        ("REMIND", "HANDLE 80%"), ("REMIND", "HANDLE 100%"),
    ]  # fmt: skip
    assert not scene.clock(number, "HANDLE").overdue


def test_tiers_of_several_cases_fire_in_the_order_of_moment_case_and_clock(scene):
    second = scene.bring("HANDLING", "03-02 08:10", severity=3)
    first = scene.bring("HANDLING", "03-02 08:10")
    third = scene.bring("DISPATCHED", "03-02 08:10")
    effects = scene.tick("03-06 18:00")
    told = [(step.at, step.case_no, step.payload["clock"], step.payload["unit"]) for step in effects.transitions]
    assert {number for _, number, _, _ in told} == {first, second, third}
    assert {clock for _, _, clock, _ in told} == {"HANDLE", "SIGN", "ACK"}
    assert told == sorted(told)


def test_a_paused_clock_fires_nothing_and_takes_up_its_tiers_where_it_stood(scene):
    number = scene.bring("DISPATCHED", "03-02 08:00")
    scene.tick("03-02 09:30")
    scene.act(number, "RETURN", "03-02 09:30")
    scene.tick("03-05 18:00")
    assert not fired(scene)
    scene.act(number, "REDISPATCH", "03-06 08:00", unit=OFFICE)
    scene.tick("03-06 10:00")
    assert [step.at for step in fired(scene)] == [when("03-06 09:42")]


def test_a_desk_is_woken_by_the_next_tier_and_by_nothing_that_has_stopped(scene):
    number = scene.report("03-02 09:00")
    assert scene.desks["990101"].book.next_due() == when("03-02 09:12")
    assert scene.desks["990102"].book.next_due() is None
    scene.act(number, "REFUSE", "03-02 09:01")
    assert scene.desks["990101"].book.next_due() is None


def test_a_report_that_comes_with_an_earlier_time_is_taken_in_at_the_desks_own(scene):
    scene.report("03-02 09:00")
    scene.tick("03-02 10:00")
    number = scene.report("03-02 09:30")
    assert scene[number].opened_at == when("03-02 10:00")


def test_a_tick_moves_only_its_own_desk(scene):
    scene.report("03-02 09:00")
    scene.tick("03-02 12:00", desk="990102")
    assert not fired(scene, "ACCEPT")


def test_what_is_no_incident_has_a_time_to_be_answered(scene):
    number = scene.report("03-02 09:00", matter="INQUIRY", scheme=None, category=None, lon=None, lat=None)
    scene.act(number, "ACCEPT", "03-02 09:05", CITY_CENTRE)
    assert due(scene, number, "ANSWER") == when("03-04 09:05")
    scene.act(number, "CLOSE", "03-02 10:00", CITY_CENTRE)
    assert scene.clock(number, "ANSWER").ended == when("03-02 10:00")


def test_a_zone_has_clocks_under_its_own_centre(scene):
    number = scene.report("03-02 09:00", street=PARK)
    assert scene[number].desk == "9901HT"
    assert scene.clock(number, "ACCEPT").unit == "HT-CC"


def test_lights_are_green_to_eighty_percent_yellow_to_the_limit_and_red_beyond(calendar):
    clock = clocks.start(calendar, "HANDLE", parse_limit("10 URGENT_HOUR"), when("03-02 00:00"))
    seen = [clocks.light(calendar, clock, when(f"03-02 {text}")) for text in ("08:00", "08:01", "10:00", "10:01")]
    assert seen == ["GREEN", "YELLOW", "YELLOW", "RED"]


def test_pausing_twice_stopping_twice_and_resuming_twice_is_doing_it_once(calendar):
    clock = clocks.start(calendar, "HANDLE", parse_limit("4 WORK_HOUR"), when("03-02 08:00"))
    assert clocks.resume(calendar, clock, when("03-02 09:00")) is clock
    paused = clocks.pause(calendar, clock, when("03-02 09:00"))
    assert clocks.pause(calendar, paused, when("03-02 10:00")) is paused
    stopped = clocks.stop(calendar, paused, when("03-02 11:00"))
    assert clocks.stop(calendar, stopped, when("03-02 12:00")) is stopped
    assert clocks.next_due(calendar, (), "x", clock) is None


_MINUTES = st.lists(st.integers(1, 2000), min_size=2, max_size=12)


@given(_MINUTES, st.sampled_from(["4 WORK_HOUR", "2 WORK_DAY", "1 NATURAL_DAY", "2 URGENT_HOUR"]))
def test_pauses_move_a_deadline_by_exactly_the_counted_time_they_took(calendar, minutes, limit):
    at = begin = when("03-02 08:00")
    clock = clocks.start(calendar, "HANDLE", parse_limit(limit), begin)
    counted = 0.0
    for number, length in enumerate(minutes):
        until = at + timedelta(minutes=length)
        if number % 2 == 0:
            counted += calendar.elapsed(at, until, clock.clock)
            clock = clocks.pause(calendar, clock, until)
            assert clocks.used_by(calendar, clock, until) == pytest.approx(counted)
            assert clock.overdue == (counted > clock.limit_s)
        else:
            clock = clocks.resume(calendar, clock, until)
            if counted < clock.limit_s:
                assert calendar.elapsed(until, clock.due, clock.clock) == pytest.approx(clock.limit_s - counted)
            else:
                assert clock.due <= at
        at = until
