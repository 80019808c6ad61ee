"""Why somebody is told, in words."""

from __future__ import annotations

import re

import pytest
from packs import change, write_pack
from scenes import Scene

from grids.city import open_city
from streams.cap.checking import advice, faults, parse, text_of
from streams.cap.writing import NAMESPACE


def said(alert, name, language=0):
    return text_of(list(parse(alert.cap.encode()).iter(f"{{{NAMESPACE}}}info"))[language], name)


def parameters(alert):
    pairs = re.findall("<valueName>([^<]*)</valueName><value>([^<]*)</value>", alert.cap)
    return dict(pairs)


def test_orders_of_supervision_say_what_is_late_and_which_order_it_is(scene):
    scene.bring("HANDLING", "03-02 08:00")
    scene.tick("03-02 16:00")
    (order,) = scene.alerts
    assert order.reason == "HANDLE 150%"
    assert said(order, "headline").split(" · ")[-1] == "处置时限已用 150%"
    assert said(order, "headline", 1).split(" · ")[-1] == "150% of the handling time used"
    assert parameters(order)["tier"] == "1"


def test_an_alert_about_an_overdue_case_is_not_over_before_it_is_read(scene):
    scene.bring("HANDLING", "03-02 08:00")
    scene.tick("03-02 16:00")
    (order,) = scene.alerts
    assert said(order, "expires") == ""
    assert advice(order.cap.encode()) == []


def test_a_document_holds_until_the_case_is_to_be_handled_not_until_it_is_to_be_confirmed(scene):
    number = scene.bring("HANDLING", "03-02 09:00", severity=3)
    (alert,) = scene.alerts
    due = scene.clock(number, "HANDLE").due.astimezone(scene.city.zone)
    assert said(alert, "expires") == f"{due:%Y-%m-%dT%H:%M:%S}+08:00"
    assert alert.ack_due < due


def test_who_has_to_confirm_reads_by_when_in_the_citys_time(scene):
    scene.bring("FILED", "03-02 09:00", severity=3)
    (alert,) = scene.alerts
    assert said(alert, "instruction") == "请于 2026-03-02 09:15:00 前确认收到"
    assert said(alert, "instruction", 1) == "Please confirm by 2026-03-02 09:15:00"
    assert parameters(alert)["ackDue"] == "2026-03-02T09:15:00+08:00"


@pytest.mark.parametrize(("severity", "zh", "en"), [(1, "特别重大", "extraordinarily grave"), (3, "较大", "serious")])
def test_severity_has_its_official_name(scene, severity, zh, en):
    scene.bring("FILED", "03-02 09:00", severity=severity)
    for alert in scene.alerts:
        assert said(alert, "headline").endswith(f" · {zh}")
        assert said(alert, "headline", 1).endswith(f" · {en}")


def test_silence_below_disputes_ends_and_what_is_taken_back_are_told_in_words(scene):
    number = scene.bring("HANDLING", "03-02 09:00", severity=3)
    scene.tick("03-02 09:15")
    assert said(scene.alerts[-1], "headline").endswith("下级预警逾时未确认")
    scene.act(number, "CANCEL", "03-02 09:20")
    state = scene.city.rules.form.states.get("CANCELLED", {}).get("zh", "CANCELLED")
    assert said(scene.alerts[-1], "headline").endswith(state)
    assert all(faults(alert.cap.encode()) == [] for alert in scene.alerts)


def test_a_headline_is_cut_where_displays_would_cut_it(tmp_path):
    pack = write_pack(tmp_path / "city")
    change(pack, "city.toml", 'mode = "auto"', 'mode = "manual"')
    old = 'notify = "STREET", verb = "SUPERVISE", order = 1'
    change(pack, "escalation.toml", old, f'{old}, name_zh = "{"长" * 200}", name_en = "{"long " * 40}"')
    scene = Scene(open_city(pack))
    scene.bring("HANDLING", "03-02 08:00")
    scene.tick("03-02 16:00")
    assert [len(said(scene.alerts[0], "headline", language)) for language in (0, 1)] == [160, 160]
    assert said(scene.alerts[0], "headline").endswith("…")


def test_a_packs_own_name_of_an_order_stands_in_the_headline(tmp_path):
    pack = write_pack(tmp_path / "city")
    change(pack, "city.toml", 'mode = "auto"', 'mode = "manual"')
    old = 'notify = "STREET", verb = "SUPERVISE", order = 1'
    change(pack, "escalation.toml", old, f'{old}, name_zh = "一级督办", name_en = "first order"')
    scene = Scene(open_city(pack))
    scene.bring("HANDLING", "03-02 08:00")
    scene.tick("03-02 16:00")
    assert said(scene.alerts[0], "headline").endswith(" · 处置时限已用 150% · 一级督办")
    assert said(scene.alerts[0], "headline", 1).endswith(" · 150% of the handling time used · first order")
