from __future__ import annotations

import re

import msgspec
import pytest
import shapely

from streams.outlets.console.shapes import _path, street_shapes


@pytest.fixture(scope="module")
def shapes(city):
    return street_shapes(city)


def points(path):
    return [tuple(float(part) for part in pair.split(",")) for pair in re.findall(r"-?[\d.]+,-?[\d.]+", path)]


def test_every_street_is_drawn_once_with_its_names_and_its_desk(shapes):
    assert [(street.code, street.desk) for street in shapes.streets] == [
        ("990101001", "990101"), ("990101002", "990101"), ("990102001", "990102"), ("990102002", "9901HT"),
    ]  # fmt: skip
    assert (shapes.streets[0].name_zh, shapes.streets[0].name_en) == ("码头街道", "Wharf")


def test_all_outlines_lie_in_the_box_and_fill_its_width(shapes):
    drawn = [pair for street in shapes.streets for pair in points(street.path)]
    assert shapes.width == 1000
    assert 0 < shapes.height < 500
    assert min(x for x, _ in drawn) == pytest.approx(0, abs=1)
    assert max(x for x, _ in drawn) == pytest.approx(1000, abs=1)
    assert all(-1 <= y <= shapes.height + 1 for _, y in drawn)


def test_west_is_left_and_neighbours_share_their_border(shapes):
    lefts = [min(x for x, _ in points(street.path)) for street in shapes.streets]
    assert lefts == sorted(lefts)
    rights = [max(x for x, _ in points(street.path)) for street in shapes.streets]
    assert all(abs(right - left) < 15 for right, left in zip(rights, lefts[1:], strict=False))


def test_outlines_are_small_enough_to_be_sent(shapes):
    assert len(msgspec.json.encode(shapes)) < 5000


def test_holes_and_parts_are_drawn_as_rings_of_their_own():
    ring = shapely.box(0, 0, 10, 10).difference(shapely.box(4, 4, 6, 6))
    both = shapely.MultiPolygon([ring, shapely.box(20, 0, 30, 10)])
    path = _path(both, 0, 10, 1.0)
    assert path.count("M") == path.count("Z") == 3
    assert (0.0, 0.0) in points(path)
