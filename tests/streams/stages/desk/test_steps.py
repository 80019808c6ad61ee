from __future__ import annotations

import pytest
from scenes import CENTRE, OFFICE, OTHER_OFFICE, PARK, Scene, when


def refused(effects):
    return [letter.reason for letter in effects.dead_letters]


def test_filing_fixes_limit_closing_test_and_urgency_from_the_first_condition(scene):
    number = scene.bring("FILED", "03-02 09:00", category="C-01-01", severity=3)
    case = scene[number]
    assert (case.limit, case.closing_test, case.urgency) == ("2 URGENT_HOUR", "已加盖", "CRITICAL")


def test_filing_takes_the_condition_that_the_duty_officer_names(scene):
    number = scene.bring("ACCEPTED", "03-02 09:00", category="C-01-01")
    scene.act(number, "FILE", "03-02 09:01", condition="B")
    assert scene[number].limit == "3 WORK_DAY"


def test_filing_takes_the_condition_that_the_report_names(scene):
    number = scene.bring("FILED", "03-02 09:00", category="C-01-01", condition="B")
    assert scene[number].limit == "3 WORK_DAY"


@pytest.mark.parametrize("condition", ["Z", ["A"], {"A": 1}, 7])
def test_filing_under_a_condition_that_is_none_is_refused(scene, condition):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    effects = scene.act(number, "FILE", "03-02 09:01", condition=condition)
    assert refused(effects) == ["NO_FILING_CONDITION"]
    assert "payload.condition" in effects.dead_letters[0].text


def test_a_report_that_is_more_urgent_than_its_condition_stays_so(scene):
    number = scene.bring("FILED", "03-02 09:00", urgency="URGENT")
    assert scene[number].urgency == "URGENT"


def test_a_dispatch_goes_to_the_lead_and_notes_the_first_unit_and_the_moment(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    case = scene[number]
    assert (case.unit, case.first_unit, case.dispatched_at) == (OFFICE, OFFICE, when("03-02 09:00"))
    scene.act(number, "REDISPATCH", "03-02 09:30", unit=OTHER_OFFICE)
    case = scene[number]
    assert (case.unit, case.first_unit, case.dispatched_at) == (OTHER_OFFICE, OFFICE, when("03-02 09:00"))


def test_a_dispatcher_may_name_another_unit_than_the_lead(scene):
    number = scene.bring("FILED", "03-02 09:00")
    scene.act(number, "DISPATCH", "03-02 09:01", unit=OTHER_OFFICE)
    assert scene[number].unit == OTHER_OFFICE


@pytest.mark.parametrize("unit", ["990101-XX", ["990101-UM"], {"unit": "990101-UM"}, 12])
@pytest.mark.parametrize("verb", ["DISPATCH", "REDISPATCH"])
def test_a_dispatch_to_what_is_no_unit_is_refused(scene, verb, unit):
    number = scene.bring("FILED" if verb == "DISPATCH" else "RETURNED", "03-02 09:00")
    effects = scene.act(number, verb, "03-02 09:01", unit=unit)
    assert refused(effects) == ["UNKNOWN_UNIT"]
    assert "payload.unit" in effects.dead_letters[0].text


def test_a_dispatch_to_a_unit_that_has_ceased_to_be_is_refused(bent_city):
    line = "990102-EN,东岸区执法大队,East Bank Enforcement,,DISTRICT,ENFORCEMENT,enforcement,990102-UM,990102,,"
    scene = Scene(
        bent_city(("units.csv", line, line + "2026-03-01"), ("city.toml", 'mode = "auto"', 'mode = "manual"'))
    )
    number = scene.bring("FILED", "03-02 09:00")
    assert refused(scene.act(number, "DISPATCH", "03-02 09:01", unit="990102-EN")) == ["UNKNOWN_UNIT"]


def test_a_case_goes_back_within_two_working_hours_of_its_dispatch_and_not_later(scene):
    number = scene.bring("DISPATCHED", "03-02 17:00")
    scene.act(number, "SIGN", "03-02 17:30")
    assert not refused(scene.act(number, "RETURN", "03-03 09:00"))
    case = scene[number]
    assert (case.state, case.unit, case.team, case.flags["returned"]) == ("RETURNED", "", "", 1)
    late = scene.bring("DISPATCHED", "03-03 17:00")
    assert refused(scene.act(late, "RETURN", "03-04 09:00:01")) == ["RETURN_WINDOW_OVER"]


def test_the_return_window_begins_anew_with_each_dispatch(scene):
    number = scene.bring("RETURNED", "03-02 08:00")
    scene.act(number, "REDISPATCH", "03-02 11:00", unit=OTHER_OFFICE)
    assert not refused(scene.act(number, "RETURN", "03-02 14:30"))
    assert scene[number].flags["returned"] == 2


def test_a_unit_assigns_a_team_of_its_own_and_takes_it_off_again(scene):
    number = scene.bring("SIGNED", "03-02 09:00")
    before = scene[number].clocks
    scene.act(number, "ASSIGN", "03-02 09:01", team="night shift")
    assert scene[number].team == "night shift"
    scene.act(number, "UNASSIGN", "03-02 09:02")
    assert scene[number].team == ""
    assert scene[number].clocks == before


def test_finishing_and_checking_leave_their_marks(scene):
    number = scene.bring("CHECKING", "03-02 09:00")
    assert scene[number].finished_at == when("03-02 09:00")
    scene.act(number, "CHECK_FAIL", "03-02 09:10")
    assert scene[number].flags == {"check_failed": 1, "reworked": 1}
    scene.act(number, "FINISH", "03-02 09:20")
    scene.act(number, "REQUEST_CHECK", "03-02 09:21")
    scene.act(number, "CHECK_PASS", "03-02 09:30")
    scene.act(number, "CLOSE", "03-02 09:31", CENTRE)
    case = scene[number]
    assert case.flags == {"check_failed": 1, "reworked": 1, "check_passed": 1}
    assert (case.finished_at, case.closed_at) == (when("03-02 09:20"), when("03-02 09:31"))


@pytest.mark.parametrize(
    ("end", "state"), [("REFUSE", "REPORTED"), ("DECLINE", "ACCEPTED"), ("VERIFY_FALSE", "VERIFYING")]
)
def test_what_is_turned_down_is_over(scene, end, state):
    number = scene.bring(state, "03-02 09:00")
    scene.act(number, end, "03-02 09:05")
    assert scene[number].closed_at == when("03-02 09:05")


def test_the_zones_own_department_leads_for_litter_there(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00", street=PARK)
    assert scene[number].unit == "HT-UM"
