from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from mosaic import METRIC
from pyproj import CRS
from shared_data import shared

from grids.crsguess import guess_crs, old_datum
from grids.datum import from_wgs84, to_wgs84
from grids.encodings import guess_encoding
from grids.geofiles import read_raw
from grids.layercheck import inspect_layer
from grids.layers import Layer
from grids.misfit import find_misfit
from grids.projection import WGS84, convert, project, transformer
from grids.testing import DEFECTS, make_city, plant, write_layer

CITY = make_city(400, noise_m=1.0)
BASE, DEPARTMENT = (project(layer.geometries, METRIC, WGS84) for layer in CITY[:2])


@pytest.mark.parametrize("datum", ["GCJ02", "BD09"])
def test_a_layer_with_a_map_services_offset_is_recognised_with_its_figures(datum):
    shifted = convert(DEPARTMENT, lambda x, y: from_wgs84(x, y, datum))
    found = find_misfit(shifted, WGS84, BASE, WGS84)
    assert (found.datum, found.base_is_off) == (datum, False)
    assert found.before > 300
    assert found.after < 3


def test_it_is_said_when_the_base_is_the_one_with_the_offset():
    found = find_misfit(DEPARTMENT, WGS84, convert(BASE, lambda x, y: from_wgs84(x, y, "GCJ02")), WGS84)
    assert (found.datum, found.base_is_off) == ("GCJ02", True)


def test_a_plain_shift_is_measured():
    found = find_misfit(project(DEPARTMENT, WGS84, METRIC), METRIC, BASE, WGS84)
    assert found is None
    moved = shapely.transform(project(DEPARTMENT, WGS84, METRIC), lambda xy: np.add(xy, (61.0, -33.0)))
    found = find_misfit(moved, METRIC, BASE, WGS84)
    assert found.datum == ""
    assert (found.east, found.north) == pytest.approx((-61.0, 33.0), abs=4.0)
    assert found.before == pytest.approx(69.4, abs=4.0)
    assert found.after < 4.0


def test_layers_far_apart_are_not_explained():
    assert find_misfit(shapely.transform(DEPARTMENT, lambda xy: xy + 2.0), WGS84, BASE, WGS84) is None


def test_the_check_says_what_the_datum_looks_like_and_what_to_run(tmp_path):
    shifted = Layer("CG", *(getattr(CITY[1], name) for name in ("ids", "names", "parents")),
                    convert(DEPARTMENT, lambda x, y: from_wgs84(x, y, "GCJ02")), WGS84, "cg.geojson")  # fmt: skip
    base = Layer("ZZ", *(getattr(CITY[0], name) for name in ("ids", "names", "parents")), BASE, WGS84, "zz.geojson")
    inspection = inspect_layer(
        write_layer(shifted, tmp_path / "cg.geojson"), "code", base=write_layer(base, tmp_path / "zz.geojson")
    )
    (finding,) = [finding for finding in inspection.findings if finding.kind == "DATUM_MISFIT"]
    assert "looks like GCJ-02: median offset 36" in finding.message
    assert "--datum NET=GCJ02" in finding.suggestion
    assert inspection.misfit.datum == "GCJ02"


@pytest.mark.parametrize("code", [4491 + 5, 4513 + 10])
def test_gauss_kruger_metres_with_their_zone_are_recognised_by_the_numbers_alone(code):
    box = shapely.total_bounds(project(BASE, WGS84, CRS.from_epsg(code)))
    assert [guess.code for guess in guess_crs(box)] == [f"EPSG:{code}"]


def test_gauss_kruger_metres_without_a_zone_need_the_base_layer():
    box = shapely.total_bounds(project(BASE, WGS84, METRIC))
    assert len(guess_crs(box)) > 10
    assert [guess.code for guess in guess_crs(box, tuple(shapely.total_bounds(BASE)))] == ["EPSG:4544"]


def test_northings_before_eastings_are_recognised():
    west, south, east, north = shapely.total_bounds(project(BASE, WGS84, CRS.from_epsg(4523)))
    assert [(guess.code, guess.swapped) for guess in guess_crs((south, west, north, east))] == [("EPSG:4523", True)]


def test_a_local_grid_needs_control_points_and_mercator_metres_are_named():
    (guess,) = guess_crs((1000.0, 2000.0, 90_000.0, 80_000.0))
    assert guess.code == ""
    assert "control points" in guess.why
    assert guess_crs((11_580_000.0, 3_560_000.0, 11_590_000.0, 3_570_000.0))[0].code == "EPSG:3857"
    assert guess_crs((1.0, 2.0, 3.0, 4.0))[0].code == "EPSG:4490"


