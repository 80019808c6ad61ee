from __future__ import annotations

import msgspec
import pytest
from scenes import CENTRE, EASTGATE, OFFICE, make_report, when

COMPONENT = {"component_id": "M-1", "category": "C-01-01"}


def refused(effects):
    return [letter.reason for letter in effects.dead_letters]


def numbers(scene):
    return [case.case_no for case in scene.cases]


@pytest.fixture
def merged(auto):
    """An open case and one that was merged into it as it came: the master's number and the other's."""
    master = auto.report("03-02 09:00", **COMPONENT)
    return auto, master, auto.report("03-02 10:00", reporter="p-7", **COMPONENT)


def test_a_merged_case_keeps_its_number_its_reporter_and_where_its_master_is(merged):
    scene, master, other = merged
    case = scene[other]
    assert (case.state, case.master, case.back) == ("MERGED", master, "REPORTED")
    assert case.sources[0].reporter == "p-7"
    assert scene[master].merged == [other]
    assert scene[master].flags["merged"] == 1


@pytest.mark.parametrize("rehearsed", ["exercise", "test"])
def test_nothing_real_is_merged_into_a_rehearsal_nor_a_rehearsal_into_anything_real(auto, rehearsed):
    real = auto.report("03-02 09:00", **COMPONENT)
    drill = auto.report("03-02 09:10", attributes={rehearsed: True}, **COMPONENT)
    assert auto[drill].state != "MERGED"
    auto.report("03-02 09:20", **COMPONENT)
    assert auto[real].flags["merged"] == 1
    assert "merged" not in auto[drill].flags


def test_a_rehearsal_takes_in_nothing_real_that_comes_after_it(auto):
    drill = auto.report("03-02 09:00", attributes={"exercise": True}, **COMPONENT)
    real = auto.report("03-02 09:10", **COMPONENT)
    assert auto[real].state != "MERGED"
    assert "merged" not in auto[drill].flags


def test_a_merged_case_runs_no_clock_and_is_dispatched_to_nobody(merged):
    scene, _, other = merged
    assert all(clock.since is None for clock in scene[other].clocks)
    assert scene[other].unit == ""
    scene.tick("03-20 09:00")
    assert scene.verbs(other) == ["REPORT", "MERGE"]


def test_the_graver_of_two_reports_counts_for_the_master_and_its_centre_is_told(auto):
    master = auto.report("03-02 09:00", **COMPONENT)
    assert not auto.alerts
    auto.report("03-02 09:01", severity=2, urgency="CRITICAL", **COMPONENT)
    assert (auto[master].severity, auto[master].urgency) == (2, "CRITICAL")
    assert [(alert.case_no, alert.reason) for alert in auto.alerts] == [(master, "severity 2")] * 2


def test_a_milder_report_takes_nothing_from_the_master(auto):
    master = auto.report("03-02 09:00", severity=2, **COMPONENT)
    before = len(auto.alerts)
    auto.report("03-02 09:01", severity=4, **COMPONENT)
    assert auto[master].severity == 2
    assert len(auto.alerts) == before


def test_what_was_seen_to_on_the_spot_is_merged_into_nothing(auto):
    auto.report("03-02 09:00", **COMPONENT)
    number = auto.report("03-02 10:00", self_handled=True, **COMPONENT)
    assert (auto[number].state, auto.count("merged")) == ("CLOSED", 0)


def test_an_update_of_a_merged_report_is_noted_with_its_own_case(merged):
    scene, _, other = merged
    source = scene[other].sources[0]
    report = make_report(
        when("03-02 10:00"), system=source.system, system_no=source.system_no, text="worse",
        source_updated_at=when("03-02 10:30"), **COMPONENT,
    )  # fmt: skip
    scene.send(report, when("03-02 10:31"))
    assert scene.verbs(other)[-1] == "APPEND"


