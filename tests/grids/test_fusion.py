from __future__ import annotations

import base64
import json
import struct

import msgspec
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from mosaic import METRIC, box, columns, layer, partition, rows, shuffled

from grids.errors import LayerError
from grids.fusion import fuse, page
from grids.fusion.labels import label
from grids.fusion.noding import GRID_M, planar_faces, shared_borders
from grids.fusion.prepare import prepare
from grids.fusion.report import BaseCrossing, Sketch, crossings
from grids.fusion.slivers import BASE, ISLAND, LAST
from grids.projection import WGS84, project

city = st.tuples(st.integers(0, 10**6), st.integers(2, 12), st.integers(2, 12), st.sampled_from([0.0, 0.4, 3.0]))


def labels_at(cells, x, y):
    (index,) = np.flatnonzero(shapely.intersects_xy(cells.geometry, *box(x, y, x, y).centroid.coords[0]))
    return tuple(cells.labels[net][index] for net in cells.nets)


def random_layers(seed, first, second, noise):
    return [partition("ZZ", seed, first, noise), partition("CG", seed + 1, second, noise)]


def test_crossing_layers_give_one_cell_for_each_pair_of_units():
    fusion = fuse([columns("ZZ", 0, 400, 1000), rows("CG", 0, 300, 1000)])
    assert len(fusion.cells) == 4
    assert labels_at(fusion.cells, 10, 10) == ("1", "a")
    assert labels_at(fusion.cells, 900, 900) == ("2", "b")
    assert fusion.report.clean
    assert fusion.report.area_error == 0.0


@settings(max_examples=25, deadline=None)
@given(city)
def test_cells_partition_the_union_of_the_layers(drawn):
    layers = random_layers(*drawn)
    fusion = fuse(layers)
    union = shapely.union_all(np.concatenate([one.geometries for one in layers]))
    assert shapely.coverage_is_valid(fusion.cells.geometry)
    rounding = union.length * GRID_M  # no point of the outline moves further than the grid's half diagonal
    assert abs(fusion.cells.area_m2.sum() - union.area) <= rounding
    assert fusion.report.area_error == pytest.approx(abs(fusion.cells.area_m2.sum() - union.area) / union.area)
    assert not shapely.is_empty(fusion.cells.geometry).any()


@settings(max_examples=25, deadline=None)
@given(city)
def test_every_unmerged_cell_lies_in_its_unit_of_every_layer_or_in_none(drawn):
    layers = random_layers(*drawn)
    cells = fuse(layers, sliver_m=0.0).cells
    wide = 2.0 * cells.area_m2 / shapely.length(cells.geometry) > 0.5
    inside = shapely.point_on_surface(cells.geometry[wide])
    for one in layers:
        for point, unit in zip(inside, cells.labels[one.net][wide], strict=True):
            covering = sorted(one.ids[shapely.covers(one.geometries, point)])
            assert (unit is None and not covering) or unit in covering


@settings(max_examples=25, deadline=None)
@given(city)
def test_no_promise_is_broken_without_being_listed(drawn):
    fusion = fuse(random_layers(*drawn))
    width = 2.0 * fusion.cells.area_m2 / shapely.length(fusion.cells.geometry)
    thin = set(fusion.cells.codes[width < 5.0].tolist())
    assert thin == {kept.cell for kept in fusion.report.thin_kept}
    assert fusion.report.thin_cells == 0
    assert fusion.report.base_crossings == []
    assert fusion.report.vanished_units == []


@settings(max_examples=10, deadline=None)
@given(city)
def test_the_order_of_layers_and_units_makes_no_difference(tmp_path_factory, drawn):
    layers = random_layers(*drawn)
    directory = tmp_path_factory.mktemp("order")
    fuse(layers, base="ZZ").cells.write(directory / "a")
    fuse([shuffled(one, 7) for one in reversed(layers)], base="ZZ").cells.write(directory / "b")
    assert (directory / "a/cells.parquet").read_bytes() == (directory / "b/cells.parquet").read_bytes()


