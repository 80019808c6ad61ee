"""Reading a pack's tables: every cell checked, every fault noted with its row, and all faults told at once."""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from grids.errors import PackError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

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
            return float(value)
        except ValueError:
            self.fault(field, "a number")
            return default or 0.0

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

    def span(self) -> tuple[date, date]:
        """Return effective_from and the exclusive effective_to; note a fault if they are not in order."""
        start, end = self.day("effective_from", OPEN_START), self.day("effective_to", OPEN_END)
        if end <= start:
            self.fault("effective_to", f"a date after effective_from {start}")
        return start, end


def read_rows(path: Path, columns: Sequence[str], problems: Problems, *, optional: bool = False) -> Iterator[Row]:
    """Read a UTF-8 CSV (with or without BOM) whose header holds at least `columns`, one Row at a time.

    A missing file is a fault unless `optional`; so are a missing column, a row with too many cells, a cell that
    is not UTF-8. The header is row 1.
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
    reader = csv.reader(text.splitlines(keepends=True))
    header = [name.strip() for name in next(reader, [])]
    if missing := [name for name in columns if name not in header]:
        problems.note(path.name, 1, ", ".join(missing), "no such column", "a header with " + ", ".join(columns))
        return
    for cells in reader:
        number = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            problems.note(path.name, number, "", f"{len(cells)} cells", f"at most {len(header)}")
            continue
        yield Row(path.name, number, dict(zip(header, cells, strict=False)), problems)


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
