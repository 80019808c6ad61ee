from __future__ import annotations

import pytest
from scenes import OFFICE, Scene, make_report, when

from streams.outlets.metrics import Metrics


@pytest.fixture
def heard(auto):
    """A story told to fresh metrics: returns the value of a sample."""

    def value(name, **labels):
        metrics = Metrics()
        for effects in auto.told:
            metrics.hear(effects)
        return metrics.registry.get_sample_value(name, labels)

    return value


def test_cases_outcomes_steps_and_inputs_are_counted(auto, heard):
    auto.report("03-02 09:00")
    auto.report("03-02 09:00", matter="PRAISE")
    auto.tick("03-02 09:05")
    assert heard("onegrid_cases_total", desk="990101", matter="INCIDENT") == 1
    assert heard("onegrid_cases_total", desk="990101", matter="PRAISE") == 1
    assert heard("onegrid_routing_outcomes_total", outcome="LEAD") == 1
    assert heard("onegrid_routing_outcomes_total", outcome="NOT_AN_INCIDENT") == 1
    assert heard("onegrid_transitions_total", desk="990101", verb="DISPATCH") == 1
    assert heard("onegrid_inputs_total", kind="report") == 2
    assert heard("onegrid_inputs_total", kind="tick") == 1


def test_duplicates_and_dead_letters_are_counted_by_kind_and_reason(auto, heard):
    report = make_report(when("03-02 09:00"))
    for _ in range(3):
        auto.send(report, when("03-02 09:00"))
    auto.act("9901012026030200001", "FILE", "03-02 09:01")
    assert heard("onegrid_duplicates_total", kind="repeats") == 2
    assert heard("onegrid_dead_letters_total", stage="desk", reason="ILLEGAL_TRANSITION") == 1


def test_open_cases_rise_with_a_report_and_fall_with_the_end(auto, heard):
    number = auto.report("03-02 09:00", severity=2)
    auto.report("03-02 09:00", self_handled=True)
    assert heard("onegrid_open_cases", desk="990101") == 1
    for verb in ("SIGN", "START", "FINISH", "CHECK_PASS", "CLOSE"):
        auto.act(number, verb, "03-02 10:00")
    assert heard("onegrid_open_cases", desk="990101") == 0
    assert heard("onegrid_alerts_total", desk="990101", kind="ALERT") == 1
    assert heard("onegrid_alerts_total", desk="990101", kind="CANCEL") == 1


def test_an_update_of_a_closed_case_closes_it_no_second_time(auto, heard):
    report = make_report(when("03-02 09:00"), self_handled=True)
    auto.send(report, when("03-02 09:00"))
    auto.send(make_report(when("03-02 09:00"), system_no=report.system_no, text="more"), when("03-02 09:10"))
    assert auto.transitions[-1].verb == "APPEND"
    assert heard("onegrid_open_cases", desk="990101") == 0


def test_latencies_run_from_the_moment_of_the_report(scene):
    metrics = Metrics()
    number = scene.bring("FILED", "03-02 09:30", reported_at=when("03-02 09:00"))
    scene.act(number, "DISPATCH", "03-02 09:40")
    for verb in ("SIGN", "START", "FINISH", "REQUEST_CHECK", "CHECK_PASS", "CLOSE"):
        scene.act(number, verb, "03-02 11:00")
    for effects in scene.told:
        metrics.hear(effects)
    value = metrics.registry.get_sample_value
    assert value("onegrid_report_to_dispatch_minutes_sum", {"desk": "990101"}) == 40
    assert value("onegrid_report_to_close_minutes_sum", {"desk": "990101"}) == 120
    assert value("onegrid_report_to_close_minutes_count", {"desk": "990101"}) == 1


def test_a_restart_takes_the_gauge_of_open_cases_up_and_ends_them_once(manual_city):
    scene = Scene(manual_city)
    number = scene.bring("DISPATCHED", "03-02 09:00")
    scene.bring("NOT_ACCEPTED", "03-02 09:00")
    metrics = Metrics()
    metrics.restore(scene.cases)
    assert metrics.registry.get_sample_value("onegrid_open_cases", {"desk": "990101"}) == 1
    for verb in ("SIGN", "START", "FINISH", "REQUEST_CHECK", "CHECK_PASS", "CLOSE"):
        metrics.hear(scene.act(number, verb, "03-02 10:00"))
    assert metrics.registry.get_sample_value("onegrid_open_cases", {"desk": "990101"}) == 0
    assert metrics.registry.get_sample_value("onegrid_report_to_close_minutes_count", {"desk": "990101"}) == 1