def test_a_sliver_between_two_departments_borders_goes_to_the_longer_neighbour():
    fusion = fuse([columns("ZZ", 0, 1000), columns("CG", 0, 498, 1000), columns("YJ", 0, 500, 1000)])
    assert fusion.cells.labels["CG"].tolist() == ["1", "2"]
    assert fusion.report.slivers_merged == 1
    assert fusion.report.moved_area == pytest.approx(2000.0)
    assert fusion.report.worst_unit.area_change == pytest.approx(2.0 / 498.0)


def test_a_sliver_inside_a_base_unit_never_leaves_it():
    base = columns("ZZ", 0, 500, 1000)
    fusion = fuse([base, columns("CG", 0, 497, 1000)])
    held = fusion.cells.area_m2[fusion.cells.labels["ZZ"] == "1"].sum()
    assert held == pytest.approx(500_000.0)
    assert fusion.report.base_crossings == []


def test_a_unit_thinner_than_the_limit_stays_and_is_listed():
    needle = layer("CG", {"a": box(0, 0, 500, 1000), "needle": box(500, 0, 502, 1000)})
    fusion = fuse([columns("ZZ", 0, 1000), needle])
    (kept,) = fusion.report.thin_kept
    assert kept.why == LAST
    assert kept.width_m == pytest.approx(1.996, abs=1e-3)
    assert "needle" in fusion.cells.labels["CG"].tolist()
    assert fusion.report.thin_cells == 0


def test_a_strip_that_only_touches_another_base_unit_becomes_a_detached_part_of_its_own():
    strip = shapely.union(box(0, 0, 500, 500), box(1000, 0, 1002, 500))
    fusion = fuse([layer("ZZ", {"1": strip, "2": box(500, 0, 1000, 500)})])
    assert fusion.report.detached_parts == 1
    assert fusion.report.base_crossings == fusion.report.thin_kept == []
    assert {len(shape.geoms) if shape.geom_type == "MultiPolygon" else 1 for shape in fusion.cells.geometry} == {1, 2}


def test_an_islet_joins_the_nearest_cell_of_its_base_unit_with_the_same_labels():
    base = layer("ZZ", {"1": shapely.union(box(0, 0, 500, 1000), box(503, 900, 506, 903))})
    fusion = fuse([base, rows("CG", 0, 500, 1000)])
    assert len(fusion.cells) == 4  # CG reaches beyond the base layer, round the islet
    assert fusion.report.detached_parts == 1
    assert fusion.report.thin_cells == 0


def test_a_strip_without_any_wide_cell_of_its_base_unit_stays_and_says_why():
    other = box(100, 0, 600, 500)
    strips = shapely.union_all([box(98, 0, 100, 500), box(600, 0, 602, 500)])
    fusion = fuse([layer("ZZ", {"1": strips, "2": other})])
    assert {kept.why for kept in fusion.report.thin_kept} == {BASE}


def test_islets_without_any_neighbour_stay_and_say_why():
    islets = shapely.union_all([box(0, 0, 2, 2), box(50, 0, 52, 2)])
    fusion = fuse([layer("ZZ", {"1": islets, "2": box(100, 0, 600, 500)})])
    assert {kept.why for kept in fusion.report.thin_kept} == {ISLAND}


def test_a_base_units_ground_in_anothers_cell_would_be_noticed():
    base = prepare(columns("ZZ", 0, 500, 1000), METRIC)
    faces = planar_faces(base.polygons)
    found = label(shapely.points(faces.inside), base.polygons)
    sketch = Sketch(faces, shared_borders(faces.polygons), found.unit[:, None], [found])
    cells = fuse([columns("ZZ", 0, 500, 1000)]).cells
    assert crossings(sketch, base, cells, np.array([0, 1])) == []
    assert crossings(sketch, base, cells, np.array([0, 0])) == [BaseCrossing("1-001", "2", 500_000.0)]


