"""Partitions: rough lines, splitting, grouping, and the invented ground."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.synthetic import terrain, topology
from grids.synthetic.digitise import Hand, draw
from grids.synthetic.places import read_places

SQUARE = shapely.box(0, 0, 4000, 4000)


def squares(side: int) -> np.ndarray:
    return np.array([shapely.box(x, y, x + 1, y + 1) for y in range(side) for x in range(side)], dtype=object)


@pytest.fixture(scope="module")
def truth():
    return terrain.build(read_places(), np.random.default_rng(11))


def test_a_rough_line_keeps_its_end_points_and_is_about_as_fine_as_asked():
    starts, ends = np.array([[0.0, 0.0], [5.0, 5.0]]), np.array([[1000.0, 0.0], [5.0, 45.0]])
    long, short = topology.fractal(starts, ends, 100.0, np.random.default_rng(1))
    assert long.coords[0] == (0.0, 0.0)
    assert long.coords[-1] == (1000.0, 0.0)
    assert len(long.coords) == 17
    assert len(short.coords) == 2


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_the_parts_of_a_face_cover_it_without_gap_or_overlap(count, seed):
    rng = np.random.default_rng(seed)
    parts, of = topology.split([SQUARE], [topology.scatter(SQUARE, count, rng)], 90.0, rng)
    assert len(parts) <= count
    assert set(of) == {0}
    assert shapely.coverage_is_valid(parts)
    assert shapely.union_all(parts).symmetric_difference(SQUARE).area < 1.0


def test_seeds_lie_inside_a_shape_that_bends_round_its_middle():
    bent = shapely.Polygon([(0, 0), (900, 0), (900, 900), (800, 900), (800, 100), (0, 100)])
    seeds = topology.scatter(bent, 2, np.random.default_rng(3))
    assert shapely.contains_xy(bent, *seeds.T).all()


def test_crumbs_go_to_the_neighbour_with_the_longest_shared_border():
    rings = (
        [(0, 0), (10, 0), (10, 4), (10, 10), (0, 10)],
        [(10, 0), (11, 0), (11, 4), (10, 4)],
        [(10, 4), (11, 4), (30, 4), (30, 10), (10, 10)],
    )
    faces = np.array([shapely.Polygon(ring) for ring in rings], dtype=object)
    left = topology.without_crumbs(faces, 5.0)
    assert sorted(shapely.area(left)) == [104.0, 120.0]


def test_only_neighbours_with_a_common_stretch_share_a_border():
    assert topology.shared_borders(np.array([shapely.box(0, 0, 5, 5), shapely.box(5, 0, 9, 5)])) == {(0, 1): 5.0}
    assert topology.shared_borders(np.array([shapely.box(0, 0, 5, 5), shapely.box(5, 5, 9, 9)])) == {}


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_groups_are_connected_and_as_many_as_asked(count, seed):
    parts = shapely.transform(squares(5), lambda xy: 100 * xy)
    group = topology.groups(parts, count, np.random.default_rng(seed))
    assert sorted(set(group)) == list(range(count))
    assert {shapely.coverage_union_all(parts[group == g]).geom_type for g in range(count)} == {"Polygon"}


def test_communities_nest_in_streets_and_cover_the_outline(truth):
    assert shapely.coverage_is_valid(truth.communities)
    assert shapely.area(truth.communities).sum() == pytest.approx(truth.outline.area, rel=1e-6)
    places = read_places()
    for code, street in zip(places.streets.codes, truth.streets, strict=True):
        inside = truth.communities[truth.community_streets == code]
        assert shapely.union_all(inside).symmetric_difference(street).area < 100.0


def test_every_community_of_the_table_has_its_ground_and_is_wide_enough_to_live_in(truth):
    assert sorted(truth.community_codes) == list(read_places().communities.codes)
    assert (2 * shapely.area(truth.communities) / shapely.length(truth.communities)).min() > 50.0


def test_the_ground_has_the_area_and_the_place_of_the_five_districts(truth):
    assert truth.outline.area / 1e6 == pytest.approx(465, abs=1)
    lon, lat = terrain.to_degrees(*np.array([[truth.outline.centroid.x], [truth.outline.centroid.y]]))
    assert (lon[0], lat[0]) == pytest.approx((104.06, 30.665), abs=0.02)


def test_a_place_that_finds_no_room_is_an_error_that_says_so():
    places = read_places()
    crowded = replace(places.streets, east_km=0 * places.streets.east_km, north_km=places.streets.north_km // 4)
    with pytest.raises(ValueError, match=r"streets drawn; expected 62: .* try another seed"):
        terrain.build(replace(places, streets=crowded), np.random.default_rng(1))


def test_ring_sectors_pay_no_heed_to_streets(truth):
    sectors = terrain.rings(truth, np.random.default_rng(5))
    assert 36 <= len(sectors) <= 40
    assert shapely.coverage_is_valid(sectors)
    assert shapely.area(sectors).sum() == pytest.approx(truth.outline.area, rel=1e-6)


def test_another_seed_gives_another_ground(truth):
    other = terrain.build(read_places(), np.random.default_rng(12))
    assert truth.outline.symmetric_difference(other.outline).area > 1e6


def test_grids_are_smaller_where_communities_are_small(truth):
    parts, of = terrain.cut(truth, 1500, 0.55, 90.0, np.random.default_rng(2))
    size = shapely.area(truth.communities)
    mean = np.array([shapely.area(parts[of == i]).mean() for i in range(len(size))])
    assert mean[size > np.quantile(size, 0.8)].mean() > 1.5 * mean[size < np.quantile(size, 0.2)].mean()


def test_a_careful_hand_draws_what_is_there(truth):
    drawn = draw(truth.streets, Hand(0.0, 0.0, 0.0, 0, 0), np.random.default_rng(1))
    assert shapely.equals(drawn, truth.streets).all()


def test_noise_moves_neighbours_alike_and_about_as_far_as_said(truth):
    drawn = draw(truth.streets, Hand(4.0, 0.5, 0.0, 0, 0), np.random.default_rng(1))
    assert shapely.coverage_is_valid(drawn)
    before, after = (shapely.points(shapely.get_coordinates(shapes)) for shapes in (truth.streets, drawn))
    _, far = shapely.STRtree(after).query_nearest(before, return_distance=True, all_matches=False)
    assert 3.0 < np.sqrt((far**2).mean()) < 7.0
    rim = shapely.hausdorff_distance(shapely.union_all(drawn).boundary, truth.outline.boundary)
    assert rim < 4.0


def test_defects_are_as_many_as_said_and_leave_every_shape_valid(truth):
    drawn = draw(truth.communities, Hand(1.0, 0.2, 10.0, 7, 5), np.random.default_rng(1))
    assert shapely.is_valid(drawn).all()
    assert sum(len(part.interiors) for part in shapely.get_parts(shapely.union_all(drawn))) == 7
    one, two = shapely.STRtree(drawn).query(drawn, predicate="intersects")
    common = shapely.area(shapely.intersection(drawn[one], drawn[two]))[one < two]
    assert int((common > 1.0).sum()) == 5


def test_a_vertex_whose_move_would_break_a_shape_stays_where_it_is():
    thin = np.array([shapely.Polygon([(0, 0), (100, 0), (100, 2), (50, 1), (0, 2)])], dtype=object)
    for seed in range(20):
        assert draw(thin, Hand(0.0, 6.0, 0.0, 0, 0), np.random.default_rng(seed))[0].is_valid
