from __future__ import annotations

from datetime import date

import pytest

from grids.duties.selectors import is_selector, select, selector_fault
from tests.grids.duties.lists import DAY, component, place, unit, units

SELECTORS = "@street-office @community @zone-committee @district:<function> @city:<function> @maintainer @owner"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("U1", "U1"),
        ("@street-office", "990101001-OF"),
        ("@community", "990101001001-CM"),
        ("@district:urban-management", "990101-UM"),
        ("@district:enforcement", "990101-EN"),
        ("@city:water", "CITY-WT"),
        ("@city:enforcement", "CITY-EN"),
    ],
)
def test_a_name_means_the_unit_it_says_at_the_place(name, expected):
    assert select(name, units(), place(), DAY) == (expected,)


def test_a_selector_follows_the_place():
    assert select("@street-office", units(), place("990101002001"), DAY) == ("990101002-OF",)
    assert select("@district:urban-management", units(), place("990102001001"), DAY) == ("990102-UM",)


def test_a_company_of_the_same_function_is_no_department():
    assert select("@city:gas", units(), place(), DAY) == ()


@pytest.mark.parametrize(
    "name", ["@street-office", "@community", "@district:urban-management", "@zone-committee", "@owner", "nobody"]
)
def test_a_name_means_nobody_where_there_is_nobody(name):
    assert select(name, units(), place("990103001001"), DAY) == ()


def test_a_zone_committee_is_that_of_every_zone_of_the_place():
    assert select("@zone-committee", units(), place(zones=("HT",)), DAY) == ("HT-CM",)
    assert select("@zone-committee", units(), place(zones=("HT", "TF")), DAY) == ("HT-CM", "TF-CM")


def test_the_owner_and_the_maintainer_are_those_of_the_component():
    thing = component(owner="U1", maintainer="U2")
    assert select("@owner", units(), place(), DAY, thing) == ("U1",)
    assert select("@maintainer", units(), place(), DAY, thing) == ("U2",)


@pytest.mark.parametrize("owner", ["", "a unit that is gone"])
def test_a_component_with_an_unknown_owner_has_none(owner):
    assert select("@owner", units(), place(), DAY, component(owner=owner)) == ()


def test_a_unit_outside_its_dates_is_not_meant_by_any_name():
    closed = unit("U9", until=date(2026, 1, 1))
    new_office = unit("990101001-NEW", "STREET", "OFFICE", "990101001", since=date(2026, 7, 1))
    known = units(closed, new_office)
    assert select("U9", known, place(), date(2025, 12, 31)) == ("U9",)
    assert select("U9", known, place(), date(2026, 1, 1)) == ()
    assert select("@owner", known, place(), DAY, component(owner="U9")) == ()
    assert select("@street-office", known, place(), DAY) == ("990101001-OF",)


def test_several_units_of_one_kind_are_all_named_and_none_is_guessed():
    twin = unit("990101001-O2", "STREET", "OFFICE", "990101001")
    assert select("@street-office", units(twin), place(), DAY) == ("990101001-OF", "990101001-O2")


def test_a_selector_begins_with_an_at_sign():
    assert is_selector("@community")
    assert not is_selector("990101-UM")


@pytest.mark.parametrize(
    "name", [*SELECTORS.replace("<function>", "urban-management").split()[:4], "@city:water", "@owner"]
)
def test_known_selectors_have_no_fault(name):
    assert selector_fault(name, units()) is None


@pytest.mark.parametrize(
    "name", ["@", "@mayor", "@street-office:x", "@district", "@district:", "@zone:water", "@owner:x"]
)
def test_an_unknown_selector_is_answered_with_the_known_ones(name):
    assert selector_fault(name, units()) == "a selector: " + SELECTORS


def test_a_function_that_no_unit_of_the_level_has_is_answered_with_those_there_are():
    expected = "the function of a DISTRICT department of units.csv: enforcement urban-management"
    assert selector_fault("@district:water", units()) == expected
    assert selector_fault("@city:gas", units()) == "the function of a CITY department of units.csv: enforcement water"
