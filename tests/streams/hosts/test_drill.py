"""Drills in virtual time: who is told when, to the second."""

from __future__ import annotations

from datetime import timedelta

import pytest
from packs import change, write_pack
from scenes import CENTRE, CITY_CENTRE, DESK, OFFICE, OTHER_OFFICE, when

from grids.city import open_city
from streams.cap.checking import faults
from streams.hosts.embedded.drill import Drill, NoSuchDeskError

START = when("03-02 09:00")

WAYS = "".join(
    f'[[channel]]\nunit = "{unit}"\nkind = "{kind}"\ntarget = "{kind}"\norder = {order}\n'
    for unit, kinds in ((CENTRE, ("console", "webhook", "smtp")), (CITY_CENTRE, ("console",)))
    for order, kind in enumerate(kinds)
)


@pytest.fixture(scope="module", params=["auto", "manual"])
def drilled(request, tmp_path_factory):
    """The small city with three ways to the desk's centre and one to the city's, however much the system may do."""
    pack = write_pack(tmp_path_factory.mktemp("drill") / "city")
    change(pack, "city.toml", 'mode = "auto"', f'mode = "{request.param}"')
    (pack / "channels.toml").write_text(WAYS, encoding="utf-8")
    return open_city(pack)


def told(drill):
    return [
        (round((row.at - START).total_seconds()), row.alert.kind, row.alert.unit, row.way.partition(" ")[0])
        for row in drill.rows
        if row.alert.kind != "CANCEL"
    ]


def test_a_centre_that_never_answers_is_tried_on_each_way_and_then_the_next_level_is_told_to_the_second(drilled):
    drill = Drill(drilled, DESK, START, 2, {CENTRE})
    drill.run()
    assert told(drill) == [
        (0, "ALERT", CENTRE, "console"),
        (0, "ALERT", CITY_CENTRE, "console"),
        (300, "ALERT", CENTRE, "webhook"),
        (600, "ALERT", CENTRE, "smtp"),
        (900, "UPDATE", CITY_CENTRE, "console"),
    ]
    confirmed = {row.alert.unit: (row.confirmed, row.by) for row in drill.rows if row.alert.kind == "ALERT"}
    assert confirmed == {CENTRE: (None, ""), CITY_CENTRE: (START + timedelta(seconds=90), f"{CITY_CENTRE}/drill")}
    assert [row.alert.unit for row in drill.unconfirmed] == [CENTRE]


def test_at_severity_3_an_answer_is_due_within_15_minutes_and_the_city_hears_after_the_last_way(drilled):
    drill = Drill(drilled, DESK, START, 3, {CENTRE})
    drill.run()
    assert told(drill) == [
        (0, "ALERT", CENTRE, "console"),
        (900, "ALERT", CENTRE, "webhook"),
        (1800, "ALERT", CENTRE, "smtp"),
        (2700, "ALERT", CITY_CENTRE, "console"),
    ]
    assert drill.rows[3].confirmed == START + timedelta(seconds=2790)


def test_whoever_answers_in_time_ends_it(drilled):
    drill = Drill(drilled, DESK, START, 2)
    drill.run()
    assert told(drill) == [(0, "ALERT", CENTRE, "console"), (0, "ALERT", CITY_CENTRE, "console")]
    assert drill.unconfirmed == []
    ends = [(row.alert.kind, row.alert.unit) for row in drill.rows if row.alert.kind == "CANCEL"]
    assert sorted(ends) == [("CANCEL", CITY_CENTRE), ("CANCEL", CENTRE)]


def test_a_street_that_is_silent_takes_the_gravest_exercise_to_its_district(drilled):
    drill = Drill(drilled, DESK, START, 1, {OFFICE, OTHER_OFFICE})
    drill.run()
    assert (300, "UPDATE", CENTRE, "console") in told(drill)


def test_all_that_an_exercise_sends_says_that_it_is_one(drilled):
    drill = Drill(drilled, DESK, START, 2, {CENTRE})
    drill.run()
    assert {row.alert.status for row in drill.rows} == {"Exercise"}
    assert all(not row.alert.cap or faults(row.alert.cap.encode()) == [] for row in drill.rows)


def test_a_desk_without_ground_is_refused(drilled):
    with pytest.raises(NoSuchDeskError, match="expected one of 990101"):
        Drill(drilled, "990100", START).run()
