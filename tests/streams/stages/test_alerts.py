from __future__ import annotations

import pytest
from scenes import CITY_DESK, DESK, PARK, when


def told(scene):
    return [(alert.desk, alert.level, alert.kind) for alert in scene.alerts]


def test_an_ordinary_case_alerts_nobody(scene):
    scene.bring("CLOSED", "03-02 09:00")
    assert not scene.alerts


@pytest.mark.parametrize("severity", [1, 2])
def test_a_grave_case_tells_its_desk_and_the_city_at_once_when_it_is_filed(scene, severity):
    number = scene.bring("ACCEPTED", "03-02 09:00", severity=severity)
    assert not scene.alerts
    scene.act(number, "FILE", "03-02 09:01")
    assert told(scene) == [(DESK, "DISTRICT", "ALERT"), (CITY_DESK, "CITY", "ALERT")]
    assert [alert.alert_id for alert in scene.alerts] == [f"{DESK}-{number}-1", f"{CITY_DESK}-{number}-2"]
    assert {alert.sent_at for alert in scene.alerts} == {when("03-02 09:01")}
    assert {alert.ack_due for alert in scene.alerts} == {when("03-02 09:06")}
    assert {alert.severity for alert in scene.alerts} == {severity}


def test_a_serious_case_tells_its_own_desk_which_has_fifteen_minutes_to_answer(scene):
    scene.bring("FILED", "03-02 09:00", severity=3, street=PARK)
    assert told(scene) == [("9901HT", "DISTRICT", "ALERT")]
    assert scene.alerts[0].ack_due == when("03-02 09:15")


def test_the_end_of_a_case_cancels_what_was_alerted_once_for_each_desk(scene):
    number = scene.bring("CHECKING", "03-02 09:00", severity=1)
    scene.act(number, "CHECK_PASS", "03-02 09:05")
    effects = scene.act(number, "CLOSE", "03-02 09:06")
    assert [(alert.desk, alert.kind, alert.reason) for alert in effects.alerts] == [
        (DESK, "CANCEL", "CLOSED"), (CITY_DESK, "CANCEL", "CLOSED"),
    ]  # fmt: skip
    assert all(alert.ack_due is None for alert in effects.alerts)
    assert effects.alerts[0].references == [f"{DESK}-{number}-1"]


def test_a_case_that_is_turned_down_without_an_alert_cancels_nothing(scene):
    scene.bring("NOT_FILED", "03-02 09:00", severity=1)
    assert not scene.alerts


def test_orders_of_supervision_go_to_whom_their_tier_names(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    scene.tick("03-09 00:00")
    assert told(scene) == [(DESK, "STREET", "ALERT"), (DESK, "DISTRICT", "UPDATE"), (CITY_DESK, "CITY", "ALERT")]
    assert [alert.reason for alert in scene.alerts] == ["HANDLE 150%", "HANDLE 200%", "HANDLE 300%"]
    assert scene.alerts[1].references == [f"{DESK}-{number}-1"]
    assert scene[number].alerts == [alert.alert_id for alert in scene.alerts]


def test_an_order_on_a_case_that_was_alerted_already_is_an_update_of_it(scene):
    number = scene.bring("HANDLING", "03-02 08:00", severity=3)
    scene.tick("03-02 16:00")
    assert told(scene) == [(DESK, "DISTRICT", "ALERT"), (DESK, "STREET", "UPDATE")]
    assert scene.alerts[1].references == [f"{DESK}-{number}-1"]


def test_reminders_of_the_handler_and_its_head_alert_no_centre(scene):
    scene.bring("HANDLING", "03-02 08:00")
    scene.tick("03-02 12:00")
    assert not scene.alerts


def test_what_was_seen_to_on_the_spot_alerts_nobody_however_grave(scene):
    scene.report("03-02 09:00", severity=1, self_handled=True)
    assert not scene.alerts
