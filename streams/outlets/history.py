"""History: the log as Parquet by month, for DuckDB and whatever a city's analysts use.

    DIR/history.json                                    position, the log's time, names
    DIR/transitions/month=2026-03/000000000001.parquet  every step, one file for each time that it was written on
    DIR/cases/month=2026-03/cases.parquet               the facts of cases opened in the month, as of `position`
    DIR/clocks/month=2026-03/clocks.parquet             their clocks

A step lies in the month in which its desk heard of it, so that a month that is over gets no new one. Writing again
adds what the log has gained; the facts are put in place of what they were.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from streams.ledger.fold import Fold, counted
from streams.outlets.measures.facts import Facts
from streams.outlets.measures.folding import Stand, facts_at, stand_at
from streams.outlets.measures.names import Names
from streams.outlets.measures.registry import MeasureError
from streams.records import Effects, Transition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.ledger.records import EffectsRecord
    from streams.outlets.board.sqlite import SqliteBoard

FILE = "history.json"

ROWS = 50_000
"""Steps that are held in memory before they are written."""

_UTC = pa.timestamp("us", "UTC")

STEPS = pa.schema(
    [
        ("offset", pa.int64()), ("log_time", _UTC), ("case_no", pa.string()), ("seq", pa.int32()),
        ("desk", pa.string()), ("verb", pa.string()), ("from_state", pa.string()), ("to_state", pa.string()),
        ("cause", pa.string()), ("actor", pa.string()), ("actor_unit", pa.string()), ("at", _UTC),
        ("heard_at", _UTC), ("reason", pa.string()), ("unit", pa.string()), ("pack", pa.string()),
        ("body", pa.binary()), ("partition", pa.int32()),
    ]
)  # fmt: skip
"""One row a transition; `body` is the whole of it as JSON (docs/records.md), from which cases can be folded again.

`partition` and `offset` name the record that it stands in, `log_time` is its desk's time after that record.
"""

_encode = msgspec.json.Encoder().encode
_step = msgspec.json.Decoder(Transition)


class Mark(msgspec.Struct, frozen=True):
    """A position at which a history of several logs was written: their time, and the offset in each."""

    position: int
    now: datetime
    logs: dict[str, int]


class Written(msgspec.Struct):
    """What a history folder holds: up to which offset of the log, its own time there, and the rule's state.

    Of several logs `logs` says the offset in each, and `marks` where it was written to before: positions for --as-of.
    """

    position: int
    now: datetime
    names: Names
    epoch: int
    applied: int
    logs: dict[str, int] = {}
    marks: list[Mark] = []


def write_history(board: SqliteBoard, names: Names, folder: Path) -> Written:
    """Write a file's log into a folder, or on where it ended the last time. Raises MeasureError for an empty log."""
    folder.mkdir(parents=True, exist_ok=True)
    before = known_of(folder)
    if before is not None and before.logs:
        raise MeasureError(f"{folder / FILE}: a cluster's history; expected one of this log, or a new folder")
    facts = facts_at(board, names)
    if before is not None and before.position > facts.position:
        raise MeasureError(
            f"{folder / FILE}: position {before.position}, the log ends at {facts.position}; "
            "expected the history of this log"
        )
    fold = Fold(before.epoch, before.applied) if before else Fold()
    held: dict[str, list[tuple[Any, ...]]] = {}
    for row in _rows(board, fold, before.position if before else -1, facts.position):
        month = row[1].astimezone(names.zone).strftime("%Y-%m")
        held.setdefault(month, []).append(row)
        if len(held[month]) >= ROWS:
            put_steps(folder, month, held.pop(month))
    for month, rows in held.items():
        put_steps(folder, month, rows)
    for name, table in (("cases", facts.cases), ("clocks", with_opened(facts))):
        months = pc.strftime(table["opened_at"], "%Y-%m").to_pylist()
        for month in sorted(set(months)):
            chosen = table.filter(pc.equal(pa.array(months), month))
            put(folder / name / f"month={month}" / f"{name}.parquet", chosen)
    now = facts.now.replace(tzinfo=names.zone)
    written = Written(facts.position, now, names, fold.epoch, fold.applied)
    replace(folder / FILE, _encode(written))
    return written


def read_history(folder: Path) -> tuple[Facts, Names]:
    """Return the facts that a history folder holds. Raises MeasureError where it is none."""
    written = known_of(folder)
    if written is None:
        raise MeasureError(f"{folder}: no {FILE}; expected a folder that `onegrid history` wrote")
    cases, clocks = (
        pa.concat_tables(pq.ParquetFile(path).read() for path in sorted((folder / name).glob("month=*/*.parquet")))
        for name in ("cases", "clocks")
    )
    now = written.now.astimezone(written.names.zone).replace(tzinfo=None)
    return Facts(cases, clocks, now, written.position), written.names


