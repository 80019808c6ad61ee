"""Who may do what in the console: the same answers as the desk would give."""

from __future__ import annotations

import pytest
from scenes import CENTRE, CHECKER, DESK, OFFICE, OTHER_DESK, TO_STATE, Scene, when

from streams.identity.principals import LOCAL as LOCAL_CALLER
from streams.identity.principals import ROLES, Principal
from streams.outlets.console.users import LOCAL, NOBODY, PAGES, User, at_console, choices
from streams.stages.desk.lifecycle import DISPATCHER, HANDLER, VERBS


def verbs(scene, number, user, at="03-02 09:01"):
    return {one.verb: one for one in choices(scene.city.rules, scene[number], user, when(at))}


@pytest.mark.parametrize("state", [state for state in TO_STATE if state not in ("REWORK", "MERGED")])
def test_whatever_the_console_offers_the_desk_does(manual_city, state):
    """Nothing that is offered is refused as not allowed, not independent, or not legal in the state."""
    first = Scene(manual_city)
    offered = verbs(first, first.bring(state, "03-02 09:00"), LOCAL)
    assert set(offered) <= set(VERBS)
    for verb, one in offered.items():
        scene = Scene(manual_city)
        scene.act(scene.bring(state, "03-02 09:00"), verb, "03-02 09:01", by=one.unit)
        refused = {letter.reason for letter in scene.last.dead_letters}
        assert not refused & {"NOT_ALLOWED", "NOT_INDEPENDENT", "ILLEGAL_TRANSITION"}, (verb, refused)


def test_a_unit_is_offered_what_is_its_own(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    assert {"SIGN", "RETURN"} <= set(verbs(scene, number, User("a", OFFICE)))
    assert "SIGN" not in verbs(scene, number, User("b", CENTRE))
    assert "REDISPATCH" in verbs(scene, number, User("b", CENTRE))
    assert set(verbs(scene, number, User("c", CHECKER))) == set()


def test_roles_narrow_what_is_offered(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    only = User("a", "", frozenset({DISPATCHER}))
    assert "SIGN" not in verbs(scene, number, only)
    assert "REDISPATCH" in verbs(scene, number, only)
    assert "SIGN" in verbs(scene, number, User("a", "", frozenset({HANDLER})))
    assert verbs(scene, number, User("a", "", frozenset())) == {}


def test_nothing_is_offered_of_a_desk_that_is_not_ones_own(scene):
    number = scene.bring("DISPATCHED", "03-02 09:00")
    assert verbs(scene, number, User("a", "", None, ("990102",))) == {}
    assert verbs(scene, number, User("a", "", None, ("990101",)))


def test_an_answer_is_offered_where_something_was_asked_for(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    assert "GRANT" not in verbs(scene, number, LOCAL)
    scene.act(number, "ASK_EXTENSION", "03-02 10:00")
    assert verbs(scene, number, LOCAL, "03-02 10:01")["GRANT"].unit == CENTRE


def test_without_keys_whoever_is_at_this_machine_has_the_whole_console():
    assert at_console(LOCAL_CALLER) == LOCAL


def test_a_districts_centre_sees_its_own_desk_and_acts_in_its_own_name(scene):
    user = at_console(Principal("d1", "district", area=DESK, unit=CENTRE))
    assert (user.unit, user.sees(DESK), user.sees(OTHER_DESK)) == (CENTRE, True, False)
    assert {one.unit for one in choices(scene.city.rules, scene[scene.bring("DISPATCHED", "03-02 09:00")], user,
                                        when("03-02 09:01"))} == {CENTRE}  # fmt: skip


def test_an_auditor_looks_everywhere_and_does_nothing(scene):
    user = at_console(Principal("a1", "auditor"))
    assert (user.pages, user.sees(OTHER_DESK)) == (PAGES, True)
    assert verbs(scene, scene.bring("DISPATCHED", "03-02 09:00"), user) == {}


@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("city", "district", "auditor")])
def test_who_sees_single_cases_only_has_no_page_of_a_whole_desk(role):
    assert at_console(Principal("x", role, unit=OFFICE)) == NOBODY == at_console(None)
    assert NOBODY.pages == ()
