from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from grids.catalogue import read_catalogue
from grids.duties.rows import DutyRow, Specificity, read_duties
from grids.errors import Problem
from grids.tables import OPEN_END, Problems
from grids.units import read_units
from tests.grids.duties.lists import DAY, place, row
from tests.packs import LEAVES, STREETS, add_line, change, write_pack

if TYPE_CHECKING:
    from pathlib import Path

PLACES = {"DISTRICT": ("990101", "990102"), "STREET": STREETS, "COMMUNITY": ("990101001001",), "ZONE": ("HT",)}


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "city")


def read(pack: Path, places: dict[str, tuple[str, ...]] = PLACES) -> tuple[tuple[DutyRow, ...], list[Problem]]:
    problems = Problems()
    catalogue, units = read_catalogue(pack, problems), read_units(pack, problems)
    return read_duties(pack, catalogue, units, places, problems), list(problems)


def line(**changes: str) -> str:
    cells = {
        "row": "900-01", "list_no": "900", "category": "E-01-10", "scope_type": "CITY", "scope_code": "990100",
        "when": "", "role": "LEAD", "unit": "990100-UM", "fallback": "", "mode": "STATUTORY", "delegated_from": "",
        "basis": "", "effective_from": "", "effective_to": "", "decided_by": "", **changes,
    }  # fmt: skip
    return ",".join(cells.values())


def test_the_duty_list_of_a_good_pack_is_read_without_a_fault(pack):
    rows, problems = read(pack)
    assert not problems
    delegated = next(one for one in rows if one.mode == "DELEGATED")
    assert (delegated.row, delegated.unit, delegated.delegated_from) == (
        "001-03",
        "@street-office",
        "@district:urban-management",
    )
    assert (delegated.effective_from, delegated.effective_to) == (date(2026, 1, 1), date(2026, 7, 1))


def test_an_empty_mode_is_statutory(pack):
    add_line(pack, "duties.csv", line(mode=""))
    assert read(pack)[0][-1].mode == "STATUTORY"


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"row": "001-01"}, "row", "an id that no other row has"),
        ({"row": ""}, "row", "a value"),
        ({"category": "E-77"}, "category", "a category of scheme city in categories.csv, or *"),
        ({"category": "101"}, "category", "a category of scheme city in categories.csv, or *"),
        ({"scope_type": "TOWN"}, "scope_type", "one of CELL CITY COMMUNITY COMPONENT DISTRICT STREET ZONE"),
        ({"scope_type": "ZONE", "scope_code": "XX"}, "scope_code", "a ZONE of city.toml"),
        ({"scope_type": "ZONE", "scope_code": ""}, "scope_code", "the code of a ZONE"),
        ({"scope_type": "DISTRICT", "scope_code": "990109"}, "scope_code", "a DISTRICT of areas.csv"),
        ({"scope_type": "STREET", "scope_code": "990101"}, "scope_code", "a STREET of areas.csv"),
        ({"scope_type": "COMMUNITY", "scope_code": "990101001"}, "scope_code", "a COMMUNITY of areas.csv"),
        ({"scope_type": "CELL", "scope_code": ""}, "scope_code", "the code of a CELL"),
        ({"scope_type": "COMPONENT", "scope_code": ""}, "scope_code", "the code of a COMPONENT"),
        ({"role": "BOSS"}, "role", "one of APPROVE BACKSTOP COOPERATE ENFORCE LEAD SUPERVISE"),
        ({"mode": "GIVEN"}, "mode", "one of CONSOLIDATED DELEGATED ENTRUSTED MANAGED STATUTORY"),
        ({"unit": ""}, "unit", "a value"),
        ({"unit": "990100-UN"}, "unit", "a unit of units.csv or a selector; did you mean 990100-UM?"),
        ({"unit": "市城管局"}, "unit", "a unit of units.csv or a selector; did you mean 990100-UM?"),
        ({"unit": "消防支队"}, "unit", "a unit of units.csv or a selector such as @street-office"),
        ({"fallback": "990101001-OFF"}, "fallback", "a unit of units.csv or a selector; did you mean 990101001-OF?"),
        ({"delegated_from": "HT-UMM"}, "delegated_from", "a unit of units.csv or a selector; did you mean HT-UM?"),
        (
            {"unit": "@district:watr"},
            "unit",
            "the function of a DISTRICT department of units.csv: enforcement urban-management",
        ),
        ({"mode": "DELEGATED"}, "delegated_from", "the unit that a DELEGATED duty goes back to"),
        ({"effective_from": "2026-1-1"}, "effective_from", "a date as 2026-03-02, or empty"),
        (
            {"effective_from": "2026-07-01", "effective_to": "2026-01-01"},
            "effective_to",
            "a date after effective_from 2026-07-01",
        ),
    ],
)
def test_a_fault_of_a_duty_names_row_field_and_expectation(pack, changes, field, expected):
    number = add_line(pack, "duties.csv", line(**changes))
    found = repr(changes.get(field, ""))
    assert read(pack)[1] == [Problem("duties.csv", number, field, found, expected)]