def stand_of(folder: Path, position: int) -> Stand:
    """Return the cases that a history folder holds as they stood at a position.

    Of several logs only positions at which it was written are known; MeasureError for others.
    """
    written = known_of(folder)
    if written is None or not written.logs:
        return stand_at(effects_of(folder), position)
    mark = next((one for one in written.marks if one.position == position), None)
    if mark is None:
        known = ", ".join(str(one.position) for one in written.marks[-20:])
        raise MeasureError(f"as of {position}: this cluster's history was not written there; expected one of {known}")
    paths = sorted((folder / "transitions").glob("month=*/*.parquet"))
    steps = pa.concat_tables(
        pq.ParquetFile(path).read(["partition", "offset", "case_no", "seq", "body"]) for path in paths
    )
    rows = steps.sort_by([("case_no", "ascending"), ("seq", "ascending")]).to_pylist()
    then = [row for row in rows if row["offset"] <= mark.logs.get(str(row["partition"]), -1)]
    found = stand_at(((position, Effects([_step.decode(row["body"])], now=mark.now)) for row in then), position)
    return Stand(found.cases, mark.now, position)


def effects_of(folder: Path) -> Iterator[tuple[int, Effects]]:
    """Yield the steps of a history folder as a log would, in its order."""
    paths = sorted((folder / "transitions").glob("month=*/*.parquet"))
    offsets = pa.concat_tables(pq.ParquetFile(path).read(["offset", "log_time", "body"]) for path in paths)
    for row in offsets.sort_by("offset").to_pylist():
        yield row["offset"], Effects([_step.decode(row["body"])], now=row["log_time"])


def _rows(board: SqliteBoard, fold: Fold, after: int, until: int) -> Iterator[tuple[Any, ...]]:
    for offset, record in counted(board.log.read(after), fold):
        if offset > until:
            return
        for _, found in rows_of(0, offset, record):
            yield from (row for row, _ in found)


def rows_of(
    partition: int, offset: int, record: EffectsRecord
) -> Iterator[tuple[datetime | None, list[tuple[tuple[Any, ...], Transition]]]]:
    """Yield for each desk of a record its time after it, and its steps, each with its row."""
    for desk in record.desks:
        effects = record.of(desk)
        found = []
        for step in effects.transitions:
            heard = step.heard_at or step.at
            unit = step.change.unit if isinstance(step.change.unit, str) else None
            row = (
                offset, effects.now or heard, step.case_no, step.seq, step.desk, step.verb, step.from_, step.to,
                step.cause, step.actor, step.actor_unit, step.at, step.heard_at, step.reason, unit,
                step.versions.get("pack"), _encode(step), partition,
            )  # fmt: skip
            found.append((row, step))
        yield effects.now, found


def put_steps(folder: Path, month: str, rows: list[tuple[Any, ...]], prefix: str = "") -> None:
    """Put rows of a month into a file of their own, named by the first of them."""
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), STEPS, strict=True)]
    path = folder / "transitions" / f"month={month}" / f"{prefix}{rows[0][0]:012}-{rows[0][2]}-{rows[0][3]}.parquet"
    put(path, pa.table(columns, schema=STEPS))


def with_opened(facts: Facts) -> pa.Table:
    """Return the clocks with the moment at which their case was opened, by which months are told."""
    opened = facts.cases.select(["case_no", "opened_at"])
    return facts.clocks.join(opened, "case_no", join_type="inner").select([*facts.clocks.column_names, "opened_at"])


def put(path: Path, table: pa.Table) -> None:
    """Put a table into a file, in place of what it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    pq.write_table(table, scratch, compression="zstd")
    os.replace(scratch, path)  # noqa: PTH105 - the one rename that is atomic


def replace(path: Path, body: bytes) -> None:
    """Put bytes into a file, in place of what it was."""
    scratch = path.with_suffix(".part")
    scratch.write_bytes(body)
    os.replace(scratch, path)  # noqa: PTH105 - the one rename that is atomic


def known_of(folder: Path) -> Written | None:
    """Return what a folder says of itself; None if it is no history. Raises MeasureError where that can't be read."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Written)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MeasureError(f"{folder / FILE}: {error}; expected what `onegrid history` wrote") from error
