from __future__ import annotations

import pytest
from scenes import CENTRE, CHECKER, CITY_CENTRE, OFFICE, OTHER_OFFICE, PARK, when

from streams.stages.desk.authority import Asked, independent, roles

COMMUNITY, DEPARTMENT = "990101002001-CM", "990101-UM"


def refused(effects):
    return [letter.reason for letter in effects.dead_letters]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (CENTRE, {"ACCEPTOR", "DUTY_OFFICER", "DISPATCHER", "CENTRE"}),
        (CITY_CENTRE, {"ACCEPTOR", "DUTY_OFFICER", "DISPATCHER", "CENTRE"}),
        ("990102-CC", set()),
        (OFFICE, {"HANDLER", "COLLECTOR"}),
        (COMMUNITY, {"HANDLER", "COLLECTOR"}),
        (OTHER_OFFICE, {"COLLECTOR"}),
        (CHECKER, {"SUPERVISION"}),
        (DEPARTMENT, set()),
        ("", set()),
        ("999999-XX", set()),
    ],
)
def test_a_unit_has_the_roles_that_follow_from_what_it_is_to_the_case(scene, unit, expected):
    number = scene.bring("HANDLING", "03-02 09:00")
    assert roles(scene.city.rules, scene[number], Asked("SIGN", when("03-02 09:00"), "x", unit)) == expected


def test_nobody_handles_a_case_that_no_unit_holds(scene):
    number = scene.bring("FILED", "03-02 09:00")
    assert "HANDLER" not in roles(scene.city.rules, scene[number], Asked("SIGN", when("03-02 09:00"), "x", OFFICE))


@pytest.mark.parametrize(
    ("state", "verb", "by"),
    [
        ("REPORTED", "ACCEPT", OFFICE),
        ("REPORTED", "ACCEPT", "990102-CC"),
        ("REPORTED", "REFUSE", CHECKER),
        ("VERIFYING", "VERIFY_TRUE", CENTRE),
        ("ACCEPTED", "FILE", OFFICE),
        ("FILED", "DISPATCH", OFFICE),
        ("DISPATCHED", "SIGN", CENTRE),
        ("DISPATCHED", "SIGN", OTHER_OFFICE),
        ("HANDLING", "FINISH", DEPARTMENT),
        ("DISPATCHED", "RETURN", CENTRE),
        ("HANDLED", "REQUEST_CHECK", OFFICE),
        ("CHECKING", "CHECK_PASS", CENTRE),
        ("CHECKING", "CHECK_PASS", "nobody"),
    ],
)
def test_who_has_no_role_for_a_verb_is_refused_and_nothing_changes(scene, state, verb, by):
    number = scene.bring(state, "03-02 09:00")
    before = scene[number]
    effects = scene.act(number, verb, "03-02 09:01", by)
    assert refused(effects) == ["NOT_ALLOWED"]
    assert by in effects.dead_letters[0].text
    assert scene[number] is before


@pytest.mark.parametrize("by", [OFFICE, COMMUNITY])
@pytest.mark.parametrize("verb", ["CHECK_PASS", "CHECK_FAIL"])
def test_who_handled_and_who_is_in_its_line_may_not_check(scene, by, verb):
    number = scene.bring("CHECKING", "03-02 09:00")
    effects = scene.act(number, verb, "03-02 09:01", by)
    assert refused(effects) == ["NOT_INDEPENDENT"]
    assert scene[number].state == "CHECKING"


def test_an_office_may_not_check_its_own_community(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.act(number, "REDISPATCH", "03-02 09:01", unit=COMMUNITY)
    for verb in ("SIGN", "START", "FINISH"):
        scene.act(number, verb, "03-02 09:02", COMMUNITY)
    scene.act(number, "REQUEST_CHECK", "03-02 09:03")
    assert refused(scene.act(number, "CHECK_PASS", "03-02 09:04", OFFICE)) == ["NOT_INDEPENDENT"]


@pytest.mark.parametrize("by", [CHECKER, "990100-SV", OTHER_OFFICE])
def test_supervision_and_collectors_outside_the_line_may_check(scene, by):
    number = scene.bring("CHECKING", "03-02 09:00")
    assert not refused(scene.act(number, "CHECK_PASS", "03-02 09:01", by))
    assert scene[number].flags["check_passed"] == 1


def test_supervision_counts_as_independent_even_below_the_handling_unit(city):
    assert independent(city.rules, "990100-SV", "990101-SV")
    assert not independent(city.rules, "990100-UM", "990101-UM")
    assert not independent(city.rules, OFFICE, OFFICE)
    assert independent(city.rules, OFFICE, "990101-UM")


def test_a_zones_cases_are_its_own_centres(scene):
    number = scene.report("03-02 09:00", street=PARK)
    assert refused(scene.act(number, "ACCEPT", "03-02 09:01", "990102-CC")) == ["NOT_ALLOWED"]
    assert not refused(scene.act(number, "ACCEPT", "03-02 09:02", "HT-CC"))


def test_a_case_that_nobody_knows_is_refused(scene):
    effects = scene.act("9901012026030200001", "ACCEPT", "03-02 09:00", CENTRE)
    assert refused(effects) == ["NO_SUCH_CASE"]
    assert scene.count("refused_actions") == 1
