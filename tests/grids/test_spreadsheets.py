from __future__ import annotations

import zipfile
from contextlib import suppress
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from grids import spreadsheets
from grids.errors import PackError
from grids.spreadsheets import csv_text, put, read_workbook, write_table


def save(path, rows, merged=(), title="部件"):
    book = Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    for area in merged:
        book.active.merge_cells(area)
    book.save(path)
    return path


def rewrite(path, part, change):
    """Replace one part of a workbook by what `change` makes of it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_cells_are_the_text_that_a_person_sees(tmp_path):
    row = [1, 2.0, 0.5, True, date(2026, 3, 2), datetime(2026, 3, 2, 8, 15), "  两头有空格 ", None]  # noqa: DTZ001
    (sheet,) = read_workbook(save(tmp_path / "a.xlsx", [row]))
    assert [sheet.text(1, column) for column in range(1, 9)] == [
        "1", "2", "0.5", "TRUE", "2026-03-02", "2026-03-02 08:15:00", "两头有空格", "",
    ]  # fmt: skip
    assert sheet.where(1, 28) == "部件!AB1"


def test_a_merged_range_has_its_text_in_its_first_cell_and_shows_it_everywhere(tmp_path):
    (sheet,) = read_workbook(save(tmp_path / "a.xlsx", [["甲", "一"], [None, "二"], ["乙", "三"]], ["A1:A2"]))
    assert [sheet.text(row, 1) for row in (1, 2, 3)] == ["甲", "", "乙"]
    assert [sheet.spanned(row, 1) for row in (1, 2, 3)] == ["甲", "甲", "乙"]


def test_a_formula_is_marked_and_not_evaluated(tmp_path):
    (sheet,) = read_workbook(save(tmp_path / "a.xlsx", [["=1+1", "2"]]))
    assert sheet.formulas == {(1, 1)}
    assert sheet.text(1, 1) == "=1+1"


def test_a_csv_is_a_sheet_without_a_name_with_or_without_a_bom(tmp_path):
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "a.csv").write_text('甲,"一\n行"\n,二\n', encoding=encoding)
        (sheet,) = read_workbook(tmp_path / "a.csv")
        assert (sheet.text(1, 1), sheet.text(1, 2), sheet.text(2, 2)) == ("甲", "一\n行", "二")
        assert sheet.where(2, 2) == "B2"


def test_a_csv_in_another_encoding_says_so_and_is_read_with_it(tmp_path):
    (tmp_path / "a.csv").write_bytes("处置单位".encode("gb18030"))
    with pytest.raises(PackError, match="a map may name another encoding"):
        read_workbook(tmp_path / "a.csv")
    assert read_workbook(tmp_path / "a.csv", "gb18030")[0].text(1, 1) == "处置单位"


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("a.xls", b"x", "save an .xls as .xlsx"),
        ("a.xlsx", b"no zip", "BadZipFile"),
        ("a.csv", b'"open', "quotes that open and close"),
    ],
)
def test_what_is_no_spreadsheet_is_refused_by_name(tmp_path, name, body, expected):
    (tmp_path / name).write_bytes(body)
    with pytest.raises(PackError, match=expected):
        read_workbook(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(PackError, match="no such file"):
        read_workbook(tmp_path / "none.xlsx")


def test_a_zip_that_is_no_workbook_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(PackError, match="no readable workbook"):
        read_workbook(tmp_path / "a.xlsx")


@settings(deadline=None, max_examples=60)
@given(at=st.integers(0, 10**6), byte=st.integers(0, 255), end=st.integers(0, 10**6))
def test_a_damaged_workbook_is_read_or_refused_and_nothing_else(tmp_path_factory, at, byte, end):
    path = save(tmp_path_factory.mktemp("damaged") / "a.xlsx", [["甲", 1], [None, "乙"]], ["A1:A2"])
    body = bytearray(path.read_bytes())
    body[at % len(body)] = byte
    path.write_bytes(body[: len(body) - end % len(body) if end % 3 == 0 else None])
    with suppress(PackError):
        read_workbook(path)


def test_a_file_that_is_too_large_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(spreadsheets, "MAX_BYTES", 100)
    with pytest.raises(PackError, match="at most 100"):
        read_workbook(save(tmp_path / "a.xlsx", [["甲"]]))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = save(tmp_path / "a.xlsx", [["甲"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"xl/media/{number}.bin", bytes(spreadsheets.MAX_UNPACKED // 2))
    assert path.stat().st_size < spreadsheets.MAX_BYTES
    with pytest.raises(PackError, match="bytes unpacked"):
        read_workbook(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_in_every_encoding(tmp_path, encoding):
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb">]><a>&b;</a>'.encode(encoding)
    with pytest.raises(PackError, match="a workbook without entities"):
        read_workbook(rewrite(save(tmp_path / "a.xlsx", [["甲"]]), SHEET, lambda _: bomb))


def test_a_value_in_the_last_corner_of_a_sheet_is_refused_without_filling_the_sheet(tmp_path):
    path = save(tmp_path / "a.xlsx", [["甲"]])
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    with pytest.raises(PackError, match="XFD1048576"):
        read_workbook(rewrite(path, SHEET, lambda body: body.replace(b"</sheetData>", far)))


def test_merged_ranges_over_whole_sheets_are_refused_without_unfolding_them(tmp_path):
    path = save(tmp_path / "a.xlsx", [["甲"]])
    merges = b'</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    with pytest.raises(PackError, match="merged ranges"):
        read_workbook(rewrite(path, SHEET, lambda body: body.replace(b"</sheetData>", merges)))


def test_a_csv_of_too_many_columns_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("," * (spreadsheets.MAX_COLUMN + 1), encoding="utf-8")
    with pytest.raises(PackError, match="columns in row 1"):
        read_workbook(tmp_path / "a.csv")


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=30), start=st.sampled_from(["", "=", "+", "-", "@", "\t", "=HYPERLINK("]))
def test_no_text_becomes_a_formula(tmp_path_factory, text, start):
    book = Workbook()
    put(book.active.cell(1, 1), start + text)
    path = tmp_path_factory.mktemp("cell") / "a.xlsx"
    book.save(path)
    assert load_workbook(path).active.cell(1, 1).data_type in ("s", "n", "inlineStr")
    assert not read_workbook(path)[0].formulas
    assert not csv_text(start + text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_text_like_a_formula_stays_a_text_when_somebody_edits_it(tmp_path):
    book = Workbook()
    put(book.active.cell(1, 1), "=1+1")
    book.save(tmp_path / "a.xlsx")
    cell = load_workbook(tmp_path / "a.xlsx").active.cell(1, 1)
    assert (cell.value, cell.data_type, cell.quotePrefix) == ("=1+1", "s", True)


def test_a_table_without_lines_still_has_its_header(tmp_path):
    write_table(tmp_path / "a.csv", [], ("row", "unit"))
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "row,unit\n"
