from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from grids import city as module
from grids.city import City, demo_pack, fuse_pack, fuse_versions, open_city, store_bundle
from grids.duties.proof import prove
from grids.errors import LayerError, PackError
from grids.lineage import Lineage
from grids.rules import read_rules
from tests.packs import CELLS, LEAVES, SOUTH, STEP, STREETS, WEST, change, point, write_pack, zz_grids
from tests.redrawn import CHANGE, write_redrawn


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> City:
    return open_city(write_pack(tmp_path_factory.mktemp("packs") / "city"))


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "city")


def test_a_city_is_its_rules_on_its_fused_grid(small):
    assert len(small.cells) == CELLS
    assert small.cells.nets == ("ZZ", "CG", "YJ")
    assert small.zone.key == "Asia/Shanghai"
    assert small.digest == small.rules.digest
    assert small.version == small.digest[:16]


def test_every_cell_has_a_place_and_is_found_by_its_code(small):
    assert len(small.cell_places) == CELLS
    assert [small.cell_index[place.cell] for place in small.cell_places] == list(range(CELLS))
    assert {place.street for place in small.cell_places} == set(STREETS)
    assert {place.community for place in small.cell_places} == {code[:12] for code in zz_grids()}


@pytest.mark.parametrize("street", STREETS)
@pytest.mark.parametrize("community", [1, 2])
def test_a_position_is_in_the_community_that_the_pack_drew_there(small, street, community):
    lon, lat = point(street, community)
    (index,) = small.locator.locate(np.array([lon]), np.array([lat])).index
    place = small.cell_places[index]
    assert place.community == f"{street}00{community}"
    in_zone = street == "990102002"
    assert place.desk == ("9901HT" if in_zone else street[:6])
    assert place.zones == (("HT",) if in_zone else ())
    assert place.area_class == {"990101001": "A", "990102001": "C"}.get(street, "")


def test_a_point_just_outside_snaps_within_the_packs_tolerance(pack):
    near = np.array([WEST - 0.0002]), np.array([SOUTH + STEP])  # about 19 m west of the border
    assert open_city(pack).locator.locate(*near).index[0] >= 0
    change(pack, "city.toml", "[hours]", "[tolerances]\nsnap_m = 10\n[hours]")
    assert open_city(pack).locator.locate(*near).index[0] < 0


def test_a_position_inside_each_cell_is_located_in_it(small):
    inside = small.inner_points()
    assert (small.locator.locate(inside[:, 0], inside[:, 1]).index == np.arange(CELLS)).all()


def test_the_bounds_hold_all_layers_and_little_more(small):
    west, south, east, north = small.bounds
    assert 0 <= WEST - west < 0.0003
    assert 0 <= SOUTH - south < 0.0003
    assert 0 <= east - (WEST + 16 * STEP) < 0.0003
    assert 0 <= north - (SOUTH + 4 * STEP) < 0.0003


def test_every_old_unit_still_resolves_to_ground(small):
    found = {(net, unit) for net in small.cells.nets for unit in small.cells.labels[net]}
    assert {unit for net, unit in found if net == "ZZ"} == set(zz_grids())
    assert {unit for net, unit in found if net == "CG"} == {"CG1", "CG2", "CG3", "CG4"}
    assert small.crosswalk is small.crosswalk


def test_the_duties_of_the_small_city_are_proven_on_every_cell(small):
    proof = prove(small.rules.duties, small.rules.catalogue.leaves, small.cell_places)
    assert (proof.pairs, proof.explicit, proof.backstop) == (CELLS * len(LEAVES), CELLS * 4, CELLS)
    assert proof.holds


def test_two_openings_of_one_pack_give_the_same_grid(small, pack):
    again = open_city(pack)
    assert (again.digest, again.cells.version) == (small.digest, small.cells.version)


def test_a_bundle_is_built_once_and_read_the_next_time(pack, tmp_path, monkeypatch):
    cache = tmp_path / "deep" / "cache"
    first = open_city(pack, cache)
    monkeypatch.setattr(module, "fuse_versions", lambda *_: pytest.fail("fused again"))
    second = open_city(pack, cache)
    assert second.cells.version == first.cells.version
    assert [place.cell for place in second.cell_places] == [place.cell for place in first.cell_places]
    assert [folder.name for folder in cache.iterdir()] == [f"{first.digest}-{module.BUNDLE}"]


def test_a_changed_pack_gets_a_bundle_of_its_own(pack, tmp_path):
    cache = tmp_path / "cache"
    open_city(pack, cache)
    change(pack, "layers/cg.geojson", '"CG4"', '"CG9"')
    assert "CG9" in open_city(pack, cache).cells.labels["CG"]
    assert len(list(cache.iterdir())) == 2


