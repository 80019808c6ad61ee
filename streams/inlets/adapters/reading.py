"""What an adapter gives for each row, what it is told, and how files of any kind become rows of named texts."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec
import pyarrow.parquet as pq

from grids.errors import PackError, Problem
from grids.spreadsheets import read_workbook, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from grids.catalogue import Catalogue
    from grids.inlets import SensorForm

ENCODINGS = ("utf-8-sig", "gb18030")
"""Tried in this order: hotlines' exports are often GBK."""


class Fault(NamedTuple):
    """Why a field of a row was not understood."""

    field: str
    found: str
    expected: str


class Reading(NamedTuple):
    """One row: its number as a person counts (the first data row of a file is 2 below a header), and its report.

    `report` holds fields of Report, None if the row is not understood; then `faults` say why. Faults beside a report
    are of fields that it goes without. `quiet` rows are understood and say nothing that has to be reported.
    """

    row: int
    report: dict[str, Any] | None
    faults: tuple[Fault, ...] = ()
    quiet: bool = False


class Context(NamedTuple):
    """What an adapter is told besides the file."""

    zone: tzinfo = ZoneInfo("Asia/Shanghai")
    catalogue: Catalogue | None = None
    sensors: Sequence[SensorForm] = ()
    system: str = ""
    mapping: Path | None = None


class Adapter(Protocol):
    """One format."""

    @property
    def system(self) -> str:
        """What the source is called where nothing else is said."""

    def knows(self, path: Path) -> bool:
        """Say whether a file looks like one of this format."""

    def read(self, path: Path, context: Context) -> Iterator[Reading]:
        """Yield every row. Raises PackError if the file itself can't be read."""


def refused(path: Path, found: str, expected: str) -> PackError:
    """Return the error of a file that can't be read at all."""
    return PackError([Problem(path.name, 0, "", found, expected)])


def table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV, XLSX, Parquet or JSON file as texts by column name, with their numbers."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        yield from _of_parquet(path)
    elif kind == ".json":
        yield from _of_json(path)
    elif kind == ".xlsx":
        yield from _of_sheet(path)
    else:
        yield from _of_csv(path)


def header(path: Path) -> list[str]:
    """Return the column names of a file; empty if it has none or can't be read."""
    try:
        if path.suffix.lower() == ".parquet":
            return [str(name) for name in pq.read_schema(path).names]
        return next((list(row) for _, row in table(path)), [])
    except (PackError, OSError, ValueError, csv.Error):
        return []


def _of_csv(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding=_encoding(path), newline="") as file:
        reader = csv.reader(file)
        try:
            names = [name.strip() for name in next(reader, [])]
            for row in reader:
                if any(row):
                    yield reader.line_num, dict(zip(names, (text.strip() for text in row), strict=False))
        except csv.Error as error:
            raise refused(path, str(error), "a CSV file") from None


def _encoding(path: Path) -> str:
    """Return the first encoding in which the whole of a file can be read."""
    for name in ENCODINGS:
        try:
            with path.open(encoding=name) as file:
                while file.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        return name
    raise refused(path, "bytes of another encoding", "UTF-8 or GB18030")


def _of_sheet(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    sheets = read_workbook(path)
    sheet = sheets[0]
    names: dict[int, str] = {}
    for row in rows_of(sheet, 1, sheet.rows):
        texts = {column: sheet.text(row, column).strip() for column in range(1, sheet.columns + 1)}
        if not any(texts.values()):
            continue
        if not names:
            names = {column: text for column, text in texts.items() if text}
            continue
        yield row, {name: texts.get(column, "") for column, name in names.items()}


def _of_parquet(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    number = 1
    for batch in pq.ParquetFile(path).iter_batches(batch_size=5000):
        for row in batch.to_pylist():
            number += 1
            yield number, {name: _text(value) for name, value in row.items()}


def _of_json(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        rows = msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refused(path, str(error), "an array of objects") from None
    for number, row in enumerate(rows, 1):
        yield number, {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)


FORMS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d",
    "%m/%d/%Y %I:%M:%S %p", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日", "%Y%m%d%H%M%S",
)  # fmt: skip
"""Times as exports write them; one without an offset is the city's."""


def moment(text: str, zone: tzinfo) -> datetime | None:
    """Read a time; None if it is none."""
    text = text.strip()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        for form in FORMS:
            try:
                found = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
            except ValueError:
                continue
            break
        else:
            return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def number(text: str) -> float | None:
    """Read a number; None if it is none."""
    try:
        found = float(text.replace(",", ""))
    except ValueError:
        return None
    return found if found == found and abs(found) != float("inf") else None  # noqa: PLR0124 - NaN


def named(catalogue: Catalogue | None, *names: str) -> str:
    """Return the city leaf that names mean, its own and its group's; empty if it isn't just one."""
    if catalogue is None:
        return ""
    leaf = next((name for name in reversed(names) if name), "")
    found = [code for code in catalogue.leaves if leaf in (code, catalogue[code].name_zh, catalogue[code].name_en)]
    if len(found) > 1:
        groups = {name for name in names if name and name != leaf}
        found = [code for code in found if _parents(catalogue, code) & groups]
    return found[0] if len(found) == 1 else ""


def _parents(catalogue: Catalogue, code: str) -> set[str]:
    found: set[str] = set()
    one = catalogue[code]
    found.add({"COMPONENT": "部件", "EVENT": "事件"}.get(one.kind, ""))
    while (parent := catalogue.categories.get(("city", one.parent))) is not None:
        found |= {parent.name_zh, parent.code}
        one = parent
    return found


def first(row: Mapping[str, str], names: Sequence[str]) -> str:
    """Return the first text that stands under one of several names."""
    return next((row[name] for name in names if row.get(name)), "")
