from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.codes import ancestors, case_number, cell_serial, grid_serial, is_grid, is_place, serial_number
from grids.errors import CodeError


@pytest.mark.parametrize("code", ["510104", "510104017", "510104017001", "010101"])
def test_districts_streets_and_communities_are_places(code):
    assert is_place(code)


@pytest.mark.parametrize(
    "code",
    ["", "5101", "51010", "510104017001001", "5101GX", "\uff15\uff11\uff10\uff11\uff10\uff14", "51 104", "²10104"],
)
def test_other_texts_are_no_places(code):
    assert not is_place(code)


def test_the_ancestors_of_a_community_are_itself_its_street_and_its_district():
    assert ancestors("510104017001") == ("510104017001", "510104017", "510104")


def test_a_district_has_no_ancestor_but_itself():
    assert ancestors("510104") == ("510104",)


def test_the_ancestors_of_a_cell_begin_with_its_community():
    assert ancestors("510104017001A07") == ("510104017001", "510104017", "510104")


def test_cell_serials_are_digits_first_and_then_go_on_with_letters():
    assert [cell_serial(n) for n in (1, 900, 901, 1000, 1001, 2200)] == ["001", "900", "A00", "A99", "B00", "M99"]


def test_grid_serials_are_digits_first_and_then_go_on_with_letters():
    assert [grid_serial(n) for n in (1, 99, 100, 199, 200, 1399)] == ["901", "999", "N00", "N99", "O00", "Z99"]


@pytest.mark.parametrize(("serial", "most"), [(cell_serial, 2200), (grid_serial, 1399)])
@pytest.mark.parametrize("over", [False, True])
def test_a_serial_beyond_its_range_is_refused_with_the_range(serial, most, over):
    with pytest.raises(CodeError, match=f"expected 1 to {most}"):
        serial(most + 1 if over else 0)


def test_no_cell_and_no_grid_of_a_community_share_a_code():
    cells = [cell_serial(n) for n in range(1, 2201)]
    grids = [grid_serial(n) for n in range(1, 1400)]
    assert len({*cells, *grids}) == len(cells) + len(grids)
    assert {len(serial) for serial in (*cells, *grids)} == {3}


@given(st.integers(1, 2199))
def test_serials_sort_as_they_were_given(number):
    assert cell_serial(number) < cell_serial(number + 1)
    if number < 1399:
        assert grid_serial(number) < grid_serial(number + 1)


def test_a_case_number_is_desk_date_and_serial():
    assert case_number("5101GX", date(2026, 3, 2), 7) == "5101GX2026030200007"


@given(st.dates(date(1000, 1, 1)), st.integers(1, 99_999))
def test_a_case_number_always_has_19_characters(day, number):
    assert len(case_number("510104", day, number)) == 19


@pytest.mark.parametrize("desk", ["", "5101", "510104017"])
def test_a_desk_code_of_another_length_is_refused(desk):
    with pytest.raises(CodeError, match="expected 6"):
        case_number(desk, date(2026, 3, 2), 1)


@pytest.mark.parametrize("number", [0, 100_000])
def test_a_desk_that_used_up_its_serials_of_a_day_is_told_so(number):
    with pytest.raises(CodeError, match="expected 1 to 99999"):
        case_number("510104", date(2026, 3, 2), number)


@pytest.mark.parametrize("number", [1, 900, 901, 1000, 2200])
def test_the_number_of_a_cells_serial_can_be_had_back(number):
    serial = cell_serial(number)
    assert serial_number(serial) == number
    assert not is_grid("510104017001" + serial)


@pytest.mark.parametrize("number", [1, 99, 100, 1399])
def test_the_number_of_a_grids_serial_can_be_had_back(number):
    serial = grid_serial(number)
    assert serial_number(serial) == number
    assert is_grid("510104017001" + serial)


@pytest.mark.parametrize("serial", ["", "1", "A1", "??1", "0000", "Aaa"])
def test_what_is_no_serial_has_no_number(serial):
    assert serial_number(serial) == 0
