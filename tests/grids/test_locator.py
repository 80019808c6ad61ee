from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from mosaic import METRIC, SOUTH, WEST, box, columns, layer, partition, rows

from grids.fusion import fuse
from grids.locator import METHODS, NONE, POINT, SNAP, Locator
from grids.projection import WGS84, transformer

to_metric, to_degrees = transformer(WGS84, METRIC), transformer(METRIC, WGS84)


def covering(cells, x, y):
    """The lowest cell that covers each point by shapely's own predicate."""
    points = shapely.points(x, y)
    cell, point = shapely.STRtree(points).query(cells.geometry, predicate="covers")
    lowest = np.full(len(points), len(cells))
    np.minimum.at(lowest, point, cell)
    return np.where(lowest == len(cells), -1, lowest)


def halves():
    return fuse([columns("ZZ", 0, 400, 1000)]).cells


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 1.0, 4.0]))
def test_the_answers_are_those_of_covers_on_random_points_vertices_and_midpoints(seed, noise):
    cells = fuse([partition("ZZ", seed, 9, noise), partition("CG", seed + 1, 7, noise)]).cells
    rng = np.random.default_rng(seed)
    rings = shapely.get_coordinates(cells.geometry)
    middles = np.round((rings[1:] + rings[:-1]) / 2.0, 2)
    scattered = np.add(rng.uniform(-50, 1050, (500, 2)), (WEST, SOUTH))
    x, y = np.concatenate((rings, middles, scattered)).T
    assert (Locator(cells).locate_xy(x, y).index == covering(cells, x, y)).all()


def test_a_point_on_a_border_goes_to_the_lowest_code_and_is_no_metre_from_it():
    located = Locator(halves()).locate_xy(WEST + 400.0, SOUTH + 500.0)
    assert located.index[0] == 0
    assert located.border_m[0] == 0.0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_pixel_beside_anothers_border_that_does_not_reach_it_is_in_its_own_cell(seed):
    cells = fuse([partition("ZZ", seed, 10, 1.0), partition("CG", seed + 1, 10, 1.0)]).cells
    along = shapely.get_coordinates(shapely.segmentize(cells.geometry, 5.0))
    rng = np.random.default_rng(seed)
    x, y = np.concatenate([along + rng.uniform(-reach, reach, along.shape) for reach in (3.0, 6.0)]).T
    assert (Locator(cells).locate_xy(x, y, border=False).index == covering(cells, x, y)).all()


def test_the_border_distance_is_in_metres_to_the_nearest_border():
    located = Locator(halves()).locate_xy([WEST + 390.0, WEST + 700.0], [SOUTH + 500.0, SOUTH + 980.0])
    assert located.border_m == pytest.approx([10.0, 20.0])
    assert located.method.tolist() == [POINT, POINT]


def test_without_border_no_distance_is_measured():
    located = Locator(halves()).locate_xy(WEST + 1.0, SOUTH + 1.0, border=False)
    assert np.isnan(located.border_m[0])


def test_a_point_outside_is_nowhere_unless_it_is_near_enough_to_snap():
    cells = halves()
    x, y = [WEST - 8.0, WEST - 30.0], [SOUTH + 10.0, SOUTH + 10.0]
    assert Locator(cells).locate_xy(x, y).index.tolist() == [-1, -1]
    located = Locator(cells, snap_m=10.0).locate_xy(x, y)
    assert located.index.tolist() == [0, -1]
    assert located.method.tolist() == [SNAP, NONE]
    assert located.border_m[0] == pytest.approx(8.0)
    assert np.isnan(located.border_m[1])


def test_snapping_between_two_equally_near_cells_takes_the_lowest_code():
    located = Locator(halves(), snap_m=10.0).locate_xy(WEST + 400.0, SOUTH - 5.0, border=False)
    assert located.index[0] == 0


def test_missing_and_impossible_coordinates_are_nowhere():
    lon, lat = to_degrees(WEST + 10.0, SOUTH + 10.0)
    located = Locator(halves(), snap_m=50.0).locate([np.nan, lon, np.inf, 999.0], [lat, lat, lat, 999.0])
    assert located.method.tolist() == [NONE, POINT, NONE, NONE]
    assert located.index.tolist() == [-1, 0, -1, -1]


def test_one_point_gets_the_same_answer_as_many():
    cells = fuse([partition("ZZ", 1, 12), partition("CG", 2, 12)]).cells
    locator = Locator(cells, snap_m=20.0)
    rng = np.random.default_rng(3)
    lon, lat = to_degrees(*np.add(rng.uniform(-40, 1040, (300, 2)), (WEST, SOUTH)).T)
    many = locator.locate(lon, lat)
    for number in range(300):
        index, method, border = locator.locate_one(float(lon[number]), float(lat[number]))
        assert (index, method) == (many.index[number], many.method[number])
        assert border == pytest.approx(many.border_m[number], abs=1e-6, nan_ok=True)


def test_one_point_without_coordinates_is_nowhere():
    index, method, border = Locator(halves(), snap_m=5.0).locate_one(float("nan"), float("nan"))
    assert (index, METHODS[method]) == (-1, "NONE")
    assert np.isnan(border)


def test_a_hole_is_outside_and_an_islet_in_it_inside():
    ring = shapely.difference(box(0, 0, 900, 900), box(300, 300, 600, 600))
    cells = fuse([layer("ZZ", {"ring": ring, "islet": box(400, 400, 500, 500)})]).cells
    located = Locator(cells).locate_xy(WEST + np.array([10.0, 350.0, 450.0]), SOUTH + np.array([10.0, 350.0, 450.0]))
    assert [None if i < 0 else cells.labels["ZZ"][i] for i in located.index] == ["ring", None, "islet"]


def test_a_narrow_city_gets_a_raster_that_fits():
    cells = fuse([layer("ZZ", {"1": box(0, 0, 20_000, 10)})]).cells
    assert Locator(cells).locate_xy(WEST + 15_000.0, SOUTH + 5.0).border_m[0] == pytest.approx(5.0)


def test_no_points_give_no_answers():
    located = Locator(fuse([rows("ZZ", 0, 500)]).cells, snap_m=5.0).locate(np.empty(0), np.empty(0))
    assert len(located.index) == len(located.method) == len(located.border_m) == 0
