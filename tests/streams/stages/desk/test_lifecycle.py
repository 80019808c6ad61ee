from __future__ import annotations

import msgspec
import pytest
from scenes import CENTRE, TO_STATE, Scene, when

from streams.stages.desk.lifecycle import ENDS, OPEN, RULES, SYSTEM_VERBS

# The table of DOMAIN §4 for an incident, from REPORT to CLOSE, written down a second time: (state, verb) -> state.
# REWORK is left at once: the unit goes on handling, nobody has to decide that.
LEGAL = {
    ("REPORTED", "REQUEST_VERIFY"): "VERIFYING",
    ("VERIFYING", "VERIFY_TRUE"): "REPORTED",
    ("VERIFYING", "VERIFY_FALSE"): "NOT_ACCEPTED",
    ("REPORTED", "ACCEPT"): "ACCEPTED",
    ("REPORTED", "REFUSE"): "NOT_ACCEPTED",
    ("ACCEPTED", "FILE"): "FILED",
    ("ACCEPTED", "DECLINE"): "NOT_FILED",
    ("FILED", "DISPATCH"): "DISPATCHED",
    ("RETURNED", "REDISPATCH"): "DISPATCHED",
    ("DISPATCHED", "REDISPATCH"): "DISPATCHED",
    ("SIGNED", "REDISPATCH"): "DISPATCHED",
    ("DISPATCHED", "SIGN"): "SIGNED",
    ("SIGNED", "ASSIGN"): "SIGNED",
    ("SIGNED", "UNASSIGN"): "SIGNED",
    ("HANDLING", "ASSIGN"): "HANDLING",
    ("HANDLING", "UNASSIGN"): "HANDLING",
    ("SIGNED", "START"): "HANDLING",
    ("HANDLING", "FINISH"): "HANDLED",
    ("DISPATCHED", "RETURN"): "RETURNED",
    ("SIGNED", "RETURN"): "RETURNED",
    ("HANDLED", "REQUEST_CHECK"): "CHECKING",
    ("CHECKING", "CHECK_PASS"): "HANDLED",
    ("CHECKING", "CHECK_FAIL"): "HANDLING",
    ("REWORK", "REWORK"): "HANDLING",
    ("HANDLED", "CLOSE"): "CLOSED",
}
STATES = (*TO_STATE, "REWORK")
VERBS = [
    "REQUEST_VERIFY",
    "VERIFY_TRUE",
    "VERIFY_FALSE",
    "ACCEPT",
    "REFUSE",
    "FILE",
    "DECLINE",
    "DISPATCH",
    "REDISPATCH",
    "SIGN",
    "ASSIGN",
    "UNASSIGN",
    "START",
    "FINISH",
    "RETURN",
    "REQUEST_CHECK",
    "CHECK_PASS",
    "CHECK_FAIL",
    "REWORK",
    "CLOSE",
]


@pytest.fixture
def bring(scene):
    """Bring a case into any state; one that is about to close has passed its check."""

    def to(state, verb=""):
        resting = "HANDLING" if state == "REWORK" else state
        number = scene.bring(resting, "03-02 09:00")
        if (state, verb) == ("HANDLED", "CLOSE"):
            scene.act(number, "REQUEST_CHECK", "03-02 09:00")
            scene.act(number, "CHECK_PASS", "03-02 09:00")
        if state == "REWORK":
            scene.book.cases[number] = msgspec.structs.replace(scene[number], state="REWORK")
        return number

    return to


def test_the_table_knows_exactly_the_verbs_of_the_ordinary_life():
    assert set(RULES) == set(VERBS)
    assert not set(RULES) & SYSTEM_VERBS


def test_every_state_is_open_or_an_end_and_none_is_both():
    assert set(STATES) == OPEN | ENDS
    assert not OPEN & ENDS


@pytest.mark.parametrize(("state", "verb"), [(state, verb) for state in STATES for verb in VERBS])
def test_each_verb_leads_from_each_state_where_the_table_says_or_is_refused(scene, bring, state, verb):
    number = bring(state, verb)
    before = scene[number]
    effects = scene.act(number, verb, "03-02 09:01")
    if (state, verb) in LEGAL:
        assert not effects.dead_letters
        assert scene[number].state == LEGAL[state, verb]
        assert (effects.transitions[0].from_, effects.transitions[0].verb) == (state, verb)
        assert scene[number].seq == before.seq + len(effects.transitions)
    else:
        assert [letter.reason for letter in effects.dead_letters] == ["ILLEGAL_TRANSITION"]
        assert f"{verb} in {state}" in effects.dead_letters[0].text
        assert not effects.transitions
        assert scene[number] == before


