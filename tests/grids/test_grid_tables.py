from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mosaic import box, columns, layer, partition, rows

from grids.crosswalk import Crosswalk
from grids.errors import LayerError
from grids.fusion import fuse
from grids.layerpairs import LayerPairs

ONE, TWO = "510104017001", "510104017002"


def town():
    return layer(
        "ZZ",
        {"1": box(0, 0, 400, 1000), "2": box(400, 0, 1000, 1000)},
        {"1": ONE, "2": TWO},
    )


def campus():
    return layer("ZS", {"campus": box(300, 0, 600, 200), "market": box(700, 500, 900, 700)})


def grids_of(fusion):
    table = fusion.grids
    return {str(code): (str(kind), str(unit), str(parent)) for code, kind, unit, parent in
            zip(table.grid, table.kind, table.unit, table.community, strict=True)}  # fmt: skip


def test_a_special_purpose_grid_that_spans_communities_stays_whole_and_hangs_on_the_larger_share():
    fusion = fuse([town(), campus()], special="ZS")
    assert grids_of(fusion) == {
        ONE + "901": ("REGULAR", "1", ONE),
        TWO + "901": ("REGULAR", "2", TWO),
        "510104017601901": ("SPECIAL", "campus", TWO),
        TWO + "902": ("SPECIAL", "market", TWO),
    }
    inside = fusion.cells.labels["ZS"] == "campus"
    assert set(fusion.cells.grids[inside]) == {"510104017601901"}
    assert set(fusion.cells.communities[inside]) == {ONE, TWO}
    assert fusion.report.special_grids == 2


def test_special_purpose_grids_keep_their_codes_in_the_next_version():
    first = fuse([town(), campus()], special="ZS")
    more = layer(
        "ZS", {"airport": box(350, 800, 500, 900), **dict(zip(campus().ids, campus().geometries, strict=True))}
    )
    second = fuse([town(), more], special="ZS", previous=first.cells)
    was = {unit: grid for grid, (kind, unit, _) in grids_of(first).items()}
    now = {unit: grid for grid, (kind, unit, _) in grids_of(second).items()}
    assert {unit: now[unit] for unit in was} == was
    assert now["airport"] == "510104017602901"


def test_without_communities_a_special_purpose_grid_is_named_after_its_unit():
    fusion = fuse([columns("ZZ", 0, 400, 1000), campus()], special="ZS")
    assert set(fusion.cells.grids) == {"1", "2", "ZS-campus", "ZS-market"}


@pytest.mark.parametrize("special", ["ZZ", "HB"])
def test_the_net_of_special_purpose_grids_is_another_one_than_the_base(special):
    with pytest.raises(LayerError, match="not the base layer"):
        fuse([town(), campus()], special=special)


def test_grids_have_names_in_both_languages(tmp_path):
    named = replace(
        town(), names=np.array(["春熙路", ""], dtype=object), names_en=np.array(["Chunxi Road", ""], dtype=object)
    )
    fusion = fuse([named])
    fusion.write(tmp_path)
    table = pq.read_table(tmp_path / "grids.parquet").to_pylist()
    assert [(row["name_zh"], row["name_en"]) for row in table] == [("春熙路", "Chunxi Road"), ("网格 2", "Grid 2")]
    assert [row["cells"] for row in table] == [1, 1]


def test_neighbours_are_listed_with_the_length_of_their_border(tmp_path):
    fusion = fuse([columns("ZZ", 0, 400, 1000), rows("CG", 0, 300, 1000)])
    fusion.write(tmp_path)
    found = {
        (row["cell"], row["neighbour"]): row["border_m"]
        for row in pq.read_table(tmp_path / "adjacency.parquet").to_pylist()
    }
    assert len(found) == 4
    assert sorted(found.values()) == [300.0, 400.0, 600.0, 700.0]
    assert all(one < other for one, other in found)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 1.0]))
def test_the_weights_of_every_unit_towards_every_other_layer_sum_to_one(seed, noise):
    fusion = fuse([partition("ZZ", seed, 8, noise), partition("CG", seed + 1, 6, noise), columns("YJ", 0, 400, 900)])
    pairs = fusion.pairs
    for layers, units, weights in (
        ((pairs.layer_a, pairs.layer_b), pairs.unit_a, pairs.weight_a),
        ((pairs.layer_b, pairs.layer_a), pairs.unit_b, pairs.weight_b),
    ):
        sums = {}
        for one, other, unit, weight in zip(*layers, units, weights, strict=True):
            if unit:
                sums[one, other, unit] = sums.get((one, other, unit), 0.0) + weight
        assert sums
        assert all(abs(total - 1.0) < 1e-9 for total in sums.values())


def test_pairs_know_strips_that_the_grid_gave_to_one_side(tmp_path):
    fusion = fuse([columns("ZZ", 0, 500, 1000), columns("CG", 0, 501, 1000)])
    assert len(fusion.cells) == 2
    pairs = fusion.pairs.between("CG", "ZZ")
    assert pairs["1", "2"] == pytest.approx(1000.0)
    fusion.pairs.write(tmp_path)
    again = LayerPairs.read(tmp_path)
    assert again.between("CG", "ZZ") == pairs
    assert again.between("ZZ", "CG")["2", "1"] == pytest.approx(1000.0)
    assert again.width_m[again.area_m2 < 2000.0][0] == pytest.approx(2.0 * 1000 / 2002)


def test_one_layer_has_no_pairs():
    assert len(fuse([columns("ZZ", 0, 500)]).pairs) == 0


def test_weights_follow_people_where_they_are_known_and_the_area_elsewhere(tmp_path):
    cells = fuse([columns("ZZ", 0, 400, 1000), rows("CG", 0, 300, 1000)]).cells
    people = np.array([30.0, 10.0, 0.0, 0.0])
    walk = Crosswalk.of(cells).weighted("population", cells, people)
    assert dict(walk.cells_of("ZZ", "1", by="population")) == {"1-001": 0.75, "1-002": 0.25}
    assert walk.cells_of("ZZ", "2", by="population") == walk.cells_of("ZZ", "2")
    walk.write(tmp_path)
    again = Crosswalk.read(tmp_path)
    assert (again.weights["population"] == walk.weights["population"]).all()
    assert (again.grid == walk.grid).all()