def test_with_a_base_layer_feet_of_an_american_state_are_recognised():
    boxes = np.array([shapely.box(-74.25, 40.5, -74.0, 40.7), shapely.box(-74.0, 40.7, -73.7, 40.9)])
    feet = project(boxes, WGS84, CRS.from_epsg(2263))
    (guess,) = guess_crs(tuple(shapely.total_bounds(feet)), tuple(shapely.total_bounds(boxes)))
    assert guess.code == "EPSG:2263"
    assert guess_crs((1e9, 1e9, 2e9, 2e9), tuple(shapely.total_bounds(boxes))) == []


def test_feet_read_as_degrees_are_suspicious_and_the_base_layer_says_what_they_are(tmp_path):
    boxes = np.array([shapely.box(-74.25, 40.5, -74.0, 40.7), shapely.box(-74.0, 40.5, -73.7, 40.7)])
    base = gpd.GeoDataFrame({"code": ["1", "2"]}, geometry=boxes, crs=4326)
    base.to_file(tmp_path / "base.gpkg")
    feet = project(boxes, WGS84, CRS.from_epsg(2263))
    gpd.GeoDataFrame({"code": ["1", "2"]}, geometry=feet, crs=4326).to_file(tmp_path / "feet.gpkg")
    findings = inspect_layer(tmp_path / "feet.gpkg", "code", base=tmp_path / "base.gpkg").findings
    (finding,) = [finding for finding in findings if finding.kind == "SUSPICIOUS_CRS"]
    assert "Long Island" in finding.message
    assert "--crs EPSG:2263" in finding.suggestion


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((3_400_000.0, 35_400_000.0, 3_401_000.0, 35_402_000.0), "exchange the two numbers of every position"),
        ((1_000.0, 2_000.0, 9_000.0, 8_000.0), "control points"),
        ((400_000.0, 3_400_000.0, 401_000.0, 3_402_000.0), "--base FILE narrows it down"),
    ],
)
def test_what_to_do_about_a_missing_crs_depends_on_the_numbers(tmp_path, numbers, words):
    gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.box(*numbers)]).to_file(tmp_path / "u.shp")
    finding = next(f for f in inspect_layer(tmp_path / "u.shp", "code").findings if f.kind == "NO_CRS")
    assert words in finding.suggestion


def test_a_plain_shift_and_a_shifted_base_are_told_in_words(tmp_path):
    def written(name, shapes):
        one = CITY[0] if name == "zz" else CITY[1]
        layer = Layer(name, one.ids, one.names, one.parents, shapes, WGS84, name)
        return write_layer(layer, tmp_path / f"{name}.geojson")

    base = written("zz", BASE)
    moved = shapely.transform(project(DEPARTMENT, WGS84, METRIC), lambda xy: np.add(xy, (61.0, -33.0)))
    shifted = inspect_layer(written("cg", project(moved, METRIC, WGS84)), "code", base=base)
    assert "one shift of -6" in next(f.message for f in shifted.findings if f.kind == "DATUM_MISFIT")
    wrong = written("zz", convert(BASE, lambda x, y: from_wgs84(x, y, "GCJ02")))
    told = inspect_layer(written("cg", DEPARTMENT), "code", base=wrong)
    assert "it is the base layer" in next(f.message for f in told.findings if f.kind == "DATUM_MISFIT")


@pytest.mark.parametrize(("code", "name"), [(4214, "北京54"), (2379, "西安80"), (4544, ""), (4326, "")])
def test_surveys_before_cgcs2000_are_named(code, name):
    assert old_datum(CRS.from_epsg(code)) == name


def test_the_check_offers_the_recognised_system_as_a_command(tmp_path):
    shapes = project(BASE, WGS84, CRS.from_epsg(4523))
    gpd.GeoDataFrame({"code": CITY[0].ids}, geometry=shapes).to_file(tmp_path / "u.shp")
    finding = next(f for f in inspect_layer(tmp_path / "u.shp", "code").findings if f.kind == "NO_CRS")
    assert "3-degree zone 35" in finding.message
    assert finding.suggestion.endswith("--crs EPSG:4523")
    old = gpd.GeoDataFrame({"code": CITY[0].ids}, geometry=shapes, crs=2411)
    old.to_file(tmp_path / "old.gpkg")
    assert "OLD_DATUM" in {finding.kind for finding in inspect_layer(tmp_path / "old.gpkg", "code").findings}


