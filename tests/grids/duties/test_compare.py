"""What changes hands between two duty lists."""

from __future__ import annotations

from datetime import date

import pytest

from grids.city import open_city
from grids.duties.compare import compare
from tests.packs import add_line, change, write_pack

TODAY = date(2026, 3, 2)


@pytest.fixture
def two(tmp_path):
    return write_pack(tmp_path / "old"), write_pack(tmp_path / "new")


def between(old, new, today=TODAY):
    before, after = open_city(old), open_city(new)
    return compare(before.rules, after.rules, after.cell_places, today)


def test_the_same_list_changes_nothing(two):
    found = between(*two)
    assert (found.pairs, found.changed, found.changes, found.by_unit) == (150, 0, [], [])


def test_a_new_lead_is_counted_for_the_unit_that_gains_and_the_one_that_loses(two):
    old, new = two
    change(new, "duties.csv", "ZONE,HT,,LEAD,HT-UM", "ZONE,HT,,LEAD,990100-UM")
    found = between(old, new)
    (one,) = found.changes
    assert (one.category, one.role, one.before, one.after) == ("E-01-10", "lead", ("HT-UM",), ("990100-UM",))
    assert found.changed == one.pairs
    assert {(b.unit, b.gains, b.loses) for b in found.by_unit} == {
        ("HT-UM", 0, one.pairs),
        ("990100-UM", one.pairs, 0),
    }


def test_a_row_for_what_only_the_backstop_covered_changes_the_lead_where_the_office_was_it(two):
    old, new = two
    add_line(new, "duties.csv", "005-01,005,E-02-02,CITY,990100,,LEAD,@district:urban-management,,STATUTORY,,x,,,")
    found = between(old, new)
    assert found.changed == 30
    assert {change.role for change in found.changes} == {"lead"}


def test_another_supervisor_is_a_change_of_its_own(two):
    old, new = two
    change(new, "duties.csv", "SUPERVISE,@district:urban-management", "SUPERVISE,@city:urban-management")
    found = between(old, new)
    assert {one.role for one in found.changes} == {"supervise"}


def test_a_condition_counts_even_if_it_holds_only_at_night(two):
    old, new = two
    change(new, "duties.csv", "hour >= 22 or hour < 6", "hour >= 23 or hour < 6")
    found = between(old, new)
    assert {(one.category, one.role) for one in found.changes} == {("E-01-20", "lead")}


def test_the_day_decides_which_delegations_are_compared(two):
    old, new = two
    change(new, "duties.csv", "2026-01-01,2026-07-01", "2026-01-01,2027-07-01")
    assert between(old, new).changed == 0
    assert between(old, new, date(2026, 8, 1)).changed > 0


def test_leaves_of_only_one_catalogue_are_listed_apart(two):
    old, new = two
    add_line(new, "categories.csv", "city,E-02-03,山体滑坡,Landslide,EVENT,E-02,YJ")
    found = between(old, new)
    assert (found.only_old, found.only_new) == ((), ("E-02-03",))
