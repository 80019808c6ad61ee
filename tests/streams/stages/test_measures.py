from __future__ import annotations

import pytest
from scenes import OFFICE, OTHER_DESK, OTHER_OFFICE, PARK, when

from streams.stages.measures import deadline_of, figures

START, END = when("03-02 00:00"), when("03-09 00:00")


@pytest.fixture
def measured(scene):
    def measure(start=START, end=END):
        return figures(scene.cases, start, end)

    return measure


def finish(scene, at, **fields):
    number = scene.bring("HANDLING", "03-02 09:00", **fields)
    scene.act(number, "FINISH", at)
    return number


def test_an_empty_stretch_has_no_rates_and_no_medians(measured):
    found = measured()
    assert (found.cases, found.closed, found.on_time_rate, found.on_time_of) == (0, 0, None, 0)
    assert found.median_minutes == {"report_to_dispatch": None, "report_to_close": None}
    assert (found.on_time_by_desk, found.outcomes) == ({}, {})


def test_the_rate_in_time_is_over_cases_whose_deadline_falls_into_the_window(scene, measured):
    in_time, late, _never = (scene.bring("HANDLING", "03-02 09:00") for _ in range(3))
    scene.act(in_time, "FINISH", "03-02 15:00")
    scene.act(late, "FINISH", "03-02 15:01")
    scene.bring("HANDLING", "03-06 17:00")  # due on the Monday after
    found = measured()
    assert (found.on_time_of, found.on_time_rate) == (3, pytest.approx(1 / 3))
    assert measured(END, when("03-16 00:00")).on_time_of == 1
    assert measured(START, when("03-02 15:00")).on_time_of == 0
    assert measured(when("03-02 15:00"), END).on_time_of == 3


def test_each_desk_has_its_own_rate(scene, measured):
    finish(scene, "03-02 15:00")
    finish(scene, "03-03 15:00", street=PARK)
    assert measured().on_time_by_desk == {"9901HT": 0.0, "990101": 1.0}


def test_what_was_seen_to_on_the_spot_counts_as_a_case_and_in_no_rate(scene, measured):
    scene.report("03-02 09:00", self_handled=True)
    found = measured()
    assert (found.cases, found.closed, found.on_time_of) == (1, 1, 0)
    assert found.median_minutes["report_to_close"] is None
    assert found.outcomes == {"LEAD": 1}


def test_what_is_no_incident_stays_outside_incident_figures(scene, measured):
    number = scene.report("03-02 09:00", matter="PRAISE")
    scene.act(number, "ACCEPT", "03-02 09:05")
    scene.act(number, "CLOSE", "03-02 09:06")
    found = measured()
    assert (found.cases, found.not_incidents, found.closed, found.outcomes) == (0, 1, 0, {})


def test_medians_run_from_the_report_to_the_first_dispatch_and_to_the_close(scene, measured):
    numbers = [scene.report("03-02 09:00") for _ in range(3)]
    for number, at in zip(numbers, ("09:10", "09:20", "10:00"), strict=True):
        for verb in ("ACCEPT", "FILE", "DISPATCH"):
            scene.act(number, verb, f"03-02 {at}")
    for number, at in zip(numbers, ("11:00", "11:10", "12:00"), strict=True):
        for verb in ("SIGN", "START", "FINISH", "REQUEST_CHECK", "CHECK_PASS", "CLOSE"):
            scene.act(number, verb, f"03-02 {at}")
    found = measured()
    assert found.closed == 3
    assert found.median_minutes == {"report_to_dispatch": 20.0, "report_to_close": 130.0}


def test_a_case_that_was_never_dispatched_has_no_deadline(scene):
    assert deadline_of(scene[scene.bring("FILED", "03-02 09:00")]) is None


def test_the_deadline_that_counts_is_that_of_the_unit_that_holds_the_case(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "REDISPATCH", "03-02 10:00", unit=OTHER_OFFICE)
    assert deadline_of(scene[number])[0].unit == OTHER_OFFICE
    scene.act(number, "REDISPATCH", "03-02 11:00", unit=OFFICE)
    assert deadline_of(scene[number])[0].unit == OFFICE
    assert deadline_of(scene[number])[1] == when("03-02 16:00")


def test_where_nobody_holds_the_case_the_clock_that_began_last_counts(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "REDISPATCH", "03-02 09:30", unit=OTHER_OFFICE)
    scene.act(number, "RETURN", "03-02 10:00")
    assert deadline_of(scene[number])[0].unit == OTHER_OFFICE


def test_outcomes_are_those_of_incidents(scene, measured):
    scene.report("03-02 09:00", category="E-02-02")
    scene.report("03-02 09:00", lon=None, lat=None)
    scene.report("03-02 09:00", street="990102001")
    assert measured().outcomes == {"BACKSTOP": 1, "LEAD": 1, "NO_GRID": 1}
    assert OTHER_DESK not in measured().on_time_by_desk
