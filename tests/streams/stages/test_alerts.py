from __future__ import annotations

import pytest
from packs import change, write_pack
from scenes import CENTRE, CITY_CENTRE, CITY_DESK, DESK, EASTGATE, OFFICE, PARK, Scene, when

from grids.city import open_city
from grids.errors import PackError


def changed_city(folder, alerts="near_m = 0", ways=()):
    """Make a city with other rules of alerts, and so many ways to some units."""
    pack = write_pack(folder / "city")
    change(pack, "city.toml", 'mode = "auto"', 'mode = "manual"')
    (pack / "alerts.toml").write_text(alerts, encoding="utf-8")
    lines = [
        f'[[channel]]\nunit = "{unit}"\nkind = "console"\ntarget = "{unit}"\norder = {order}'
        for unit, many in dict(ways).items()
        for order in range(many)
    ]
    (pack / "channels.toml").write_text("\n".join(lines), encoding="utf-8")
    return open_city(pack)


def told(scene):
    return [(alert.desk, alert.level, alert.kind) for alert in scene.alerts]


def test_an_ordinary_case_alerts_nobody(scene):
    scene.bring("CLOSED", "03-02 09:00")
    assert not scene.alerts


@pytest.mark.parametrize(("severity", "street"), [(1, [(DESK, "STREET", "ALERT")]), (2, [])])
def test_a_grave_case_tells_its_desk_and_the_city_at_once_and_the_gravest_the_street(scene, severity, street):
    number = scene.bring("ACCEPTED", "03-02 09:00", severity=severity)
    assert not scene.alerts
    scene.act(number, "FILE", "03-02 09:01")
    assert told(scene) == [(DESK, "DISTRICT", "ALERT"), (CITY_DESK, "CITY", "ALERT"), *street]
    assert [alert.alert_id for alert in scene.alerts][:2] == [f"{DESK}-{number}-1", f"{CITY_DESK}-{number}-2"]
    assert {alert.sent_at for alert in scene.alerts} == {when("03-02 09:01")}
    assert {alert.ack_due for alert in scene.alerts} == {when("03-02 09:06")}
    assert {alert.severity for alert in scene.alerts} == {severity}


def test_a_serious_case_tells_its_own_desk_which_has_fifteen_minutes_to_answer(scene):
    scene.bring("FILED", "03-02 09:00", severity=3, street=PARK)
    assert told(scene) == [("9901HT", "DISTRICT", "ALERT")]
    assert scene.alerts[0].ack_due == when("03-02 09:15")


def test_the_end_of_a_case_cancels_what_was_alerted_once_for_each_desk(scene):
    number = scene.bring("CHECKING", "03-02 09:00", severity=1)
    scene.act(number, "CHECK_PASS", "03-02 09:03")
    effects = scene.act(number, "CLOSE", "03-02 09:04")
    assert [(alert.desk, alert.kind, alert.reason) for alert in effects.alerts] == [
        (DESK, "CANCEL", "CLOSED"), (CITY_DESK, "CANCEL", "CLOSED"), (DESK, "CANCEL", "CLOSED"),
    ]  # fmt: skip
    assert all(alert.ack_due is None for alert in effects.alerts)
    assert effects.alerts[0].references == [f"{DESK}-{number}-1"]


def test_a_case_that_is_turned_down_without_an_alert_cancels_nothing(scene):
    scene.bring("NOT_FILED", "03-02 09:00", severity=1)
    assert not scene.alerts


