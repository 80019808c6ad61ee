from __future__ import annotations

import pytest
from scenes import CENTRE, CHECKER, CITY_CENTRE, OFFICE, OTHER_OFFICE, Scene, when


def refused(effects):
    return [letter.reason for letter in effects.dead_letters]


def due(scene, number):
    return scene.clock(number, "HANDLE").due


# Extensions: E-01-10 has 4 working hours; a case dispatched at 09:00 is due at 15:00.


def test_an_extension_adds_one_original_limit_to_the_current_deadline(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "ASK_EXTENSION", "03-02 10:00")
    assert scene[number].requests["EXTENSION"].seconds == 4 * 3600
    assert due(scene, number) == when("03-02 15:00")
    scene.act(number, "GRANT", "03-02 10:30")
    assert due(scene, number) == when("03-03 09:00")
    assert (scene[number].flags["extended"], scene[number].requests) == (1, {})


def test_an_extension_may_be_asked_for_less_than_the_limit_and_never_for_more(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    for limit in ("5 WORK_HOUR", "1 NATURAL_DAY", "soon"):
        assert refused(scene.act(number, "ASK_EXTENSION", "03-02 10:00", limit=limit)) == ["BAD_PAYLOAD"]
    scene.act(number, "ASK_EXTENSION", "03-02 10:00", limit="1 WORK_HOUR")
    scene.act(number, "GRANT", "03-02 10:30")
    assert due(scene, number) == when("03-02 16:00")


def test_a_case_is_extended_at_most_twice_and_a_denial_uses_none_up(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    for answer in ("GRANT", "DENY", "DENY", "GRANT"):
        scene.act(number, "ASK_EXTENSION", "03-02 10:00")
        scene.act(number, answer, "03-02 10:01")
    assert scene[number].flags["extended"] == 2
    assert scene[number].flags["denied"] == 2
    assert due(scene, number) == when("03-03 15:00")
    assert refused(scene.act(number, "ASK_EXTENSION", "03-02 10:02")) == ["EXTENDED_ENOUGH"]


def test_a_case_that_is_overdue_is_neither_asked_nor_granted_an_extension(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "ASK_EXTENSION", "03-02 14:59")
    assert refused(scene.act(number, "GRANT", "03-02 15:01")) == ["OVERDUE"]
    late = scene.late("HANDLING")
    assert refused(scene.act(late, "ASK_EXTENSION", scene.at)) == ["OVERDUE"]


def test_exactly_on_the_deadline_an_extension_is_still_granted(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "ASK_EXTENSION", "03-02 15:00")
    assert not refused(scene.act(number, "GRANT", "03-02 15:00"))


def test_reminders_are_counted_anew_under_a_longer_limit(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    scene.act(number, "ASK_EXTENSION", "03-02 11:30")
    scene.act(number, "GRANT", "03-02 11:30")
    assert scene.clock(number, "HANDLE").tiers == 0
    scene.tick("03-03 00:00")
    fired = [step for step in scene.transitions if step.payload.get("clock") == "HANDLE"]
    assert [(step.reason, step.at) for step in fired] == [
        ("HANDLE 80%", when("03-02 11:12")),
        ("HANDLE 80%", when("03-02 16:24")),
        ("HANDLE 100%", when("03-02 18:00")),
    ]


@pytest.mark.parametrize("by", [OFFICE, OTHER_OFFICE, CHECKER, "990102-CC"])
def test_only_the_packs_approver_answers_and_nobody_grants_their_own(scene, by):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "ASK_EXTENSION", "03-02 10:00")
    assert refused(scene.act(number, "GRANT", "03-02 10:01", by)) == ["NOT_ALLOWED"]
    assert not refused(scene.act(number, "GRANT", "03-02 10:01", CITY_CENTRE))


def test_what_was_not_asked_can_not_be_granted_and_nothing_is_asked_twice_at_once(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    assert refused(scene.act(number, "GRANT", "03-02 10:00", request="EXTENSION")) == ["NOTHING_ASKED"]
    assert refused(scene.act(number, "GRANT", "03-02 10:00", request="RISE")) == ["NOT_ALLOWED"]
    scene.act(number, "ASK_EXTENSION", "03-02 10:00")
    assert refused(scene.act(number, "ASK_EXTENSION", "03-02 10:01")) == ["ASKED_ALREADY"]


def test_what_is_done_needs_no_more_time(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "ASK_EXTENSION", "03-02 10:00")
    scene.act(number, "FINISH", "03-02 10:30")
    assert scene[number].requests == {}


# Suspension


def suspended(scene, at="03-02 10:00", until="2026-03-04"):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "ASK_SUSPENSION", at, until=until)
    scene.act(number, "GRANT", at)
    return number


def test_a_suspension_pauses_the_clock_until_its_date_and_ends_by_itself(scene):
    number = suspended(scene)
    assert scene[number].state == "SUSPENDED"
    assert scene.clock(number, "HANDLE").since is None
    scene.tick("03-05 08:00")
    step = next(step for step in scene.transitions if step.verb == "RESUME")
    assert (step.at, step.actor, step.to) == (when("03-04 00:00"), "SYSTEM", "HANDLING")
    assert due(scene, number) == when("03-04 11:00")
    assert not [
        one for one in scene.transitions if one.payload.get("clock") == "HANDLE" and one.at < when("03-04 00:00")
    ]


def test_a_suspended_case_may_be_taken_up_again_before_its_date(scene):
    number = suspended(scene)
    scene.act(number, "RESUME", "03-03 08:00")
    assert scene[number].state == "HANDLING"
    assert due(scene, number) == when("03-03 11:00")
    scene.tick("03-06 08:00")
    assert scene.verbs(number).count("RESUME") == 1


def test_a_case_is_suspended_once(scene):
    number = suspended(scene)
    scene.act(number, "RESUME", "03-03 08:00")
    effects = scene.act(number, "ASK_SUSPENSION", "03-03 08:01", until="2026-04-01")
    assert refused(effects) == ["SUSPENDED_ONCE"]


@pytest.mark.parametrize("until", ["2026-03-02", "2027-03-05", "some day", "2026-03-05T08:00:00"])
def test_a_suspension_ends_on_a_stated_date_within_a_year(scene, until):
    number = scene.bring("HANDLING", "03-02 09:00")
    assert refused(scene.act(number, "ASK_SUSPENSION", "03-02 10:00", until=until)) == ["BAD_PAYLOAD"]


def test_a_suspension_that_was_granted_after_its_own_end_is_refused(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "ASK_SUSPENSION", "03-02 10:00", until="2026-03-03")
    assert refused(scene.act(number, "GRANT", "03-03 00:00")) == ["TOO_LATE"]


# Appeals


def test_an_appeal_needs_two_reviewers_and_leaves_the_fact(scene):
    number = scene.late("HANDLED")
    scene.act(number, "APPEAL", "03-05 09:10")
    scene.act(number, "GRANT", "03-05 09:20", actor="one")
    assert not scene.clock(number, "HANDLE").excused
    assert refused(scene.act(number, "GRANT", "03-05 09:21", actor="one")) == ["SAME_REVIEWER"]
    scene.act(number, "GRANT", "03-05 09:22", actor="two")
    clock = scene.clock(number, "HANDLE")
    assert (clock.overdue, clock.excused) == (True, True)
    assert scene[number].flags["appealed"] == scene[number].flags["excused"] == 1


def test_a_case_that_is_in_time_has_nothing_to_appeal_against(scene):
    number = scene.bring("HANDLED", "03-02 09:00")
    assert refused(scene.act(number, "APPEAL", "03-02 09:10")) == ["NOT_OVERDUE"]


def test_the_approver_of_an_appeal_is_not_in_the_line_that_appeals(bent_city):
    scene = Scene(
        bent_city(("city.toml", "[limits]", '[approvers]\nAPPEAL = "COLLECTOR"\n\n[limits]'),
                  ("city.toml", 'mode = "auto"', 'mode = "manual"'))
    )  # fmt: skip
    number = scene.late("HANDLED")
    scene.act(number, "APPEAL", "03-05 09:10")
    assert refused(scene.act(number, "GRANT", "03-05 09:20", "990101002001-CM")) == ["NOT_ALLOWED"]
    assert not refused(scene.act(number, "GRANT", "03-05 09:20", OTHER_OFFICE))


def test_an_appeal_that_is_denied_excuses_nothing(scene):
    number = scene.late("HANDLED")
    scene.act(number, "APPEAL", "03-05 09:10")
    scene.act(number, "DENY", "03-05 09:20")
    assert not scene.clock(number, "HANDLE").excused
    assert scene[number].requests == {}


# Help


def test_help_has_its_own_clock_and_the_lead_stays(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.act(number, "REQUEST_HELP", "03-02 10:00", unit="990101-EN")
    assert scene.clock(number, "HELP").due == when("03-02 16:00")
    assert scene.clock(number, "HANDLE").due == when("03-02 15:00")
    assert scene[number].unit == OFFICE
    assert refused(scene.act(number, "REPLY_HELP", "03-02 10:30", CENTRE)) == ["NOT_ALLOWED"]
    scene.act(number, "REPLY_HELP", "03-02 11:00", "990101-EN")
    assert scene.clock(number, "HELP").ended == when("03-02 11:00")
    assert scene.clock(number, "HELP").unit == "990101-EN"


def test_help_is_asked_of_units_outside_the_own_line_and_not_twice_at_once(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    assert refused(scene.act(number, "REQUEST_HELP", "03-02 10:00", unit=CENTRE)) == ["OWN_LINE"]
    assert refused(scene.act(number, "REQUEST_HELP", "03-02 10:00", unit="990101-XX")) == ["UNKNOWN_UNIT"]
    scene.act(number, "REQUEST_HELP", "03-02 10:00", unit="990101-EN")
    assert refused(scene.act(number, "REQUEST_HELP", "03-02 10:01", unit="990101-EN")) == ["ASKED_ALREADY"]
    scene.act(number, "REPLY_HELP", "03-02 10:30", "990101-EN")
    scene.act(number, "REQUEST_HELP", "03-02 10:40", unit="990101-EN")
    assert [clock.round for clock in scene[number].clocks if clock.name == "HELP"] == [1, 2]


def test_help_that_is_late_escalates_and_ends_when_the_work_is_done(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    scene.act(number, "REQUEST_HELP", "03-02 08:00", unit="990101-EN")
    scene.tick("03-02 12:00")
    told = [step for step in scene.transitions if step.payload.get("clock") == "HELP"]
    assert [step.payload["unit"] for step in told] == ["990101-EN"] * 2
    scene.act(number, "FINISH", "03-02 12:00")
    assert scene.clock(number, "HELP").ended == when("03-02 12:00")
