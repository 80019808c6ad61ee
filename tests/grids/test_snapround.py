from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.fusion.snapround import distinct, node

tangle = st.tuples(st.integers(0, 10**6), st.integers(2, 120), st.sampled_from([5, 8, 30, 1000, 10**6]))


def segments(seed, count, reach):
    return np.random.default_rng(seed).integers(0, reach, (count, 4)).astype(np.int64)


def crossings_of(pieces):
    """Pairs of pieces that meet elsewhere than at an end of both."""
    lines = shapely.linestrings(pieces.reshape(-1, 2, 2).astype(float))
    first, second = shapely.STRtree(lines).query(lines, predicate="intersects")
    first, second = first[first < second], second[first < second]
    found = []
    for a, b, meeting in zip(first, second, shapely.intersection(lines[first], lines[second]), strict=True):
        common = {tuple(pieces[a, :2]), tuple(pieces[a, 2:])} & {tuple(pieces[b, :2]), tuple(pieces[b, 2:])}
        if meeting.geom_type != "Point" or (meeting.x, meeting.y) not in common:
            found.append((pieces[a], pieces[b]))
    return found


@settings(max_examples=60, deadline=None)
@given(tangle)
def test_pieces_meet_at_their_ends_only(drawn):
    assert crossings_of(node(segments(*drawn))) == []


@settings(max_examples=40, deadline=None)
@given(tangle, st.floats(0.02, 1.5))
def test_the_size_of_tiles_and_the_order_of_segments_change_nothing(drawn, share):
    ends = segments(*drawn)
    pieces = node(ends)
    assert (node(ends, tile=max(int(drawn[2] * share), 1)) == pieces).all()
    turned = np.random.default_rng(1).permutation(ends)[:, [2, 3, 0, 1]]
    assert (node(turned, tile=max(drawn[2] // 3, 1)) == pieces).all()


@settings(max_examples=40, deadline=None)
@given(tangle)
def test_no_segment_moves_further_than_a_pixels_half_diagonal(drawn):
    ends = segments(*drawn)
    pieces = shapely.union_all(shapely.linestrings(node(ends).reshape(-1, 2, 2).astype(float)))
    lines = shapely.linestrings(ends[(ends[:, :2] != ends[:, 2:]).any(axis=1)].reshape(-1, 2, 2).astype(float))
    corners = shapely.points(shapely.get_coordinates(shapely.segmentize(lines, max(drawn[2] / 50.0, 0.5))))
    assert shapely.distance(corners, pieces).max() <= np.sqrt(0.5) + 1e-6


def test_a_crossing_on_the_corner_of_four_pixels_belongs_to_the_upper_right_one():
    pieces = node(np.array([[5, 4, 1, 0], [2, 4, 5, 1], [4, 4, 3, 1]], dtype=np.int64))
    assert crossings_of(pieces) == []
    assert [4, 3] in pieces[:, 2:].tolist()


def test_a_crossing_of_segments_too_long_for_doubles_is_still_exact():
    far = 3 * 10**8
    pieces = node(np.array([[0, 0, far, far - 1], [0, 1, far, far - 2]], dtype=np.int64))
    assert crossings_of(pieces) == []


@pytest.mark.parametrize("ends", [np.empty((0, 4)), np.array([[3, 3, 3, 3]])])
def test_nothing_but_points_gives_no_piece(ends):
    assert len(node(ends.astype(np.int64))) == 0


def test_distinct_rows_come_in_order():
    assert distinct(np.array([[2, 1], [1, 5], [2, 1], [1, 2]])).tolist() == [[1, 2], [1, 5], [2, 1]]