def test_of_two_that_build_the_same_bundle_one_wins_and_the_other_leaves_no_trace(pack, tmp_path):
    rules, bundle = read_rules(pack), tmp_path / "cache" / "digest"
    fusion = fuse_pack(pack, rules)
    store_bundle([fusion], rules.places, bundle)
    before = (bundle / "0" / "cells.parquet").stat().st_ino
    store_bundle([fusion], rules.places, bundle)
    assert (bundle / "0" / "cells.parquet").stat().st_ino == before
    assert list(bundle.parent.iterdir()) == [bundle]


def test_a_bundle_that_cannot_be_put_in_its_place_is_an_error_and_leaves_no_trace(pack, tmp_path):
    rules, bundle = read_rules(pack), tmp_path / "cache" / "digest"
    fusion = fuse_pack(pack, rules)
    bundle.mkdir(parents=True)
    (bundle / "something else").write_text("x", encoding="utf-8")
    with pytest.raises(OSError, match="not empty"):
        store_bundle([fusion], rules.places, bundle)
    assert list(bundle.parent.iterdir()) == [bundle]


def test_a_bundle_that_fails_half_way_leaves_no_trace(pack, tmp_path):
    rules = read_rules(pack)

    def half():
        yield fuse_pack(pack, rules)
        raise MemoryError

    with pytest.raises(MemoryError):
        store_bundle(half(), rules.places, tmp_path / "cache" / "digest")
    assert list((tmp_path / "cache").iterdir()) == []


def test_progress_names_reading_and_goes_on_with_fusing(pack):
    heard: list[tuple[str, float]] = []
    open_city(pack, step=lambda name, share: heard.append((name, share)))
    names = list(dict.fromkeys(name for name, _ in heard))
    assert names[0] == "读取图层 read layers"
    assert len(names) > 1
    assert all(0 <= share <= 1 for _, share in heard)


def test_a_fault_of_the_rules_is_told_before_any_layer_is_read(pack):
    change(pack, "duties.csv", "LEAD,HT-UM", "LEAD,HT-UMM")
    (pack / "layers" / "zz.geojson").write_text("no map", encoding="utf-8")
    with pytest.raises(PackError, match=r"duties\.csv, row 9, unit: 'HT-UMM'"):
        open_city(pack)


def test_a_fault_of_a_layer_names_its_file_and_field(pack):
    change(pack, "layers.toml", 'name = "name"', 'name = "title"')
    with pytest.raises(LayerError, match=r"zz\.geojson, title: no such field; expected one of code, name, community"):
        open_city(pack)


def test_two_units_of_one_id_are_refused_with_both_rows(pack):
    change(pack, "layers/cg.geojson", '"CG4"', '"CG1"')
    with pytest.raises(LayerError, match=r"cg\.geojson, row 4, code: id 'CG1', already in row 1"):
        open_city(pack)


def test_the_faults_of_several_layers_are_told_at_once(pack):
    for file in ("cg", "yj"):
        change(pack, "layers.toml", f'"layers/{file}.geojson"\nid = "code"', f'"layers/{file}.geojson"\nid = "kode"')
    with pytest.raises(LayerError) as error:
        open_city(pack)
    assert [Path(problem.file).name for problem in error.value.problems] == ["cg.geojson", "yj.geojson"]


# Versions


def test_a_pack_with_two_sets_of_layers_has_two_versions_by_their_first_days(redrawn_city, small):
    old, new = redrawn_city.versions
    assert (old.first, new.first) == (date.min, CHANGE.date())
    assert old.version == small.cells.version
    assert redrawn_city.grid is new
    assert redrawn_city.cells is new.cells
    assert redrawn_city.cell_places is new.places
    assert redrawn_city.locator is new.locator
    assert redrawn_city.grid_at(CHANGE.date() - timedelta(days=1)) is old
    assert redrawn_city.grid_at(CHANGE.date()) is new


def test_cells_that_nobody_touched_keep_their_codes_over_the_versions(redrawn_city):
    old, new = redrawn_city.versions
    ground = dict(zip(old.cells.geometry, old.cells.codes, strict=True))
    same = [
        (ground[shape], code)
        for shape, code in zip(new.cells.geometry, new.cells.codes, strict=True)
        if shape in ground
    ]
    assert len(same) > 10
    assert all(before == after for before, after in same)
    assert not set(new.cells.codes) & set(new.cells.retired)


def test_each_version_has_its_own_crosswalk(redrawn_city):
    old, new = redrawn_city.versions
    assert old.crosswalk.cells_of("CG", "CG4")
    assert not old.crosswalk.cells_of("CG", "CG9")
    assert new.crosswalk.cells_of("CG", "CG9")
    assert not new.crosswalk.cells_of("CG", "CG4")


