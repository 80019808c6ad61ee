from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mosaic import METRIC, columns, layer, partition, rows
from mosaic import box as square

from grids.errors import LayerError
from grids.fusion import fuse
from grids.lineage import Lineage, diff, heirs
from grids.projection import WGS84, project

TOWN = "510104017001"


def told(lineage):
    return [(old, new, kind) for old, new, kind in zip(lineage.old, lineage.new, lineage.kind, strict=True)]


def communities(one, code=TOWN):
    return layer(one.net, dict(zip(one.ids, one.geometries, strict=True)), dict.fromkeys(one.ids, code))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 1.0]))
def test_a_version_against_itself_is_all_the_same(seed, noise):
    cells = fuse([partition("ZZ", seed, 8, noise), partition("CG", seed + 1, 6, noise)]).cells
    found = diff(cells, cells)
    assert set(found.kind) == {"same"}
    assert (found.old == found.new).all()
    assert np.allclose(found.weight_old, 1.0)
    assert found.resolve(cells.codes[0], cells.version) == []


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_the_weights_of_every_old_and_every_new_cell_sum_to_one(seed):
    old = fuse([partition("ZZ", seed, 8), partition("CG", seed + 1, 6)]).cells
    new = fuse([partition("ZZ", seed + 2, 8), partition("CG", seed + 1, 6)]).cells
    found = diff(old, new)
    for codes, weights in ((found.old, found.weight_old), (found.new, found.weight_new)):
        _, number = np.unique(codes[codes != ""].astype(str), return_inverse=True)
        assert np.bincount(number, weights=weights[codes != ""]) == pytest.approx(1.0, abs=1e-2)


def test_every_kind_of_change_is_told():
    old = fuse([columns("ZZ", 0, 100, 200, 300, 400, 500)]).cells
    changed = layer(
        "ZZ",
        {
            "1": square(0, 0, 100, 1000),
            "2": square(100, 0, 150, 1000),
            "3": square(150, 0, 200, 1000),
            "4": square(200, 0, 400, 1000),
            "6": square(600, 0, 700, 1000),
        },
    )
    found = diff(old, fuse([changed]).cells)
    assert told(found) == [
        ("", "6-001", "new"),
        ("1-001", "1-001", "same"),
        ("2-001", "2-001", "split"),
        ("2-001", "3-001", "split"),
        ("3-001", "4-001", "merged"),
        ("4-001", "4-001", "merged"),
        ("5-001", "", "gone"),
    ]
    assert found.counts == {"same": 1, "split": 2, "merged": 2, "moved": 0, "gone": 1, "new": 1}
    assert found.weight_old.tolist() == pytest.approx([0, 1, 0.5, 0.5, 1, 1, 1])


def test_a_border_that_moved_is_told_of_both_its_cells():
    old, new = fuse([columns("ZZ", 0, 400, 1000)]).cells, fuse([columns("ZZ", 0, 450, 1000)]).cells
    assert told(diff(old, new)) == [
        ("1-001", "1-001", "moved"),
        ("2-001", "1-001", "moved"),
        ("2-001", "2-001", "moved"),
    ]


def test_two_centimetres_are_no_change():
    old, new = fuse([columns("ZZ", 0, 400, 1000)]).cells, fuse([columns("ZZ", 0, 400.01, 1000)]).cells
    assert set(diff(old, new).kind) == {"same"}


def test_versions_in_different_projections_are_compared_on_the_same_ground():
    one = columns("ZZ", 0, 400, 1000)
    shapes = project(one.geometries, METRIC, WGS84)
    old = fuse([one]).cells
    new = fuse([layer("ZZ", dict(zip(one.ids, shapes, strict=True)), crs=WGS84)], crs="EPSG:32648").cells
    assert set(diff(old, new).kind) == {"same"}


def test_a_version_before_in_another_projection_passes_its_codes_on():
    one = communities(columns("ZZ", 0, 400, 1000))
    first = fuse([one], crs="EPSG:32648")
    grown = layer("ZZ", {"0": square(-100, 0, 0, 1000), **dict(zip(one.ids, one.geometries, strict=True))})
    second = fuse([communities(grown)], previous=first.cells)
    assert second.report.kept_codes == 2
    same = second.lineage.kind == "same"
    assert (second.lineage.old[same] == second.lineage.new[same]).all()
    assert same.sum() == 2


def test_cells_that_nobody_touched_keep_their_codes_and_used_ones_are_never_given_again():
    first = fuse([communities(columns("ZZ", 0, 400, 1000)), rows("CG", 0, 300, 1000)])
    halves = layer(
        "CG", {"a": square(0, 0, 1000, 300), "b": square(0, 300, 700, 1000), "c": square(700, 300, 1000, 1000)}
    )
    second = fuse([communities(columns("ZZ", 0, 400, 1000)), halves], previous=first.cells)
    same = second.lineage.kind == "same"
    assert (second.lineage.old[same] == second.lineage.new[same]).all()
    assert second.report.kept_codes == 3
    split = second.lineage.old[second.lineage.kind == "split"][0]
    assert split not in second.cells.codes
    assert split in second.cells.retired
    third = fuse([communities(columns("ZZ", 0, 400, 1000)), rows("CG", 0, 300, 1000)], previous=second.cells)
    back = set(third.cells.codes) - set(second.cells.codes)
    assert len(back) == 1
    assert not back & {*first.cells.codes, *second.cells.codes}
    assert set(third.cells.grids) == set(first.cells.grids)


def test_an_old_code_is_followed_through_several_versions(tmp_path):
    first = fuse([columns("ZZ", 0, 400, 1000)])
    second = fuse([columns("ZZ", 0, 450, 1000)], previous=first.cells)
    third = fuse([columns("ZZ", 0, 450, 600, 1000)], previous=second.cells)
    whole = third.lineage.after(second.lineage)
    whole.write(tmp_path / "lineage.parquet")
    again = Lineage.read(tmp_path / "lineage.parquet")
    found = dict(again.resolve("2-001", first.cells.version))
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["1-001"] == pytest.approx(50 / 600)
    assert again.resolve("9-999", first.cells.version) == []


def test_new_base_units_do_not_renumber_the_grids_of_their_community():
    one = communities(layer("ZZ", {"b": square(0, 0, 400, 400), "c": square(400, 0, 800, 400)}))
    two = communities(
        layer("ZZ", {"a": square(800, 0, 900, 400), "b": square(0, 0, 400, 400), "c": square(400, 0, 800, 400)})
    )
    first = fuse([one])
    second = fuse([two], previous=first.cells)
    grid = dict(zip(second.cells.labels["ZZ"], second.cells.grids, strict=True))
    assert grid == {"a": TOWN + "903", "b": TOWN + "901", "c": TOWN + "902"}


def test_what_was_split_has_no_heir_and_what_moved_a_little_has():
    old = np.array([square(0, 0, 100, 100), square(100, 0, 200, 100)])
    new = np.array([square(0, 0, 110, 100), square(110, 0, 150, 100), square(150, 0, 200, 100)])
    assert heirs(old, new).tolist() == [0, -1, -1]


def test_another_ending_than_parquet_or_csv_is_refused(tmp_path):
    cells = fuse([columns("ZZ", 0, 400)]).cells
    diff(cells, cells).write(tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().splitlines()[0].startswith('"from_version"')
    with pytest.raises(LayerError, match=r"parquet or \.csv"):
        diff(cells, cells).write(tmp_path / "x.json")