def test_a_condition_that_is_no_expression_is_quoted_once_with_what_was_expected(pack):
    number = add_line(pack, "duties.csv", line(when="severity < 3 and"))
    (problem,) = read(pack)[1]
    assert str(problem) == (
        f"duties.csv, row {number}, when: 'severity < 3 and' is no expression; "
        "expected one such as severity <= 2 and hour >= 22"
    )


def test_an_unknown_selector_is_answered_with_the_known_ones(pack):
    add_line(pack, "duties.csv", line(unit="@mayor"))
    (problem,) = read(pack)[1]
    assert problem.expected.startswith("a selector: @street-office @community @zone-committee @district:<function>")


def test_places_that_could_not_be_read_are_not_checked(pack):
    add_line(pack, "duties.csv", line(scope_type="ZONE", scope_code="XX"))
    assert read(pack, {})[1] == []


def test_all_faults_of_all_rows_are_noted(pack):
    change(pack, "duties.csv", "001-01,001,C-01,CITY", "001-01,001,C-99,TOWN")
    change(pack, "duties.csv", "LEAD,HT-UM", "HEAD,HT-UMM")
    assert sorted((p.row, p.field) for p in read(pack)[1]) == [
        (3, "category"),
        (3, "scope_type"),
        (9, "role"),
        (9, "unit"),
    ]


# what a row says


@pytest.mark.parametrize(
    ("category", "leaves"),
    [("*", LEAVES), ("E-01", ("E-01-10", "E-01-20")), ("E-01-10", ("E-01-10",)), ("E-0", ()), ("E-01-1", ())],
)
def test_a_row_speaks_of_its_category_and_those_below_it(category, leaves):
    assert tuple(leaf for leaf in LEAVES if row("a", category=category).covers(leaf)) == leaves


def test_a_row_names_its_unit_between_its_dates():
    one = row("a", start="2026-01-01", end="2026-07-01")
    days = (date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1))
    assert [one.unit_on(day) for day in days] == [None, "U1", "U1", None]


def test_a_delegated_row_names_its_delegator_after_its_dates():
    one = row("a", start="2026-01-01", end="2026-07-01", delegated_from="U2")
    assert [one.unit_on(date(year, 7, 1)) for year in (2025, 2026, 2050)] == [None, "U2", "U2"]


def test_a_row_counts_its_scope_its_category_its_conditions_and_its_dates():
    one = row("a", scope="STREET:990101001", when="severity <= 2 and hour < 6", end="2026-07-01", delegated_from="U2")
    assert one.specificity(DAY) == Specificity(3, 4, 2, 1)
    assert one.specificity(date(2026, 7, 1)) == Specificity(3, 4, 2, 0)
    assert row("b", category="*").specificity(DAY) == Specificity(1, 0, 0, 1)


def test_a_row_knows_the_dates_on_which_it_changes():
    assert row("a").dates == ()
    assert row("a", start="2026-01-01").dates == (date(2026, 1, 1),)
    assert row("a", start="2026-01-01", end="2026-07-01").dates == (date(2026, 1, 1), date(2026, 7, 1))
    assert row("a", end=OPEN_END).dates == ()


@pytest.mark.parametrize("scope", ["STREET", "COMMUNITY", "DISTRICT", "COMPONENT"])
def test_a_scope_without_a_code_holds_nothing(scope):
    nowhere = place("", street="", district="")
    assert not row("a", scope=f"{scope}:").in_scope(nowhere)
