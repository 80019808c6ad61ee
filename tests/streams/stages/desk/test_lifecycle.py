from __future__ import annotations

import pytest
from scenes import CENTRE, CHECKER, OFFICE, OTHER_OFFICE, TO_STATE, Scene, when

from streams.stages.desk.lifecycle import BY_STATE, ENDS, OPEN, RULES, SYSTEM_VERBS, VERBS

# The table of DOMAIN §4 for an incident, written down a second time: verb -> {state: state}. REWORK is left at
# once: the unit goes on handling. A suspended or merged case goes back to where it was: here HANDLING, REPORTED.
_SAME = {state: state for state in sorted(OPEN)} | {"REWORK": "HANDLING"}
_MOVABLE = ("FILED", "RETURNED", "DISPATCHED", "SIGNED", "DISPUTED")
_ENDED = ("CLOSED", "EVALUATED", "FORCED_CLOSED")


def same(*states):
    return {state: state for state in states}


LEGAL = {
    "REQUEST_VERIFY": {"REPORTED": "VERIFYING"},
    "VERIFY_TRUE": {"VERIFYING": "REPORTED"},
    "VERIFY_FALSE": {"VERIFYING": "NOT_ACCEPTED"},
    "ACCEPT": {"REPORTED": "ACCEPTED"},
    "REFUSE": {"REPORTED": "NOT_ACCEPTED"},
    "FILE": {"ACCEPTED": "FILED"},
    "DECLINE": {"ACCEPTED": "NOT_FILED"},
    "DISPATCH": {"FILED": "DISPATCHED"},
    "REDISPATCH": dict.fromkeys(("RETURNED", "DISPATCHED", "SIGNED"), "DISPATCHED"),
    "SIGN": {"DISPATCHED": "SIGNED"},
    "ASSIGN": same("SIGNED", "HANDLING"),
    "UNASSIGN": same("SIGNED", "HANDLING"),
    "START": {"SIGNED": "HANDLING"},
    "FINISH": {"HANDLING": "HANDLED"},
    "REQUEST_HELP": same("SIGNED", "HANDLING"),
    "REPLY_HELP": same("SIGNED", "HANDLING"),
    "RETURN": {"DISPATCHED": "RETURNED", "SIGNED": "RETURNED", "RETURNED": "FILED"},
    "DISPUTE": dict.fromkeys(("FILED", "RETURNED", "DISPATCHED", "SIGNED"), "DISPUTED"),
    "RULE": {"DISPUTED": "DISPATCHED"},
    "REQUEST_CHECK": {"HANDLED": "CHECKING"},
    "CHECK_PASS": {"CHECKING": "HANDLED"},
    "CHECK_FAIL": {"CHECKING": "HANDLING"},
    "REWORK": {"REWORK": "HANDLING"},
    "CLOSE": {"HANDLED": "CLOSED"},
    "ASK_EXTENSION": same("DISPATCHED", "SIGNED", "HANDLING"),
    "ASK_SUSPENSION": same("DISPATCHED", "SIGNED", "HANDLING"),
    "APPEAL": same("DISPATCHED", "SIGNED", "HANDLING", "HANDLED", "CHECKING", *_ENDED),
    "GRANT": same("DISPATCHED", "SIGNED", "HANDLING", "HANDLED", "CHECKING", *_ENDED),
    "DENY": same("DISPATCHED", "SIGNED", "HANDLING", "HANDLED", "CHECKING", *_ENDED),
    "RESUME": {"SUSPENDED": "HANDLING"},
    "URGE": _SAME,
    "APPEND": {**_SAME, **same(*_ENDED, "MERGED")},
    "WITHDRAW": dict.fromkeys(("REPORTED", "VERIFYING", "ACCEPTED", "FILED"), "CANCELLED"),
    "SUPERVISE": _SAME,
    "RELOCATE": {**same("REPORTED", "VERIFYING", "ACCEPTED"), **dict.fromkeys(_MOVABLE, "ACCEPTED")},
    "RECLASSIFY": {**same("REPORTED", "VERIFYING", "ACCEPTED"), **dict.fromkeys(_MOVABLE, "ACCEPTED")},
    "TRANSFER": {
        **dict.fromkeys(("REPORTED", "VERIFYING"), "REPORTED"),
        **dict.fromkeys(("ACCEPTED", *_MOVABLE), "ACCEPTED"),
    },
    "MERGE": dict.fromkeys(
        ("REPORTED", "VERIFYING", "ACCEPTED", "FILED", "DISPATCHED", "SIGNED", "RETURNED"), "MERGED"
    ),
    "UNMERGE": {"MERGED": "REPORTED"},
    "KEEP_APART": _SAME,
    "REOPEN": dict.fromkeys(_ENDED, "DISPATCHED"),
    "FORCE_CLOSE": dict.fromkeys(_SAME, "FORCED_CLOSED"),
    "CANCEL": dict.fromkeys(_SAME, "CANCELLED"),
    "CONTACT": same(*_ENDED, "NOT_ACCEPTED", "NOT_FILED"),
    "SATISFACTION": same(*_ENDED),
    "EVALUATE": {"CLOSED": "EVALUATED"},
}
STATES = tuple(TO_STATE)


