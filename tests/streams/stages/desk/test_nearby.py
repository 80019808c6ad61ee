from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from grids.settings import DuplicatesForm, Nearness, Repeat
from streams.stages.desk.duplicates import METRES_PER_DEGREE, Parameters, Seen, judge
from streams.stages.desk.nearby import Closings, Nearby

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LITTER, NOISE, COVER = "E-01-10", "E-01-20", "C-01-01"


@pytest.fixture(scope="module")
def parameters(small_city):
    form = DuplicatesForm(diffuse=Nearness(300, 12, [NOISE]), repeat=Repeat(times=2, days=30))
    return Parameters.of(form, small_city.rules.catalogue)


def seen(number="new", *, north=0.0, east=0.0, hours=0.0, at=(104.0, 30.6), **fields):
    lon, lat = at[0] + east / METRES_PER_DEGREE, at[1] + north / METRES_PER_DEGREE
    return Seen(number, fields.pop("category", LITTER), NOON + timedelta(hours=hours), lon=lon, lat=lat, **fields)


def holding(parameters, *held):
    near = Nearby(parameters)
    for one in held:
        near.add(one)
    return near


def numbers(found):
    return [one.case_no for one in found]


SIGHTINGS = st.builds(
    seen,
    st.integers(0, 30).map(str),
    north=st.floats(-400, 400),
    east=st.floats(-400, 400),
    hours=st.integers(-30, 30),
    at=st.sampled_from([(104.0, 30.6), (104.0, 30.5), (-73.99, 40.75), (151.2, -33.87), (10.0, 0.0)]),
    category=st.sampled_from([LITTER, NOISE, COVER]),
    component_id=st.sampled_from(["", "", "M-1"]),
    accuracy_m=st.none() | st.floats(0, 90),
    cell=st.sampled_from(["", "c", "d"]),
)
PLACELESS = SIGHTINGS.map(lambda one: replace(one, lon=None, lat=None, sure=False))
CASES = st.lists(SIGHTINGS | PLACELESS, max_size=25, unique_by=lambda one: one.case_no)
ASKED = (SIGHTINGS | PLACELESS).map(lambda one: replace(one, case_no="new"))


# Open cases


@given(CASES, ASKED)
def test_no_case_that_would_be_judged_a_match_is_overlooked(parameters, held, asked):
    everything = judge(parameters, asked, held)
    assert judge(parameters, asked, holding(parameters, *held).near(asked)) == everything


@given(CASES, ASKED, st.randoms())
def test_in_whatever_order_cases_come_the_same_are_near_in_the_same_order(parameters, held, asked, random):
    mixed = random.sample(held, len(held))
    assert holding(parameters, *mixed).near(asked) == holding(parameters, *held).near(asked)


@given(CASES, st.lists(st.integers(0, 30).map(str)), ASKED)
def test_what_has_left_leaves_no_trace(parameters, held, leaving, asked):
    near = holding(parameters, *held)
    for number in leaving:
        near.remove(number)
    left = [one for one in held if one.case_no not in leaving]
    assert len(near) == len(left)
    assert near.near(asked) == holding(parameters, *left).near(asked)
    for one in left:
        near.remove(one.case_no)
    assert (len(near), near._shelves._shelves) == (0, {})


def test_a_case_held_anew_is_found_as_it_is_now(parameters):
    near = holding(parameters, seen("1"), seen("1", north=5000))
    assert near.near(seen()) == []
    assert numbers(near.near(seen(north=5000))) == ["1"]
    assert len(near) == 1


def test_cases_are_near_in_the_order_of_their_time_then_number(parameters):
    near = holding(parameters, seen("3"), seen("2"), seen("9", hours=-1), seen("1", hours=1), seen("new"))
    assert numbers(near.near(seen())) == ["9", "2", "3", "1"]


def test_only_the_hours_of_the_category_are_looked_through_but_a_component_is_known_for_ever(parameters):
    near = holding(parameters, seen("1", hours=-25), seen("2", hours=-24), seen("3", hours=-900, component_id="M-1"))
    assert numbers(near.near(seen())) == ["2"]
    assert numbers(near.near(seen(component_id="M-1", north=90_000))) == ["3"]


