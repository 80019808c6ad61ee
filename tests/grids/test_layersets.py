"""Which layers hold on which day, and what a pack may not say about that."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.errors import PackError, Problem
from grids.fusion import fuse
from grids.layersets import layer_sets
from grids.rules import read_rules
from grids.settings import LayerForm
from tests.grids.mosaic import columns
from tests.packs import change, write_pack
from tests.redrawn import write_redrawn

DAYS = [None, date(2024, 1, 1), date(2025, 1, 1), date(2026, 7, 1)]


def form(net, day=None, **more):
    return LayerForm(net, f"{net}-{day}.geojson", "code", valid_from=day, **more)


def faults(pack):
    with pytest.raises(PackError) as error:
        read_rules(pack)
    return list(error.value.problems)


def test_layers_that_always_held_make_one_version():
    (only,) = layer_sets([form("ZZ"), form("CG")])
    assert only.first == date.min
    assert [layer.net for layer in only.layers] == ["ZZ", "CG"]


def test_a_layer_holds_until_the_next_one_of_its_net_begins():
    layers = [form("ZZ", DAYS[1]), form("CG", DAYS[1]), form("CG", DAYS[3]), form("ZZ", DAYS[2])]
    found = [(one.first, [str(layer.valid_from) for layer in one.layers]) for one in layer_sets(layers)]
    assert found == [
        (DAYS[1], ["2024-01-01", "2024-01-01"]),
        (DAYS[2], ["2024-01-01", "2025-01-01"]),
        (DAYS[3], ["2026-07-01", "2025-01-01"]),
    ]


def test_a_net_that_begins_later_is_not_in_the_versions_before():
    found = layer_sets([form("ZZ"), form("YJ", DAYS[2])])
    assert [[layer.net for layer in one.layers] for one in found] == [["ZZ"], ["ZZ", "YJ"]]


@given(st.lists(st.tuples(st.sampled_from(["ZZ", "CG", "YJ"]), st.sampled_from(DAYS)), unique=True, min_size=1))
def test_each_version_has_every_net_begun_by_then_once_with_its_latest_layer(asked):
    for chosen in layer_sets([form(net, day) for net, day in asked]):
        begun = {}
        for net, day in asked:
            if (day or date.min) <= chosen.first:
                begun[net] = max(begun.get(net, date.min), day or date.min)
        assert {layer.net: layer.valid_from or date.min for layer in chosen.layers} == begun
        assert len(chosen.layers) == len(begun)


def test_the_days_of_a_packs_versions_begin_with_the_one_that_always_was(tmp_path):
    assert read_rules(write_redrawn(tmp_path / "city")).grid_days == (date.min, date(2026, 7, 1))


def test_no_layer_may_hold_before_the_base_layer(tmp_path):
    pack = write_pack(tmp_path / "city")
    change(pack, "layers.toml", 'net = "ZZ"', 'net = "ZZ"\nvalid_from = 2025-01-01')
    expected = "2025-01-01 or later, as ZZ"
    assert [problem for problem in faults(pack) if problem.row == 0] == [
        Problem("layers.toml", 0, f"layer[{n}].valid_from", "none: no base layer yet", expected) for n in (1, 2)
    ]


def test_two_layers_of_a_net_may_not_begin_on_one_day(tmp_path):
    pack = write_redrawn(tmp_path / "city")
    change(pack, "layers.toml", "valid_from = 2026-07-01", "")
    assert faults(pack)[0].field == "layer[4].net"


def test_a_day_that_is_none_is_named_with_its_key(tmp_path):
    pack = write_redrawn(tmp_path / "city")
    change(pack, "layers.toml", "valid_from = 2026-07-01", 'valid_from = "1 July"')
    assert (faults(pack)[0].file, faults(pack)[0].field) == ("layers.toml", "layer[4].valid_from")


def test_special_purpose_grids_come_from_one_layer_and_not_from_the_base(tmp_path):
    pack = write_pack(tmp_path / "city")
    for net in ("CG", "YJ"):
        change(pack, "layers.toml", f'net = "{net}"', f'net = "{net}"\nspecial = true')
    assert faults(pack) == [
        Problem("layers.toml", 0, "special", "CG YJ on 0001-01-01", "one layer at a time"),
    ]
    pack = write_pack(tmp_path / "other")
    change(pack, "layers.toml", 'net = "ZZ"', 'net = "ZZ"\nspecial = true')
    assert faults(pack) == [Problem("layers.toml", 0, "layer[0].special", "true", "false for the base layer")]


def test_a_version_before_must_be_a_grid_below_the_pack(tmp_path):
    pack = write_pack(tmp_path / "city")
    change(pack, "city.toml", 'base = "ZZ"', 'base = "ZZ"\nprevious = "../old"')
    fuse([columns("ZZ", 0, 400)]).write(tmp_path / "old")
    found = faults(pack)
    assert [(one.file, one.field) for one in found] == [
        ("city.toml", "previous"), *(("layers.toml", f"layer[{n}].valid_from") for n in range(3)),
    ]  # fmt: skip