def test_ground_outside_the_base_layer_prefers_its_like_but_may_close_into_a_base_unit():
    base = layer("ZZ", {"1": box(0, 0, 500, 500)})
    rim = layer("CG", {"a": box(0, 0, 502, 500)})
    assert len(fuse([base, rim]).cells) == 1
    wide = layer("CG", {"a": box(0, 0, 502, 500), "b": box(502, 0, 900, 500)})
    cells = fuse([base, wide]).cells
    assert sorted(cells.labels["ZZ"].tolist(), key=str) == ["1", None]
    assert cells.area_m2.min() == pytest.approx(400 * 500.0 - 2 * 500.0, abs=1001)


def test_where_a_layer_overlaps_itself_the_lowest_id_wins_and_it_is_counted():
    double = layer("ZZ", {"2": box(0, 0, 600, 1000), "1": box(400, 0, 1000, 1000)})
    fusion = fuse([double])
    assert fusion.report.layers["ZZ"].overlaps == 1
    assert fusion.report.layers["ZZ"].overlap_m2 == pytest.approx(200_000.0)
    assert fusion.cells.area_m2[fusion.cells.labels["ZZ"] == "1"][0] == pytest.approx(600_000.0)


def test_a_unit_that_lies_wholly_under_another_does_not_vanish():
    nested = layer("ZZ", {"1": box(0, 0, 1000, 1000), "2": box(400, 400, 600, 600)})
    fusion = fuse([nested])
    assert fusion.report.vanished_units == []
    assert sorted(fusion.cells.labels["ZZ"].tolist()) == ["1", "2"]


def test_a_unit_that_is_drawn_exactly_over_another_vanishes_and_is_listed():
    fusion = fuse([layer("ZZ", {"1": box(0, 0, 500, 500), "2": box(0, 0, 500, 500)})])
    assert [unit.unit for unit in fusion.report.vanished_units] == ["2"]
    assert not fusion.report.clean


def test_an_enclosed_gap_is_counted_and_its_label_is_none():
    ring = shapely.difference(box(0, 0, 900, 900), box(400, 400, 500, 500))
    fusion = fuse([columns("ZZ", 0, 900, height=900), layer("CG", {"a": ring})])
    assert fusion.report.layers["CG"].gaps == 1
    assert fusion.report.layers["CG"].gap_m2 == pytest.approx(10_000.0)
    assert labels_at(fusion.cells, 450, 450) == ("1", None)


def test_a_thin_fringe_where_one_layer_ends_earlier_is_no_gap_but_a_wide_one_is():
    base = columns("ZZ", 0, 1000)
    assert fuse([base, columns("CG", 0, 998)]).report.layers["CG"].gaps == 0
    assert fuse([base, columns("CG", 0, 900)]).report.layers["CG"].gaps == 1


def test_invalid_shapes_are_repaired_and_listed_with_row_place_and_reason():
    bow = shapely.Polygon([(410000, 3390000), (411000, 3391000), (411000, 3390000), (410000, 3391000)])
    fusion = fuse([layer("ZZ", {"0": box(2000, 0, 3000, 500), "1": bow})])
    (repair,) = fusion.report.repairs
    assert (repair.net, repair.row, repair.unit, repair.reason) == ("ZZ", 2, "1", "Self-intersection")
    assert (round(repair.lon), round(repair.lat)) == (104, 31)
    assert fusion.report.layers["ZZ"].repaired == 1
    assert fusion.report.area_error < 1e-9


def test_a_shape_without_any_area_is_refused_with_its_row():
    flat = shapely.Polygon([(410000, 3390000), (410100, 3390000), (410200, 3390000)])
    with pytest.raises(LayerError, match=r"row 2, geometry: 1: a shape without area"):
        fuse([layer("ZZ", {"0": box(0, 0, 9, 9), "1": flat})])


