"""Spreadsheets that come from outside, read without trusting them, and cells written so that none becomes a formula.

    for sheet in read_workbook(path):
        sheet.text(3, 5)        # row 3, column E: its text, "" where a merged range only goes on

A workbook is measured before it is parsed. No formula is evaluated, no link is followed, no macro is looked at.
"""

from __future__ import annotations

import csv
import re
import unicodedata
import warnings
import zipfile
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, time
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from openpyxl import load_workbook
from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.worksheet._reader import WorkSheetParser

from grids.errors import PackError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from openpyxl.cell import Cell

MAX_BYTES: Final = 20_000_000
"""Largest file. The longest published duty list known has 60 kB."""

MAX_UNPACKED: Final = 100_000_000
"""Largest sum of a workbook's parts; a zip's directory states it, and no more than it states is ever unpacked."""

MAX_PARTS: Final = 2_000
MAX_ROW: Final = 50_000
MAX_COLUMN: Final = 256
MAX_MERGED: Final = 1_000_000
"""Cells in merged ranges of one sheet."""

Line = dict[str, str]
"""One row of a table that is to be written: its cells by column."""

_DOCTYPE: Final = re.compile(rb"<\x00?!\x00?(?:D\x00?O\x00?C\x00?T|E\x00?N\x00?T\x00?I)")
"""The beginning of a document type or an entity, in UTF-8 and in UTF-16 of either order."""

_FORMULA_START: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Sheet:
    """One sheet as text: cells by (row, column) from 1, the anchors of merged cells, and which cells are formulas."""

    name: str
    cells: dict[tuple[int, int], str]
    anchors: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    formulas: frozenset[tuple[int, int]] = frozenset()

    @property
    def rows(self) -> int:
        """The last row that holds anything."""
        return max((row for row, _ in self.cells), default=0)

    @property
    def columns(self) -> int:
        """The last column that holds anything."""
        return max((column for _, column in self.cells), default=0)

    def text(self, row: int, column: int) -> str:
        """Return the text of a cell itself; in a merged range only its first cell has one."""
        return self.cells.get((row, column), "")

    def spanned(self, row: int, column: int) -> str:
        """Return the text that a person sees in a cell: that of its merged range, if it is in one."""
        return self.text(*self.anchors.get((row, column), (row, column)))

    def where(self, row: int, column: int) -> str:
        """Name a cell as a person finds it: `部件!E12`; in a CSV, which has no sheets, `E12`."""
        return f"{self.name}!{address(row, column)}" if self.name else address(row, column)


def address(row: int, column: int) -> str:
    """Name a cell within its sheet: E12."""
    return f"{get_column_letter(column)}{row}"


def column_number(letters: str) -> int | None:
    """Return the number of a column named by letters, from 1; None if that is no such name."""
    return column_index_from_string(letters) if re.fullmatch(r"[A-Z]{1,2}", letters) else None


