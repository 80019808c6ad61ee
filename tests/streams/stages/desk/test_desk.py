from __future__ import annotations

import msgspec
import pytest
from packs import point
from scenes import (
    CENTRE,
    CITY_DESK,
    DESK,
    EASTGATE,
    OFFICE,
    OTHER_DESK,
    PARK,
    Scene,
    make_report,
    when,
)

from streams.stages.desk import steps

COMPONENT = {"component_id": "M-1", "category": "C-01-01"}


# Automation


def test_a_clear_case_is_accepted_filed_and_dispatched_at_once_by_the_system(auto):
    number = auto.report("03-02 09:00")
    steps = auto.transitions
    assert [step.verb for step in steps] == ["REPORT", "ACCEPT", "FILE", "DISPATCH"]
    assert [step.seq for step in steps] == [1, 2, 3, 4]
    assert [step.actor for step in steps[1:]] == ["SYSTEM"] * 3
    assert {step.cause for step in steps} == {f"report:{auto[number].reports[0]}"}
    assert auto[number].unit == OFFICE
    assert all(step.versions == {"pack": auto.city.version, "grid": auto.city.cells.version} for step in steps)


def test_the_system_asks_for_the_check_and_closes_after_it(auto):
    number = auto.report("03-02 09:00")
    for verb in ("SIGN", "START", "FINISH"):
        auto.act(number, verb, "03-02 09:10")
    assert auto[number].state == "CHECKING"
    effects = auto.act(number, "CHECK_PASS", "03-02 09:20")
    assert [step.verb for step in effects.transitions] == ["CHECK_PASS", "CLOSE"]
    assert {step.cause for step in effects.transitions} == {effects.transitions[0].cause}


@pytest.mark.parametrize("severity", [1, 2])
def test_a_grave_case_is_dispatched_at_once_and_a_person_confirms_its_closing(auto, severity):
    number = auto.report("03-02 09:00", severity=severity)
    assert auto[number].state == "DISPATCHED"
    assert auto[number].receipt.automation["CLOSE"] == "suggest"
    for verb in ("SIGN", "START", "FINISH"):
        auto.act(number, verb, "03-02 09:10")
    auto.act(number, "CHECK_PASS", "03-02 09:20")
    assert auto[number].state == "HANDLED"
    auto.act(number, "CLOSE", "03-02 09:25")
    assert auto[number].state == "CLOSED"


def test_manual_means_that_people_take_every_step(scene):
    number = scene.report("03-02 09:00")
    assert set(scene[number].receipt.automation.values()) == {"manual"}
    assert scene[number].state == "REPORTED"


def test_suggest_waits_for_a_person_as_manual_does(bent_city):
    scene = Scene(bent_city(("city.toml", 'mode = "auto"', 'mode = "suggest"')))
    number = scene.report("03-02 09:00")
    assert scene[number].receipt.automation["ACCEPT"] == "suggest"
    assert scene[number].state == "REPORTED"


def test_an_uncertain_place_is_left_to_people(auto):
    number = auto.report("03-02 09:00", lon=104.01, lat=30.6)
    assert auto[number].placement.confidence == 0.5
    assert auto[number].state == "REPORTED"


def test_the_system_stops_where_a_person_has_to_decide(bent_city):
    line = "E-01-10,A,有垃圾,4,WORK_HOUR,已清理,NORMAL,,"
    scene = Scene(bent_city(("conditions.csv", line, line[:-1] + "2026-01-01,")))
    number = scene.report("03-02 09:00", occurred_at=when("2025-12-31 12:00"))
    assert scene.verbs(number) == ["REPORT", "ACCEPT"]


def test_a_failed_check_sends_the_unit_back_to_work_whatever_the_automation(scene):
    number = scene.bring("CHECKING", "03-02 09:00")
    scene.act(number, "CHECK_FAIL", "03-02 09:10")
    assert scene[number].state == "HANDLING"
    assert scene.transitions[-1].actor == "SYSTEM"


# Outcomes


def test_a_backstop_is_counted_and_dispatched_by_people_to_the_street(auto):
    number = auto.report("03-02 09:00", category="E-02-02")
    assert (auto[number].receipt.outcome, auto[number].receipt.lead) == ("BACKSTOP", OFFICE)
    assert auto[number].state == "REPORTED"
    assert auto.count("outcome_BACKSTOP") == 1
    for verb in ("ACCEPT", "FILE", "DISPATCH"):
        auto.act(number, verb, "03-02 09:10")
    assert auto[number].unit == OFFICE


