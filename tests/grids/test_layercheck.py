from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from mosaic import box, write_geojson

from grids.layercheck import impossible_coordinates, inspect_layer
from grids.layers import check_layer
from grids.projection import CRS, WGS84


def metric_file(tmp_path, units, crs=4544):
    frame = gpd.GeoDataFrame({"code": [u for u, _ in units]}, geometry=[s for _, s in units], crs=crs)
    frame.to_parquet(tmp_path / "units.parquet")
    return tmp_path / "units.parquet"


def kinds(findings):
    return [finding.kind for finding in findings]


def test_a_seamless_layer_has_no_findings(tmp_path):
    path = metric_file(tmp_path, [("1", box(0, 0, 100, 100)), ("2", box(100, 0, 200, 100))])
    inspection = inspect_layer(path, "code")
    assert (inspection.features, inspection.crs, inspection.findings) == (2, "EPSG:4544", [])


def test_a_gap_is_found_with_its_place_its_size_and_its_neighbours(tmp_path):
    ring = box(0, 0, 300, 300).difference(box(100, 100, 120, 110))
    halves = [("1", ring.intersection(box(0, 0, 110, 300))), ("2", ring.intersection(box(110, 0, 300, 300)))]
    (gap,) = check_layer(metric_file(tmp_path, halves), "code")
    assert (gap.kind, gap.feature) == ("GAP", "1, 2")
    assert "200.00 m²" in gap.message
    lon, lat = gap.where
    assert (round(lon, 1), round(lat, 1)) == (104.1, 30.6)


def test_an_overlap_is_found_and_names_both_units(tmp_path):
    (overlap,) = check_layer(metric_file(tmp_path, [("1", box(0, 0, 101, 50)), ("2", box(100, 0, 200, 50))]), "code")
    assert (overlap.kind, overlap.feature) == ("OVERLAP", "1, 2")
    assert "50.00 m²" in overlap.message


def test_two_overlaps_of_different_pairs_are_told_apart(tmp_path):
    units = [("1", box(0, 0, 101, 50)), ("2", box(100, 0, 201, 50)), ("3", box(200, 0, 300, 50))]
    assert [finding.feature for finding in check_layer(metric_file(tmp_path, units), "code")] == ["1, 2", "2, 3"]


def test_a_self_crossing_polygon_is_found_with_its_place(tmp_path):
    bow = shapely.Polygon([(104.0, 30.0), (104.01, 30.01), (104.01, 30.0), (104.0, 30.01)])
    (finding,) = check_layer(write_geojson(tmp_path / "u.geojson", [({"code": "1"}, bow)]), "code")
    assert (finding.kind, finding.feature) == ("INVALID_SHAPE", "1")
    assert "crosses itself" in finding.message
    assert finding.where == pytest.approx([104.005, 30.005], abs=1e-3)


def test_a_row_without_a_shape_or_with_a_line_is_an_invalid_shape(tmp_path):
    line = shapely.LineString([(104, 30), (104, 31)])
    path = write_geojson(tmp_path / "u.geojson", [({"code": "1"}, None), ({"code": "2"}, line)])
    assert kinds(check_layer(path, "code")) == ["EMPTY", "INVALID_SHAPE"]


def test_duplicate_and_missing_ids_are_found_with_their_rows(tmp_path):
    features = [("7", box(0, 0, 9, 9)), ("7", box(9, 0, 18, 9)), ("", box(18, 0, 27, 9))]
    duplicate, missing = check_layer(metric_file(tmp_path, features), "code")
    assert (duplicate.kind, duplicate.feature) == ("DUPLICATE_ID", "7")
    assert "row 1" in duplicate.message
    assert "row 2" in duplicate.message
    assert (missing.kind, missing.feature) == ("MISSING_ID", "row 3")


def test_a_missing_id_field_is_a_finding_that_lists_the_fields(tmp_path):
    (finding,) = check_layer(metric_file(tmp_path, [("1", box(0, 0, 9, 9))]), "id")
    assert finding.kind == "MISSING_ID"
    assert "code" in finding.suggestion


@pytest.mark.parametrize("scale", [1.0, 1e5])
def test_a_missing_crs_is_a_finding_and_the_shapes_are_checked_all_the_same(tmp_path, scale):
    gap = shapely.box(0, 0, 3 * scale, 3 * scale).difference(shapely.box(scale, scale, 2 * scale, 2 * scale))
    gpd.GeoDataFrame({"code": ["1"]}, geometry=[gap]).to_file(tmp_path / "u.shp")
    findings = check_layer(tmp_path / "u.shp", "code")
    assert kinds(findings) == ["NO_CRS", "HOLE"]
    assert findings[1].where is None


def test_metres_in_a_crs_of_degrees_are_suspicious(tmp_path):
    (finding,) = check_layer(metric_file(tmp_path, [("1", box(0, 0, 9, 9))], crs=4326))
    assert finding.kind == "SUSPICIOUS_CRS"


def test_swapped_axes_are_called_by_name():
    swapped = shapely.box(30.0, 103.0, 31.0, 104.0)
    assert "swapped" in impossible_coordinates([swapped], WGS84)


def test_a_projection_made_for_elsewhere_is_suspicious():
    degrees = [shapely.box(104.0, 30.0, 104.1, 30.1)]
    assert "outside the area" in impossible_coordinates(degrees, CRS.from_epsg(4544))
    assert impossible_coordinates([box(0, 0, 9, 9)], CRS.from_epsg(4544)) == ""


def test_a_crs_without_a_known_area_of_use_and_a_layer_without_shapes_are_not_judged():
    local = CRS.from_proj4("+proj=tmerc +lon_0=104 +ellps=GRS80")
    assert impossible_coordinates([box(0, 0, 9, 9)], local) == ""
    assert impossible_coordinates([None], WGS84) == ""


def test_a_stated_crs_overrides_the_files_own(tmp_path):
    path = metric_file(tmp_path, [("1", box(0, 0, 9, 9))], crs=4326)
    assert inspect_layer(path, crs="EPSG:4544").findings == []


def test_a_polygon_with_an_infinite_corner_does_not_stop_the_check(tmp_path):
    path = metric_file(tmp_path, [("1", shapely.box(0, 0, float("inf"), 1))])
    assert isinstance(check_layer(path), list)