def test_what_has_no_position_is_near_what_is_in_its_cell(parameters):
    placed, loose = seen("1", cell="c"), replace(seen("2", cell="c"), lon=None, lat=None)
    near = holding(parameters, placed, loose, seen("3", cell="d"))
    assert numbers(near.near(replace(loose, case_no="new"))) == ["1", "2"]
    assert numbers(near.near(seen(north=5000, cell="c"))) == ["2"]
    assert near.near(replace(loose, case_no="new", cell="")) == []


# Closings


def closed(parameters, *closings):
    found = Closings(parameters)
    for one, days in closings:
        found.add(one, NOON + timedelta(days=days))
    return found


def test_closings_of_the_same_matter_at_the_same_place_in_the_days_before_are_counted(parameters):
    closings = closed(
        parameters,
        (seen("1"), -1),
        (seen("2", north=49), -30),
        (seen("3"), -30.001),
        (seen("4"), 0.001),
        (seen("5", north=51), -1),
        (seen("6", category=NOISE), -1),
        (seen("new"), -1),
    )
    assert closings.count(seen(), NOON) == 2
    assert closings.repeats(seen(), NOON)
    assert closings.count(seen(), NOON - timedelta(days=30.0005)) == 1
    assert not closings.repeats(seen(), NOON - timedelta(days=30.0005))


def test_the_accuracy_of_both_positions_widens_a_place(parameters):
    closings = closed(parameters, (seen("1", north=69, accuracy_m=8), -1))
    assert closings.count(seen(accuracy_m=6), NOON) == 1
    assert closings.count(seen(accuracy_m=0), NOON) == 0


def test_a_component_is_a_place_wherever_it_is_and_another_one_beside_it_is_none(parameters):
    closings = closed(
        parameters,
        (seen("1", category=COVER, component_id="M-1", north=9000), -1),
        (seen("2", category=COVER, component_id="M-2"), -1),
        (seen("3", category=COVER), -1),
    )
    assert closings.count(seen(category=COVER, component_id="M-1"), NOON) == 2
    assert closings.count(seen(category=COVER), NOON) == 2


@pytest.mark.parametrize("unsure", [{"sure": False}, {"lon": None, "lat": None}])
def test_an_unsure_position_is_no_place(parameters, unsure):
    assert closed(parameters, (seen("1"), -1)).count(replace(seen(cell="c"), **unsure), NOON) == 0
    assert closed(parameters, (replace(seen("1", cell="c"), **unsure), -1)).count(seen(cell="c"), NOON) == 0


def test_a_case_closed_twice_counts_once_and_a_reopened_one_not_at_all(parameters):
    closings = closed(parameters, (seen("1"), -20), (seen("1"), -2))
    assert closings.count(seen(), NOON) == 1
    assert closings.count(seen(), NOON - timedelta(days=10)) == 0
    closings.remove("1")
    assert (closings.count(seen(), NOON), len(closings)) == (0, 0)


@given(
    st.lists(
        st.tuples(SIGHTINGS | PLACELESS, st.integers(-60, 0)), max_size=20, unique_by=lambda one: one[0].case_no
    ),
    ASKED,
    st.integers(-40, 0),
    st.randoms(),
)
def test_when_memory_is_cleared_and_in_which_order_it_came_changes_no_answer(parameters, held, asked, day, random):
    kept, cleared = closed(parameters, *held), closed(parameters, *random.sample(held, len(held)))
    cleared.forget(NOON + timedelta(days=day))
    for later in (day, day + 3.5, 0):
        at = NOON + timedelta(days=max(day, later))
        assert cleared.count(asked, at) == kept.count(asked, at)


def test_what_no_later_moment_asks_for_is_forgotten(parameters):
    closings = closed(parameters, (seen("1"), -40), (seen("2"), -10), (seen("1"), -20), (seen("3"), -31))
    closings.forget(NOON)
    assert len(closings) == 2
    closings.forget(NOON + timedelta(days=50))
    assert (len(closings), closings._order, closings._shelves._shelves) == (0, [], {})
