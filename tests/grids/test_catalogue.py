from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.catalogue import CITY, Catalogue, Category, CategoryError, CategoryRule, read_catalogue
from grids.errors import Problem
from grids.tables import OPEN_END, OPEN_START, Problems
from grids.when import parse_when
from grids.worktime import Limit
from tests.packs import LEAVES, add_line, change, write_pack

if TYPE_CHECKING:
    from pathlib import Path

FACTS = {"severity": 4, "urgency": "NORMAL", "hour": 12, "area_class": "", "zone": ()}
DAY = date(2026, 3, 2)


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "city")


def read(pack: Path) -> Catalogue:
    problems = Problems()
    catalogue = read_catalogue(pack, problems)
    assert not problems
    return catalogue


def faults(pack: Path) -> list[Problem]:
    problems = Problems()
    read_catalogue(pack, problems)
    return list(problems)


def refusal(catalogue: Catalogue, scheme: str, code: str, **facts: object) -> CategoryError:
    with pytest.raises(CategoryError) as error:
        catalogue.to_city(scheme, code, {**FACTS, **facts})
    return error.value


def test_leaves_are_the_city_categories_that_are_nobodys_parent(pack):
    assert read(pack).leaves == LEAVES


def test_a_category_of_the_city_is_known_by_its_code(pack):
    category = read(pack)["C-01-01"]
    assert (category.name_zh, category.kind, category.net, category.parent) == ("上水井盖", "COMPONENT", "CG", "C-01")


def test_a_leaf_of_the_city_maps_onto_itself(pack):
    assert read(pack).to_city(CITY, "E-01-10", FACTS) == "E-01-10"


def test_a_group_of_the_city_is_refused_with_its_leaves(pack):
    error = refusal(read(pack), CITY, "E-01")
    assert error.reason == "UNKNOWN_CATEGORY"
    assert str(error) == "category: 'E-01' is a group; expected one of E-01-10, E-01-20"


def test_a_foreign_category_maps_onto_the_citys(pack):
    assert read(pack).to_city("12345", "101", FACTS) == "E-01-10"


@pytest.mark.parametrize(("severity", "expected"), [(1, "E-02-01"), (2, "E-02-01"), (3, "E-01-10")])
def test_of_several_mappings_that_hold_the_one_with_more_conditions_counts(pack, severity, expected):
    assert read(pack).to_city("12345", "102", {**FACTS, "severity": severity}) == expected


def test_a_foreign_category_without_a_mapping_is_refused(pack):
    error = refusal(read(pack), "12345", "103")
    assert error.reason == "UNMAPPED_CATEGORY"
    assert str(error) == (
        "category: 12345:103 is not mapped to the city's catalogue under severity 4; "
        "expected a row in category_map.csv"
    )


def test_a_category_whose_mappings_do_not_hold_is_refused(pack):
    change(pack, "category_map.csv", "12345,101,E-01-10,\n", "12345,101,E-01-10,hour < 6\n")
    assert read(pack).to_city("12345", "101", {**FACTS, "hour": 5}) == "E-01-10"
    assert refusal(read(pack), "12345", "101").reason == "UNMAPPED_CATEGORY"


def test_two_mappings_that_hold_alike_are_ambiguous_and_both_are_named(pack):
    add_line(pack, "category_map.csv", "12345,102,E-01-20,hour >= 12")
    error = refusal(read(pack), "12345", "102", severity=1)
    assert error.reason == "AMBIGUOUS_CATEGORY"
    assert str(error) == "category: 12345:102 is mapped to E-01-20 and E-02-01 alike; expected one"


def test_two_mappings_to_the_same_category_are_not_ambiguous(pack):
    add_line(pack, "category_map.csv", "12345,102,E-02-01,hour >= 12")
    assert read(pack).to_city("12345", "102", {**FACTS, "severity": 1}) == "E-02-01"


