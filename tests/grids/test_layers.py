from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from mosaic import write_geojson

from grids.datum import from_wgs84
from grids.errors import LayerError
from grids.layers import read_layer
from grids.projection import WGS84

LEFT, RIGHT = shapely.box(104.0, 30.0, 104.01, 30.01), shapely.box(104.01, 30.0, 104.02, 30.01)


def two(path, ids=("007", "008"), **more):
    features = [({"code": ids[0], **more}, LEFT), ({"code": ids[1], **more}, RIGHT)]
    return write_geojson(path / "units.geojson", features)


def faults(path, field="code", **more):
    with pytest.raises(LayerError) as caught:
        read_layer(path, "CG", field, **more)
    return caught.value.problems


def test_a_geojson_without_a_crs_member_is_wgs84_and_ids_keep_their_zeros(tmp_path):
    layer = read_layer(two(tmp_path), "CG", "code")
    assert layer.crs == WGS84
    assert layer.ids.tolist() == ["007", "008"]
    assert layer.names.tolist() == layer.parents.tolist() == ["", ""]


def test_a_number_field_becomes_text_without_a_decimal_point(tmp_path):
    assert read_layer(two(tmp_path, (101.0, 102.0)), "CG", "code").ids.tolist() == ["101", "102"]


def test_names_and_parents_are_read_where_they_are_named(tmp_path):
    path = two(tmp_path, label="东", community=510104017001)
    layer = read_layer(path, "ZZ", "code", name_field="label", parent_field="community")
    assert layer.names.tolist() == ["东", "东"]
    assert layer.parents.tolist() == ["510104017001"] * 2


@pytest.mark.parametrize("name", ["units.gpkg", "units.shp", "units.parquet"])
def test_other_formats_state_their_own_crs(tmp_path, name):
    frame = gpd.GeoDataFrame({"code": ["1", "2"]}, geometry=[LEFT, RIGHT], crs=4490).to_crs(4544)
    frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_file(tmp_path / name)
    layer = read_layer(tmp_path / name, "CG", "code")
    assert layer.crs.to_epsg() == 4544
    assert layer.ids.tolist() == ["1", "2"]


def test_a_shapefile_without_a_crs_is_refused_until_one_is_stated(tmp_path):
    gpd.GeoDataFrame({"code": ["1"]}, geometry=[LEFT]).to_file(tmp_path / "units.shp")
    (problem,) = faults(tmp_path / "units.shp")
    assert (problem.row, problem.field) == (0, "crs")
    assert "EPSG" in problem.expected
    assert read_layer(tmp_path / "units.shp", "CG", "code", crs="EPSG:4490").crs.to_epsg() == 4490


def test_a_shapefile_in_gb18030_is_read_with_its_encoding(tmp_path):
    frame = gpd.GeoDataFrame({"code": ["锦江"]}, geometry=[LEFT], crs=4490)
    frame.to_file(tmp_path / "units.shp", encoding="GB18030")
    (tmp_path / "units.cpg").unlink(missing_ok=True)
    assert read_layer(tmp_path / "units.shp", "CG", "code", encoding="GB18030").ids.tolist() == ["锦江"]


def test_all_problems_of_a_layer_come_at_once_with_their_rows(tmp_path):
    features = [({"code": "1"}, LEFT), ({"code": "1"}, RIGHT), ({"code": None}, None), ({"code": "4"}, LEFT.centroid)]
    path = write_geojson(tmp_path / "units.geojson", features)
    problems = faults(path, name_field="label")
    assert [(problem.row, problem.field) for problem in problems] == [
        (0, "label"),
        (2, "code"),
        (3, "code"),
        (3, "geometry"),
        (4, "geometry"),
    ]
    assert "row 1" in problems[1].found
    assert all(problem.file == str(path) for problem in problems)


def test_a_missing_id_field_is_answered_with_the_fields_there_are(tmp_path):
    (problem,) = faults(two(tmp_path), "id")
    assert problem.expected == "one of code"


def test_rows_of_one_id_are_joined_on_request_and_listed(tmp_path):
    layer = read_layer(two(tmp_path, ("10", "10")), "SD", "code", join_parts=True)
    assert layer.ids.tolist() == ["10"]
    assert layer.geometries[0].area == pytest.approx(LEFT.area + RIGHT.area)
    assert layer.joined[0].row == 2
    assert layer.row_of(0) == 1


def test_rows_of_one_id_on_the_same_ground_stay_an_error(tmp_path):
    path = write_geojson(tmp_path / "units.geojson", [({"code": "1"}, LEFT), ({"code": "1"}, LEFT)])
    (problem,) = faults(path, join_parts=True)
    assert "same ground" in problem.found


