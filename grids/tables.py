"""Reading a pack's tables: every cell checked, every fault noted with its row, and all faults told at once."""

from __future__ import annotations

import csv
import math
import re
import tomllib
from dataclasses import dataclass
from datetime import date, time
from io import StringIO
from typing import TYPE_CHECKING, Any

from grids.errors import PackError, Problem
from grids.when import ALWAYS, WhenError, parse_when

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from grids.when import When

OPEN_END = date.max
"""An empty `effective_to`: in force until somebody ends it."""

OPEN_START = date.min
"""An empty `effective_from`: always was in force."""


class Problems(list[Problem]):
    """The faults found so far, over all files of a pack."""

    def note(self, file: str, row: int, field: str, found: str, expected: str) -> None:
        """Add one fault."""
        self.append(Problem(file, row, field, found, expected))

    def raise_if_any(self) -> None:
        """Raise PackError with every fault, in the order of files and rows, if there is one."""
        if self:
            raise PackError(sorted(self))


@dataclass(frozen=True)
class Row:
    """One row of a table; its getters note a fault and return a harmless value, so that reading goes on."""

    file: str
    number: int
    cells: dict[str, str]
    problems: Problems

    def fault(self, field: str, expected: str) -> None:
        """Note that this row's `field` is not what was expected."""
        self.problems.note(self.file, self.number, field, f"{self.cells.get(field, '')!r}", expected)

    def text(self, field: str, *, needed: bool = True) -> str:
        """Return the cell without surrounding blanks; note a fault if it is needed and empty."""
        value = self.cells.get(field, "").strip()
        if needed and not value:
            self.fault(field, "a value")
        return value

    def choice(self, field: str, allowed: Collection[str], *, default: str | None = None) -> str:
        """Return the cell if it is one of `allowed`, the default if it is empty."""
        value = self.text(field, needed=default is None)
        if not value:
            return default or ""
        if value not in allowed:
            self.fault(field, "one of " + " ".join(sorted(allowed)))
        return value

    def number_of(self, field: str, *, default: float | None = None) -> float:
        """Return the cell as a number."""
        value = self.text(field, needed=default is None)
        if not value:
            return default or 0.0
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fault(field, "a number")
            return default or 0.0
        return number

    def day(self, field: str, empty: date) -> date:
        """Return the cell as an ISO date, `empty` if it is empty."""
        value = self.text(field, needed=False)
        if not value:
            return empty
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fault(field, "a date as 2026-03-02, or empty")
            return empty

    def time(self, field: str) -> time:
        """Return the cell as a time of day to the minute."""
        try:
            return parse_time(self.text(field, needed=False))
        except ValueError as error:
            self.fault(field, str(error))
            return time()

    def when(self, field: str = "when") -> When:
        """Return the cell as a condition; an empty one always holds."""
        text = self.text(field, needed=False)
        try:
            return parse_when(text)
        except WhenError as error:
            why, _, expected = str(error).partition("; expected ")
            found = why if why.startswith(repr(text)) else f"{text!r}: {why}"
            self.problems.note(self.file, self.number, field, found, expected or "a comparison such as severity <= 2")
            return ALWAYS

    def span(self, first: str = "effective_from", last: str = "effective_to") -> tuple[date, date]:
        """Return the first day and the exclusive last one; note a fault if they are not in order."""
        start, end = self.day(first, OPEN_START), self.day(last, OPEN_END)
        if end <= start:
            self.fault(last, f"a date after {first} {start}")
        return start, end


def parse_time(text: str) -> time:
    """Read a time of day such as 08:00. Raises ValueError that says what was expected."""
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError("a time such as 08:00")
    return time.fromisoformat(text)


def read_rows(path: Path, columns: Sequence[str], problems: Problems, *, optional: bool = False) -> Iterator[Row]:
    """Read a UTF-8 CSV (with or without BOM) whose header holds at least `columns`, one Row at a time.

    A missing file is a fault unless `optional`; so are a missing column or one named twice, a row with too many
    cells, a quote that is never closed, a cell that is not UTF-8. The header is row 1.
    """
    if not path.exists():
        if not optional:
            problems.note(path.name, 0, "", "no such file", "a CSV with " + ", ".join(columns))
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        problems.note(path.name, 0, "", f"byte {error.start} is not UTF-8", "a table saved as UTF-8")
        return
    # strict: otherwise a stray quote would swallow all that follows, without a word
    rows = _numbered(csv.reader(StringIO(text, newline=""), strict=True), path, problems)
    header = [name.strip() for name in next(rows, (1, []))[1]]
    if missing := [name for name in columns if name not in header]:
        problems.note(path.name, 1, ", ".join(missing), "no such column", "a header with " + ", ".join(columns))
        return
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        problems.note(path.name, 1, ", ".join(twice), "named twice", "each column once")
        return
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            problems.note(path.name, number, "", f"{len(cells)} cells", f"at most {len(header)}")
            continue
        yield Row(path.name, number, dict(zip(header, cells, strict=False)), problems)


def _numbered(reader: Iterator[list[str]], path: Path, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Count the rows as a spreadsheet does; note a row that is no CSV, and end there."""
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, cells
    except csv.Error as error:
        problems.note(path.name, number + 1, "", str(error), "quotes that open and close a whole cell")


def read_toml(path: Path, problems: Problems, *, optional: bool = False) -> dict[str, Any]:
    """Read a TOML file; a missing or malformed one is a fault and reads as empty."""
    if not path.exists():
        if not optional:
            problems.note(path.name, 0, "", "no such file", "a TOML file")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.note(path.name, 0, "", str(error), "valid TOML in UTF-8")
        return {}
