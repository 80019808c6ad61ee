"""`onegrid alerts drill`."""

from __future__ import annotations

import json

import pytest
from packs import write_pack
from scenes import CENTRE, DESK


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return write_pack(tmp_path_factory.mktemp("drill") / "city")


def test_an_exercise_that_all_confirm_ends_with_0(onegrid, pack):
    code, said, _ = onegrid("alerts", "drill", "--desk", DESK, "--city", pack)
    assert code == 0
    assert "全部确认 all confirmed" in said
    assert "+1:30" in said


def test_a_silent_centre_is_a_finding_and_machines_get_the_table(onegrid, pack):
    code, said, _ = onegrid("alerts", "drill", "--desk", DESK, "--city", pack, "--silent", CENTRE, "--json")
    found = json.loads(said)
    assert code == 1
    assert (found["confirmed"], len(found["unconfirmed"])) == (1, 1)
    assert {row["status"] for row in found["rows"]} == {"Exercise"}
    assert found["rows"][0].keys() >= {"after_s", "alert_id", "kind", "level", "unit", "way", "confirmed_at", "by"}


@pytest.mark.parametrize(("wrong", "named"), [(("--desk", "x"), "--desk"), (("--silent", "x"), "--silent")])
def test_an_unknown_desk_or_unit_is_bad_input(onegrid, pack, wrong, named):
    code, _, said = onegrid("alerts", "drill", "--desk", DESK, "--city", pack, *wrong)
    assert (code, named in said) == (2, True)