def read_workbook(path: Path, encoding: str = "utf-8-sig") -> list[Sheet]:
    """Read an XLSX, or a CSV as one sheet without a name. Raises PackError if it is too large, broken or hostile."""
    if not path.is_file():
        raise _refused(path, "no such file", "an XLSX or CSV file")
    if path.stat().st_size > MAX_BYTES:
        raise _refused(path, f"{path.stat().st_size:,} bytes", f"at most {MAX_BYTES:,}")
    if path.suffix.lower() == ".csv":
        return [_read_csv(path, encoding)]
    if path.suffix.lower() not in (".xlsx", ".xlsm"):
        raise _refused(path, repr(path.suffix), "a file that ends in .xlsx or .csv; save an .xls as .xlsx")
    try:
        _measure(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drop-downs and styles that openpyxl leaves out
            workbook = load_workbook(path, read_only=True, keep_links=False)
            with closing(workbook):
                return [_read_sheet(path, sheet) for sheet in workbook.worksheets if hasattr(sheet, "_get_source")]
    except PackError:
        raise
    except Exception as error:  # a broken zip or XML fails in a dozen ways: zlib.error, KeyError, ParseError …
        raise _refused(path, f"no readable workbook ({type(error).__name__})", "an XLSX file") from error


def _refused(path: Path, found: str, expected: str) -> PackError:
    return PackError([Problem(path.name, 0, "", found, expected)])


def _measure(path: Path) -> None:
    """Refuse a workbook that would unpack to too much, or whose XML declares entities."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        unpacked = sum(part.file_size for part in parts)
        if len(parts) > MAX_PARTS or unpacked > MAX_UNPACKED:
            found = f"{len(parts):,} parts of {unpacked:,} bytes"
            raise _refused(path, found, f"at most {MAX_PARTS:,} parts and {MAX_UNPACKED:,} bytes unpacked")
        for part in parts:
            if _DOCTYPE.search(archive.read(part)):
                raise _refused(path, f"{part.filename} declares a document type", "a workbook without entities")


def _read_sheet(path: Path, sheet: Any) -> Sheet:
    """Read the cells there are, one row at a time: a sheet's own idea of its size is not believed."""
    book, cells, formulas = sheet.parent, {}, set()
    with sheet._get_source() as source:  # noqa: SLF001 - the public reader hides merged ranges, or unfolds them all
        parser = WorkSheetParser(
            source,
            sheet._shared_strings,  # noqa: SLF001
            epoch=book.epoch,
            date_formats=book._date_formats,  # noqa: SLF001
            timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        )
        for _, row in parser.parse():
            for cell in row:
                if not (text := _as_text(cell["value"])):
                    continue
                at = cell["row"], cell["column"]
                if at[0] > MAX_ROW or at[1] > MAX_COLUMN:
                    found = f"a value in {sheet.title}!{address(*at)}"
                    raise _refused(path, found, f"at most {MAX_ROW:,} rows and {MAX_COLUMN} columns")
                cells[at] = text
                if cell["data_type"] == "f":
                    formulas.add(at)
        merged = parser.merged_cells.mergeCell if parser.merged_cells else ()
    return Sheet(sheet.title, cells, _anchors(path, sheet.title, merged), frozenset(formulas))


def _anchors(path: Path, title: str, merged: Any) -> dict[tuple[int, int], tuple[int, int]]:
    """Say for every cell of a merged range where the range begins."""
    anchors: dict[tuple[int, int], tuple[int, int]] = {}
    area = 0
    for one in merged:
        last_row, last_column = min(one.max_row, MAX_ROW), min(one.max_col, MAX_COLUMN)
        area += (last_row - one.min_row + 1) * (last_column - one.min_col + 1)
        if area > MAX_MERGED:
            raise _refused(path, f"{title}: {area:,} cells and more in merged ranges", f"at most {MAX_MERGED:,}")
        first = one.min_row, one.min_col
        for row in range(one.min_row, last_row + 1):
            anchors.update(((row, column), first) for column in range(one.min_col, last_column + 1))
    return anchors


def _as_text(value: Any) -> str:
    """Write a value as its reader saw it: 1 for 1.0, dates in ISO form, no blanks around it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case _:
            return str(value).replace("\r\n", "\n").strip()


def _read_csv(path: Path, encoding: str) -> Sheet:
    try:
        text = path.read_text(encoding=encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise _refused(path, str(error), f"a table in {encoding}; a map may name another encoding") from error
    cells = {}
    try:
        for row, values in enumerate(csv.reader(StringIO(text, newline=""), strict=True), start=1):
            if row > MAX_ROW or len(values) > MAX_COLUMN:
                found = f"{len(values):,} columns in row {row:,}"
                raise _refused(path, found, f"at most {MAX_ROW:,} rows and {MAX_COLUMN} columns")
            cells.update({(row, column): value for column, raw in enumerate(values, 1) if (value := _as_text(raw))})
    except csv.Error as error:
        raise _refused(path, str(error), "quotes that open and close a whole cell") from error
    return Sheet("", cells)


def put(cell: Cell, text: str) -> None:
    """Write a text into a cell as a text, whatever it begins with.

    Characters that XML can't hold are left out. Excel keeps such a cell a text when somebody edits it, too.
    """
    plain = "".join(one for one in text if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cs"))
    cell.value = plain
    if plain.startswith(_FORMULA_START):
        cell.data_type = "s"
        cell.quotePrefix = True


def csv_text(text: str) -> str:
    """Return a text from outside as it may stand in a CSV that people open in a spreadsheet.

    One that would become a formula there gets an apostrophe in front, which is what a person would type.
    """
    return f"'{text}" if text.startswith(_FORMULA_START) else text


def rows_of(sheet: Sheet, first: int, last: int) -> Iterator[int]:
    """List the rows from `first` that hold anything, up to `last`; 0 stands for the end of the sheet."""
    end = last or sheet.rows
    filled = {row for row, _ in sheet.cells}
    yield from (row for row in range(first, end + 1) if row in filled)


def write_table(path: Path, lines: Sequence[Line], columns: Sequence[str] = ()) -> None:
    """Write a pack's table with the columns of its lines, or with those given if there are no lines."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]) if lines else list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
