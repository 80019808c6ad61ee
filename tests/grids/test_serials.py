from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.codes import cell_serial, grid_serial
from grids.errors import CodeError


@given(st.integers(1, 2200), st.integers(1, 1399))
def test_a_cell_and_a_grid_of_one_community_never_share_a_serial(cell, grid):
    assert cell_serial(cell) != grid_serial(grid)
    assert len(cell_serial(cell)) == len(grid_serial(grid)) == 3


@pytest.mark.parametrize(("number", "text"), [(1, "001"), (900, "900"), (901, "A00"), (2200, "M99")])
def test_cells_count_to_900_and_then_by_letters(number, text):
    assert cell_serial(number) == text


@pytest.mark.parametrize(("number", "text"), [(1, "901"), (99, "999"), (100, "N00"), (1399, "Z99")])
def test_grids_count_from_901_and_then_by_later_letters(number, text):
    assert grid_serial(number) == text


@pytest.mark.parametrize(("serial", "number"), [(cell_serial, 0), (cell_serial, 2201), (grid_serial, 1400)])
def test_a_serial_beyond_its_range_is_refused(serial, number):
    with pytest.raises(CodeError, match=str(number)):
        serial(number)
