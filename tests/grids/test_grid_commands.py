from __future__ import annotations

import json
import sys

import geopandas as gpd
import pyarrow.parquet as pq
import pytest
import shapely
from mosaic import METRIC, box, columns, layer, rows, write_geojson

from grids.projection import WGS84, project, transformer
from streams.cli import console, main

to_degrees = transformer(METRIC, WGS84)


@pytest.fixture
def onegrid(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["onegrid", *map(str, arguments)])
        monkeypatch.setattr(console.err, "_width", 1000)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def write_layer(path, one, parents=None):
    shapes = project(one.geometries, METRIC, WGS84)
    features = [
        ({"code": unit, "community": (parents or {}).get(unit)}, shape)
        for unit, shape in zip(one.ids, shapes, strict=True)
    ]
    return write_geojson(path, features)


@pytest.fixture
def layers(tmp_path):
    zz = write_layer(tmp_path / "zz.geojson", columns("ZZ", 0, 400, 1000), dict.fromkeys("12", "510104017001"))
    cg = write_layer(tmp_path / "cg.geojson", rows("CG", 0, 300, 1000))
    return ["--layer", f"ZZ={zz}:code", "--layer", f"CG={cg}:code", "--crs", "EPSG:4544"]


@pytest.fixture
def grid(onegrid, layers, tmp_path):
    onegrid("grid", "fuse", *layers, "--out", tmp_path / "grid")
    return tmp_path / "grid"


def test_fuse_writes_the_grid_and_says_what_it_did(onegrid, layers, tmp_path):
    code, out, _ = onegrid("grid", "fuse", *layers, "--out", tmp_path / "grid")
    assert code == 0
    assert "4 单元格 cells" in out
    assert (tmp_path / "grid" / "report.html").stat().st_size > 1000


def test_fuse_speaks_json_and_takes_communities_from_the_base_layer(onegrid, layers, tmp_path):
    code, out, _ = onegrid("grid", "fuse", *layers, "--parent", "community", "--out", tmp_path / "grid", "--json")
    assert code == 0
    assert json.loads(out)["cells"] == 4
    cells = pq.read_table(tmp_path / "grid" / "cells.parquet")
    assert cells.column("cell").to_pylist()[0] == "510104017001001"


def test_fuse_exits_with_findings_when_a_unit_vanishes(onegrid, tmp_path):
    twins = layer("ZZ", {"1": box(0, 0, 500, 500), "2": box(0, 0, 500, 500)})
    path = write_layer(tmp_path / "zz.geojson", twins)
    code, _, _ = onegrid("grid", "fuse", "--layer", f"ZZ={path}:code", "--out", tmp_path / "grid")
    assert code == 1


def test_fuse_repairs_and_joins_aloud(onegrid, tmp_path):
    bow = shapely.Polygon([(104.0, 30.0), (104.01, 30.01), (104.01, 30.0), (104.0, 30.01)])
    more = shapely.box(104.01, 30.0, 104.02, 30.01)
    features = [({"code": "1"}, bow), ({"code": "2"}, more), ({"code": "2"}, shapely.box(104.02, 30, 104.03, 30.01))]
    path = write_geojson(tmp_path / "zz.geojson", features)
    code, _, err = onegrid("grid", "fuse", "--layer", f"ZZ={path}:code", "--out", tmp_path / "grid")
    assert code == 0
    assert f"{path}, row 1, geometry: '1' Self-intersection at 104.005" in err
    assert f"{path}, row 3, code: id '2', already in row 2" in err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--layer", "ZZ=nowhere.geojson:code"], "no such file"),
        (["--layer", "ZZ"], "NET=FILE:IDFIELD"),
        (["--layer", "ZZ=nowhere.geojson:code", "--datum", "ZZ=MARS"], "NET=DATUM"),
        (["--layer", "ZZ=nowhere.geojson:code", "--datum", "CG=GCJ02"], "a net of --layer: ZZ"),
    ],
)
def test_fuse_refuses_bad_arguments_and_says_what_it_expected(onegrid, tmp_path, arguments, text):
    code, _, err = onegrid("grid", "fuse", *arguments, "--out", tmp_path / "grid")
    assert code == 2
    assert text in err


