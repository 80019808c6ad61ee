from __future__ import annotations

import numpy as np
import pytest
from mosaic import box, columns, layer, rows

from grids.errors import LayerError
from grids.fusion import fuse

EAST, WESTERN = "510104017002", "510104017001"


def test_cells_and_grids_of_a_community_carry_its_code_and_serials_from_two_ranges():
    base = layer("ZZ", {"b": box(500, 0, 1000, 500), "a": box(0, 0, 500, 500)}, {"a": WESTERN, "b": WESTERN})
    cells = fuse([base, rows("CG", 0, 250, 500)]).cells
    assert cells.codes.tolist() == [WESTERN + serial for serial in ("001", "002", "003", "004")]
    assert cells.labels["ZZ"].tolist() == ["a", "a", "b", "b"]
    assert cells.grids.tolist() == [WESTERN + "901"] * 2 + [WESTERN + "902"] * 2
    assert set(cells.communities.tolist()) == {WESTERN}


def test_serials_start_again_in_every_community():
    base = layer("ZZ", {"a": box(0, 0, 500, 500), "b": box(500, 0, 1000, 500)}, {"a": WESTERN, "b": EAST})
    cells = fuse([base]).cells
    assert cells.codes.tolist() == [WESTERN + "001", EAST + "001"]
    assert cells.grids.tolist() == [WESTERN + "901", EAST + "901"]


@pytest.mark.parametrize("parent", ["", "510104", "51010401700X"])
def test_without_a_community_a_cell_is_the_base_units_id_and_a_serial(parent):
    base = layer("ZZ", {"7": box(0, 0, 500, 500)}, {"7": parent})
    cells = fuse([base, rows("CG", 0, 250, 500, width=500)]).cells
    assert cells.codes.tolist() == ["7-001", "7-002"]
    assert cells.grids.tolist() == ["7", "7"]
    assert cells.communities.tolist() == ["", ""]


def test_a_cell_outside_the_base_layer_joins_the_neighbour_with_the_longest_border():
    base = layer("ZZ", {"1": box(0, 0, 500, 300), "2": box(0, 300, 500, 1000)})
    fusion = fuse([base, columns("CG", 0, 900)])
    orphan = fusion.cells.labels["ZZ"] == None  # noqa: E711
    assert fusion.report.orphans == 1
    assert fusion.cells.grids[orphan].tolist() == ["2"]


def test_cells_further_out_follow_their_neighbours():
    base = layer("ZZ", {"1": box(0, 0, 500, 500)})
    cells = fuse([base, columns("CG", 0, 500, 700, 900, height=500)]).cells
    assert cells.grids.tolist() == ["1"] * 3


def test_an_island_outside_the_base_layer_goes_to_the_nearest_base_unit():
    base = layer("ZZ", {"1": box(0, 0, 500, 500), "2": box(500, 0, 1000, 500)})
    island = layer("CG", {"a": box(1300, 0, 1500, 100), "b": box(-400, 0, -200, 100)})
    cells = fuse([base, island]).cells
    assert dict(zip(cells.labels["CG"], cells.grids, strict=True))["a"] == "2"
    assert dict(zip(cells.labels["CG"], cells.grids, strict=True))["b"] == "1"


def test_a_community_with_more_grids_than_serials_is_refused_by_name():
    many = 1400
    edges = np.arange(many + 1) * 10.0
    units = {f"{n:04d}": box(edges[n], 0, edges[n + 1], 100) for n in range(many)}
    with pytest.raises(LayerError, match=f"community {WESTERN}: serial 1400"):
        fuse([layer("ZZ", units, dict.fromkeys(units, WESTERN))])


def test_base_ids_that_look_like_cell_codes_give_no_code_twice():
    units = {"7-001": box(0, 0, 100, 100), "7": box(100, 0, 200, 100), WESTERN: box(200, 0, 300, 100)}
    cells = fuse([layer("ZZ", units, {"7": WESTERN}), rows("CG", 0, 50, 100, width=300)]).cells
    assert len(set(cells.codes.tolist())) == len(cells) == 6