@pytest.fixture
def ready(scene):
    """Bring a case into any state, with what a verb there rests on: a passed check, a request, a helper."""

    def to(state, verb=""):
        number = scene.bring(state, "03-02 09:00")
        if (state, verb) == ("HANDLED", "CLOSE"):
            scene.act(number, "REQUEST_CHECK", "03-02 09:00")
            scene.act(number, "CHECK_PASS", "03-02 09:00")
        if verb == "REPLY_HELP" and state in LEGAL[verb]:
            scene.act(number, "REQUEST_HELP", "03-02 09:00", unit="990101-EN")
        if verb in ("GRANT", "DENY") and state in LEGAL["ASK_EXTENSION"]:
            scene.act(number, "ASK_EXTENSION", "03-02 09:00")
        overdue = verb == "APPEAL" or (verb in ("GRANT", "DENY") and state not in LEGAL["ASK_EXTENSION"])
        if overdue and state in LEGAL[verb]:
            number = scene.late(state)
            if verb != "APPEAL":
                scene.act(number, "APPEAL", scene.at)
        return number

    return to


def test_the_table_knows_exactly_the_verbs_of_the_domain():
    assert set(VERBS) == set(LEGAL)
    assert not set(VERBS) & (SYSTEM_VERBS - {"SUPERVISE"})


def test_every_state_is_open_or_an_end_and_none_is_both():
    assert set(STATES) == OPEN | ENDS
    assert not OPEN & ENDS


def test_a_verb_has_one_row_for_a_state():
    assert len(BY_STATE) == sum(len(rule.starts) for rule in RULES)


@pytest.mark.parametrize(("state", "verb"), [(state, verb) for state in STATES for verb in LEGAL])
def test_each_verb_leads_from_each_state_where_the_table_says_or_is_refused(scene, ready, state, verb):
    number = ready(state, verb)
    before = scene[number]
    effects = scene.act(number, verb, scene.at)
    if state in LEGAL[verb]:
        assert [(letter.reason, letter.text) for letter in effects.dead_letters] == []
        assert scene[number].state == LEGAL[verb][state]
        done = next(step for step in effects.transitions if step.verb == verb)
        assert (done.from_, done.case_no) == (state, number)
        mine = [step for step in scene.transitions if step.case_no == number]
        assert [step.seq for step in mine] == list(range(1, len(mine) + 1))
    else:
        assert [letter.reason for letter in effects.dead_letters] == ["ILLEGAL_TRANSITION"]
        assert f"{verb} in {state}" in effects.dead_letters[0].text
        assert not [step for step in effects.transitions if step.cause.startswith("action:")]
        assert scene[number].state == before.state