def test_orders_of_supervision_go_to_whom_their_tier_names(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    scene.tick("03-02 16:00")
    scene.ack(scene.alerts[0].alert_id, "03-02 16:01")
    scene.tick("03-03 12:00")
    assert told(scene)[0] == (DESK, "STREET", "ALERT")
    orders = [alert for alert in scene.alerts if alert.reason.startswith("HANDLE")]
    assert [(alert.unit, alert.reason) for alert in orders] == [
        (OFFICE, "HANDLE 150%"), (CENTRE, "HANDLE 200%"), (CITY_CENTRE, "HANDLE 300%"),
    ]  # fmt: skip
    assert scene[number].alerts == [alert.alert_id for alert in scene.alerts]


def test_an_order_to_whom_knows_of_the_case_already_is_an_update(scene):
    number = scene.bring("HANDLING", "03-02 08:00", severity=3)
    scene.ack(scene.alerts[0].alert_id, "03-02 08:05")
    scene.tick("03-02 16:00")
    assert told(scene)[:2] == [(DESK, "DISTRICT", "ALERT"), (DESK, "STREET", "ALERT")]
    scene.ack(scene.alerts[1].alert_id, "03-02 16:01")
    scene.tick("03-02 18:00")
    assert told(scene)[2:] == [(DESK, "DISTRICT", "UPDATE")]
    assert scene.alerts[2].references == [f"{DESK}-{number}-1"]
    assert scene.alerts[2].ack_due is None


def test_reminders_of_the_handler_and_its_head_alert_no_centre(scene):
    scene.bring("HANDLING", "03-02 08:00")
    scene.tick("03-02 12:00")
    assert not scene.alerts


def test_what_was_seen_to_on_the_spot_alerts_nobody_however_grave(scene):
    scene.report("03-02 09:00", severity=1, self_handled=True)
    assert not scene.alerts


# Acknowledgements


def test_an_alert_that_nobody_confirms_is_told_to_the_next_level_at_its_deadline(scene):
    number = scene.bring("HANDLING", "03-02 09:00", severity=3)
    assert scene.clock(number, "ACK").due == when("03-02 09:15")
    scene.tick("03-02 12:00")
    steps = [step for step in scene.transitions if step.payload.get("clock") == "ACK"]
    assert [(step.at, step.reason, step.payload["notify"]) for step in steps] == [
        (when("03-02 09:15"), "ACK 100%", "CITY")
    ]
    assert (told(scene)[-1], scene.alerts[-1].sent_at) == ((CITY_DESK, "CITY", "ALERT"), when("03-02 09:15"))


def test_before_the_next_level_each_way_to_the_centre_is_tried_at_its_time(tmp_path):
    scene = Scene(changed_city(tmp_path, ways={CENTRE: 3, OFFICE: 2}))
    number = scene.bring("HANDLING", "03-02 09:00", severity=1)
    scene.ack(scene.alerts[1].alert_id, "03-02 09:02", CITY_CENTRE)
    scene.tick("03-02 12:00")
    steps = [step for step in scene.transitions if step.payload.get("clock") == "ACK"]
    assert [(step.at, step.payload["unit"], step.payload["notify"], step.payload["alert"]) for step in steps] == [
        (when("03-02 09:05"), CENTRE, "CHANNEL", f"{DESK}-{number}-1"),
        (when("03-02 09:05"), OFFICE, "CHANNEL", f"{DESK}-{number}-3"),
        (when("03-02 09:10"), CENTRE, "CHANNEL", f"{DESK}-{number}-1"),
        (when("03-02 09:10"), OFFICE, "DISTRICT", f"{DESK}-{number}-3"),
        (when("03-02 09:15"), CENTRE, "CITY", f"{DESK}-{number}-1"),
    ]
    assert [(alert.unit, alert.kind, alert.sent_at) for alert in scene.alerts[3:]] == [
        (CENTRE, "UPDATE", when("03-02 09:10")), (CITY_CENTRE, "UPDATE", when("03-02 09:15")),
    ]  # fmt: skip


# Who else is told


def test_a_neighbour_whose_ground_is_near_is_told_and_has_nothing_to_confirm(tmp_path):
    scene = Scene(changed_city(tmp_path, "near_m = 200"))
    number = scene.bring("FILED", "03-02 09:00", severity=3, street=EASTGATE)
    near = [alert for alert in scene.alerts if alert.level == "NEAR"]
    assert {alert.desk for alert in near} == {DESK}
    assert all(alert.ack_due is None for alert in near)
    assert {clock.unit for clock in scene[number].clocks if clock.name == "ACK"} == {"990102-CC"}


def test_an_ordinary_case_near_a_border_tells_no_neighbour(tmp_path):
    scene = Scene(changed_city(tmp_path, "near_m = 200"))
    scene.bring("FILED", "03-02 09:00", severity=4, street=EASTGATE)
    assert not scene.alerts


CAMPAIGN = """
near_m = 0
[[tell]]
desks = ["990100"]
severities = [4]
categories = ["E-01"]
areas = ["990101"]
effective_from = 2026-03-02
effective_to = 2026-03-03
"""


@pytest.mark.parametrize(
    ("day", "street", "heard"), [("03-01", None, 0), ("03-02", None, 1), ("03-03", None, 0), ("03-02", EASTGATE, 0)]
)
def test_a_campaign_tells_whom_it_names_on_its_days_and_in_its_area(tmp_path, day, street, heard):
    scene = Scene(changed_city(tmp_path, CAMPAIGN))
    scene.bring("FILED", f"{day} 09:00", **({"street": street} if street else {}))
    assert [(alert.unit, alert.level) for alert in scene.alerts] == [(CITY_CENTRE, "CITY")] * heard


def test_a_rule_that_names_an_unknown_desk_is_refused_with_its_place(tmp_path):
    with pytest.raises(PackError) as refused:
        changed_city(tmp_path, 'tell = [{ desks = ["nowhere"] }]')
    assert "alerts.toml, tell[0].desks: 'nowhere'; expected a desk of city.toml" in str(refused.value)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('areas = ["nowhere"]', "tell[0].areas: 'nowhere'; expected an area of areas.csv"),
        ('zones = ["nowhere"]', "tell[0].zones: 'nowhere'; expected a zone of city.toml"),
        (
            "effective_from = 2026-03-02\neffective_to = 2026-03-02",
            "tell[0].effective_to: 2026-03-02; expected after 2026-03-02",
        ),
    ],
)
def test_a_rule_that_could_never_apply_is_refused_with_its_place(tmp_path, rule, said):
    with pytest.raises(PackError) as refused:
        changed_city(tmp_path, f'[[tell]]\ndesks = ["990100"]\n{rule}\n')
    assert said in str(refused.value)


