"""Tables of points, CSV or Parquet by ending: read whole, given more columns, written whole, row for row."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from grids.errors import LayerError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_LISTED = 20


@dataclass(frozen=True, eq=False)
class Points:
    """A table and the file it came from. In a CSV every value is text and stays the text it was."""

    table: pa.Table
    file: str

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return a column as numbers, NaN where a value is missing or is none. Raises LayerError if it is absent."""
        if column not in self.table.column_names:
            expected = f"one of {', '.join(self.table.column_names)}"
            raise LayerError([Problem(self.file, 0, column, "no such column", expected)])
        values = self.table.column(column)
        if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
            return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
        return np.array([_number(value) for value in values.to_pylist()], dtype=np.float64)

    def with_columns(self, columns: Mapping[str, pa.Array]) -> Points:
        """Return the table with columns added at the end. Raises LayerError for names it already has."""
        taken = [name for name in columns if name in self.table.column_names]
        if taken:
            expected = "no column of a name that locating adds; rename it"
            raise LayerError(
                Problem(self.file, 1, name, "a column that is there already", expected) for name in taken
            )
        table = self.table
        for name, column in columns.items():
            table = table.append_column(name, column)
        return Points(table, self.file)


def read_points(path: Path) -> Points:
    """Read a .csv (UTF-8, with or without BOM) or .parquet file. Raises LayerError if that doesn't work out."""
    _kind(path)
    try:
        if path.suffix.lower() == ".parquet":
            return Points(pq.read_table(path), str(path))
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (OSError, ValueError, csv.Error) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error).splitlines()[0]
        raise LayerError([Problem(str(path), 0, "", reason, "a readable CSV (UTF-8) or Parquet file")]) from error
    if not rows:
        raise LayerError([Problem(str(path), 0, "", "an empty file", "a header row")])
    header, body = rows[0], rows[1:]
    ragged = [
        Problem(str(path), number, "", f"{len(row)} values", f"{len(header)}, as the header has")
        for number, row in enumerate(body, start=2)
        if len(row) != len(header)
    ]
    double = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    ragged += [Problem(str(path), 1, name, "a column name that comes twice", "different names") for name in double]
    if ragged:
        raise LayerError(ragged[:_LISTED])
    columns = zip(*body, strict=True) if body else ([] for _ in header)
    return Points(pa.table([pa.array(column, pa.string()) for column in columns], names=header), str(path))


def write_points(points: Points, path: Path) -> None:
    """Write a .csv (UTF-8) or .parquet file; an absent value is an empty field in a CSV."""
    if _kind(path) == ".parquet":
        pq.write_table(points.table, path, compression="zstd")
        return
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(points.table.column_names)
        columns = [["" if v is None else v for v in column.to_pylist()] for column in points.table.columns]
        writer.writerows(zip(*columns, strict=True))


def _kind(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in {".csv", ".parquet"}:
        raise LayerError([Problem(str(path), 0, "", f"ending {ending!r}", ".csv or .parquet")])
    return ending


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
