from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser

import pytest
from openpyxl import load_workbook
from packs import LEAVES, add_line, change, write_pack

from grids.duties.matrix import MARKS, WIDE, Matrix, Party, make_matrix, write_matrix
from grids.rules import read_rules

DAY = date(2026, 3, 2)


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "city")


def signs(matrix, category, unit):
    line = next(line for line in matrix.lines if line.category == category)
    return [(mark.role, [matrix.notes[number - 1] for number in mark.notes]) for mark in line.cells.get(unit, ())]


def test_every_leaf_is_a_line_under_its_group(pack):
    matrix = make_matrix(read_rules(pack), DAY)
    assert tuple(line.category for line in matrix.lines if not line.is_group) == LEAVES
    assert [line.category for line in matrix.lines if line.is_group] == ["C-01", "E-01", "E-02"]


def test_a_role_that_holds_everywhere_has_no_note_and_others_say_where_and_when(pack):
    matrix = make_matrix(read_rules(pack), DAY)
    assert signs(matrix, "C-01-01", "@district:urban-management") == [("LEAD", [])]
    assert signs(matrix, "C-01-01", "@street-office") == [
        ("LEAD", ["仅 only STREET 990101001 码头街道；至 until 2026-07-01"]), ("BACKSTOP", []),
    ]  # fmt: skip
    assert signs(matrix, "E-02-01", "990100-UM") == [("LEAD", ["条件 if severity <= 2"])]
    assert signs(matrix, "E-01-10", "HT-UM") == [("LEAD", ["仅 only ZONE HT 高新区"])]


def test_rows_out_of_date_are_left_out(pack):
    matrix = make_matrix(read_rules(pack), date(2027, 1, 1))
    assert signs(matrix, "C-01-01", "@street-office") == [("BACKSTOP", [])]


def test_a_row_that_a_narrower_category_overrides_is_not_shown(pack):
    add_line(pack, "duties.csv", "005-01,005,E-01-20,CITY,990100,,SUPERVISE,990100-SV,,STATUTORY,,,,,")
    matrix = make_matrix(read_rules(pack), DAY)
    assert signs(matrix, "E-01-20", "990100-SV") == [("SUPERVISE", [])]
    assert signs(matrix, "E-01-20", "@district:urban-management") == []
    assert signs(matrix, "E-01-10", "@district:urban-management") == [("SUPERVISE", [])]


def test_a_fallback_is_told_in_a_note(pack):
    add_line(pack, "duties.csv", "005-01,005,E-02-02,CITY,990100,,LEAD,@owner,@street-office,STATUTORY,,,,,")
    matrix = make_matrix(read_rules(pack), DAY)
    assert signs(matrix, "E-02-02", "@owner") == [("LEAD", ["无产权人时 without an owner: 所在街道办事处"])]


def test_a_selector_is_named_as_the_city_names_its_offices(pack):
    names = {party.unit: (party.name_zh, party.name_en) for party in make_matrix(read_rules(pack), DAY).parties}
    assert names["@district:urban-management"] == ("所在区城管局", "District Urban Management")
    assert names["@street-office"] == ("所在街道办事处", "Street office of the place")
    assert names["990100-UM"] == ("双江市城管局", "City Urban Management")  # @city:urban-management means it alone
    assert "@city:urban-management" not in names


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parties, self.links, self.marks = [], [], 0

    def handle_starttag(self, _, attributes):
        given = dict(attributes)
        if "party" in (given.get("class") or ""):
            self.parties.append(given["title"])
        self.marks += "mark" in (given.get("class") or "")
        self.links += [value for name, value in attributes if name in ("src", "href")]


def test_the_page_needs_nothing_else_and_can_be_signed(pack, tmp_path):
    rules = read_rules(pack)
    matrix = make_matrix(rules, DAY)
    write_matrix(matrix, tmp_path / "new" / "matrix.html")
    page = (tmp_path / "new" / "matrix.html").read_text(encoding="utf-8")
    found = _Tables()
    found.feed(page)
    assert found.links == []
    assert not re.search(r"url\(|@import|<script", page)
    assert found.parties == [party.unit for party in matrix.parties]
    assert found.marks == len(MARKS) + sum(len(marks) for line in matrix.lines for marks in line.cells.values())
    for text in ("双江市 职责矩阵", "Duty matrix", rules.version, "2026-03-02", "签字 Signature", "日期 Date"):
        assert text in page


def test_the_page_shows_names_as_text_only(pack, tmp_path):
    change(pack, "units.csv", "高新区城管局", "<script>alert(1)</script>")
    write_matrix(make_matrix(read_rules(pack), DAY), tmp_path / "matrix.html")
    page = (tmp_path / "matrix.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_many_units_are_laid_in_bands_that_fit_on_paper():
    parties = tuple(Party(f"U{number}", "", "") for number in range(2 * WIDE + 1))
    bands = Matrix("", "", "", DAY, parties, (), ()).bands
    assert [len(band) for band in bands] == [17, 17, 15]
    assert sum(bands, ()) == parties


def test_a_list_without_rows_is_an_empty_matrix(pack, tmp_path):
    header = (pack / "duties.csv").read_text(encoding="utf-8").splitlines()[0]
    (pack / "duties.csv").write_text(header + "\n", encoding="utf-8")
    matrix = make_matrix(read_rules(pack), DAY)
    assert matrix.parties == ()
    write_matrix(matrix, tmp_path / "matrix.html")
    write_matrix(matrix, tmp_path / "matrix.xlsx")


def test_the_spreadsheet_says_the_same_as_the_page(pack, tmp_path):
    change(pack, "units.csv", "高新区城管局", "=高新区城管局")
    matrix = make_matrix(read_rules(pack), DAY)
    write_matrix(matrix, tmp_path / "matrix.xlsx")
    sheet = load_workbook(tmp_path / "matrix.xlsx").active
    titles = [cell.value for cell in sheet[4]]
    assert titles[2:] == [f"{party.name_zh} {party.name_en}".strip() for party in matrix.parties]
    assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}
    rows = {row[0].value: row for row in sheet.iter_rows(min_row=5)}
    column = 2 + [party.unit for party in matrix.parties].index("@street-office")
    street = rows["C-01-01"][column]
    assert street.value == "牵·1 兜"
    assert street.fill.fgColor.rgb.endswith(MARKS["LEAD"][2])
    assert any("签字 Signature" in str(row[0].value) for row in sheet.iter_rows())
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.print_title_rows == "$4:$4"