def test_fuse_names_the_problems_of_all_layers_at_once(onegrid, tmp_path):
    gpd.GeoDataFrame({"code": ["1"]}, geometry=[box(0, 0, 9, 9)]).to_file(tmp_path / "cg.shp")
    shape = shapely.box(104, 30, 104.01, 30.01)
    path = write_geojson(tmp_path / "zz.geojson", [({"code": "1"}, shape), ({"code": "1"}, shape)])
    specs = ["--layer", f"ZZ={path}:code", "--layer", f"CG={tmp_path / 'cg.shp'}:code"]
    code, _, err = onegrid("grid", "fuse", *specs, "--out", tmp_path / "grid")
    assert code == 2
    assert "zz.geojson, row 2, code: id '1', already in row 1" in err
    assert "cg.shp, crs: no coordinate reference system" in err


def points_csv(tmp_path, places):
    lines = ["no,lon,lat", *(f"{number:03d},{lon},{lat}" for number, (lon, lat) in enumerate(places))]
    path = tmp_path / "points.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_locate_adds_columns_to_every_row_and_loses_none(onegrid, grid, tmp_path):
    inside = to_degrees(*box(100, 100, 100, 100).centroid.coords[0])
    near = to_degrees(*box(-6, 100, -6, 100).centroid.coords[0])
    path = points_csv(tmp_path, [inside, ("", ""), near, (0, 0)])
    arguments = ["--grid", grid, "--points", path, "--lon", "lon", "--lat", "lat", "--snap", "10"]
    code, out, _ = onegrid("grid", "locate", *arguments, "--out", tmp_path / "out.csv", "--json")
    assert code == 0
    answer = json.loads(out)
    assert (answer["rows"], answer["located"], answer["snapped"], answer["none"]) == (4, 1, 1, 2)
    assert answer["seconds"] > 0
    assert answer["points_per_second"] > 0
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "no,lon,lat,cell,ZZ,CG,method,border_m"
    assert lines[1].startswith("000,")
    assert ",1-001,1,a,POINT,100." in lines[1] or ",1-001,1,a,POINT,99.9" in lines[1]
    assert lines[2] == "001,,,,,,NONE,"
    assert ",SNAP,6." in lines[3] or ",SNAP,5.99" in lines[3]
    assert lines[4].endswith(",,,,NONE,")


def test_locate_reads_and_writes_parquet_and_converts_a_datum(onegrid, grid, tmp_path):
    inside = to_degrees(*box(100, 100, 100, 100).centroid.coords[0])
    csv = points_csv(tmp_path, [inside])
    arguments = ["--grid", grid, "--points", csv, "--lon", "lon", "--lat", "lat"]
    assert onegrid("grid", "locate", *arguments, "--out", tmp_path / "a.parquet")[0] == 0
    assert pq.read_table(tmp_path / "a.parquet").column("cell").to_pylist() == ["1-001"]
    more = ["--datum", "GCJ02", "--out", tmp_path / "b.parquet"]
    assert onegrid("grid", "locate", *arguments, *more)[0] == 0
    assert pq.read_table(tmp_path / "b.parquet").column("method").to_pylist() == ["NONE"]  # 300 m off


def test_locate_of_no_points_is_no_points(onegrid, grid, tmp_path):
    arguments = ["--grid", grid, "--points", points_csv(tmp_path, []), "--lon", "lon", "--lat", "lat"]
    code, out, _ = onegrid("grid", "locate", *arguments, "--out", tmp_path / "out.csv", "--json")
    assert (code, json.loads(out)["rows"]) == (0, 0)


@pytest.mark.parametrize(
    ("more", "text"),
    [(["--lon", "x", "--lat", "lat"], "no such column"), (["--lon", "lon", "--lat", "lat", "--datum", "X"], "'X'")],
)
def test_locate_refuses_a_missing_column_and_an_unknown_datum(onegrid, grid, tmp_path, more, text):
    path = points_csv(tmp_path, [(104, 30)])
    code, _, err = onegrid("grid", "locate", "--grid", grid, "--points", path, *more, "--out", tmp_path / "out.csv")
    assert code == 2
    assert text in err


