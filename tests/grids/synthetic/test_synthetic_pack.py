"""The generated pack: complete, loadable, reproducible, small, and of the shape that the demo needs."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from grids.layers import read_layer
from grids.rules import read_rules
from grids.synthetic import terrain
from grids.synthetic.__main__ import main
from grids.synthetic.pack import write_pack

COMMITTED = Path(__file__).parents[3] / "config" / "chengdu"


def table(directory: Path, name: str) -> list[dict[str, str]]:
    with (directory / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def rules(pack):
    return read_rules(pack.directory)


@pytest.fixture(scope="module")
def read(pack, rules):
    return {
        form.net: read_layer(
            pack.directory / form.file, form.net, form.id, name_field=form.name, parent_field=form.parent or None,
            datum=form.datum, crs=form.crs or None,
        )
        for form in rules.layers
    }  # fmt: skip


def files(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_the_command_gives_the_same_bytes_again(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["grids.synthetic", str(tmp_path)])
    main()
    assert files(tmp_path) == files(pack.directory)


def test_an_unknown_density_is_refused(tmp_path):
    with pytest.raises(ValueError, match="density 'thick'; expected one of demo, full"):
        write_pack(tmp_path, density="thick")


def test_the_committed_pack_is_what_its_seed_gives(pack):
    made, kept = files(pack.directory), files(COMMITTED)
    assert sorted(made) == sorted(kept)
    for name in made:
        if name.endswith((".csv", ".toml", ".md")):
            assert made[name] == kept[name], name
    for net in ("zz", "cg"):
        one, two = (pq.read_table(root / f"layers/{net}.parquet") for root in (pack.directory, COMMITTED))
        assert one["code"].equals(two["code"])
        shapes = [shapely.from_wkb(layer["geometry"].to_numpy(zero_copy_only=False)) for layer in (one, two)]
        assert shapely.equals_exact(*shapes, tolerance=1e-6).all()


def test_the_committed_pack_is_small():
    sizes = {name: len(content) for name, content in files(COMMITTED).items()}
    assert max(sizes.values()) < 900_000
    assert sum(sizes.values()) < 4_000_000


def test_the_loader_finds_no_fault_in_it(rules):
    assert len(rules.layers) == 5
    assert len(rules.catalogue.leaves) >= 60
    assert {category.net for category in rules.catalogue.categories.values()} == {"ZZ", "CG", "YJ", "HB", "MS"}


def test_the_layers_have_about_as_many_units_as_the_departments_say(read):
    counts = {net: len(layer.ids) for net, layer in read.items()}
    assert counts["ZZ"] == pytest.approx(1500, rel=0.05)
    assert counts["CG"] == pytest.approx(2500, rel=0.05)
    assert counts["YJ"] == pytest.approx(60, abs=4)
    assert counts["HB"] == pytest.approx(40, abs=3)
    assert counts["MS"] == pytest.approx(150, rel=0.1)


def test_no_shape_is_invalid_and_all_vertices_together_stay_under_150_000(read):
    assert all(shapely.is_valid(layer.geometries).all() for layer in read.values())
    assert sum(int(shapely.get_num_coordinates(layer.geometries).sum()) for layer in read.values()) < 150_000


def test_every_unit_code_is_used_once_and_a_grids_code_begins_with_its_community(read, rules):
    for layer in read.values():
        assert len(set(layer.ids)) == len(layer.ids)
    for net in ("ZZ", "CG"):
        assert all(len(code) == 15 for code in read[net].ids)
        assert all(code[:12] == parent for code, parent in zip(read[net].ids, read[net].parents, strict=True))
        assert set(read[net].parents) == {code for code, area in rules.areas.items() if area.level == "COMMUNITY"}


def test_the_northern_half_of_a_split_emergency_zone_lies_north_of_the_southern(pack):
    zones = pack.layers["YJ"]
    north = {str(name): shape.centroid.y for name, shape in zip(zones.names, zones.shapes, strict=True)}
    halves = [name for name in north if name.endswith("北片")]
    assert halves
    assert all(north[name] > north[name.replace("北片", "南片")] for name in halves)
    assert any("·" in name for name in north)


def test_what_is_read_is_what_was_drawn_whatever_the_datum(pack, read):
    for net, layer in read.items():
        lon, lat = terrain.to_degrees(*shapely.get_coordinates(shapely.centroid(pack.layers[net].shapes)).T)
        inside = shapely.transform(layer.geometries, lambda xy: xy)
        found = shapely.get_coordinates(shapely.centroid(inside))
        assert np.abs(found - np.column_stack([lon, lat])).max() < 2e-5, net


def test_the_environment_layer_lies_some_hundred_metres_off_in_its_own_file(pack):
    features = json.loads((pack.directory / "layers/hb.geojson").read_text(encoding="utf-8"))["features"]
    raw = np.array([shapely.geometry.shape(f["geometry"]).centroid.coords[0] for f in features])
    drawn = shapely.get_coordinates(shapely.centroid(pack.layers["HB"].shapes))
    offset = np.hypot(*(np.column_stack(terrain.to_metres(*raw.T)) - drawn).T)
    assert 300 < offset.min() < offset.max() < 450


def test_every_layer_covers_the_others_but_for_small_gaps_and_overlaps(pack):
    whole = {net: shapely.union_all(layer.shapes) for net, layer in pack.layers.items()}
    everything = shapely.union_all(list(whole.values()))
    for net, layer in pack.layers.items():
        assert everything.difference(whole[net]).area < 0.0005 * everything.area
        assert shapely.area(layer.shapes).sum() - whole[net].area < 0.0005 * everything.area


def test_no_unit_is_thin_enough_to_vanish(pack):
    for layer in pack.layers.values():
        assert (2 * shapely.area(layer.shapes) / shapely.length(layer.shapes)).min() > 25.0


def test_every_governance_grid_has_a_worker_of_its_own_street(pack, read):
    workers = table(pack.directory, "workers.csv")
    assert {row["grid"] for row in workers} == set(read["ZZ"].ids)
    assert all(row["unit"] == f"{row['grid'][:9]}-OF" for row in workers)
    assert len({row["worker"] for row in workers}) == len(workers)


def test_components_belong_to_known_units_and_lie_in_the_district_of_their_code(pack, rules):
    rows = pq.read_table(pack.directory / "components.parquet").to_pylist()
    assert len(rows) == 20_000
    assert len({row["id"] for row in rows}) == len(rows)
    assert {row["category"] for row in rows} <= set(rules.catalogue.leaves)
    assert all(row["owner"] in rules.units and row["maintainer"] in rules.units for row in rows)
    grids = pack.layers["ZZ"]
    points = shapely.points(*terrain.to_metres(*np.array([(row["lon"], row["lat"]) for row in rows]).T))
    point, grid = shapely.STRtree(grids.shapes).query(points, predicate="within")
    agree = [rows[p]["id"][:6] == grids.codes[g][:6] for p, g in zip(point, grid, strict=True)]
    assert np.mean(agree) > 0.998
    assert len(set(point)) > 0.998 * len(rows)


def test_each_desk_and_the_zone_has_its_centre_and_a_way_to_be_told(pack, rules):
    channels = (pack.directory / "channels.toml").read_text(encoding="utf-8")
    for desk in rules.places.desks.values():
        assert rules.units[desk.centre].kind == "CENTRE"
        assert f'unit = "{desk.centre}"' in channels


def test_the_zone_commands_whole_streets_of_two_districts(rules):
    zone = rules.places.zones[0]
    assert {area[:6] for area in zone.areas} == {"510104", "510107"}
    assert rules.places.at("510107063001").desk == "5101GX"
    assert rules.places.at("510107005001").desk == "510107"


def test_the_calendar_knows_the_holidays_and_make_up_days_of_2025_and_2026(pack):
    chinese_calendar = pytest.importorskip("chinese_calendar")
    kinds = {row["date"]: row["kind"] for row in table(pack.directory, "calendar.csv")}
    assert {day[:4] for day in kinds} == {"2025", "2026"}
    for day in np.arange("2025-01-01", "2027-01-01", dtype="datetime64[D]"):
        date = day.astype(object)
        working = kinds.get(str(day)) == "MAKEUP_WORKDAY" or (date.weekday() < 5 and kinds.get(str(day)) != "HOLIDAY")
        assert working == chinese_calendar.is_workday(date), day