def test_a_bundle_holds_every_version_and_only_the_newest_is_read(tmp_path, redrawn_city):
    pack = write_redrawn(tmp_path / "city")
    for _ in range(2):  # built, then read
        city = open_city(pack, tmp_path / "cache")
        assert [grid.version for grid in city.versions] == [grid.version for grid in redrawn_city.versions]
        old, new = city.versions
        assert ("cells" in vars(old), new.cells is city.cells) == (False, True)
        assert old.places == redrawn_city.versions.grids[0].places
        for one, same in zip(city.versions, redrawn_city.versions, strict=True):
            assert one.outlines == same.outlines
            assert {outline.area for outline in one.outlines} == set(STREETS)
        for net, unit in (("CG", "CG4"), ("ZZ", "990101001002001")):
            same = redrawn_city.versions.grids[0].crosswalk.cells_of(net, unit)
            assert old.crosswalk.cells_of(net, unit) == same
    lineage = Lineage.read(new.cells.folder / "lineage.parquet")
    assert set(lineage.from_version) == {old.version}


def test_the_lineage_of_the_newest_version_reaches_back_to_the_first(tmp_path):
    pack = write_redrawn(tmp_path / "city")
    with (pack / "layers.toml").open("a", encoding="utf-8") as file:
        file.write('[[layer]]\nnet = "YJ"\nfile = "layers/cg.geojson"\nid = "code"\nvalid_from = 2027-01-01\n')
    *_, last = fuse_versions(pack, read_rules(pack))
    city = open_city(pack)
    first = city.versions.grids[0]
    assert len(city.versions) == 3
    assert {first.version, city.versions.grids[1].version} == set(last.lineage.from_version)
    assert all(last.lineage.resolve(code, first.version) for code in first.cells.codes)


def test_a_pack_may_go_on_from_a_grid_whose_layers_it_does_not_have(tmp_path, small):
    pack = write_redrawn(tmp_path / "city")
    fuse_pack(pack, replace(read_rules(pack), layers=read_rules(pack).layers[:3])).write(pack / "grid-2025")
    text = (pack / "layers.toml").read_text(encoding="utf-8")
    text = text.replace('net = "YJ"', 'net = "YJ"\nvalid_from = 2026-07-01')
    (pack / "layers.toml").write_text(text[text.index('[[layer]]\nnet = "YJ"') :], encoding="utf-8")
    change(pack, "city.toml", 'base = "ZZ"', 'base = "ZZ"\nprevious = "grid-2025"')
    for cache in (None, tmp_path / "cache"):
        old, new = open_city(pack, cache).versions
        assert (old.first, new.first) == (date.min, CHANGE.date())
        assert old.version == small.cells.version
        assert len(set(old.cells.codes) & set(new.cells.codes)) > 10
        assert old.crosswalk.cells_of("CG", "CG4")


def test_a_city_of_the_newest_cells_alone_has_them_for_every_day(redrawn_city):
    alone = City(redrawn_city.rules, redrawn_city.cells)
    assert len(alone.versions) == 1
    assert alone.grid_at(date.min).cells is redrawn_city.cells


def test_borders_within_the_packs_tolerance_of_a_base_border_become_it(pack):
    text = (pack / "layers" / "cg.geojson").read_text(encoding="utf-8")
    bent = text.replace("104.006", "104.00597")  # 3 m further west
    (pack / "layers" / "cg.geojson").write_text(bent.replace("104.016", "104.01597"), encoding="utf-8")
    assert fuse_pack(pack, read_rules(pack)).report.snapped_area == 0.0
    change(pack, "city.toml", "[hours]", "[tolerances]\nsnap_borders_m = 5\n[hours]")
    assert fuse_pack(pack, read_rules(pack)).report.snapped_area > 0.0


def test_special_purpose_grids_stay_whole_and_their_english_names_are_kept(pack):
    change(pack, "layers.toml", 'net = "CG"', 'net = "CG"\nspecial = true\nname = "code"\nname_en_field = "code"')
    text = (pack / "layers" / "cg.geojson").read_text(encoding="utf-8")
    campus = json.loads(text)
    campus["features"] = campus["features"][1:2]  # CG2 spans two streets
    (pack / "layers" / "cg.geojson").write_text(json.dumps(campus), encoding="utf-8")
    grids = fuse_pack(pack, read_rules(pack)).grids
    (number,) = np.flatnonzero(grids.kind == "SPECIAL")
    assert (grids.net[number], grids.unit[number], grids.name_en[number]) == ("CG", "CG2", "CG2")
    assert grids.cells[number] > 4
    assert grids.grid[number][9:12] >= "601"


def test_in_a_checkout_the_demo_pack_is_that_of_the_repository():
    assert demo_pack() == Path(module.__file__).parent.parent / "config" / "chengdu"
    assert (demo_pack() / "city.toml").is_file()


def test_in_a_wheel_the_demo_pack_is_the_copy_inside(tmp_path, monkeypatch):
    (tmp_path / "packs" / "chengdu").mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "city.py"))
    assert demo_pack() == tmp_path / "packs" / "chengdu"