def test_open_cases_move_with_a_transfer_fall_with_a_merge_and_rise_when_taken_up_again(scene):
    number = scene.bring("ACCEPTED", "03-02 09:00")
    other = scene.bring("MERGED", "03-02 09:00")
    scene.act(number, "TRANSFER", "03-02 09:30", desk="990102")
    metrics = Metrics()
    for effects in scene.told:
        metrics.hear(effects)
    value = metrics.registry.get_sample_value
    assert value("onegrid_open_cases", {"desk": "990101"}) == 1  # the master of the merged one
    assert value("onegrid_open_cases", {"desk": "990102"}) == 1
    metrics.hear(scene.act(other, "UNMERGE", "03-02 10:00"))
    assert value("onegrid_open_cases", {"desk": "990101"}) == 2


def test_no_label_ever_holds_a_case_a_cell_or_a_person(auto):
    number = auto.report("03-02 09:00", reporter="p123", severity=1)
    auto.tick("03-09 09:00")
    metrics = Metrics()
    for effects in auto.told:
        metrics.hear(effects)
    page = metrics.page().decode()
    assert "onegrid_cases_total" in page
    for secret in (number, auto[number].placement.cell, "p123", OFFICE):
        assert secret not in page


def test_alerts_that_wait_to_be_confirmed_and_those_that_were_are_measured(scene):
    metrics = Metrics()

    def value(name, **labels):
        return metrics.registry.get_sample_value(name, labels) or 0.0

    number = scene.bring("FILED", "03-02 09:00", severity=3)
    scene.bring("FILED", "03-02 09:00", severity=3)
    for effects in scene.told:
        metrics.hear(effects)
    assert value("onegrid_alerts_unconfirmed", desk="990101") == 2
    metrics.hear(scene.ack(scene.alerts[0].alert_id, "03-02 09:10"))
    assert value("onegrid_alerts_unconfirmed", desk="990101") == 1
    assert value("onegrid_alert_acks_total", desk="990101", in_time="yes") == 1
    assert value("onegrid_alert_to_ack_minutes_sum", desk="990101") == 10
    other = next(case.case_no for case in scene.cases if case.case_no != number)
    metrics.hear(scene.act(other, "CANCEL", "03-02 09:11"))
    assert value("onegrid_alerts_unconfirmed", desk="990101") == 0
    fresh = Metrics()
    fresh.restore(scene.cases)
    assert fresh.registry.get_sample_value("onegrid_alerts_unconfirmed", {"desk": "990101"}) in (None, 0.0)


def lit(story, at):
    """The lights of a story at a moment: {(desk, light): cases}."""
    metrics = Metrics(story.city.rules.calendar, lambda: when(at))
    for effects in story.told:
        metrics.hear(effects)
    metrics.page()
    return {
        (sample.labels["desk"], sample.labels["light"]): sample.value
        for family in metrics.registry.collect()
        if family.name == "onegrid_cases_by_light"
        for sample in family.samples
        if sample.value
    }


def test_open_cases_have_lights_green_to_four_fifths_yellow_to_the_limit_and_red_beyond(scene):
    scene.bring("HANDLING", "03-02 09:00")  # 4 working hours: due at 15:00, yellow from 14:12
    assert lit(scene, "03-02 14:12") == {("990101", "GREEN"): 1}
    assert lit(scene, "03-02 14:13") == {("990101", "YELLOW"): 1}
    assert lit(scene, "03-02 15:00") == {("990101", "YELLOW"): 1}
    assert lit(scene, "03-02 15:01") == {("990101", "RED"): 1}


def test_what_stands_still_or_is_done_has_no_light(scene):
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.bring("SUSPENDED", "03-02 09:00")
    scene.act(number, "FINISH", "03-02 10:00")
    assert lit(scene, "03-02 16:00") == {}