def test_a_disputed_case_names_no_lead_and_waits_for_the_district_centre(bent_city):
    row = "002-01,002,E-01,CITY,990100,,LEAD,@street-office,,STATUTORY,,办法第2条,,,"
    twin = row.replace("002-01", "002-09").replace("@street-office", "@district:urban-management")
    scene = Scene(bent_city(("duties.csv", row, f"{row}\n{twin}")))
    number = scene.report("03-02 09:00")
    assert (scene[number].receipt.outcome, scene[number].receipt.lead) == ("DISPUTED", "")
    assert scene[number].state == "REPORTED"
    for verb in ("ACCEPT", "FILE"):
        scene.act(number, verb, "03-02 09:05")
    assert scene[number].state == "DISPUTED"
    scene.act(number, "RULE", "03-02 09:07", CENTRE, unit=OFFICE, scope_type="STREET")
    assert (scene[number].state, scene[number].unit) == ("DISPATCHED", OFFICE)


def test_what_has_no_place_becomes_a_case_of_the_citys_own_desk(auto):
    number = auto.report("03-02 09:00", lon=None, lat=None)
    case = auto[number]
    assert (case.desk, case.receipt.outcome, case.state) == (CITY_DESK, "NO_GRID", "REPORTED")
    assert number.startswith(CITY_DESK)
    assert auto.count("outcome_NO_GRID") == 1


def test_what_was_seen_to_on_the_spot_is_closed_at_once_and_never_dispatched(auto):
    number = auto.report("03-02 09:00", self_handled=True)
    case = auto[number]
    assert (case.state, case.closed_at, case.clocks) == ("CLOSED", when("03-02 09:00"), [])
    assert case.flags == {"self_handled": 1}
    assert auto.verbs(number) == ["REPORT"]
    assert auto.count("cases") == 1


# D0: the same source number


def test_the_same_content_again_is_a_repeat_that_is_counted_and_dropped(auto):
    report = make_report(when("03-02 09:00"))
    auto.send(report, when("03-02 09:00"))
    again = msgspec.structs.replace(report, report_id="another")
    effects = auto.send(again, when("03-02 11:00"))
    assert (auto.count("repeats"), auto.count("cases")) == (1, 1)
    assert not [step for step in effects.transitions if step.cause.startswith("report:")]


def update(report, at, **fields):
    return msgspec.structs.replace(report, report_id=f"{report.report_id}-{at}", source_updated_at=when(at), **fields)


def test_newer_content_is_an_update_that_is_noted_with_the_case(auto):
    report = make_report(when("03-02 09:00"))
    auto.send(report, when("03-02 09:00"))
    effects = auto.send(update(report, "03-02 09:30", source_status="worse"), when("03-02 09:31"))
    step = effects.transitions[-1]
    assert (step.verb, step.reason, step.payload["source_status"]) == ("APPEND", "update", "worse")
    case = auto[step.case_no]
    assert len(case.reports) == 2
    assert case.sources[0].updated_at == when("03-02 09:30")
    assert auto.count("updates") == 1


def test_an_older_update_is_recorded_without_effect(auto):
    report = make_report(when("03-02 09:00"))
    auto.send(update(report, "03-02 10:00", text="later"), when("03-02 10:00"))
    effects = auto.send(update(report, "03-02 09:30", text="earlier"), when("03-02 10:05"))
    step = effects.transitions[-1]
    assert (step.verb, step.reason) == ("APPEND", "older update")
    assert step.change.text is msgspec.UNSET
    assert step.change.sources[0].older
    assert auto[step.case_no].sources[0].updated_at == when("03-02 10:00")


def test_an_update_reaches_a_case_that_is_closed_for_less_than_thirty_days(auto):
    report = make_report(when("03-02 09:00"), self_handled=True)
    auto.send(report, when("03-02 09:00"))
    auto.send(update(report, "04-01 08:00"), when("04-01 08:59"))
    assert auto.transitions[-1].verb == "APPEND"


def test_an_update_after_the_case_has_left_the_desk_is_a_dead_letter(auto):
    report = make_report(when("03-02 09:00"), self_handled=True)
    auto.send(report, when("03-02 09:00"))
    effects = auto.send(update(report, "04-01 08:00"), when("04-01 09:01"))
    assert [letter.reason for letter in effects.dead_letters] == ["LATE_UPDATE"]
    assert (auto.count("updates"), auto.count("cases")) == (1, 1)
    assert not [step for step in effects.transitions if step.verb in ("APPEND", "REPORT")]


