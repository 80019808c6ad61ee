"""The real test of the grid engine: four departments' layers of New York, and a week of its citizens' requests."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from shared_data import shared

from grids.cells import Cells
from grids.crosswalk import Crosswalk
from grids.findings import FAULT
from grids.layercheck import check_layer
from grids.layerpairs import LayerPairs
from grids.layers import read_layer
from grids.locator import Locator

pytestmark = pytest.mark.real_data

LAYERS = {
    "CD": ("community_districts", "BoroCD"),
    "PP": ("police_precincts", "Precinct"),
    "FB": ("fire_battalions", "FireBN"),
    "SD": ("school_districts", "SchoolDist"),
}
BOROUGHS = {"MANHATTAN": 1, "BRONX": 2, "BROOKLYN": 3, "QUEENS": 4, "STATEN ISLAND": 5}
PRECINCT_121 = ["CD 501/PP 121", "CD 502/PP 121", "CD 503/PP 121"]
SNAPSHOT = "nyc/requests/aug2026_snapshots/2026-08-05_b952b8e.parquet"


def tell(figures):
    print(f"\n{figures}")


def onegrid(*arguments):
    command = [str(Path(sys.executable).with_name("onegrid")), *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    out = tmp_path_factory.mktemp("nyc") / "grid"
    specs = [f"{net}={shared(f'nyc/layers/{name}.geojson')}:{field}" for net, (name, field) in LAYERS.items()]
    report = onegrid("grid", "fuse", *(f"--layer={spec}" for spec in specs), "--base", "CD", "--out", out)
    return out, report


def test_four_layers_of_new_york_fuse_within_their_promises(grid):
    _, report = grid
    worst = report["worst_unit"]
    tell(
        f"NYC: {report['cells']} cells, {report['label_tuples']} label tuples, "
        f"area error {report['area_error']:.1e}, "
        f"worst unit {worst['net']} {worst['unit']} {100 * worst['area_change']:.3f} %, "
        f"{report['seconds']:.1f} s, {report['peak_mb']:.0f} MB"
    )
    assert report["area_error"] <= 1e-6
    assert report["area_m2"] / 1e6 == pytest.approx(785.73, abs=0.01)
    assert report["thin_cells"] == 0
    assert report["thin_kept"] == report["base_crossings"] == report["vanished_units"] == []
    assert report["coverage_valid"] is True
    assert worst["area_change"] <= 0.001
    assert report["label_tuples"] == 542
    assert 725 <= report["cells"] <= 740
    assert report["seconds"] < 10


def test_nothing_was_repaired_or_joined_in_silence(grid):
    _, report = grid
    assert [(repair["net"], repair["row"]) for repair in report["repairs"]] == [("PP", 71), ("SD", 6)]
    assert len(report["joined"]) == 1  # school district 10 stands in rows 30 and 33


def test_the_districts_pairs_with_precincts_and_battalions_are_the_citys_own(grid):
    out, _ = grid
    pairs = LayerPairs.read(out)
    ours = {net: pairs.between("CD", net) for net in ("FB", "PP")}
    with shared("nyc/crosswalk/cd_long_crosswalk.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.reader(stream))[1:]
    found, missed = Counter(), []
    for _, district, kind, other, *_ in rows:
        net = {"fb": "FB", "pp": "PP"}.get(kind)
        if net:
            found[net, (district, other) in ours[net]] += 1
            missed += [] if (district, other) in ours[net] else [f"CD {district}/{net} {other}"]
    tell(
        f"city's own pairs found: battalions {found['FB', True]} of {found['FB', True] + found['FB', False]}, "
        f"precincts {found['PP', True]} of {found['PP', True] + found['PP', False]}; missed {missed}"
    )
    assert found["FB", False] == 0
    # precinct 121 is younger than the layers of 2013, and 484 and 101 don't touch in them
    assert sorted(missed) == ["CD 484/PP 101", *PRECINCT_121]
    # on strips that the grid gave to one side, but the layers have: 54 m2 and 64 cm2
    cells = Cells.read(out)
    in_grid = set(zip(cells.labels["CD"], cells.labels["PP"], strict=True))
    assert {("305", "106"), ("409", "75")} <= set(ours["PP"]) - in_grid


def test_the_weights_of_every_unit_sum_to_one(grid):
    walk = Crosswalk.read(grid[0])
    total = pd.Series(walk.weight_area).groupby([walk.layer, walk.unit]).sum()
    assert len(total) == 228
    assert np.abs(total - 1.0).max() < 1e-9


def test_real_requests_land_where_the_city_itself_put_them(grid, tmp_path):
    out, _ = grid
    points = shared(SNAPSHOT)
    answer = onegrid(
        *("grid", "locate", "--grid", out, "--points", points, "--lon", "longitude", "--lat", "latitude"),
        *("--out", tmp_path / "located.parquet"),
    )
    assert answer["rows"] == answer["located"] + answer["snapped"] + answer["none"] == 30_990
    located = pd.read_parquet(tmp_path / "located.parquet")
    recorded = located["community_board"].map(board_code)
    lon, lat = (pd.to_numeric(located[name], errors="coerce") for name in ("longitude", "latitude"))
    usable = (recorded != "") & lon.notna() & lat.notna()
    ours = located["CD"] == recorded
    layer = read_layer(shared("nyc/layers/community_districts.geojson"), "CD", "BoroCD")
    plain = covering(layer, lon.to_numpy(), lat.to_numpy()) == recorded.to_numpy()
    share, yardstick = 100 * ours[usable].mean(), 100 * plain[usable].mean()
    tell(
        f"{usable.sum()} requests with coordinates and a board: grid agrees in {share:.3f} %, plain covers in "
        f"{yardstick:.3f} %; {answer['points_per_second']:,} points/s, {answer['seconds']:.1f} s"
    )
    assert usable.sum() > 29_000
    assert yardstick > 99.3
    assert abs(share - yardstick) <= 0.05


def test_the_compiled_locator_gives_the_answers_of_covers_at_vertices_and_on_borders_too(grid):
    cells = Cells.read(grid[0])
    rng = np.random.default_rng(4)
    xy = shapely.get_coordinates(cells.geometry)
    picked = rng.integers(0, len(xy) - 1, 5000)
    middles = np.round((xy[picked] + xy[picked + 1]) / 2.0, 2)
    west, south, east, north = shapely.total_bounds(cells.geometry)
    scattered = np.column_stack((rng.uniform(west, east, 100_000), rng.uniform(south, north, 100_000)))
    x, y = np.concatenate((xy[rng.integers(0, len(xy), 10_000)], middles, scattered)).T
    cell, point = shapely.STRtree(shapely.points(x, y)).query(cells.geometry, predicate="covers")
    lowest = np.full(len(x), len(cells))
    np.minimum.at(lowest, point, cell)
    found = Locator(cells).locate_xy(x, y, border=False).index
    assert (found == np.where(lowest == len(cells), -1, lowest)).all()


def test_the_check_finds_what_is_wrong_with_the_real_layers():
    found = {
        name: [
            finding.kind
            for finding in check_layer(shared(f"nyc/layers/{name}.geojson"), field)
            if finding.level == FAULT
        ]
        for name, field in LAYERS.values()
    }
    assert found == {
        "community_districts": [],
        "police_precincts": ["INVALID_SHAPE"],
        "fire_battalions": ["HOLE"] * 4 + ["GAP", "HOLE", "GAP", "HOLE"],
        "school_districts": ["DUPLICATE_ID", "INVALID_SHAPE"],
    }


def board_code(text):
    """Turn `08 BROOKLYN` into 308; '' for what is no real board (parks, airports, Unspecified)."""
    match = re.fullmatch(r"(\d\d) (.+)", text or "")
    real = match and 1 <= int(match[1]) <= 18 and match[2] in BOROUGHS
    return f"{BOROUGHS[match[2]]}{match[1]}" if real else ""


def covering(layer, lon, lat):
    """The lowest unit that plainly covers each point."""
    points = shapely.points(np.nan_to_num(lon), np.nan_to_num(lat))
    order = np.argsort(layer.ids.astype(str))
    unit, point = shapely.STRtree(points).query(shapely.make_valid(layer.geometries[order]), predicate="covers")
    lowest = np.full(len(points), len(order))
    np.minimum.at(lowest, point, unit)
    return np.append(layer.ids[order], "")[lowest]