def test_a_deadline_is_counted_once_when_it_passes_whoever_was_late(scene):
    def passed(said):
        return metrics.registry.get_sample_value("onegrid_deadlines_total", {"desk": "990101", "in_time": said})

    early, late, never = (scene.bring("HANDLING", "03-02 09:00") for _ in range(3))
    moved = scene.bring("HANDLING", "03-02 09:00")
    scene.act(early, "FINISH", "03-02 10:00")
    scene.act(moved, "ASK_EXTENSION", "03-02 10:00")
    scene.act(moved, "GRANT", "03-02 10:00")
    scene.tick("03-02 14:00")
    metrics = Metrics(scene.city.rules.calendar)
    for effects in scene.told:
        metrics.hear(effects)
    assert (passed("yes"), passed("no")) == (None, None)
    told = len(scene.told)
    scene.act(late, "FINISH", "03-02 16:00")
    scene.tick("03-03 12:00")
    for effects in scene.told[told:]:
        metrics.hear(effects)
    assert (passed("yes"), passed("no")) == (1, 3), never


def test_stages_are_timed_by_clock_and_kind_and_handling_by_desk(auto, heard):
    number = auto.report("03-02 09:00")
    for verb, at in (("SIGN", "09:10"), ("START", "09:10"), ("FINISH", "11:00")):
        auto.act(number, verb, f"03-02 {at}")
    assert heard("onegrid_stage_minutes_sum", clock="SIGN", kind="WORK_HOUR") == 10
    assert heard("onegrid_handling_minutes_sum", desk="990101", kind="WORK_HOUR") == 120
    assert heard("onegrid_handling_minutes_bucket", desk="990101", kind="WORK_HOUR", le="120.0") == 1
    assert heard("onegrid_handling_minutes_bucket", desk="990101", kind="WORK_HOUR", le="60.0") == 0
    assert heard("onegrid_stages_total", desk="990101", clock="HANDLE", in_time="yes") == 1


def test_escalations_are_counted_by_tier(scene):
    scene.bring("HANDLING", "03-02 09:00")
    scene.tick("03-03 12:00")
    metrics = Metrics()
    for effects in scene.told:
        metrics.hear(effects)
    tiers = {
        sample.labels["tier"]
        for family in metrics.registry.collect()
        if family.name == "onegrid_escalations"
        for sample in family.samples
    }
    assert len(tiers) == 4, tiers


def deadlines(metrics):
    """Deadlines counted so far, by whether the work was done in time."""
    return {
        sample.labels["in_time"]: sample.value
        for family in metrics.registry.collect()
        if family.name == "onegrid_deadlines"
        for sample in family.samples
    }


def test_a_restarted_host_counts_only_deadlines_that_are_still_ahead(scene):
    scene.bring("HANDLING", "03-02 09:00")
    done = scene.bring("HANDLING", "03-02 17:00")  # due on Tuesday at 11:00
    scene.act(done, "FINISH", "03-02 17:30")
    now = when("03-02 18:00")
    metrics = Metrics(scene.city.rules.calendar, lambda: now)
    metrics.restore(scene.cases)
    metrics.page()
    assert deadlines(metrics) == {}
    now = when("03-03 12:00")
    metrics.page()
    assert deadlines(metrics) == {"yes": 1}


def test_no_name_has_over_five_thousand_series_in_a_city_of_twenty_districts_and_261_streets():
    """Labels are desks, clocks, kinds, tiers, verbs: none is a street, a unit, a case or a person."""
    desks = 20 + 1 + 4  # districts, the city, zones
    sizes = {"desk": desks, "clock": 11, "kind": 9, "light": 3, "in_time": 2, "tier": 5, "verb": 60, "matter": 5,
             "outcome": 6, "stage": 4, "reason": 60}  # fmt: skip
    metrics = Metrics()
    for family in metrics.registry._collector_to_names:
        labels = family._labelnames
        assert set(labels) <= set(sizes), family
        series = 1
        for name in labels:
            series *= sizes[name]
        if "buckets" in family._kwargs:
            series *= len(family._kwargs["buckets"]) + 3
        assert series <= 5000, (family._name, series)
