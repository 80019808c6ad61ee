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