def test_layers_in_degrees_are_fused_in_the_utm_zone_of_the_base_layer():
    degrees = columns("ZZ", 0, 1000)
    shapes = project(degrees.geometries, degrees.crs, WGS84)
    moved = layer("ZZ", dict(zip(degrees.ids, shapes, strict=True)), crs=WGS84)
    fusion = fuse([moved])
    assert fusion.report.crs == "EPSG:32648"
    assert fusion.report.area_m2 == pytest.approx(1e6, rel=1e-3)
    assert fuse([moved], crs="EPSG:4544").report.area_m2 == pytest.approx(1e6, rel=1e-6)


@pytest.mark.parametrize(
    ("layers", "more", "text"),
    [
        ([], {}, "no layer"),
        ([columns("ZZ", 0, 9), rows("ZZ", 0, 9)], {}, "a name of its own"),
        ([columns("grid", 0, 9)], {}, "a name of its own"),
        ([columns("ZZ", 0, 9)], {"base": "CG"}, "one of ZZ"),
        ([columns("ZZ", 0, 9)], {"crs": "EPSG:4326"}, "projection in metres"),
        ([columns("ZZ", 0, 9)], {"crs": "EPSG:zero"}, "EPSG:4544"),
    ],
)
def test_layers_that_can_not_be_fused_are_refused_with_what_was_expected(layers, more, text):
    with pytest.raises(LayerError, match=text):
        fuse(layers, **more)


def test_everything_is_written_and_the_report_has_the_promised_keys(tmp_path):
    steps = []
    layers = [columns("ZZ", 0, 400, 1000), rows("CG", 0, 300, 1000)]
    fusion = fuse(layers, step=lambda *told: steps.append(told))
    fusion.write(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    promised = "layers faces cells thin_cells slivers_merged thin_kept base_crossings coverage_valid area_error "
    promised += "worst_unit vanished_units seconds peak_mb"
    assert set(promised.split()) <= set(report)
    assert {"units", "gaps", "overlaps", "repaired"} <= set(report["layers"]["ZZ"])
    assert set(report["worst_unit"]) == {"net", "unit", "area_change"}
    assert report["version"] == fusion.cells.version
    assert steps[-1][1] == 1.0
    assert {path.name for path in tmp_path.iterdir()} == {
        "adjacency.parquet",
        "cells.parquet",
        "crosswalk.parquet",
        "grids.parquet",
        "locator",
        "pairs.parquet",
        "report.json",
        "report.html",
    }


def test_the_report_page_needs_no_outside_address_and_shows_what_went_wrong(tmp_path):
    bow = shapely.Polygon([(410000, 3390000), (411000, 3391000), (411000, 3390000), (410000, 3391000)])
    needle = layer("CG", {"<b>": box(0, 0, 500, 1000), "n": box(1200, 0, 1202, 1000)})
    fusion = fuse([layer("ZZ", {"1": bow, "2": box(900, 0, 1300, 900)}), needle])
    fusion.write(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", "")
    assert "Self-intersection" in page
    assert LAST in page
    assert "&lt;b&gt;" in page
    assert "<b>&" not in page
    assert page.count("<svg") >= 2


def test_a_report_survives_being_read_back(tmp_path):
    fusion = fuse([columns("ZZ", 0, 400, 1000)])
    fusion.write(tmp_path)
    again = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=type(fusion.report))
    assert again == fusion.report


def test_a_large_city_is_painted_and_each_layer_has_its_own_map(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "_DRAWN", 10)
    fusion = fuse(random_layers(5, 12, 12, 2.0))
    fusion.write(tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert text.count("<figure>") == 2 + len(fusion.cells.nets)
    assert text.count("data:image/png;base64,") >= 2
    assert "http" not in text
    assert "<title>" not in text.split("<main>")[1].split("Slivers, gaps")[0]
    first = base64.b64decode(text.split("data:image/png;base64,")[1].split('"')[0])
    assert first.startswith(b"\x89PNG")
    assert struct.unpack(">II", first[16:24])[0] > 500