REASONED = sorted({rule.verb for rule in RULES if rule.reason})


@pytest.mark.parametrize("verb", REASONED)
def test_verbs_that_have_to_be_justified_need_a_reason(scene, ready, verb):
    state = next(iter(LEGAL[verb]))
    number = ready(state, verb)
    effects = scene.act(number, verb, scene.at, reason="  ")
    assert [letter.reason for letter in effects.dead_letters] == ["NO_REASON"]
    assert scene[number].state == state


BRINGING = sorted({(rule.verb, name) for rule in RULES for name in rule.payload})


@pytest.mark.parametrize(("verb", "field"), BRINGING)
def test_verbs_that_rest_on_something_have_to_bring_it(scene, ready, verb, field):
    state = next(state for state in STATES if (state, verb) in BY_STATE and field in BY_STATE[state, verb].payload)
    number = ready(state, verb)
    effects = scene.act(number, verb, scene.at, **{field: ""})
    assert [letter.reason for letter in effects.dead_letters] == ["NO_PAYLOAD"]
    assert f"payload.{field}" in effects.dead_letters[0].text


@pytest.mark.parametrize("verb", ["REPORT", "ABSORB", "RELEASE", "RECEIVE", "REMIND", "CORRECT", "ACK", "FLY", ""])
def test_a_verb_that_nobody_may_ask_for_is_unknown(scene, verb):
    effects = scene.act(scene.bring("FILED", "03-02 09:00"), verb, "03-02 09:01")
    assert [letter.reason for letter in effects.dead_letters] == ["UNKNOWN_VERB"]


def test_a_case_without_a_passed_check_does_not_close(scene):
    number = scene.bring("HANDLED", "03-02 09:00")
    effects = scene.act(number, "CLOSE", "03-02 09:01")
    assert [letter.reason for letter in effects.dead_letters] == ["NOT_CHECKED"]


def test_a_check_passed_before_a_failed_one_does_not_close_the_work_done_anew(scene):
    number = scene.bring("CHECKING", "03-02 09:00")
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
    for verb in ("FILE", "DECLINE", "DISPATCH", "RELOCATE", "RECLASSIFY", "MERGE"):
        effects = scene.act(number, verb, "03-02 09:06", "990100-CC", payload={"master": "x", "category": "E-01-10"})
        assert [letter.reason for letter in effects.dead_letters] == ["ILLEGAL_TRANSITION"]
    scene.act(number, "CLOSE", "03-02 09:30", "990100-CC", reason="answered")
    assert scene[number].state == "CLOSED"
    assert scene[number].closed_at == when("03-02 09:30")
    assert (scene.count("not_incidents"), scene.count("cases")) == (1, 0)


def test_an_incident_does_not_close_when_it_is_only_accepted(scene):
    effects = scene.act(scene.bring("ACCEPTED", "03-02 09:00"), "CLOSE", "03-02 09:01", CENTRE)
    assert [letter.reason for letter in effects.dead_letters] == ["ILLEGAL_TRANSITION"]


def test_the_ordinary_way_of_a_case_from_the_report_to_the_evaluation(scene):
    number = scene.bring("EVALUATED", "03-02 09:00")
    assert scene.verbs(number) == [
        "REPORT", "ACCEPT", "FILE", "DISPATCH", "SIGN", "START", "FINISH", "REQUEST_CHECK", "CHECK_PASS", "CLOSE",
        "EVALUATE",
    ]  # fmt: skip
    steps = [step for step in scene.transitions if step.case_no == number]
    assert steps[-1].actor_unit == CHECKER
    assert {step.actor_unit for step in steps if step.verb in ("SIGN", "START", "FINISH")} == {OFFICE}
    assert OTHER_OFFICE not in {step.actor_unit for step in steps}