def test_an_unknown_scheme_is_refused_with_the_known_ones(pack):
    error = refusal(read(pack), "zz", "101")
    assert (error.reason, str(error)) == (
        "UNKNOWN_CATEGORY",
        "scheme: 'zz' is not known; expected one of 12345, city",
    )


@pytest.mark.parametrize(
    ("code", "nearest"),
    [("E-01-1", "E-01-10 暴露生活垃圾"), ("Gas leak", "E-02-01 燃气泄漏"), ("路面塌陷", "E-02-02 路面塌陷")],
)
def test_an_unknown_category_is_refused_with_the_nearest_ones(pack, code, nearest):
    text = str(refusal(read(pack), CITY, code))
    assert text.startswith(f"category: {code!r} is not in scheme 'city'; nearest: ")
    assert nearest in text


def test_a_category_like_none_is_refused_without_a_guess(pack):
    assert str(refusal(read(pack), CITY, "xyz")).endswith("nearest: none")
    assert str(refusal(read(pack), CITY, "")).endswith("nearest: none")


def test_the_first_filing_condition_of_a_leaf_is_the_usual_one(pack):
    found = read(pack).condition("C-01-01", None, DAY)
    assert found is not None
    assert (found.condition, found.limit, found.urgency) == ("A", Limit(2, "URGENT_HOUR"), "CRITICAL")
    assert (found.effective_from, found.effective_to) == (OPEN_START, OPEN_END)


def test_a_filing_condition_is_found_by_its_name_or_not_at_all(pack):
    catalogue = read(pack)
    found = catalogue.condition("C-01-01", "B", DAY)
    assert found is not None
    assert found.limit == Limit(3, "WORK_DAY")
    assert catalogue.condition("C-01-01", "Z", DAY) is None
    assert catalogue.condition("E-99-99", None, DAY) is None


def test_a_filing_condition_counts_on_its_dates_only(pack):
    change(pack, "conditions.csv", "已更换,NORMAL,,", "已更换,NORMAL,,2026-03-01")
    add_line(pack, "conditions.csv", "C-01-01,B,破损,1,WORK_DAY,已更换,NORMAL,2026-03-01,")
    catalogue = read(pack)
    limits = [catalogue.condition("C-01-01", "B", day).limit.amount for day in (date(2026, 2, 28), date(2026, 3, 1))]  # type: ignore[union-attr]
    assert limits == [3, 1]


TREE, MAP, FILING = "categories.csv", "category_map.csv", "conditions.csv"
A_NEW_CODE = "a code that no other row of this scheme has"
A_PARENT = "another category of the same scheme, or empty"
A_LEAF = "a leaf of scheme city in categories.csv, not a group"
A_CLOCK = "one of NATURAL_DAY URGENT_HOUR WORK_DAY WORK_HOUR"


