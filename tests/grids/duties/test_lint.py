"""Every rule of the lint: a pack with exactly that defect gives exactly that finding."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import pytest

from grids.city import demo_pack, open_city
from grids.duties.lint import lint
from grids.rules import read_rules
from tests.packs import add_line, change, write_pack

TODAY = date(2026, 3, 2)


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "city")


def found(pack, today=TODAY):
    city = open_city(pack)
    return lint(city.rules, city.cell_places, today)


def only(findings, rule, rows):
    """The findings are all of one rule, and about these rows."""
    assert {finding.rule for finding in findings} == {rule}
    assert {finding.row for finding in findings} == set(rows)
    return findings


def without(pack, row):
    path = pack / "duties.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(f"{row},")), encoding="utf-8")


def unit_row(pack, unit, **cells):
    """Change cells of one unit of units.csv."""
    path = pack / "units.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    for row in rows:
        if row["unit"] == unit:
            row.update(cells)
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8")


def test_the_small_pack_is_clean(pack):
    assert found(pack) == []


def test_the_demo_pack_is_clean_today_and_for_years_to_come():
    rules = read_rules(demo_pack())
    communities = [code for code, area in rules.areas.items() if area.level == "COMMUNITY"]
    places = [rules.places.at(code, cell=f"{code}001", grid=f"{code}901") for code in communities[::4]]
    findings = [one for day in (date(2026, 1, 1), date(2030, 12, 31)) for one in lint(rules, places, day)]
    # Some rows name one community or street; a quarter of the communities can't show that they apply.
    assert {finding.rule for finding in findings} <= {"L3"}


def test_l1_nobody_is_responsible_where_even_the_backstop_is_missing(pack):
    without(pack, "000-01")
    (finding,) = only(found(pack), "L1", [""])
    assert (finding.category, finding.pairs) == ("E-02-02", 30)


def test_l2_two_leads_alike(pack):
    add_line(pack, "duties.csv", "004-03,004,E-02-01,CITY,990100,,LEAD,@city:urban-management,,STATUTORY,,x,,,")
    (finding,) = only(found(pack), "L2", ["004-01;004-03"])
    assert (finding.category, finding.pairs) == ("E-02-01", 30)


def test_l3_a_row_that_more_specific_ones_cover_everywhere(pack):
    add_line(pack, "duties.csv", "002-05,002,E-01-10,STREET,990102002,,LEAD,@street-office,,STATUTORY,,x,,,")
    (finding,) = only(found(pack), "L3", ["002-05"])
    assert finding.pairs > 0


def test_l4_dates_that_overlap_are_told_as_such_and_not_as_two_leads(pack):
    add_line(
        pack,
        "duties.csv",
        "001-04,001,C-01-01,STREET,990101001,,LEAD,@district:urban-management,,STATUTORY,,x,2026-06-01,,",
    )
    (finding,) = only(found(pack), "L4", ["001-03;001-04"])
    assert "overlap" in finding.message


def test_l4_dates_that_leave_a_gap_are_told_as_such_and_not_as_no_lead(pack):
    add_line(pack, "duties.csv", "005-01,005,E-02-02,CITY,990100,,LEAD,@street-office,,STATUTORY,,x,,2026-01-01,")
    add_line(pack, "duties.csv", "005-02,005,E-02-02,CITY,990100,,LEAD,@street-office,,STATUTORY,,x,2026-03-01,,")
    without(pack, "000-01")
    (finding,) = only(found(pack), "L4", ["005-01;005-02"])
    assert "gap" in finding.message


def test_l5_a_delegation_without_a_basis(pack):
    change(pack, "duties.csv", "下放清单第1项", "")
    only(found(pack), "L5", ["001-03"])


def test_l5_a_delegation_past_its_end(pack):
    assert found(pack, date(2026, 6, 30)) == []
    (finding,) = only(found(pack, date(2026, 7, 1)), "L5", ["001-03"])
    assert "2026-07-01" in finding.message


def test_l6_a_selector_that_means_no_unit_somewhere(pack):
    unit_row(pack, "990101002-OF", kind="COMPANY")
    findings = only(found(pack), "L6", ["000-01", "002-01", "003-02"])
    assert all(finding.place.startswith("990101002") for finding in findings)


def test_l6_a_selector_that_means_several_units_somewhere(pack):
    unit_row(pack, "990102002-OF", area_code="990102001")
    findings = found(pack)
    assert {finding.rule for finding in findings} == {"L6"}
    assert any(finding.place.startswith("990102001") for finding in findings)


def test_l7_the_lead_supervises_itself(pack):
    change(pack, "duties.csv", "SUPERVISE,@district:urban-management", "SUPERVISE,@street-office")
    findings = only(found(pack), "L7", ["002-03"])
    assert {finding.category for finding in findings} == {"E-01-10", "E-01-20"}


def test_l8_a_unit_that_ends_before_its_row_does(pack):
    unit_row(pack, "HT-UM", active_to="2026-02-01")
    only(found(pack), "L8", ["002-04"])


def test_l8_a_unit_whose_area_does_not_reach_the_scope(pack):
    add_line(pack, "duties.csv", "005-01,005,E-02-02,CITY,990100,,LEAD,990101-UM,,STATUTORY,,x,,,")
    (finding,) = only(found(pack), "L8", ["005-01"])
    assert "990101" in finding.message


def test_l10_a_leaf_without_a_time_limit(pack):
    change(pack, "conditions.csv", "E-02-02,A,有塌陷,2,WORK_DAY,已修复,URGENT,,\n", "")
    (finding,) = only(found(pack), "L10", [""])
    assert finding.category == "E-02-02"


def test_l10_a_condition_without_a_closing_test(pack):
    change(pack, "conditions.csv", "已修复", "")
    (finding,) = only(found(pack), "L10", [""])
    assert "closing test" in finding.message


def test_l11_a_cell_without_a_community_parent(pack):
    path = pack / "layers" / "zz.geojson"
    layer = json.loads(path.read_text(encoding="utf-8"))
    layer["features"][0]["properties"]["community"] = ""
    path.write_text(json.dumps(layer), encoding="utf-8")
    (finding,) = only(found(pack), "L11", [""])
    assert finding.pairs > 0


def test_l12_cooperation_without_a_lead(pack):
    add_line(pack, "duties.csv", "005-01,005,E-02-02,CITY,990100,,COOPERATE,@community,,STATUTORY,,x,,,")
    (finding,) = only(found(pack), "L12", ["005-01"])
    assert finding.pairs == 30


def test_the_order_of_rows_changes_no_finding(pack):
    without(pack, "000-01")
    before = found(pack)
    lines = (pack / "duties.csv").read_text(encoding="utf-8").splitlines()
    (pack / "duties.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n", encoding="utf-8")
    assert found(pack) == before
