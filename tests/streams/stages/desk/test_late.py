"""Messages that come late, from a phone without reception: what was done in time was done in time."""

from __future__ import annotations

from scenes import DESK, OFFICE, when

from streams.records import Action


def done(scene, number, verb, at, heard, **payload):
    """Let a unit say at `heard` what it did at `at`."""
    action = Action(
        action_id=f"late-{verb}-{at}", case_no=number, verb=verb, actor="p", actor_unit=OFFICE, at=when(at),
        reason="", payload=payload,
    )  # fmt: skip
    return scene.give(DESK, when(heard), action)


def test_work_finished_before_the_deadline_and_told_after_it_is_in_time(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    effects = done(scene, number, "FINISH", "03-02 11:00", "03-02 17:00", evidence=["a.jpg"])
    clock = scene.clock(number, "HANDLE")
    assert (clock.overdue, clock.ended, clock.tiers) == (False, when("03-02 11:00"), 0)
    assert scene[number].finished_at == when("03-02 11:00")
    finish, correct = [step for step in effects.transitions if step.cause.startswith("action")]
    assert (finish.at, finish.heard_at) == (when("03-02 11:00"), when("03-02 17:00"))
    assert (correct.verb, correct.payload["withdrawn"]) == ("CORRECT", ["80%", "100%", "150%"])
    told = [step for step in effects.transitions if step.verb in ("REMIND", "SUPERVISE")]
    others = [step for step in told if step.payload["clock"] != "HANDLE"]
    assert scene[number].flags.get("escalated", 0) == len(others)
    assert scene[number].flags.get("supervised", 0) == sum(step.verb == "SUPERVISE" for step in others)


def test_who_was_told_of_the_order_is_told_that_it_is_withdrawn(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    effects = done(scene, number, "FINISH", "03-02 11:00", "03-02 17:00", evidence=["a.jpg"])
    about = [alert for alert in effects.alerts if alert.reason.startswith("HANDLE")]
    assert [(alert.kind, alert.reason) for alert in about] == [
        ("ALERT", "HANDLE 150%"),
        ("UPDATE", "HANDLE WITHDRAWN"),
    ]
    assert about[1].references[0] == about[0].alert_id


def test_a_reminder_that_was_due_before_the_work_was_finished_stays(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    done(scene, number, "FINISH", "03-02 11:30", "03-02 14:00", evidence=["a.jpg"])
    assert scene.clock(number, "HANDLE").tiers == 1
    assert scene[number].flags["escalated"] == 1


def test_a_late_message_about_work_that_was_late_corrects_nothing(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    effects = done(scene, number, "FINISH", "03-02 14:30", "03-02 15:00", evidence=["a.jpg"])
    assert "CORRECT" not in [step.verb for step in effects.transitions]
    assert scene.clock(number, "HANDLE").overdue


def test_steps_from_a_phone_without_reception_take_effect_in_their_own_order(scene):
    number = scene.bring("DISPATCHED", "03-02 08:00")
    for verb, at in (("SIGN", "03-02 08:30"), ("START", "03-02 09:00"), ("FINISH", "03-02 10:00")):
        done(scene, number, verb, at, "03-02 16:00", evidence=["a.jpg"])
    assert [step.at for step in scene.transitions if step.case_no == number and step.verb in ("SIGN", "START")] == [
        when("03-02 08:30"), when("03-02 09:00"),
    ]  # fmt: skip
    assert not scene.clock(number, "SIGN").overdue
    assert scene[number].state == "HANDLED"


def test_nothing_takes_effect_before_the_last_thing_that_was_done(scene):
    number = scene.bring("SIGNED", "03-02 09:00")
    done(scene, number, "START", "03-02 08:00", "03-02 09:30")
    assert scene.transitions[-1].at == when("03-02 09:00")


def test_a_message_of_over_a_day_ago_counts_from_when_it_is_heard(scene):
    number = scene.bring("HANDLING", "03-02 08:00")
    done(scene, number, "FINISH", "03-02 09:00", "03-03 09:01", evidence=["a.jpg"])
    step = scene.transitions[-1]
    assert (step.verb, step.at, step.heard_at) == ("FINISH", when("03-03 09:01"), None)


def test_nobody_acts_in_the_future(scene):
    number = scene.bring("SIGNED", "03-02 09:00")
    done(scene, number, "START", "03-02 20:00", "03-02 09:30")
    assert scene.transitions[-1].at == when("03-02 09:30")


def test_what_others_say_meanwhile_takes_nothing_from_who_was_in_time(scene):
    number = scene.bring("SIGNED", "03-02 09:00")
    scene.act(number, "URGE", "03-02 10:00", "grid-app")
    scene.act(number, "SUPERVISE", "03-02 10:10", reason="a school is near")
    done(scene, number, "START", "03-02 09:30", "03-02 10:30")
    assert scene.transitions[-1].at == when("03-02 09:30")
