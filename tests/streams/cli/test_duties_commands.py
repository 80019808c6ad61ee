"""`onegrid duties` lint, who, check-receipt and diff, as a shell would run them."""

from __future__ import annotations

import json

import pytest
from packs import STREETS, add_line, change, point, write_pack

LON, LAT = point(STREETS[0])


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "city")


@pytest.fixture
def receipt(onegrid, pack, tmp_path):
    where = ("--lon", LON, "--lat", LAT, "--category", "C-01-01", "--at", "2026-03-02")
    code, out, _ = onegrid("duties", "who", "--city", pack, *where, "--json")
    assert code == 0
    path = tmp_path / "receipt.json"
    path.write_text(out, encoding="utf-8")
    return path


def test_a_clean_list_lints_clean(onegrid, pack):
    code, out, _ = onegrid("duties", "lint", "--city", pack, "--at", "2026-03-02", "--json")
    assert (code, json.loads(out)) == (0, {"findings": [], "counts": {}})
    code, out, _ = onegrid("duties", "lint", "--city", pack, "--at", "2026-03-02")
    assert (code, "clean" in out) == (0, True)


def test_findings_end_with_one_and_are_counted_by_rule(onegrid, pack):
    code, out, _ = onegrid("duties", "lint", "--city", pack, "--at", "2026-08-01", "--json")
    found = json.loads(out)
    assert (code, found["counts"]) == (1, {"L5": 1})
    assert found["findings"][0]["row"] == "001-03"
    code, out, _ = onegrid("duties", "lint", "--city", pack, "--at", "2026-08-01")
    assert (code, "001-03" in out) == (1, True)


def test_a_category_that_nobody_knows_is_finding_l9_and_not_a_crash(onegrid, pack):
    number = add_line(pack, "duties.csv", "009-01,009,E-77-01,CITY,990100,,LEAD,@street-office,,STATUTORY,,x,,,")
    code, out, _ = onegrid("duties", "lint", "--city", pack, "--json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["rule"], finding["category"]) == (1, "L9", "E-77-01")
    assert finding["row"] == f"duties.csv:{number}"


def test_a_category_defined_twice_is_finding_l9(onegrid, pack):
    add_line(pack, "categories.csv", "city,E-02-02,路面塌陷,Road collapse,EVENT,E-02,YJ")
    code, out, _ = onegrid("duties", "lint", "--city", pack, "--json")
    assert (code, json.loads(out)["counts"]) == (1, {"L9": 1})


def test_a_pack_with_other_faults_is_bad_input(onegrid, pack):
    change(pack, "duties.csv", "HT-UM", "HT-UN")
    code, _, err = onegrid("duties", "lint", "--city", pack)
    assert code == 2
    assert "HT-UN" in err


def test_who_reads_in_chinese_and_english(onegrid, pack):
    where = ("--city", pack, "--lon", LON, "--lat", LAT, "--category", "E-01-10", "--at", "2026-03-02T08:15:00+08:00")
    assert "牵头" in onegrid("duties", "who", *where)[1]
    assert "Lead" in onegrid("duties", "who", *where, "--lang", "en")[1]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--category", "E-01-11", "E-01-10"), ("--lang", "fr", "zh en"), ("--at", "tomorrow", "2026-03-02")],
)
def test_who_names_what_was_expected(onegrid, pack, option, value, said):
    given = {"--lon": LON, "--lat": LAT, "--category": "E-01-10", "--at": "2026-03-02", option: value}
    code, _, err = onegrid("duties", "who", "--city", pack, *(part for pair in given.items() for part in pair))
    assert code == 2
    assert said in err


def test_a_receipt_is_the_same_when_derived_anew(onegrid, pack, receipt):
    code, out, _ = onegrid("duties", "check-receipt", receipt, "--city", pack, "--json")
    assert (code, json.loads(out)["differences"]) == (0, [])
    assert onegrid("duties", "check-receipt", receipt, "--city", pack)[0] == 0


def test_a_routed_report_is_checked_by_the_receipt_in_it(onegrid, pack, receipt):
    receipt.write_text(json.dumps({"receipt": json.loads(receipt.read_text(encoding="utf-8"))}), encoding="utf-8")
    assert onegrid("duties", "check-receipt", receipt, "--city", pack)[0] == 0


def test_a_changed_receipt_is_refused_with_what_differs(onegrid, pack, receipt):
    body = json.loads(receipt.read_text(encoding="utf-8"))
    body["lead"] = "990102-UM"
    receipt.write_text(json.dumps(body), encoding="utf-8")
    code, out, _ = onegrid("duties", "check-receipt", receipt, "--city", pack)
    assert code == 1
    assert "990102-UM" in out


@pytest.mark.parametrize("body", ["{}", "[]", "not json"])
def test_what_is_no_receipt_is_bad_input(onegrid, pack, tmp_path, body):
    path = tmp_path / "no.json"
    path.write_text(body, encoding="utf-8")
    assert onegrid("duties", "check-receipt", path, "--city", pack)[0] == 2


def test_diff_says_who_gains_and_who_loses(onegrid, pack, tmp_path):
    new = write_pack(tmp_path / "new")
    assert onegrid("duties", "diff", pack, new, "--at", "2026-03-02")[0] == 0
    change(new, "duties.csv", "ZONE,HT,,LEAD,HT-UM", "ZONE,HT,,LEAD,990100-UM")
    code, out, _ = onegrid("duties", "diff", pack, new, "--at", "2026-03-02", "--json")
    assert (code, {one["unit"] for one in json.loads(out)["by_unit"]}) == (1, {"HT-UM", "990100-UM"})
    code, out, _ = onegrid("duties", "diff", pack, new, "--at", "2026-03-02")
    assert (code, "990100-UM" in out) == (1, True)
