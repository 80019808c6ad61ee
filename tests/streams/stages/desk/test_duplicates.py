from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from packs import change, write_pack

from grids.rules import read_rules
from grids.settings import DuplicatesForm, Nearness, Weights
from streams.stages.desk.duplicates import METRES_PER_DEGREE, Match, Parameters, Seen, distance_m, judge, together

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LON, LAT = 104.0, 30.6
LITTER, NOISE, COVER = "E-01-10", "E-01-20", "C-01-01"


def of(rules, **changes):
    return Parameters.of(replace(DuplicatesForm(), **changes), rules.catalogue)


@pytest.fixture(scope="module")
def rules(small_city):
    return small_city.rules


@pytest.fixture(scope="module")
def parameters(rules):
    return of(rules, diffuse=Nearness(300, 12, [NOISE]))


def seen(number="new", *, north=0.0, east=0.0, hours=0.0, **fields):
    """A report of litter so many metres and hours from the first one."""
    lat = LAT + north / METRES_PER_DEGREE
    lon = LON + east / (METRES_PER_DEGREE * 0.86074)
    return Seen(number, fields.pop("category", LITTER), NOON + timedelta(hours=hours), lon=lon, lat=lat, **fields)


HELD = seen("held")


def score(parameters, one, other=HELD):
    (match,) = judge(parameters, one, [other]) or [None]
    return match and match.score


# D1


def test_the_same_component_and_category_is_the_same_matter_however_far_and_long_ago(parameters):
    one, other = (seen(n, category=COVER, component_id="M-1") for n in ("held", "new"))
    far = replace(other, lon=105.0, occurred_at=NOON + timedelta(days=300), text="3号", sure=False)
    assert judge(parameters, far, [one]) == [Match("held", "D1", 1.0, {"component": 1.0, "category": 1.0})]


def test_two_components_with_names_of_their_own_are_two_matters_even_in_one_place(parameters):
    assert (
        judge(parameters, seen(category=COVER, component_id="M-1"), [seen("x", category=COVER, component_id="M-2")])
        == []
    )


def test_of_a_component_that_only_one_names_the_place_decides(parameters):
    assert score(parameters, seen(category=COVER), seen("x", category=COVER, component_id="M-1")) == 0.9


def test_another_category_and_the_case_itself_never_match(parameters):
    assert judge(parameters, seen(category=NOISE), [HELD]) == []
    assert judge(parameters, seen(category=COVER, component_id="M"), [seen("x", component_id="M")]) == []
    assert judge(parameters, HELD, [HELD]) == []


# D2


def test_a_report_without_a_word_at_the_same_place_and_time_is_just_merged(parameters):
    (match,) = judge(parameters, seen(), [HELD])
    assert match == Match("held", "D2", 0.9, {"space": 1.0, "time": 1.0, "category": 1.0, "text": 0.5})


@pytest.mark.parametrize(("category", "metres", "hours"), [(COVER, 10, 168), (LITTER, 50, 24), (NOISE, 300, 12)])
def test_each_kind_has_its_metres_and_hours_and_nothing_beyond_them_matches(parameters, category, metres, hours):
    held = seen("held", category=category, text="旧沙发纸箱泡沫")
    for near, there in ((metres - 0.5, True), (metres + 0.5, False)):
        for placed in ({"north": near}, {"east": -near}):
            one = seen(category=category, text=held.text, **placed)
            assert bool(judge(parameters, one, [held])) is there
    assert judge(parameters, seen(category=category, text=held.text, hours=0.6 * hours), [held])
    assert judge(parameters, seen(category=category, text=held.text, hours=-hours - 0.01), [held]) == []


def test_what_the_accuracy_of_both_explains_is_no_distance(parameters):
    exact, rough = seen(north=40), seen(north=40, accuracy_m=16)
    assert score(parameters, exact) < 0.9
    assert score(parameters, rough, replace(HELD, accuracy_m=12)) == 0.9
    assert judge(parameters, seen(north=89, accuracy_m=16, text="沙发"), [replace(HELD, accuracy_m=12, text="沙发")])
    assert (
        judge(parameters, seen(north=91, accuracy_m=16, text="沙发"), [replace(HELD, accuracy_m=12, text="沙发")])
        == []
    )


def test_a_pack_may_say_how_sure_a_position_is_that_does_not(rules):
    assert score(of(rules, unstated_m=15), seen(north=40)) == 0.9
    assert score(of(rules, unstated_m=15), seen(north=40, accuracy_m=0.0), replace(HELD, accuracy_m=0.0)) < 0.9


def test_reports_of_the_first_hour_are_of_one_time_and_later_ones_less_and_less(parameters):
    scores = [score(parameters, seen(hours=hours)) for hours in (0, 1, 6, 12, 13)]
    assert scores[:2] == [0.9, 0.9]
    assert scores[1] > scores[2] > scores[3] > 0.7
    assert score(parameters, seen(hours=-6)) == scores[2]


def test_a_contradicting_house_number_leaves_it_to_a_person(parameters):
    one, held = seen(text="87号"), replace(HELD, text="91号")
    assert score(parameters, one, held) == 0.8
    assert score(parameters, replace(one, text="91号"), held) == 1.0
    long = "门口一堆旧沙发、纸箱、泡沫板和剩菜，苍蝇很多，好几天没人清运"
    assert score(parameters, seen(text="87号" + long), replace(HELD, text="91号" + long)) < 0.9