def test_a_broken_part_of_a_joined_unit_is_told(tmp_path):
    bow = shapely.Polygon([(104.02, 30.0), (104.03, 30.01), (104.03, 30.0), (104.02, 30.01)])
    path = write_geojson(tmp_path / "units.geojson", [({"code": "1"}, LEFT), ({"code": "1"}, bow)])
    assert "Self-intersection" in read_layer(path, "CG", "code", join_parts=True).joined[0].found


def test_a_gcj02_layer_is_converted_to_wgs84_when_read(tmp_path):
    shifted = shapely.transform(LEFT, lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], "GCJ02")))
    path = write_geojson(tmp_path / "units.geojson", [({"code": "1"}, shifted)])
    layer = read_layer(path, "HB", "code", datum="GCJ02")
    assert shapely.hausdorff_distance(layer.geometries[0], LEFT) < 1e-7


def test_a_projected_gcj02_layer_is_converted_too(tmp_path):
    shifted = shapely.transform(LEFT, lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], "GCJ02")))
    frame = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shifted], crs=4490).to_crs(4544)
    frame.to_parquet(tmp_path / "units.parquet")
    layer = read_layer(tmp_path / "units.parquet", "HB", "code", datum="GCJ02")
    assert shapely.hausdorff_distance(layer.geometries[0], LEFT) < 1e-7


def test_baidu_metres_need_no_stated_crs(tmp_path):
    metres = shapely.transform(LEFT, lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], "BD09MC")))
    gpd.GeoDataFrame({"code": ["1"]}, geometry=[metres]).to_file(tmp_path / "units.shp")
    layer = read_layer(tmp_path / "units.shp", "HB", "code", datum="BD09MC")
    assert shapely.hausdorff_distance(layer.geometries[0], LEFT) < 1e-7


def test_an_unknown_datum_or_crs_is_named(tmp_path):
    path = two(tmp_path)
    assert faults(path, datum="XIAN80")[0].field == "datum"
    assert faults(path, crs="EPSG:nonsense")[0].field == "crs"


def test_metres_that_claim_to_be_degrees_are_refused(tmp_path):
    path = write_geojson(tmp_path / "units.geojson", [({"code": "1"}, shapely.box(4e5, 3e6, 5e5, 4e6))])
    (problem,) = faults(path)
    assert problem.field == "crs"
    assert "can't be degrees" in problem.found


def test_an_infinite_coordinate_is_refused_with_its_row(tmp_path):
    frame = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.box(0, 0, np.inf, 1)], crs=4326)
    frame.to_parquet(tmp_path / "units.parquet")
    assert (1, "geometry") in [(problem.row, problem.field) for problem in faults(tmp_path / "units.parquet")]


@pytest.mark.parametrize("content", ["", "not a map", '{"type": "FeatureCollection", "features": []}'])
def test_an_unreadable_or_empty_file_is_said_to_be_so(tmp_path, content):
    path = tmp_path / "units.geojson"
    path.write_text(content)
    (problem,) = faults(path)
    assert problem.file == str(path)


def test_a_file_that_is_not_there_is_said_to_be_missing():
    assert faults(Path("nowhere.geojson"))[0].found == "no such file"


def test_a_table_without_geometry_is_refused(tmp_path):
    (tmp_path / "units.csv").write_text("code\n1\n")
    assert "without geometry" in faults(tmp_path / "units.csv")[0].found


def test_a_geopackage_of_two_layers_is_refused_with_their_names(tmp_path):
    frame = gpd.GeoDataFrame({"code": ["1"]}, geometry=[LEFT], crs=4326)
    frame.to_file(tmp_path / "units.gpkg", layer="one")
    frame.to_file(tmp_path / "units.gpkg", layer="two")
    assert "one, two" in faults(tmp_path / "units.gpkg")[0].found


def parquet_with(path, geo):
    table = pa.table({"code": ["1"], "geometry": [shapely.to_wkb(LEFT)]})
    pq.write_table(table if geo is None else table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    return path


def test_a_geoparquet_without_a_crs_key_is_wgs84_and_with_a_null_unknown(tmp_path):
    geo = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
    assert read_layer(parquet_with(tmp_path / "a.parquet", geo), "CG", "code").crs == WGS84
    geo["columns"]["geometry"]["crs"] = None
    assert faults(parquet_with(tmp_path / "b.parquet", geo))[0].field == "crs"


def test_a_parquet_file_that_is_no_map_is_refused(tmp_path):
    geo = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "point"}}}
    assert "GeoParquet metadata" in faults(parquet_with(tmp_path / "a.parquet", None))[0].found
    assert "encoding" in faults(parquet_with(tmp_path / "b.parquet", geo))[0].found