def test_a_campaign_in_a_zone_tells_whom_it_names_of_that_zone_alone(tmp_path):
    rule = '[[tell]]\ndesks = ["990100"]\nzones = ["HT"]\n'
    scene = Scene(changed_city(tmp_path, f"near_m = 0\n{rule}"))
    scene.bring("FILED", "03-02 09:00")
    assert not scene.alerts
    scene.bring("FILED", "03-02 09:00", street=PARK)
    assert [alert.unit for alert in scene.alerts] == [CITY_CENTRE]


def test_a_case_of_an_exercise_has_alerts_that_say_so(scene):
    scene.bring("FILED", "03-02 09:00", severity=3, attributes={"exercise": True})
    assert [alert.status for alert in scene.alerts] == ["Exercise"]


def test_a_confirmed_alert_waits_for_nobody(scene):
    number = scene.bring("HANDLING", "03-02 09:00", severity=3)
    effects = scene.ack(scene.alerts[0].alert_id, "03-02 09:10")
    assert [step.verb for step in effects.transitions] == ["ACK"]
    assert scene.clock(number, "ACK").ended == when("03-02 09:10")
    scene.tick("03-02 10:00")
    assert not [step for step in scene.transitions if step.payload.get("clock") == "ACK"]


def test_a_second_confirmation_changes_nothing(scene):
    number = scene.bring("FILED", "03-02 09:00", severity=3)
    for minute in (10, 11):
        scene.ack(scene.alerts[0].alert_id, f"03-02 09:{minute}")
    assert scene.verbs(number).count("ACK") == 1
    assert scene.count("repeated_acks") == 1


@pytest.mark.parametrize(
    ("alert", "by", "reason"),
    [
        ("", CITY_CENTRE, "NOT_ALLOWED"),
        ("", "nobody", "NOT_ALLOWED"),
        ("990101-9901012026030200001-9", "", "NO_SUCH_ALERT"),
    ],
)
def test_who_was_not_told_can_not_confirm_and_what_was_not_sent_is_unknown(scene, alert, by, reason):
    number = scene.bring("FILED", "03-02 09:00", severity=3)
    effects = scene.ack(alert or scene.alerts[0].alert_id, "03-02 09:10", by)
    assert [letter.reason for letter in effects.dead_letters] == [reason]
    assert scene.clock(number, "ACK").ended is None


def test_a_dispute_tells_the_desk_that_has_to_rule(scene):
    scene.bring("DISPUTED", "03-02 09:00")
    assert [(alert.desk, alert.reason) for alert in scene.alerts] == [(DESK, "DISPUTED")]