def test_a_repeat_is_known_for_four_hundred_days_and_then_a_new_case(auto):
    report = make_report(when("2025-03-02 09:00"), self_handled=True)
    auto.send(report, when("2025-03-02 09:00"))
    auto.send(report, when("2026-04-06 09:00"))
    assert (auto.count("repeats"), auto.count("cases")) == (1, 1)
    auto.send(report, when("2026-04-06 09:01"))
    assert (auto.count("repeats"), auto.count("cases")) == (1, 2)


def test_the_same_number_of_another_system_is_another_report(auto):
    auto.report("03-02 09:00", system="a", system_no="7")
    auto.report("03-02 09:00", system="b", system_no="7")
    assert auto.count("cases") == 2


# D1: the same component


def test_a_second_report_of_a_component_joins_its_open_case(auto):
    number = auto.report("03-02 09:00", **COMPONENT)
    effects = auto.send(make_report(when("03-02 10:00"), **COMPONENT), when("03-02 10:00"))
    opened, merged, absorbed = [one for one in effects.transitions if one.cause.startswith("report:")]
    assert (merged.verb, merged.from_, merged.to, merged.reason) == ("MERGE", "REPORTED", "MERGED", "D1")
    assert merged.payload["master"] == number
    assert (absorbed.verb, absorbed.case_no, absorbed.payload["case"]) == ("ABSORB", number, opened.case_no)
    assert auto[number].merged == [opened.case_no]
    assert (auto.count("merged"), auto.count("cases")) == (1, 1)


def test_a_repeat_of_a_merged_report_is_known_too(auto):
    auto.report("03-02 09:00", **COMPONENT)
    second = make_report(when("03-02 09:10"), **COMPONENT)
    auto.send(second, when("03-02 09:10"))
    auto.send(second, when("03-02 09:20"))
    auto.send(update(second, "03-02 09:30", text="more"), when("03-02 09:30"))
    assert (auto.count("merged"), auto.count("repeats"), auto.count("updates")) == (1, 1, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"component_id": "M-2", "category": "C-01-01"},
        {"component_id": "M-1", "category": "E-01-10"},
        {"category": "C-01-01"},
    ],
)
def test_another_component_another_category_or_none_is_another_case(auto, other):
    auto.report("03-02 09:00", **COMPONENT)
    auto.report("03-02 09:10", **other)
    assert (auto.count("merged"), auto.count("cases")) == (0, 2)


def test_a_report_after_the_case_was_closed_opens_another(scene):
    scene.bring("CLOSED", "03-02 09:00", **COMPONENT)
    scene.report("03-02 09:10", **COMPONENT)
    assert (scene.count("merged"), scene.count("cases")) == (0, 2)


def test_two_complaints_about_one_component_are_two_matters_to_answer(auto):
    for at in ("03-02 09:00", "03-02 09:10"):
        auto.report(at, matter="COMPLAINT", scheme=None, category=None, component_id="M-1")
    assert (auto.count("merged"), auto.count("not_incidents")) == (0, 2)


# Desks that share a book


def test_desks_that_share_a_book_know_nothing_of_each_other(auto):
    report = make_report(when("03-02 09:00"), **COMPONENT)
    auto.send(report, when("03-02 09:00"))
    lon, lat = point(EASTGATE)
    moved = msgspec.structs.replace(report, report_id="moved", lon=lon + 0.0001, lat=lat + 0.0001)
    effects = auto.send(moved, when("03-02 08:00"))
    assert effects.transitions[0].verb == "REPORT"
    assert effects.transitions[0].desk == OTHER_DESK
    assert effects.transitions[0].at == when("03-02 08:00")


def test_an_action_sent_to_another_desk_finds_no_case(scene):
    number = scene.report("03-02 09:00")
    effects = scene.act(number, "ACCEPT", "03-02 09:01", at_desk=OTHER_DESK)
    assert [letter.reason for letter in effects.dead_letters] == ["NO_SUCH_CASE"]
    assert scene[number].state == "REPORTED"


# Actions


def test_an_action_sent_twice_is_done_once(scene):
    number = scene.bring("SIGNED", "03-02 09:00")
    scene.act(number, "ASSIGN", "03-02 09:01", action_id="A1", team="day")
    scene.act(number, "ASSIGN", "03-02 09:02", action_id="A2", team="night")
    effects = scene.act(number, "ASSIGN", "03-02 09:03", action_id="A1", team="day")
    assert (effects.transitions, effects.dead_letters) == ([], [])
    assert scene[number].team == "night"
    assert scene.count("repeated_actions") == 1


