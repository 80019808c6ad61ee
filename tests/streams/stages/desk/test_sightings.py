"""Reports that repeat an open case, those that may, and matters that keep coming back."""

from __future__ import annotations

import pytest
from packs import point
from scenes import BELLTOWER, CENTRE, Scene, when

LON, LAT = point(BELLTOWER)
HERE = {"lon": LON, "lat": LAT, "text": "路口一堆垃圾没人清理"}
METRE = 1 / 111_320


def near(metres, text=HERE["text"]):
    return {"lon": LON, "lat": LAT + metres * METRE, "text": text}


def test_the_same_matter_told_again_at_the_same_place_is_merged(auto):
    master = auto.report("03-02 09:00", **HERE)
    number = auto.report("03-02 09:30", **near(8, "路口有一堆垃圾，没人清理"))
    assert (auto[number].state, auto[number].master) == ("MERGED", master)
    step = next(step for step in auto.transitions if step.verb == "MERGE")
    assert step.payload["class"] == "D2"
    assert step.payload["score"] >= 0.9
    assert set(step.payload["parts"]) == {"space", "time", "category", "text"}


def test_what_may_be_the_same_matter_waits_for_a_person_with_the_reasons(auto):
    master = auto.report("03-02 09:00", **HERE)
    number = auto.report("03-02 18:00", **near(30, "商铺门口油污满地"))
    case = auto[number]
    assert case.state == "REPORTED"
    (suggestion,) = case.suggested
    assert suggestion.case_no == master
    assert 0.7 <= suggestion.score < 0.9
    assert auto.count("suggested") == 1


def test_who_keeps_them_apart_lets_the_case_go_on(auto):
    master = auto.report("03-02 09:00", **HERE)
    number = auto.report("03-02 18:00", **near(30, "商铺门口油污满地"))
    auto.act(number, "KEEP_APART", "03-02 18:05", CENTRE, case=master)
    assert (auto[number].state, auto[number].suggested) == ("DISPATCHED", [])


def test_who_merges_them_by_hand_settles_the_suggestion(auto):
    master = auto.report("03-02 09:00", **HERE)
    number = auto.report("03-02 18:00", **near(30, "商铺门口油污满地"))
    auto.act(number, "MERGE", "03-02 18:05", CENTRE, master=master)
    assert (auto[number].state, auto[number].suggested) == ("MERGED", [])


def test_a_grave_matter_waits_for_no_suggestion(auto):
    auto.report("03-02 09:00", **HERE)
    number = auto.report("03-02 18:00", severity=2, **near(30, "商铺门口油污满地"))
    assert auto[number].suggested
    assert auto[number].state == "DISPATCHED"


@pytest.mark.parametrize(
    "other",
    [near(200), {**HERE, "category": "E-01-20"}, {**HERE, "street": "990102001", "lon": LON + 0.02}],
)
def test_another_place_or_category_is_another_matter(auto, other):
    auto.report("03-02 09:00", **HERE)
    number = auto.report("03-02 09:30", **other)
    assert auto[number].suggested == []
    assert auto.count("merged") == 0


def test_after_the_hours_of_its_category_it_is_another_matter(auto):
    auto.report("03-02 09:00", **HERE)
    number = auto.report("03-03 09:01", **HERE)
    assert auto[number].suggested == []


def test_a_coarse_position_never_merges_by_itself(auto):
    auto.report("03-02 09:00", lon=104.01, lat=30.6, text=HERE["text"])
    number = auto.report("03-02 09:05", lon=104.01, lat=30.6, text=HERE["text"])
    assert auto[number].state != "MERGED"


def test_what_is_closed_is_repeated_by_nothing(scene):
    scene.bring("CLOSED", "03-02 09:00", **HERE)
    number = scene.report("03-02 09:30", **HERE)
    assert scene[number].suggested == []


def test_a_case_taken_apart_is_found_by_later_reports_itself(auto):
    auto.report("03-02 09:00", **HERE)
    other = auto.report("03-02 09:10", **HERE)
    auto.act(other, "UNMERGE", "03-02 09:20", CENTRE)
    third = auto.report("03-02 09:30", **HERE)
    assert auto[third].state == "MERGED"


# D3


def test_a_matter_that_was_closed_three_times_within_thirty_days_is_flagged_as_coming_back(scene):
    for day in (2, 9, 16):
        assert "repeat" not in scene[scene.bring("CLOSED", f"03-{day:02d} 09:00", **HERE)].flags
    number = scene.report("03-20 09:00", **HERE)
    assert scene[number].flags == {"repeat": 1}
    assert scene.count("came_again") == 1


def test_closings_of_over_thirty_days_ago_do_not_count(scene):
    for day in (2, 3, 4):
        scene.bring("CLOSED", f"03-{day:02d} 09:00", **HERE)
    assert "repeat" not in scene[scene.report("04-04 09:00", **HERE)].flags


def test_a_reopened_case_is_no_closing_any_more(scene):
    numbers = [scene.bring("CLOSED", f"03-{day:02d} 09:00", **HERE) for day in (2, 9, 16)]
    scene.act(numbers[0], "REOPEN", "03-17 09:00")
    assert "repeat" not in scene[scene.report("03-20 09:00", **HERE)].flags


def test_matters_that_were_turned_down_did_not_come_back(scene):
    for day in (2, 9, 16):
        scene.bring("NOT_ACCEPTED", f"03-{day:02d} 09:00", **HERE)
    assert "repeat" not in scene[scene.report("03-20 09:00", **HERE)].flags


def test_a_pack_that_knows_a_category_no_more_leaves_its_cases_alone(city, bent_city):
    lines = ("categories.csv", "city,E-01-20,施工噪声,Building noise,EVENT,E-01,HB\n", "")
    conditions = ("conditions.csv", "E-01-20,A,夜间施工,1,NATURAL_DAY,已停工,URGENT,,\n", "")
    first = "003-01,003,E-01-20,CITY,990100,,LEAD,@district:enforcement,,CONSOLIDATED,,办法第3条,,,\n"
    second = "003-02,003,E-01-20,CITY,990100,hour >= 22 or hour < 6,LEAD,@street-office,,STATUTORY,,办法第3条,,,\n"
    after = bent_city(lines, conditions, ("duties.csv", first, ""), ("duties.csv", second, ""))
    scene = Scene(city, after)
    number = scene.report("03-02 09:00", category="E-01-20", **HERE)
    scene.activate(after, "03-02 10:00")
    scene.act(number, "SIGN", "03-02 10:05")
    assert scene[number].state == "SIGNED"
    assert when("03-02 10:05") == scene[number].moved_at
