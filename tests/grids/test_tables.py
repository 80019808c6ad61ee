from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.errors import PackError, Problem
from grids.tables import OPEN_END, OPEN_START, Problems, Row, parse_time, read_rows, read_toml

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path, content: str | bytes, *columns: str, optional: bool = False) -> tuple[list[Row], Problems]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problems = Problems()
    return list(read_rows(path, columns or ("a", "b"), problems, optional=optional)), problems


def row(**cells: str) -> Row:
    return Row("t.csv", 7, cells, Problems())


@pytest.fixture
def table(tmp_path):
    return tmp_path / "t.csv"


def test_rows_are_numbered_as_a_spreadsheet_does_with_the_header_as_row_1(table):
    rows, problems = read(table, 'a,b\n1,2\n\n  ,\n"two\nlines",4\n5,6\n')
    assert [(row.number, row.cells["a"]) for row in rows] == [(2, "1"), (5, "two\nlines"), (6, "5")]
    assert not problems


def test_a_table_may_begin_with_a_byte_order_mark_and_end_lines_like_windows(table):
    rows, problems = read(table, "\ufeffa,b\r\n区,2\r\n")
    assert [row.cells for row in rows] == [{"a": "区", "b": "2"}]
    assert not problems


def test_more_columns_in_any_order_and_blanks_round_their_names_are_fine(table):
    rows, problems = read(table, "c, b ,a\nx,y,z\n")
    assert rows[0].cells == {"c": "x", "b": "y", "a": "z"}
    assert not problems


def test_a_line_separator_inside_a_cell_does_not_break_the_row(table):
    rows, problems = read(table, "a,b\none\u2028two\x0bthree\x85,2\n3,4\n")
    assert [row.cells["a"] for row in rows] == ["one\u2028two\x0bthree\x85", "3"]
    assert not problems


def test_a_missing_table_is_a_fault_of_the_file(table):
    problems = Problems()
    assert list(read_rows(table, ("a", "b"), problems)) == []
    assert problems == [Problem("t.csv", 0, "", "no such file", "a CSV with a, b")]


def test_a_missing_optional_table_is_no_fault(table):
    problems = Problems()
    assert list(read_rows(table, ("a",), problems, optional=True)) == []
    assert not problems


def test_missing_columns_are_all_named(table):
    rows, problems = read(table, "b\n1\n", "a", "b", "c")
    assert rows == []
    assert problems == [Problem("t.csv", 1, "a, c", "no such column", "a header with a, b, c")]


def test_an_empty_table_lacks_every_column(table):
    assert read(table, "")[1] == [Problem("t.csv", 1, "a, b", "no such column", "a header with a, b")]


def test_a_column_named_twice_is_a_fault(table):
    rows, problems = read(table, "a,b,a\n1,2,3\n")
    assert rows == []
    assert problems == [Problem("t.csv", 1, "a", "named twice", "each column once")]


def test_a_row_with_too_many_cells_is_a_fault_and_the_others_are_read(table):
    rows, problems = read(table, "a,b\n1,2,3\n4,5\n")
    assert [row.cells["a"] for row in rows] == ["4"]
    assert problems == [Problem("t.csv", 2, "", "3 cells", "at most 2")]


def test_a_short_row_has_empty_cells(table):
    rows, problems = read(table, "a,b\n1\n")
    assert rows[0].text("b", needed=False) == ""
    assert not problems


def test_a_table_that_is_not_utf_8_is_a_fault_that_names_the_byte(table):
    rows, problems = read(table, "a,b\n区,2\n".encode("gb18030"))
    assert rows == []
    assert problems == [Problem("t.csv", 0, "", "byte 4 is not UTF-8", "a table saved as UTF-8")]


def test_a_quote_that_is_never_closed_is_a_fault_and_does_not_swallow_the_rest_in_silence(table):
    rows, problems = read(table, 'a,b\n1,2\n3,"4\n5,6\n7,8\n')
    assert [row.cells["a"] for row in rows] == ["1"]
    assert [(p.row, p.expected) for p in problems] == [(3, "quotes that open and close a whole cell")]


def test_a_needed_cell_that_is_blank_is_a_fault():
    found = row(a="  ")
    assert found.text("a") == ""
    assert found.problems == [Problem("t.csv", 7, "a", "'  '", "a value")]


def test_a_choice_is_taken_if_it_is_allowed():
    assert row(a=" X ").choice("a", {"X", "Y"}) == "X"


def test_another_choice_is_a_fault_that_lists_the_allowed_ones():
    found = row(a="x")
    found.choice("a", {"Y", "X"})
    assert found.problems == [Problem("t.csv", 7, "a", "'x'", "one of X Y")]