def test_taking_a_case_apart_brings_it_back_with_the_time_it_had_used(merged):
    scene, master, other = merged
    effects = scene.act(other, "UNMERGE", "03-02 12:00")
    assert [(step.verb, step.case_no) for step in effects.transitions if step.cause.startswith("action")][:2] == [
        ("UNMERGE", other), ("RELEASE", master),
    ]  # fmt: skip
    assert scene[master].merged == []
    assert scene[other].apart == [master]
    assert scene[other].state == "DISPATCHED"
    assert scene[other].closed_at is None
    accept = scene.clock(other, "ACCEPT")
    assert accept.spans == [(when("03-02 10:00"), when("03-02 10:00")), (when("03-02 12:00"), when("03-02 12:00"))]


def test_an_acceptor_merges_two_open_cases_by_hand(scene):
    master, other = scene.bring("SIGNED", "03-02 09:00"), scene.bring("DISPATCHED", "03-02 09:05")
    scene.act(other, "MERGE", "03-02 09:30", CENTRE, master=master)
    assert (scene[other].state, scene[other].back) == ("MERGED", "DISPATCHED")
    assert scene.used(other, "HANDLE", "03-02 12:00") == 25 * 60
    scene.act(other, "UNMERGE", "03-02 10:00")
    assert scene[other].state == "DISPATCHED"
    assert scene.used(other, "HANDLE", "03-02 11:00") == (25 + 60) * 60


@pytest.mark.parametrize("what", ["itself", "closed", "elsewhere", "nothing"])
def test_a_case_is_merged_into_another_open_case_of_its_desk_only(scene, what):
    number = scene.bring("FILED", "03-02 09:00")
    master = {
        "itself": lambda: number,
        "closed": lambda: scene.bring("CLOSED", "03-02 09:00"),
        "elsewhere": lambda: scene.report("03-02 09:00", street=EASTGATE),
        "nothing": lambda: "9901012026030299999",
    }[what]()
    assert refused(scene.act(number, "MERGE", "03-02 09:30", master=master)) == ["NO_SUCH_MASTER"]


def test_a_master_is_not_merged_into_another(scene):
    first, second, third = (scene.bring("FILED", f"03-02 09:0{n}") for n in range(3))
    scene.act(second, "MERGE", "03-02 09:30", master=first)
    assert refused(scene.act(first, "MERGE", "03-02 09:31", master=third)) == ["IS_A_MASTER"]


def test_merged_cases_end_with_their_master_and_need_nobody_else(merged):
    scene, master, other = merged
    scene.act(master, "FORCE_CLOSE", "03-02 12:00")
    assert scene[other].state == "MERGED"
    report = make_report(when("03-02 13:00"), **COMPONENT)
    effects = scene.send(report, when("03-02 13:00"))
    assert [step.verb for step in effects.transitions][:1] == ["REPORT"]
    assert scene.count("merged") == 1


def test_cases_that_a_person_has_told_apart_say_so_once(scene):
    first, second = scene.bring("FILED", "03-02 09:00"), scene.bring("FILED", "03-02 09:01")
    scene.act(first, "KEEP_APART", "03-02 09:30", case=second)
    assert scene[first].apart == [second]
    assert refused(scene.act(first, "KEEP_APART", "03-02 09:31", case=second)) == ["APART_ALREADY"]


def test_cases_told_apart_are_not_put_together_a_second_time(merged):
    scene, master, other = merged
    scene.act(other, "UNMERGE", "03-02 12:00")
    assert refused(scene.act(other, "MERGE", "03-02 12:01", CENTRE, master=master)) == ["APART_ALREADY"]


def test_merging_survives_in_the_desks_state(merged):
    scene, master, other = merged
    written = msgspec.json.encode([desk.state() for desk in scene.desks])
    again = type(scene)(scene.city)
    state = msgspec.json.decode(written, type=list[type(scene.desks["990101"].state())])
    again.desks.restore(state)
    again.act(other, "UNMERGE", "03-02 12:00")
    assert again[master].merged == []
    assert again[other].unit == OFFICE or again[other].unit == again[other].receipt.lead