def test_a_refused_action_may_be_sent_again_once_it_is_legal(scene):
    number = scene.report("03-02 09:00")
    scene.act(number, "FILE", "03-02 09:01", action_id="F1")
    scene.act(number, "ACCEPT", "03-02 09:02")
    scene.act(number, "FILE", "03-02 09:03", action_id="F1")
    assert scene[number].state == "FILED"


def test_a_refused_action_is_a_dead_letter_with_its_own_bytes_and_changes_nothing(scene):
    number = scene.report("03-02 09:00")
    before = scene[number]
    effects = scene.act(number, "SIGN", "03-02 09:01", OFFICE, action_id="S1")
    (letter,) = effects.dead_letters
    assert (letter.id, letter.stage, letter.reason, letter.source) == ("S1", "desk", "ILLEGAL_TRANSITION", OFFICE)
    assert msgspec.json.decode(letter.original)["verb"] == "SIGN"
    assert letter.at == when("03-02 09:01")
    assert scene[number] is before
    assert scene.count("refused_actions") == 1


def test_what_an_action_said_travels_with_its_transition(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    effects = scene.act(number, "FINISH", "03-02 09:10", OFFICE, action_id="F9", reason="done", evidence=["a.jpg"])
    (step,) = effects.transitions
    assert (step.actor, step.actor_unit, step.cause, step.reason) == ("somebody", OFFICE, "action:F9", "done")
    assert step.payload == {"evidence": ["a.jpg"]}


def test_a_closed_case_answers_actions_for_thirty_days_and_is_unknown_afterwards(scene):
    number = scene.bring("CLOSED", "03-02 09:00")
    assert [x.reason for x in scene.act(number, "SIGN", "04-01 09:00").dead_letters] == ["ILLEGAL_TRANSITION"]
    effects = scene.act(number, "SIGN", "04-01 09:01", at_desk=DESK)
    assert [letter.reason for letter in effects.dead_letters] == ["NO_SUCH_CASE"]


# Case numbers


def test_serials_of_a_desk_and_day_have_no_gaps_whatever_else_happens(auto):
    numbers = []
    for minute in range(10):
        numbers.append(auto.report(f"03-02 09:{minute:02d}"))
        report = make_report(when(f"03-02 09:{minute:02d}"), street=EASTGATE)
        auto.send(report, when(f"03-02 09:{minute:02d}"))
        auto.send(report, when(f"03-02 09:{minute:02d}"))
    assert numbers == [f"{DESK}20260302{serial:05d}" for serial in range(1, 11)]
    assert auto.transitions[-1].case_no == f"{OTHER_DESK}2026030200010"


def test_a_case_number_carries_the_citys_date_and_not_that_of_utc(auto):
    assert auto.report("03-02 23:59:59")[6:14] == "20260302"
    assert auto.report("03-03 00:00:00")[6:] == "2026030300001"
    assert auto.report("03-03 07:59:00")[6:] == "2026030300002"


def test_a_zone_numbers_its_cases_under_its_own_code(auto):
    assert auto.report("03-02 09:00", street=PARK) == "9901HT2026030200001"


def test_a_day_whose_numbers_are_used_up_turns_reports_into_dead_letters(auto):
    auto.book._serials[when("03-02 09:00").date()] = 99_999
    effects = auto.send(make_report(when("03-02 09:00")), when("03-02 09:00"))
    assert [letter.reason for letter in effects.dead_letters] == ["NO_NUMBER_LEFT"]
    assert not effects.transitions
    assert auto.report("03-03 09:00").endswith("00001")


def test_an_input_on_which_the_program_fails_is_a_dead_letter_and_the_others_go_on(auto, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("what a citizen said")

    number = auto.report("03-02 09:00")
    monkeypatch.setattr(steps, "change", broken)
    effects = auto.act(number, "SIGN", "03-02 09:10")
    monkeypatch.undo()
    (letter,) = effects.dead_letters
    assert (letter.reason, letter.stage) == ("INTERNAL_ERROR", "desk")
    assert "ZeroDivisionError" in letter.text
    assert "citizen" not in letter.text
    assert msgspec.json.decode(letter.original)["verb"] == "SIGN"
    assert effects.counters["failed_items"] == 1
    assert [step.verb for step in auto.act(number, "SIGN", "03-02 09:20").transitions] == ["SIGN"]


@pytest.mark.parametrize("fault", [SystemError, MemoryError])
def test_a_fault_of_the_process_is_not_put_down_to_the_input(auto, monkeypatch, fault):
    def broken(*_):
        raise fault

    number = auto.report("03-02 09:00")
    monkeypatch.setattr(steps, "change", broken)
    with pytest.raises(fault):
        auto.act(number, "SIGN", "03-02 09:10")
