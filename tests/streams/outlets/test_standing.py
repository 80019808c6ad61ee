"""Lights of open cases, counted as they turn."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from scenes import DESK, when
from stories import play, stories

from streams.outlets.standing import Standing
from streams.stages.desk import clocks
from streams.stages.desk.casebook import apply
from streams.stages.desk.lifecycle import MERGED
from streams.stages.measures import VOID, duty_of


def counted(scene, cases, now):
    """Count lights the plain way: every case, by all of its handling clock."""
    found, calendar = Counter(), scene.city.rules.calendar
    for case in cases.values():
        duty = duty_of(case)
        if case.state in VOID | {MERGED} or duty is None or duty.due is None or duty.clock.since is None:
            continue
        yellow = clocks.reaches(calendar, duty.clock, clocks.allowed(duty.clock) * 0.8)
        found[case.desk, "RED" if duty.due < now else "YELLOW" if yellow < now else "GREEN"] += 1
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories(40))
def test_lights_counted_as_they_turn_are_those_of_all_cases_looked_at_one_by_one(city, story):
    scene = play(city, story)
    standing, cases = Standing(city.rules.calendar), {}
    now = None
    for step in scene.transitions:
        cases[step.case_no] = apply(cases.get(step.case_no), step)
        standing.hear(step)
        now = max(filter(None, (now, step.heard_at or step.at)))
        assert standing.lights(now) == counted(scene, cases, now)
    for days in (1, 10, 400):
        if now is not None:
            later = now + timedelta(days=days)
            assert standing.lights(later) == counted(scene, cases, later)


def test_a_light_turns_yellow_after_four_fifths_of_its_limit_and_red_after_all_of_it(auto):
    auto.report("03-02 09:00")  # litter: four working hours
    standing = Standing(auto.city.rules.calendar)
    for step in auto.transitions:
        standing.hear(step)
    seen = [next(iter(standing.lights(when(at)))) for at in ("03-02 09:05", "03-02 14:25", "03-02 17:05")]
    assert seen == [(DESK, light) for light in ("GREEN", "YELLOW", "RED")]
