from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from scenes import OFFICE, OTHER_OFFICE, when
from stories import play, stories

from streams.stages.casefile import casefile, overdue_shares
from streams.stages.desk import clocks

MICRO = 1_000_000


def shares(scene, number, at):
    steps = [step for step in scene.transitions if step.case_no == number]
    return overdue_shares(scene.city.rules.calendar, scene[number], steps, when(at))


def test_overdue_time_belongs_to_the_unit_and_the_stage_that_held_the_case(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")  # due at 15:00
    scene.act(number, "SIGN", "03-02 16:00")
    scene.act(number, "START", "03-02 16:30")
    scene.act(number, "FINISH", "03-02 17:30")
    found = {
        (share.stage, share.unit): share.minutes
        for share in shares(scene, number, "03-02 18:00")
        if share.clock == "HANDLE"
    }
    assert found == {("DISPATCHED", OFFICE): 60, ("SIGNED", OFFICE): 30, ("HANDLING", OFFICE): 60}


def test_each_unit_has_its_own_share(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "REDISPATCH", "03-02 16:00", unit=OTHER_OFFICE)
    for verb in ("SIGN", "START"):
        scene.act(number, verb, "03-02 16:00")
    scene.act(number, "FINISH", "03-03 12:30")
    found = {share.unit: share.minutes for share in shares(scene, number, "03-03 18:00") if share.clock == "HANDLE"}
    assert found == {OFFICE: 60, OTHER_OFFICE: 120}


def test_an_appeal_marks_the_share_and_leaves_the_fact(scene):
    number = scene.late("HANDLED")
    before = shares(scene, number, "03-06 09:00")
    scene.act(number, "APPEAL", "03-05 09:10")
    for name in ("one", "two"):
        scene.act(number, "GRANT", "03-05 09:20", actor=name)
    after = shares(scene, number, "03-06 09:00")
    assert [share.overdue_us for share in after if share.clock == "HANDLE"] == [
        share.overdue_us for share in before if share.clock == "HANDLE"
    ]
    assert all(share.excused for share in after if share.clock == "HANDLE")
    assert not any(share.excused for share in before)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories())
def test_the_shares_of_a_case_add_up_to_its_overdue_time_exactly(city, story):
    scene = play(city, story)
    calendar = city.rules.calendar
    for case in scene.cases:
        now = max(step.heard_at or step.at for step in scene.transitions)
        steps = [step for step in scene.transitions if step.case_no == case.case_no]
        total = sum(share.overdue_us for share in overdue_shares(calendar, case, steps, now))
        over = [clocks.used_by(calendar, clock, now) - clocks.allowed(clock) for clock in case.clocks]
        assert total == sum(max(0, round(one * MICRO)) for one in over)


def test_a_reader_sees_lights_and_whether_a_clock_is_paused(scene):
    number = scene.bring("RETURNED", "03-02 09:00")
    shown = casefile(scene.city.rules.calendar, scene[number], when("03-02 09:13"))
    found = {clock["name"]: (clock["light"], clock["paused"]) for clock in shown["clocks"]}
    assert found["HANDLE"] == ("GREEN", True)
    assert found["DISPATCH"] == ("YELLOW", False)
    assert "overdue" not in shown


@pytest.mark.parametrize("at", ["03-02 09:10", "03-05 09:00"])
def test_a_reader_of_the_whole_file_sees_every_step_and_whose_overdue_time_it_is(scene, at):
    number = scene.bring("HANDLING", "03-02 09:00")
    steps = [step for step in scene.transitions if step.case_no == number]
    shown = casefile(scene.city.rules.calendar, scene[number], when(at), steps)
    assert [step["verb"] for step in shown["transitions"]] == scene.verbs(number)
    assert {one["clock"] for one in shown["overdue"]} == ({"HANDLE"} if at == "03-05 09:00" else set())
