"""Where a case goes when the grid under it is drawn anew."""

from __future__ import annotations

import pytest

from grids.city import City
from grids.fusion import fuse
from grids.projection import WGS84, transformer
from grids.successor import follow
from tests.grids.mosaic import METRIC, SOUTH, WEST, columns
from tests.redrawn import BELLTOWER, MOVED, STAYS, WHARF


def at(x, y=500.0):
    return transformer(METRIC, WGS84)(WEST + x, SOUTH + y)


@pytest.fixture(scope="module")
def moved(redrawn_city):
    """Make a city of two versions on the rules of another: each given by where its columns begin and end."""

    def make(before, after, **more):
        old, new = fuse([columns("ZZ", *before)]).cells, fuse([columns("ZZ", *after)], **more).cells
        return City(redrawn_city.rules, new, (old,)), old.version

    return make


def test_a_case_with_a_position_goes_to_the_cell_that_its_position_is_in_now(redrawn_city):
    old, new = redrawn_city.versions
    before = old.places[old.locator.locate_one(*MOVED)[0]]
    now = follow(redrawn_city, old.version, before.cell, *MOVED)
    assert (before.street, now.street) == (WHARF, BELLTOWER)
    assert now == new.places[new.locator.locate_one(*MOVED)[0]]


def test_a_case_whose_ground_did_not_change_keeps_its_place(redrawn_city):
    old, _ = redrawn_city.versions
    before = old.places[old.locator.locate_one(*STAYS)[0]]
    assert follow(redrawn_city, old.version, before.cell, *STAYS) == before
    assert follow(redrawn_city, old.version, before.cell) == before


def test_a_position_decides_even_against_the_greater_part_of_the_cell(moved):
    city, old = moved((0, 400, 1000), (0, 450, 1000))
    assert follow(city, old, "2-001", *at(420)).cell == "1-001"
    assert follow(city, old, "2-001", *at(500)).cell == "2-001"
    assert follow(city, old, "2-001").cell == "2-001"


def test_a_position_that_never_was_in_the_cell_says_nothing(moved):
    city, old = moved((0, 400, 1000), (0, 450, 1000))
    assert follow(city, old, "2-001", *at(100)).cell == "2-001"


def test_without_a_position_the_cell_with_most_of_the_ground_takes_the_case(moved):
    city, old = moved((0, 1000), (0, 300, 1000))
    assert follow(city, old, "1-001").cell == "2-001"


def test_of_two_halves_the_lower_code_takes_the_case(moved):
    city, old = moved((0, 1000), (0, 500, 1000))
    assert follow(city, old, "1-001").cell == "1-001"


def test_a_case_on_ground_that_left_the_grid_has_no_place(moved):
    city, old = moved((0, 400, 1000), (0, 400))
    assert follow(city, old, "2-001") is None
    assert follow(city, old, "2-001", *at(700)) is None
    assert follow(city, old, "1-001", *at(100)).cell == "1-001"


def test_what_no_version_of_the_pack_knows_cannot_be_followed(moved):
    city, old = moved((0, 1000), (0, 500, 1000))
    assert follow(city, "0" * 16, "1-001", *at(100)) is None
    assert follow(city, old, "9-001", *at(100)) is None


def test_a_cell_of_the_newest_version_stays_where_it_is(moved):
    city, _ = moved((0, 1000), (0, 500, 1000))
    assert follow(city, city.cells.version, "2-001", *at(100)).cell == "2-001"


def test_a_version_in_another_projection_is_followed_on_the_same_ground(moved):
    city, old = moved((0, 400, 1000), (0, 450, 1000), crs="EPSG:32648")
    assert follow(city, old, "2-001").cell == "2-001"
    assert follow(city, old, "2-001", *at(420)).cell == "1-001"
