from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from mosaic import box, columns, layer, partition, rows, shuffled

from grids.fusion import fuse, pool
from grids.fusion.prepare import prepare
from grids.fusion.snapping import BaseBorder, snap
from grids.testing import METRIC, make_city, plant


def written(fusion, directory):
    fusion.cells.write(directory)
    return (directory / "cells.parquet").read_bytes()


@pytest.fixture(scope="module")
def city():
    return make_city(600, noise_m=2.0)


@pytest.fixture(scope="module")
def fusion(city):
    return fuse(city, base="ZZ")


def test_a_synthetic_city_is_a_valid_base_and_departments_that_are_a_little_off(city):
    assert [layer.net for layer in city] == ["ZZ", "CG", "HB", "YJ"]
    assert all(shapely.is_valid(layer.geometries).all() for layer in city)
    assert shapely.coverage_is_valid(city[0].geometries)
    assert len(city[0].ids) == 600
    again = make_city(600, noise_m=2.0)
    assert all(shapely.equals_exact(a.geometries, b.geometries).all() for a, b in zip(city, again, strict=True))


def test_a_noisy_city_fuses_without_a_broken_promise(fusion):
    assert fusion.report.clean
    assert fusion.report.thin_kept == []
    assert fusion.report.area_error < 1e-6
    assert fusion.report.slivers_merged > 1000


@pytest.mark.parametrize("tile_m", [130.0, 700.0, 5000.0])
def test_another_size_of_tiles_gives_the_same_bytes(tmp_path, city, fusion, tile_m):
    assert written(fuse(city, base="ZZ", tile_m=tile_m), tmp_path / "b") == written(fusion, tmp_path / "a")


def test_shuffled_units_and_more_processes_give_the_same_bytes(tmp_path, city, fusion, monkeypatch):
    monkeypatch.setattr(pool, "POOL_FROM", 1)
    mixed = [shuffled(one, 5) for one in reversed(city)]
    assert written(fuse(mixed, base="ZZ", jobs=2, tile_m=900.0), tmp_path / "b") == written(fusion, tmp_path / "a")


def test_snapping_takes_away_what_digitising_added_and_says_so(city, fusion):
    snapped = fuse(city, base="ZZ", snap_m=2.5).report
    assert snapped.clean
    assert snapped.slivers_merged < 0.4 * fusion.report.slivers_merged
    assert snapped.snapped_area > 0
    assert snapped.layers["CG"].snapped_corners > 100
    assert snapped.layers["ZZ"].snapped_corners == 0
    assert snapped.worst_unit.area_change < 0.1 * fusion.report.worst_unit.area_change


def snapped(one, base, reach):
    return snap(prepare(one, METRIC), BaseBorder(prepare(base, METRIC)), reach)


def test_a_border_within_the_tolerance_becomes_the_base_border_with_its_corners():
    bent = layer(
        "ZZ",
        {"1": shapely.Polygon(np.add([(0, 0), (500, 0), (501, 400), (500, 1000), (0, 1000)], (410_000, 3_390_000)))},
    )
    drawn = layer("CG", {"a": box(0, 0, 502, 1000)})
    found = snapped(drawn, bent, 3.0)
    assert found.layer.polygons[0].symmetric_difference(bent.geometries[0]).area < 0.01
    assert found.corners == 2
    assert found.area == pytest.approx(drawn.geometries[0].symmetric_difference(bent.geometries[0]).area / 2.0)


def test_a_border_beyond_the_tolerance_stays_where_it_is():
    found = snapped(columns("CG", 0, 400, 1000), columns("ZZ", 0, 410, 1000), 3.0)
    assert (found.corners, found.area) == (0, 0.0)


def test_a_unit_that_snapping_would_empty_stays_as_it_was_drawn():
    needle = layer("CG", {"a": box(0, 0, 499, 1000), "needle": box(499, 0, 501, 1000)})
    found = snapped(needle, columns("ZZ", 0, 500, 1000), 3.0)
    assert found.left == 1
    assert found.layer.polygons[1].area == pytest.approx(2000.0)


def test_holes_and_parts_are_snapped_too():
    ring = shapely.difference(box(0, 0, 900, 900), box(301, 300, 600, 600))
    two = shapely.union(ring, box(2000, 0, 2100, 100))
    base = layer(
        "ZZ", {"1": shapely.difference(box(0, 0, 900, 900), box(300, 300, 600, 600)), "2": box(300, 300, 600, 600)}
    )
    found = snapped(layer("CG", {"a": two}), base, 3.0)
    assert found.layer.polygons[0].area == pytest.approx(900 * 900 - 300 * 300 + 100 * 100)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_snapped_neighbours_still_share_their_border(seed):
    base, other = partition("ZZ", seed, 7), partition("CG", seed + 1, 7)
    found = snapped(other, base, 8.0)
    assert found.layer.polygons.shape == other.geometries.shape
    report = fuse([base, other], snap_m=8.0).report
    assert report.layers["CG"].overlap_m2 < 1.0 + 8.0 * 0.2 * 4000
    assert report.coverage_valid


def test_a_single_layer_has_nothing_to_snap_to():
    assert fuse([rows("ZZ", 0, 500)], snap_m=3.0).report.snapped_area == 0.0


def test_an_unknown_defect_is_refused(city):
    with pytest.raises(ValueError, match="expected one of GAP"):
        plant(city[0], "FIRE")
    with pytest.raises(ValueError, match="no two valid units"):
        plant(layer("ZZ", {"1": box(0, 0, 9, 9)}), "GAP")
