"""The outlines of a city's streets, drawn once for all maps."""

from __future__ import annotations

import pytest
import shapely

from grids.city import open_city
from grids.fusion import fuse
from grids.outlines import DETAIL_M, draw_outlines, read_outlines, write_outlines
from grids.places import Place
from tests.grids.mosaic import columns
from tests.packs import STREETS


@pytest.fixture(scope="module")
def town():
    return fuse([columns("ZZ", 0, 300, 600, 1000)]).cells


def place(street="", district="", desk="D"):
    return Place("", "", "", street, district, desk, (), "", 1.0)


def test_each_street_is_the_ground_of_its_cells_and_has_the_desk_of_its_first(town):
    found = draw_outlines(town, [place("s2", desk="B"), place("s1", desk="A"), place("s1", desk="C")])
    assert [(one.area, one.desk) for one in found] == [("s1", "A"), ("s2", "B")]
    assert [one.shape.area for one in found] == pytest.approx([700_000, 300_000])


def test_where_no_street_is_known_the_district_is_drawn_and_else_the_desk(town):
    found = draw_outlines(town, [place("s", "d"), place("", "d"), place()])
    assert [one.area for one in found] == ["D", "d", "s"]


def test_the_streets_of_a_city_cover_its_cells(small_city):
    outlines = small_city.grid.outlines
    assert [one.area for one in outlines] == sorted(STREETS)
    ground = shapely.union_all(small_city.cells.geometry)
    assert shapely.hausdorff_distance(shapely.union_all([one.shape for one in outlines]), ground) < DETAIL_M


def test_outlines_read_back_are_those_that_were_written(small_city, small_pack, tmp_path):
    write_outlines(small_city.grid.outlines, tmp_path)
    assert read_outlines(tmp_path) == small_city.grid.outlines
    compiled = open_city(small_pack, tmp_path / "cache")
    assert compiled.grid.outlines == small_city.grid.outlines
    assert "places" not in vars(compiled.grid)
