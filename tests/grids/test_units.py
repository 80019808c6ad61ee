from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.errors import Problem
from grids.tables import Problems
from grids.units import COLUMNS, Unit, Units, read_units

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "unit,name_zh,name_en,aliases,level,kind,function,parent,area_code,active_from,active_to"
WATER = "A-WT,水务局,Water Bureau,市水务局; 水局 ;,CITY,DEPARTMENT,water,,A,,"
OFFICE = "B-OF,码头街道办事处,Wharf Office,码头街办,STREET,OFFICE,,A-WT,B,2025-01-01,2026-07-01"


def read(directory: Path, *lines: str) -> tuple[Units, Problems]:
    (directory / "units.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    problems = Problems()
    return read_units(directory, problems), problems


def test_units_are_read_with_their_aliases(tmp_path):
    units, problems = read(tmp_path, WATER, OFFICE)
    assert not problems
    assert len(units) == 2
    assert "A-WT" in units
    assert "C" not in units
    assert units["A-WT"].aliases == ("市水务局", "水局")
    assert units["B-OF"].parent == "A-WT"


def test_a_unit_exists_from_its_first_day_until_before_its_last(tmp_path):
    office = read(tmp_path, WATER, OFFICE)[0]["B-OF"]
    days = (date(2024, 12, 31), date(2025, 1, 1), date(2026, 6, 30), date(2026, 7, 1))
    assert [office.active(day) for day in days] == [False, True, True, False]


@pytest.mark.parametrize("name", ["A-WT", "a-wt", "水务局", "水 务 局", "水局", "water bureau", "Water Bureau "])
def test_a_unit_is_found_by_its_code_and_every_spelling_of_its_name(tmp_path, name):
    assert read(tmp_path, WATER, OFFICE)[0].named(name) == "A-WT"


def test_wide_and_narrow_brackets_are_one_spelling(tmp_path):
    units, _ = read(tmp_path, "A,管委会（高新）,,,ZONE,OFFICE,committee,,GX,,")
    assert units.named("管委会(高新)") == "A"


def test_a_name_that_nobody_has_means_nobody(tmp_path):
    assert read(tmp_path, WATER)[0].named("环保局") is None
    assert read(tmp_path, WATER)[0].named("") is None


def test_an_english_name_that_two_units_share_means_neither_in_any_order(tmp_path):
    lines = [
        "A,金华居委会,Jinhua Committee,,COMMUNITY,OFFICE,,,1,,",
        "B,锦花居委会,Jinhua Committee,,COMMUNITY,OFFICE,,,2,,",
    ]
    for order in (lines, lines[::-1]):
        units, problems = read(tmp_path, *order)
        assert not problems
        assert units.named("Jinhua Committee") is None
        assert units.named("锦花居委会") == "B"


@pytest.mark.parametrize(("misspelt", "meant"), [("A-WTT", "A-WT"), ("码头街道办事", "B-OF"), ("市水务局", "A-WT")])
def test_the_nearest_unit_is_found_for_a_misspelt_name(tmp_path, misspelt, meant):
    assert read(tmp_path, WATER, OFFICE)[0].nearest(misspelt) == meant


def test_nothing_is_near_a_name_of_something_else(tmp_path):
    assert read(tmp_path, WATER, OFFICE)[0].nearest("Fire Brigade") is None


def test_units_are_found_by_level_kind_area_and_function(tmp_path):
    units, _ = read(tmp_path, WATER, "A-EN,环境局,,,CITY,DEPARTMENT,environment,,A,,", OFFICE)
    assert [unit.code for unit in units.find("CITY", "DEPARTMENT", "A", "water")] == ["A-WT"]
    assert [unit.code for unit in units.find("CITY", "DEPARTMENT", "A")] == ["A-WT", "A-EN"]
    assert [unit.code for unit in units.find("STREET", "OFFICE", "B")] == ["B-OF"]
    assert units.find("STREET", "OFFICE", "A") == ()
    assert units.find("CITY", "DEPARTMENT", "A", "fire") == ()


def test_the_line_of_a_unit_leads_from_it_to_the_top(tmp_path):
    units, _ = read(tmp_path, WATER, OFFICE, "C,社区,,,COMMUNITY,OFFICE,,B-OF,C,,")
    assert units.line("C") == ("C", "B-OF", "A-WT")
    assert units.line("A-WT") == ("A-WT",)
    assert units.line("nobody") == ()


def test_the_line_of_units_that_are_each_others_parents_ends(tmp_path):
    units, _ = read(tmp_path, "A,一,,,CITY,OFFICE,,B,1,,", "B,二,,,CITY,OFFICE,,A,1,,")
    assert units.line("A") == ("A", "B")


@pytest.mark.parametrize(
    ("line", "field", "found", "expected"),
    [
        (WATER.replace("水务局,", "别的局,", 1), "unit", "'A-WT'", "a code that no other row has"),
        (",无码局,,,CITY,OFFICE,,,A,,", "unit", "''", "a value"),
        ("D,,,,CITY,OFFICE,,,A,,", "name_zh", "''", "a value"),
        ("D,一局,,,CITY,OFFICE,,,,,", "area_code", "''", "a value"),
        ("D,一局,,,TOWN,OFFICE,,,A,,", "level", "'TOWN'", "one of CITY COMMUNITY DISTRICT STREET ZONE"),
        (
            "D,一局,,,CITY,BUREAU,,,A,,",
            "kind",
            "'BUREAU'",
            "one of CENTRE COMPANY DEPARTMENT ENFORCEMENT OFFICE SUPERVISION",
        ),
        ("D,一局,,,CITY,OFFICE,,A-WTX,A,,", "parent", "'A-WTX'", "a unit of this file, or empty"),
        ("D,一局,,,CITY,OFFICE,,,A,2026-13-01,", "active_from", "'2026-13-01'", "a date as 2026-03-02, or empty"),
        ("D,一局,,,CITY,OFFICE,,,A,,tomorrow", "active_to", "'tomorrow'", "a date as 2026-03-02, or empty"),
        (
            "D,一局,,,CITY,OFFICE,,,A,2026-01-01,2026-01-01",
            "active_to",
            "'2026-01-01'",
            "a date after active_from 2026-01-01",
        ),
        ("D,一局,,水 务局,CITY,OFFICE,,,A,,", "aliases", "'水 务局'", "水 务局 to mean one unit; it also means A-WT"),
        ("D,水局,,,CITY,OFFICE,,,A,,", "aliases", "''", "水局 to mean one unit; it also means A-WT"),
        ("D,一局,,A-WT,CITY,OFFICE,,,A,,", "aliases", "'A-WT'", "A-WT to mean one unit; it also means A-WT"),
    ],
)  # fmt: skip
def test_a_fault_of_a_unit_names_row_field_and_expectation(tmp_path, line, field, found, expected):
    assert read(tmp_path, WATER, line)[1] == [Problem("units.csv", 3, field, found, expected)]


def test_all_faults_of_the_file_are_noted_together(tmp_path):
    _, problems = read(tmp_path, WATER, "D,一局,,,TOWN,BUREAU,,X,A,,", WATER)
    assert [(p.row, p.field) for p in sorted(problems)] == [(3, "kind"), (3, "level"), (3, "parent"), (4, "unit")]


def test_a_missing_file_is_a_fault(tmp_path):
    problems = Problems()
    assert len(read_units(tmp_path, problems)) == 0
    assert problems == [Problem("units.csv", 0, "", "no such file", "a CSV with " + ", ".join(COLUMNS))]


@given(st.permutations(range(6)))
def test_the_order_of_units_never_changes_whom_a_name_means(order):
    codes = [f"U{n}" for n in range(6)]
    units = [
        Unit(code, f"局{n}", f"Bureau {n // 2}", (f"第{n}局",), "CITY", "OFFICE", "", "", "A", date.min, date.max)
        for n, code in enumerate(codes)
    ]
    shuffled = Units({codes[n]: units[n] for n in order})
    assert [shuffled.named(f"第{n}局") for n in range(6)] == codes
    assert [shuffled.named(f"Bureau {n}") for n in range(3)] == [None] * 3