@pytest.mark.parametrize(
    ("file", "line", "field", "found", "expected"),
    [
        (TREE, "city,C-01,又,,EVENT,,CG", "category", "'C-01'", A_NEW_CODE),
        (TREE, "city,,无,,EVENT,,CG", "category", "''", "a value"),
        (TREE, "city,E-09,无,,THING,,CG", "kind", "'THING'", "one of COMPONENT EVENT"),
        (TREE, "city,E-09,无,,EVENT,,XX", "net", "'XX'", "one of CG HB MS YJ ZZ"),
        (TREE, "city,E-09-01,无,,EVENT,E-09,CG", "parent", "'E-09'", A_PARENT),
        (TREE, "city,E-09,无,,EVENT,E-09,CG", "parent", "'E-09'", A_PARENT),
        (TREE, "city,E-09,无,,EVENT,101,CG", "parent", "'101'", A_PARENT),
        (MAP, "12345,999,E-01-10,", "category", "'999'", "a category of this scheme in categories.csv"),
        (MAP, "12345,103,E-99,", "to_category", "'E-99'", A_LEAF),
        (MAP, "12345,103,E-01,", "to_category", "'E-01'", A_LEAF),
        (
            MAP,
            "12345,101,E-01-20,",
            "to_category",
            "'E-01-20'",
            "one category under one condition; another row gives another",
        ),
        (
            MAP,
            "12345,103,E-01-10,colour == 1",
            "when",
            "'colour == 1': 'colour' is no variable",
            "one of area_class hour severity urgency zone",
        ),
        (FILING, "E-99,A,字,1,WORK_DAY,字,NORMAL,,", "category", "'E-99'", A_LEAF),
        (FILING, "E-01,A,字,1,WORK_DAY,字,NORMAL,,", "category", "'E-01'", A_LEAF),
        (FILING, "C-01-01,C,字,two,WORK_DAY,字,NORMAL,,", "limit", "'two'", "an amount above 0"),
        (FILING, "C-01-01,C,字,0,WORK_DAY,字,NORMAL,,", "limit", "'0'", "an amount above 0"),
        (FILING, "C-01-01,C,字,-2,WORK_DAY,字,NORMAL,,", "limit", "'-2'", "an amount above 0"),
        (FILING, "C-01-01,C,字,2,DAY,字,NORMAL,,", "clock", "'DAY'", A_CLOCK),
        (FILING, "C-01-01,C,字,2,WORK_MINUTE,字,NORMAL,,", "clock", "'WORK_MINUTE'", A_CLOCK),
        (FILING, "C-01-01,C,字,2,WORK_DAY,字,HIGH,,", "urgency", "'HIGH'", "one of CRITICAL NORMAL URGENT"),
        (FILING, "C-01-01,,字,2,WORK_DAY,字,NORMAL,,", "condition", "''", "a value"),
        (FILING, "C-01-01,C,,2,WORK_DAY,字,NORMAL,,", "text", "''", "a value"),
        (
            FILING,
            "C-01-01,B,字,2,WORK_DAY,字,NORMAL,2026-01-01,",
            "condition",
            "'B'",
            "a condition of this category that no other row gives for the same days",
        ),
        (
            FILING,
            "C-01-01,C,字,2,WORK_DAY,字,NORMAL,2026-02-01,2026-01-01",
            "effective_to",
            "'2026-01-01'",
            "a date after effective_from 2026-02-01",
        ),
    ],
)
def test_a_fault_of_the_catalogue_names_file_row_field_and_expectation(pack, file, line, field, found, expected):
    row = add_line(pack, file, line)
    assert faults(pack) == [Problem(file, row, field, found, expected)]


@pytest.mark.parametrize(
    ("file", "optional"), [("categories.csv", False), ("conditions.csv", False), ("category_map.csv", True)]
)
def test_only_the_map_of_foreign_categories_may_be_missing(pack, file, optional):
    (pack / file).unlink()
    assert any(p.file == file and p.found == "no such file" for p in faults(pack)) is not optional


@given(st.permutations(range(4)), st.integers(1, 4), st.integers(0, 23))
def test_the_order_of_mappings_never_changes_where_a_category_goes(order, severity, hour):
    rules = [
        CategoryRule("A", parse_when("")),
        CategoryRule("B", parse_when("severity <= 2")),
        CategoryRule("C", parse_when("hour < 6")),
        CategoryRule("B", parse_when("severity == 1 and hour < 6")),
    ]
    categories = {
        key: Category(*key, "名", "", "EVENT", "", "CG")
        for key in (("x", "1"), (CITY, "A"), (CITY, "B"), (CITY, "C"))
    }

    def answer(chosen: list[CategoryRule]) -> str:
        try:
            return Catalogue(categories, {("x", "1"): tuple(chosen)}, {}).to_city(
                "x", "1", {"severity": severity, "hour": hour}
            )
        except CategoryError as error:
            return str(error)

    assert answer([rules[n] for n in order]) == answer(rules)
