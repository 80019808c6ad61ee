from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grids import city as module
from grids.city import City, demo_pack, fuse_pack, open_city, store_bundle
from grids.duties.proof import prove
from grids.errors import LayerError, PackError
from grids.rules import read_rules
from tests.packs import CELLS, LEAVES, SOUTH, STEP, STREETS, WEST, change, point, write_pack, zz_grids


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
    monkeypatch.setattr(module, "fuse_pack", lambda *_: pytest.fail("fused again"))
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
    fusion, bundle = fuse_pack(pack, read_rules(pack)), tmp_path / "cache" / "digest"
    store_bundle(fusion, bundle)
    before = (bundle / "cells.parquet").stat().st_ino
    store_bundle(fusion, bundle)
    assert (bundle / "cells.parquet").stat().st_ino == before
    assert list(bundle.parent.iterdir()) == [bundle]


def test_a_bundle_that_cannot_be_put_in_its_place_is_an_error_and_leaves_no_trace(pack, tmp_path):
    fusion, bundle = fuse_pack(pack, read_rules(pack)), tmp_path / "cache" / "digest"
    bundle.mkdir(parents=True)
    (bundle / "something else").write_text("x", encoding="utf-8")
    with pytest.raises(OSError, match="not empty"):
        store_bundle(fusion, bundle)
    assert list(bundle.parent.iterdir()) == [bundle]


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


def test_in_a_checkout_the_demo_pack_is_that_of_the_repository():
    assert demo_pack() == Path(module.__file__).parent.parent / "config" / "chengdu"
    assert (demo_pack() / "city.toml").is_file()


def test_in_a_wheel_the_demo_pack_is_the_copy_inside(tmp_path, monkeypatch):
    (tmp_path / "packs" / "chengdu").mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "city.py"))
    assert demo_pack() == tmp_path / "packs" / "chengdu"