def test_an_empty_choice_gives_the_default_or_a_fault():
    found = row(a="")
    assert found.choice("a", {"X"}, default="X") == "X"
    assert not found.problems
    assert found.choice("a", {"X"}) == ""
    assert [p.expected for p in found.problems] == ["a value"]


def test_a_number_is_read_and_an_empty_one_gives_the_default():
    assert row(a=" 1.5 ").number_of("a") == 1.5
    assert row(a="").number_of("a", default=2.0) == 2.0


@pytest.mark.parametrize("text", ["one", "1,5", "nan", "inf", "-Infinity"])
def test_what_is_not_a_finite_number_is_a_fault(text):
    found = row(a=text)
    assert found.number_of("a", default=1.0) == 1.0
    assert found.problems == [Problem("t.csv", 7, "a", repr(text), "a number")]


def test_dates_are_iso_and_empty_ones_are_open():
    assert row(a=" 2026-03-02 ").day("a", OPEN_START) == date(2026, 3, 2)
    assert row(a="").day("a", OPEN_END) == OPEN_END


@pytest.mark.parametrize("text", ["2026-02-30", "02.03.2026", "2026/3/2", "soon"])
def test_what_is_no_date_is_a_fault_that_shows_one(text):
    found = row(a=text)
    assert found.day("a", OPEN_END) == OPEN_END
    assert found.problems == [Problem("t.csv", 7, "a", repr(text), "a date as 2026-03-02, or empty")]


@pytest.mark.parametrize("end", ["2026-01-01", "2025-12-31"])
def test_a_span_that_ends_before_it_begins_is_a_fault(end):
    found = row(effective_from="2026-01-01", effective_to=end)
    found.span()
    assert found.problems == [
        Problem("t.csv", 7, "effective_to", repr(end), "a date after effective_from 2026-01-01")
    ]


def test_an_empty_span_is_open_at_both_ends():
    assert row().span() == (OPEN_START, OPEN_END)


def test_a_time_is_read_to_the_minute():
    assert row(a=" 08:30 ").time("a") == time(8, 30)
    assert parse_time("23:59") == time(23, 59)


@pytest.mark.parametrize("text", ["8:00", "24:00", "08:60", "08:00:30", "08:00+08:00", "0800", "\uff10\uff18:00", ""])
def test_what_is_no_time_to_the_minute_is_refused(text):
    with pytest.raises(ValueError, match="a time such as 08:00"):
        parse_time(text)
    found = row(a=text)
    assert found.time("a") == time()
    assert found.problems == [Problem("t.csv", 7, "a", repr(text), "a time such as 08:00")]


def test_toml_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "t.toml").write_text("\ufeffa = 1\n", encoding="utf-8")
    problems = Problems()
    assert read_toml(tmp_path / "t.toml", problems) == {"a": 1}
    assert not problems


@pytest.mark.parametrize("content", [b"a = \n", b"a = 1\na = 2\n", "a = '区'".encode("gb18030")])
def test_malformed_toml_is_a_fault_and_reads_as_empty(tmp_path, content):
    (tmp_path / "t.toml").write_bytes(content)
    problems = Problems()
    assert read_toml(tmp_path / "t.toml", problems) == {}
    assert [(p.file, p.expected) for p in problems] == [("t.toml", "valid TOML in UTF-8")]


@pytest.mark.parametrize("optional", [False, True])
def test_missing_toml_is_a_fault_unless_it_is_optional(tmp_path, optional):
    problems = Problems()
    assert read_toml(tmp_path / "t.toml", problems, optional=optional) == {}
    assert [p.found for p in problems] == ([] if optional else ["no such file"])


def test_all_problems_are_raised_at_once_in_the_order_of_files_and_rows():
    problems = Problems()
    problems.note("b.csv", 2, "x", "1", "2")
    problems.note("a.csv", 10, "x", "1", "2")
    problems.note("a.csv", 9, "", "1", "2")
    with pytest.raises(PackError) as error:
        problems.raise_if_any()
    assert str(error.value).splitlines() == [
        "a.csv, row 9: 1; expected 2",
        "a.csv, row 10, x: 1; expected 2",
        "b.csv, row 2, x: 1; expected 2",
    ]


def test_a_problem_of_no_file_begins_with_its_field():
    assert str(Problem("", 0, "--datum", "'X'", "one of GCJ02 WGS84")) == "--datum: 'X'; expected one of GCJ02 WGS84"


def test_no_problem_raises_nothing():
    Problems().raise_if_any()


@given(st.binary(max_size=200))
def test_any_bytes_give_rows_or_faults_and_never_another_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    rows, problems = read(path, b"a,b\n" + content)
    assert all(row.number > 1 for row in rows)
    assert all(problem.file == "any.csv" for problem in problems)