@pytest.mark.parametrize(("encoding", "guessed"), [("GB18030", "GB18030"), ("UTF-8", "UTF-8")])
def test_the_encoding_of_an_undeclared_table_is_guessed_with_samples(tmp_path, encoding, guessed):
    frame = gpd.GeoDataFrame({"name": ["春熙路街道", "玉林"]}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs=4326)
    frame.to_file(tmp_path / "u.shp", encoding=encoding)
    (tmp_path / "u.cpg").unlink(missing_ok=True)
    table = bytearray((tmp_path / "u.dbf").read_bytes())
    table[29] = 0
    (tmp_path / "u.dbf").write_bytes(table)
    found = guess_encoding(tmp_path / "u.shp")
    assert (found.encoding, found.samples[0]) == (guessed, "春熙路街道")
    finding = next(f for f in inspect_layer(tmp_path / "u.shp").findings if f.kind == "ENCODING")
    assert "春熙路街道" in finding.message
    assert f"--encoding {guessed}" in finding.suggestion


def test_a_stated_encoding_and_plain_ascii_need_no_guess(tmp_path):
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    frame.to_file(tmp_path / "u.shp")
    assert guess_encoding(tmp_path / "u.shp") is None
    (tmp_path / "u.cpg").unlink(missing_ok=True)
    assert guess_encoding(tmp_path / "u.shp") is None


def test_bytes_that_are_neither_utf_8_nor_gb18030_are_shown_as_they_are(tmp_path):
    frame = gpd.GeoDataFrame({"name": ["caf\xe9"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    frame.to_file(tmp_path / "u.shp", encoding="ISO-8859-1")
    (tmp_path / "u.cpg").unlink(missing_ok=True)
    table = bytearray((tmp_path / "u.dbf").read_bytes())
    table[29] = 0
    (tmp_path / "u.dbf").write_bytes(table)
    assert guess_encoding(tmp_path / "u.shp").encoding in {"", "GB18030"}
    assert "ENCODING" in {finding.kind for finding in inspect_layer(tmp_path / "u.shp").findings}


@pytest.mark.parametrize("kind", DEFECTS)
def test_every_planted_defect_is_found_and_named(tmp_path, kind):
    broken, planted = plant(CITY[1], kind, seed=3)
    inspection = inspect_layer(write_layer(broken, tmp_path / "cg.geojson"), "code")
    assert_found(inspection.findings, planted, broken.crs)


@pytest.mark.real_data
@pytest.mark.parametrize("kind", DEFECTS)
def test_every_defect_planted_in_a_real_layer_is_found_and_named(tmp_path, kind):
    raw = read_raw(shared("nyc/layers/police_precincts.geojson"))
    ids = np.array([str(number) for number in raw.fields["Precinct"]], dtype=object)
    empty = np.full(len(ids), "", dtype=object)
    layer = Layer("PP", ids, empty, empty, raw.geometries, WGS84, "police_precincts.geojson")
    broken, planted = plant(layer, kind, seed=5)
    inspection = inspect_layer(write_layer(broken, tmp_path / "pp.geojson"), "code")
    assert_found(inspection.findings, planted, broken.crs)


@pytest.mark.real_data
def test_chengdus_published_layer_over_its_true_one_is_recognised_as_gcj_02():
    published = read_raw(shared("chengdu/datav_510100_full.json")).geometries
    other_hand = read_raw(shared("chengdu/cnmaps_chengdu_20_districts.geojson")).geometries
    true = convert(published, lambda x, y: to_wgs84(x, y, "GCJ02"))
    for layer in (published, other_hand):
        found = find_misfit(layer, WGS84, true, CRS.from_epsg(4490))
        print(f"\nGCJ-02 over CGCS2000: median offset {found.before:.0f} m, {found.after:.1f} m after conversion")
        assert (found.datum, found.base_is_off) == ("GCJ02", False)
        assert found.before == pytest.approx(362, abs=5)
        assert found.after < 3


@pytest.mark.real_data
def test_the_health_centres_broken_boundary_is_found_and_their_place_is_right():
    found = inspect_layer(
        shared("nyc/layers/health_centers.geojson"),
        "HCentDist",
        base=shared("nyc/layers/community_districts.geojson"),
    )
    assert [(f.kind, f.feature) for f in found.findings if f.level == "FAULT"] == [("INVALID_SHAPE", "45")]
    assert found.misfit is None


def assert_found(findings, planted, crs):
    """The planted fault is among the findings, by its name, its units and its place."""
    kind = "INVALID_SHAPE" if planted.kind == "SELF_CROSSING" else planted.kind
    named = [f for f in findings if f.kind == kind and set(planted.units) <= set(f.feature.split(", "))]
    assert named, (planted, findings)
    if planted.place is not None and kind not in {"MULTIPART", "SLIVER"}:
        x, y = (planted.place[0], planted.place[1])
        lon, lat = (x, y) if crs.is_geographic else transformer(METRIC, WGS84)(x, y)
        assert min(np.hypot(f.where[0] - lon, f.where[1] - lat) for f in named) < 2e-3