def test_check_of_a_clean_layer_exits_0_and_of_a_faulty_one_1(onegrid, tmp_path):
    clean = write_layer(tmp_path / "zz.geojson", columns("ZZ", 0, 400, 1000))
    code, out, _ = onegrid("layer", "check", clean, "--id", "code")
    assert code == 0
    assert "nothing wrong" in out
    faulty = write_layer(tmp_path / "cg.geojson", layer("CG", {"1": box(0, 0, 501, 500), "2": box(500, 0, 900, 500)}))
    code, out, _ = onegrid("layer", "check", faulty, "--id", "code", "--json")
    assert code == 1
    answer = json.loads(out)
    assert (answer["features"], answer["crs"]) == (2, "EPSG:4326")
    assert set(answer["findings"][0]) == {"kind", "feature", "where", "message", "suggestion", "level"}
    assert onegrid("layer", "check", faulty)[0] == 1


def test_check_of_an_unreadable_file_exits_2(onegrid, tmp_path):
    code, _, err = onegrid("layer", "check", tmp_path / "nowhere.geojson")
    assert code == 2
    assert "nowhere.geojson" in err


@pytest.mark.parametrize("command", [("grid", "fuse"), ("grid", "diff"), ("grid", "locate"), ("layer", "check")])
def test_every_command_shows_an_example_in_its_help(onegrid, command):
    code, out, _ = onegrid(*command, "--help")
    assert code == 0
    assert f"Example: onegrid {' '.join(command)}" in " ".join(out.split())


def test_a_later_version_keeps_codes_and_diff_says_what_changed(onegrid, layers, grid, tmp_path):
    code, out, _ = onegrid("grid", "diff", grid, grid, "--out", tmp_path / "none.csv", "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["counts"] == {"same": 4, "split": 0, "merged": 0, "moved": 0, "gone": 0, "new": 0}
    assert (answer["same_code"], answer["recoded"]) == (4, 0)
    cg = write_layer(tmp_path / "cg2.geojson", rows("CG", 0, 300, 600, 1000))
    later = [*layers[:3], f"CG={cg}:code", *layers[4:], "--previous", grid]
    code, out, _ = onegrid("grid", "fuse", *later, "--out", tmp_path / "later", "--json")
    assert code == 0
    assert json.loads(out)["kept_codes"] == 2
    assert json.loads(out)["retired_codes"] == 2
    lineage = pq.read_table(tmp_path / "later" / "lineage.parquet")
    assert sorted(lineage.column("kind").to_pylist()) == ["same", "same", *["split"] * 4]
    code, out, _ = onegrid("grid", "diff", grid, tmp_path / "later", "--out", tmp_path / "diff.parquet")
    assert code == 0
    assert "拆分 split" in out
    third = [*layers, "--previous", tmp_path / "later", "--out", tmp_path / "third"]
    onegrid("grid", "fuse", *third)
    versions = set(pq.read_table(tmp_path / "third" / "lineage.parquet").column("from_version").to_pylist())
    assert len(versions) == 2


def test_the_crosswalk_takes_people_as_weights(onegrid, layers, tmp_path):
    inside = to_degrees(*box(100, 100, 100, 100).centroid.coords[0])
    people = tmp_path / "people.csv"
    people.write_text(f"lon,lat,n\n{inside[0]},{inside[1]},7\n")
    weights = ["--weights", f"population={people}:lon:lat:n", "--weights", f"households={people}:lon:lat"]
    assert onegrid("grid", "fuse", *layers, *weights, "--out", tmp_path / "grid")[0] == 0
    walk = pq.read_table(tmp_path / "grid" / "crosswalk.parquet").to_pylist()
    found = {(row["layer"], row["unit"], row["cell"]): row["weight_population"] for row in walk}
    assert found["ZZ", "1", "1-001"] == 1.0
    assert found["CG", "a", "2-001"] == 0.0
    code, _, err = onegrid("grid", "fuse", *layers, "--weights", "people", "--out", tmp_path / "grid")
    assert code == 2
    assert "NAME=FILE:LON:LAT[:COLUMN]" in err


def test_an_encoding_for_a_net_that_is_not_there_is_refused(onegrid, layers, tmp_path):
    code, _, err = onegrid("grid", "fuse", *layers, "--encoding", "HB=GB18030", "--out", tmp_path / "grid")
    assert code == 2
    assert "a net of --layer: ZZ, CG" in err
