"""What those who reported, hotlines, centres and supervisors ask of a case besides its ordinary way."""

from __future__ import annotations

import pytest
from scenes import CENTRE, CHECKER, OFFICE, OTHER_OFFICE, when


def refused(effects):
    return [letter.reason for letter in effects.dead_letters]


def test_the_system_that_reported_urges_and_appends_and_is_counted(scene):
    number = scene.bring("HANDLING", "03-02 09:00", text="litter", system="12345", system_no="A1")
    for _ in range(2):
        assert not refused(scene.act(number, "URGE", "03-02 10:00", "12345"))
    scene.act(number, "APPEND", "03-02 10:01", "12345", text="and glass")
    assert scene[number].flags["urged"] == 2
    assert scene[number].text == "litter\nand glass"
    assert scene[number].state == "HANDLING"


def test_another_system_has_no_say(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    assert refused(scene.act(number, "URGE", "03-02 10:00", "54321")) == ["NOT_ALLOWED"]


def test_a_reporter_withdraws_before_the_dispatch_and_not_later(scene):
    early, late = scene.bring("FILED", "03-02 09:00"), scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(early, "WITHDRAW", "03-02 09:05", "grid-app")
    assert (scene[early].state, scene[early].closed_at) == ("CANCELLED", when("03-02 09:05"))
    assert refused(scene.act(late, "WITHDRAW", "03-02 09:05", "grid-app")) == ["ILLEGAL_TRANSITION"]


def test_a_centre_supervises_in_any_open_state(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "SUPERVISE", "03-02 10:00", CENTRE, reason="a school is near", order=2)
    assert scene[number].flags["supervised"] == 1
    assert scene.transitions[-1].payload == {"order": 2}
    assert refused(scene.act(number, "SUPERVISE", "03-02 10:01", OFFICE)) == ["NOT_ALLOWED"]


def test_a_reopened_case_goes_back_to_its_unit_whose_clock_goes_on(scene):
    number = scene.bring("CLOSED", "03-02 09:00")
    scene.act(number, "REOPEN", "03-03 09:00", CENTRE)
    case = scene[number]
    assert (case.state, case.unit, case.closed_at, case.finished_at) == ("DISPATCHED", OFFICE, None, None)
    assert case.flags["reopened"] == 1
    assert "check_passed" not in case.flags
    assert scene.used(number, "HANDLE", "03-03 10:00") == 3600


def test_a_case_seen_to_on_the_spot_can_be_reopened_and_gets_its_limit_then(scene):
    number = scene.report("03-02 09:00", self_handled=True)
    scene.act(number, "REOPEN", "03-02 10:00", CENTRE)
    case = scene[number]
    assert (case.state, case.unit, case.limit) == ("DISPATCHED", OFFICE, "4 WORK_HOUR")
    assert "self_handled" not in case.flags


def test_a_forced_close_stops_everything_and_says_why(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "FORCE_CLOSE", "03-02 10:00", CENTRE, reason="demolished")
    assert scene[number].state == "FORCED_CLOSED"
    assert all(clock.ended for clock in scene[number].clocks)
    assert scene.transitions[-1].reason == "demolished"


def test_what_the_hotline_hears_afterwards_is_kept(scene):
    number = scene.bring("CLOSED", "03-02 09:00")
    scene.act(number, "CONTACT", "03-03 09:00", CENTRE)
    scene.act(number, "SATISFACTION", "03-03 09:01", CENTRE)
    assert scene[number].ratings == {"responded": "yes", "solved": "yes", "satisfied": "no"}
    wrong = {"responded": "yes", "solved": "perhaps", "satisfied": "no"}
    assert refused(scene.act(number, "SATISFACTION", "03-03 09:02", CENTRE, payload=wrong)) == ["BAD_PAYLOAD"]


def test_supervision_evaluates_and_the_desk_does_not(scene):
    number = scene.bring("CLOSED", "03-02 09:00")
    assert refused(scene.act(number, "EVALUATE", "03-03 09:00", CENTRE)) == ["NOT_ALLOWED"]
    scene.act(number, "EVALUATE", "03-03 09:01", CHECKER)
    assert (scene[number].state, scene[number].closed_at) == ("EVALUATED", when("03-02 09:00"))


# Tasks


def test_a_check_goes_to_the_nearest_worker_on_duty_outside_the_handling_line(scene):
    number = scene.bring("CHECKING", "03-02 09:00")
    task = scene[number].task
    assert task.verb == "CHECK"
    assert task.worker
    worker = next(one for one in scene.city.rules.workers if one.worker == task.worker)
    assert worker.unit == task.unit != OFFICE
    assert scene.clock(number, "CHECK").unit == task.unit


def test_at_night_when_nobody_is_on_duty_the_check_goes_to_supervision(scene):
    number = scene.bring("HANDLED", "03-02 09:00")
    scene.act(number, "REQUEST_CHECK", "03-02 22:00")
    assert (scene[number].task.unit, scene[number].task.worker) == (CHECKER, "")


def test_a_verification_before_filing_goes_to_the_nearest_worker_whose_office_may_handle_it_later(scene):
    number = scene.bring("VERIFYING", "03-02 09:00")
    task = scene[number].task
    assert (task.verb, task.unit) == ("VERIFY", OFFICE)
    scene.act(number, "VERIFY_TRUE", "03-02 09:10", OFFICE)
    assert scene[number].task is None


@pytest.mark.parametrize("by", [OTHER_OFFICE, CHECKER])
def test_who_was_given_the_task_is_not_the_only_one_who_may_do_it(scene, by):
    number = scene.bring("CHECKING", "03-02 09:00")
    assert not refused(scene.act(number, "CHECK_PASS", "03-02 09:10", by))


@pytest.mark.parametrize("by", ["990102001-OF", "990102-SV"])
def test_collectors_and_supervisors_of_another_district_have_no_say(scene, by):
    number = scene.bring("CHECKING", "03-02 09:00")
    assert refused(scene.act(number, "CHECK_PASS", "03-02 09:10", by)) == ["NOT_ALLOWED"]
