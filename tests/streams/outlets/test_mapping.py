from __future__ import annotations

import gzip
import json

import pytest

from streams.outlets.console.mapping import MapError, Maps


@pytest.fixture(scope="module")
def maps(city):
    return Maps(city)


def drawn(maps, level, **where):
    return json.loads(gzip.decompress(maps.shapes(level, **where)))


def codes(found):
    return [shape["c"] for shape in found["shapes"]]


def test_streets_are_drawn_with_names_and_desk_and_desks_are_made_of_them(maps):
    found = drawn(maps, "street")
    assert codes(found) == ["990101001", "990101002", "990102001", "990102002"]
    assert (found["shapes"][0]["n"], found["shapes"][3]["d"]) == (["码头街道", "Wharf"], "9901HT")
    assert codes(drawn(maps, "desk")) == ["990101", "990102", "9901HT"]


def test_a_street_is_drilled_down_to_its_grids_and_cells(maps, city):
    grids = {place.grid for place in city.cell_places if place.street == "990101001"}
    assert set(codes(drawn(maps, "grid", street="990101001"))) == grids
    cells = {place.cell for place in city.cell_places if place.desk == "990102"}
    assert set(codes(drawn(maps, "cell", desk="990102"))) == cells


def test_old_units_say_in_which_new_grids_their_ground_lies(maps):
    found = drawn(maps, "old", net="CG")
    assert codes(found) == ["CG1", "CG2", "CG3", "CG4"]
    for shape in found["shapes"]:
        shares = [share for _, share in shape["x"]]
        assert shares == sorted(shares, reverse=True)
        assert 0.99 < sum(shares) <= 1.0001 or len(shares) == 6


def test_shapes_are_degrees_latitude_first_within_their_bounds(maps):
    found = drawn(maps, "cell")
    (south, west), (north, east) = found["bounds"]
    assert (round(south, 3), round(west, 3)) == (30.6, 104.0)
    for shape in found["shapes"]:
        for ring in (ring for part in shape["p"] for ring in part):
            assert all(south - 1e-6 <= lat <= north + 1e-6 and west - 1e-6 <= lon <= east + 1e-6 for lat, lon in ring)


@pytest.mark.parametrize(
    ("level", "where"), [("planet", {}), ("old", {"net": "XX"}), ("grid", {"street": "1"}), ("cell", {"desk": "1"})]
)
def test_a_place_that_is_not_there_is_told(maps, level, where):
    with pytest.raises(MapError, match="expected"):
        maps.shapes(level, **where)


def test_what_was_drawn_once_is_kept(maps):
    assert maps.shapes("street") is maps.shapes("street")