def test_what_is_usual_in_a_category_is_no_evidence(rules, tmp_path):
    directory = write_pack(tmp_path / "city")
    change(directory, "duplicates.toml", "memory_days = 400", 'usual = ["已拍照上传"]')
    read = read_rules(directory)
    parameters = Parameters.of(read.duplicates, read.catalogue)
    name = read.catalogue[LITTER].name_zh
    said = f"{name}，{read.catalogue.conditions[LITTER][0].text}，已拍照上传"
    one, held = seen(text=said), replace(HELD, text=said)
    assert judge(parameters, one, [held])[0].parts["text"] == 0.5
    assert judge(of(rules), one, [held])[0].parts["text"] > 0.9


# Positions that don't decide


@pytest.mark.parametrize("other", [{"sure": False}, {"accuracy_m": 51.0}, {"lon": None, "lat": None, "cell": "c"}])
def test_an_unsure_position_suggests_and_never_merges(parameters, rules, other):
    one, held = seen(text="旧沙发纸箱", cell="c"), replace(HELD, text="旧沙发纸箱", **other)
    assert 0.7 <= score(parameters, one, held) < 0.9
    light = of(rules, weights=Weights(space=0.1, time=0.2, category=0.2, text=0.5))
    assert score(light, one, held) < 0.9


def test_without_a_position_only_the_same_cell_is_near(parameters):
    one = replace(seen(text="旧沙发纸箱", cell="c"), lon=None, lat=None)
    assert score(parameters, one, replace(one, case_no="x")) < 0.9
    assert judge(parameters, one, [replace(one, case_no="x", cell="d")]) == []
    assert judge(parameters, replace(one, cell=""), [replace(one, case_no="x", cell="")]) == []


# Order


def test_the_likeliest_comes_first_and_of_equals_the_older_case_then_the_lower_number(parameters):
    numbered = [seen("4", text="沙发"), seen("2"), seen("3"), seen("1", hours=0.5), seen("5", hours=-0.5)]
    for order in itertools.permutations(numbered):
        assert [match.case_no for match in judge(parameters, seen(text="沙发"), order)] == ["4", "5", "2", "3", "1"]


def test_of_a_crowd_the_nearest_are_read(parameters):
    crowd = [seen(f"{number:03}", north=number, text="沙发") for number in range(45)]
    matches = judge(parameters, seen(text="沙发"), crowd)
    assert [match.case_no for match in matches] == [f"{number:03}" for number in range(16)]


METRES = st.floats(-60, 60)
SIGHTINGS = st.builds(
    seen,
    st.uuids().map(str),
    north=METRES,
    east=METRES,
    hours=st.floats(-30, 30),
    category=st.sampled_from([LITTER, NOISE, COVER]),
    text=st.sampled_from(["", "87号门口", "91号沙发", "沙发，纸箱", "请尽快处理"]),
    component_id=st.sampled_from(["", "", "M-1", "M-2"]),
    accuracy_m=st.none() | st.floats(0, 80),
    sure=st.booleans(),
    cell=st.sampled_from(["", "c", "d"]),
)


@given(SIGHTINGS, SIGHTINGS)
def test_a_score_is_symmetric_and_the_weighted_sum_of_its_parts(parameters, one, other):
    there, back = judge(parameters, one, [other]), judge(parameters, other, [one])
    assert [match.score for match in there] == [match.score for match in back]
    for match in there:
        assert 0.7 <= match.score <= 1.0
        assert all(0.0 <= part <= 1.0 for part in match.parts.values())
        if match.klass == "D2":
            whole = 0.4 * match.parts["space"] + 0.2 * sum(match.parts[name] for name in ("time", "category", "text"))
            assert match.score == pytest.approx(whole, abs=2e-4)
            assert (match.score < 0.9) or (one.sure and other.sure)


# A case with several reports


def test_a_case_is_told_by_its_reports_together_and_placed_by_their_mean(parameters):
    first = seen("1", text="旧沙发", accuracy_m=6.0)
    joint = together(
        parameters, first, [seen("2", text="旧沙发，87号", north=20, accuracy_m=8.0, component_id="M-1")]
    )
    assert joint.text == "旧沙发\n旧沙发，87号"
    assert distance_m(first, joint) == pytest.approx(10, abs=0.01)
    assert (joint.case_no, joint.occurred_at, joint.component_id) == ("1", NOON, "M-1")
    assert joint.accuracy_m == 5.0
    assert score(parameters, seen(text="91号"), joint) < score(parameters, seen(text="91号"), first)


def test_what_joined_for_want_of_words_speaks_for_nobody_else(parameters):
    first = seen("1", text="旧沙发")
    assert together(parameters, first, [seen("2", north=20), seen("3", text="91号")]) == first


def test_a_sure_position_among_a_cases_reports_makes_it_sure(parameters):
    first = replace(seen("1", text="旧沙发", cell="c"), lon=None, lat=None, sure=False)
    joint = together(parameters, first, [seen("2", text="旧沙发", accuracy_m=8.0)])
    assert (joint.lon, joint.lat, joint.accuracy_m, joint.sure) == (LON, LAT, 8.0, True)
    unsure = together(parameters, first, [replace(first, case_no="2")])
    assert (unsure.lon, unsure.sure) == (None, False)


@given(st.lists(SIGHTINGS, min_size=1, max_size=5, unique_by=lambda one: one.case_no), st.randoms())
def test_it_does_not_matter_in_which_order_reports_joined(parameters, told, random):
    first, *others = (replace(one, category=LITTER) for one in told)
    mixed = random.sample(others, len(others))
    assert together(parameters, first, mixed) == together(parameters, first, others)