@pytest.mark.parametrize("verb", ["VERIFY_FALSE", "REFUSE", "DECLINE", "RETURN", "CHECK_FAIL"])
def test_verbs_that_turn_something_down_need_a_reason(scene, bring, verb):
    state = next(state for state, known in LEGAL if known == verb)
    number = bring(state)
    effects = scene.act(number, verb, "03-02 09:01", reason="  ")
    assert [letter.reason for letter in effects.dead_letters] == ["NO_REASON"]
    assert scene[number].state == state


@pytest.mark.parametrize(
    ("state", "verb", "field"),
    [
        ("HANDLING", "FINISH", "evidence"),
        ("DISPATCHED", "RETURN", "relies_on"),
        ("SIGNED", "ASSIGN", "team"),
        ("RETURNED", "REDISPATCH", "unit"),
    ],
)
def test_verbs_that_rest_on_something_have_to_bring_it(scene, bring, state, verb, field):
    number = bring(state)
    effects = scene.act(number, verb, "03-02 09:01", payload={})
    assert [letter.reason for letter in effects.dead_letters] == ["NO_PAYLOAD"]
    assert f"payload.{field}" in effects.dead_letters[0].text


@pytest.mark.parametrize("verb", ["REPORT", "MERGE", "SUPERVISE", "REMIND", "APPEND", "FLY", ""])
def test_a_verb_that_nobody_may_ask_for_is_unknown(scene, bring, verb):
    effects = scene.act(bring("FILED"), verb, "03-02 09:01")
    assert [letter.reason for letter in effects.dead_letters] == ["UNKNOWN_VERB"]


def test_a_case_without_a_passed_check_does_not_close(scene, bring):
    number = bring("HANDLED")
    effects = scene.act(number, "CLOSE", "03-02 09:01")
    assert [letter.reason for letter in effects.dead_letters] == ["NOT_CHECKED"]


def test_a_check_passed_before_a_failed_one_does_not_close_the_work_done_anew(scene, bring):
    number = bring("CHECKING")
    scene.act(number, "CHECK_PASS", "03-02 09:01")
    scene.act(number, "REQUEST_CHECK", "03-02 09:02")
    scene.act(number, "CHECK_FAIL", "03-02 09:03")
    scene.act(number, "FINISH", "03-02 09:04")
    effects = scene.act(number, "CLOSE", "03-02 09:05")
    assert [letter.reason for letter in effects.dead_letters] == ["NOT_CHECKED"]
    assert scene[number].state == "HANDLED"


@pytest.mark.parametrize("matter", ["INQUIRY", "SUGGESTION", "PRAISE", "COMPLAINT"])
def test_what_is_no_incident_is_answered_and_closed_and_never_filed(manual_city, matter):
    scene = Scene(manual_city)
    number = scene.report("03-02 09:00", matter=matter, scheme=None, category=None, lon=None, lat=None)
    assert scene[number].receipt.outcome == "NOT_AN_INCIDENT"
    assert scene[number].desk == "990100"
    scene.act(number, "ACCEPT", "03-02 09:05", "990100-CC")
    for verb in ("FILE", "DECLINE", "DISPATCH"):
        effects = scene.act(number, verb, "03-02 09:06", "990100-CC")
        assert [letter.reason for letter in effects.dead_letters] == ["ILLEGAL_TRANSITION"]
    scene.act(number, "CLOSE", "03-02 09:30", "990100-CC", reason="answered")
    assert scene[number].state == "CLOSED"
    assert scene[number].closed_at == when("03-02 09:30")
    assert (scene.count("not_incidents"), scene.count("cases")) == (1, 0)


def test_an_incident_does_not_close_when_it_is_only_accepted(scene, bring):
    effects = scene.act(bring("ACCEPTED"), "CLOSE", "03-02 09:01", CENTRE)
    assert [letter.reason for letter in effects.dead_letters] == ["ILLEGAL_TRANSITION"]
