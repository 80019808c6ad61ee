"""Who is on duty is what workers say of themselves, for as long as the pack lets it hold, and else their shift."""

from __future__ import annotations

from datetime import UTC, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import CITY_DESK, DESK, OTHER_DESK, Scene, when

from streams.records import Attendance, Effects
from streams.stages.desk.casebook import DeskState
from streams.stages.desk.desks import Desks

NOON, NIGHT = "03-02 11:00", "03-02 22:00"
"""Inside the shift of all workers (08:00 to 18:00), and outside it."""


def say(scene, worker, at, *, on, name="", said=""):
    """Let a worker say that they are on or off duty; every desk hears of it."""
    one = Attendance(name or f"{worker}-{at}-{on}", worker, on, when(said or at).astimezone(UTC))
    return {desk: scene.give(desk, when(at), one) for desk in (CITY_DESK, DESK, OTHER_DESK)}


def asked(scene, at, verb="REQUEST_VERIFY"):
    """Have a new case verified, and return who was asked: the worker, empty if it was a unit as a whole."""
    number = scene.bring("REPORTED", at)
    scene.act(number, verb, at)
    assert scene[number].state == "VERIFYING"
    return scene[number].task.worker


def rebuilt(scene):
    """Return desks as the log alone makes them."""
    desks = Desks(scene.city)
    for part in scene.parts:
        for desk, effects in part.items():
            desks[desk].fold(msgspec.json.decode(msgspec.json.encode(effects), type=Effects))
    return desks


def states(desks):
    for desk in desks:
        desk.book.forget()
    return msgspec.json.encode([desk.state() for desk in desks])


def test_by_the_shift_the_nearest_is_asked_by_day_and_nobody_at_night(manual_city):
    scene = Scene(manual_city)
    assert asked(scene, NOON)
    assert not asked(scene, NIGHT)


def test_whoever_is_off_duty_inside_the_shift_gets_no_task(manual_city):
    scene = Scene(manual_city)
    first = asked(scene, NOON)
    say(scene, first, "03-02 11:01", on=False)
    second = asked(scene, "03-02 11:02")
    assert second not in ("", first)
    say(scene, second, "03-02 11:03", on=False)
    assert asked(scene, "03-02 11:04") not in ("", first, second)
    say(scene, first, "03-02 11:05", on=True)
    assert asked(scene, "03-02 11:06") == first


def test_whoever_is_off_duty_gets_no_check_either(manual_city):
    scene = Scene(manual_city)
    number = scene.bring("CHECKING", NOON)
    first = scene[number].task.worker
    assert first
    say(scene, first, "03-02 12:00", on=False)
    other = scene.bring("CHECKING", "03-02 12:01")
    assert scene[other].task.worker not in ("", first)


def test_whoever_came_on_duty_outside_the_shift_may_be_asked(manual_city):
    scene = Scene(manual_city)
    worker = asked(scene, NOON)
    say(scene, worker, "03-02 21:00", on=True)
    assert asked(scene, NIGHT) == worker
    say(scene, worker, "03-02 22:30", on=False)
    assert not asked(scene, "03-02 22:31")


def test_a_word_holds_for_twelve_hours_and_then_the_shift_counts_again(manual_city):
    scene = Scene(manual_city)
    worker = asked(scene, NOON)
    say(scene, worker, "03-02 11:05", on=False)
    assert asked(scene, "03-02 17:59") != worker
    assert asked(scene, "03-03 11:05") == worker  # nobody is away for ever because a button was forgotten
    say(scene, worker, "03-03 20:00", on=True)
    assert asked(scene, "03-04 07:59") == worker
    say(scene, worker, "03-04 20:00", on=True)
    assert not asked(scene, "03-05 19:00")


def test_the_last_word_counts_whichever_comes_first(manual_city):
    scene = Scene(manual_city)
    worker = asked(scene, NOON)
    say(scene, worker, "03-02 11:30", on=True, said="03-02 11:20")
    said = say(scene, worker, "03-02 11:31", on=False, said="03-02 11:10", name="old")
    assert said[DESK].repeats == ["attendance:old"]
    assert said[DESK].attendance == []
    assert asked(scene, "03-02 11:32") == worker


def test_a_copy_of_a_word_does_nothing_and_one_that_has_lapsed_on_its_way_does_nothing(manual_city):
    scene = Scene(manual_city)
    worker = asked(scene, NOON)
    assert say(scene, worker, "03-02 11:30", on=False, name="a")[DESK].attendance
    assert say(scene, worker, "03-02 11:30", on=False, name="a")[DESK].repeats == ["attendance:a"]
    assert say(scene, "W001", "03-03 11:30", on=True, said="03-02 23:00", name="b")[DESK].repeats == ["attendance:b"]


def test_who_is_on_no_roster_gets_no_task_by_saying_so(manual_city):
    scene = Scene(manual_city)
    say(scene, "nobody-we-know", NIGHT, on=True)
    assert not asked(scene, "03-02 22:01")


def test_a_book_restored_from_a_snapshot_asks_the_same_people(manual_city):
    scene = Scene(manual_city)
    worker = asked(scene, NOON)
    say(scene, worker, "03-02 11:01", on=False)
    written = msgspec.json.encode([desk.state() for desk in scene.desks])
    again = Scene(manual_city)
    again.desks.restore(msgspec.json.decode(written, type=list[DeskState]))
    assert states(again.desks) == written
    assert asked(again, "03-02 11:02") not in ("", worker)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["on", "off", "task", "day"]),
        st.sampled_from([f"W{number:03d}" for number in range(1, 7)]),
        st.integers(0, 900),
        st.integers(0, 1000),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_whatever_is_said_the_log_alone_makes_the_same_book_and_the_same_inbox_the_same_bytes(manual_city, steps):
    scene, at = Scene(manual_city), when("03-02 08:00")
    for number, (what, worker, minutes, ago) in enumerate(steps):
        at += timedelta(minutes=minutes) + timedelta(days=3 * (what == "day"))
        text = at.strftime("%m-%d %H:%M")
        if what in ("on", "off"):
            said = (at - timedelta(minutes=ago)).strftime("%m-%d %H:%M")
            say(scene, worker, text, on=what == "on", said=said, name=f"n{number}")
        elif what == "task":
            asked(scene, text)
    assert states(rebuilt(scene)) == states(scene.desks)
    again = Desks(manual_city)
    for item, part in zip(scene.items, scene.parts, strict=True):
        assert msgspec.json.encode(again.receive([item])) == msgspec.json.encode(part)
