"""Gathering: the history of several logs, as a cluster's partitions are, in one folder that goes on where it ended.

    DIR/…             as `streams/outlets/history.py` writes it; a step's `partition` and `offset` say where it stands
    DIR/cases.sqlite  the cases as they stand, and up to where each log was read

The position of several logs is the number of records up to the last that counts in each. Killed at any moment it
goes on from what cases.sqlite says: files of steps are written before, under names that the same reading gives again.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from streams.ledger.fold import Fold, counted
from streams.ledger.records import EffectsRecord
from streams.outlets.board.batches import mark
from streams.outlets.history import FILE, ROWS, Mark, Written, known_of, put, put_steps, replace, rows_of, with_opened
from streams.outlets.measures.facts import Maker
from streams.outlets.measures.registry import MeasureError
from streams.records import Case
from streams.stages.desk.casebook import apply
from streams.stages.desk.lifecycle import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from streams.ledger.records import Record
    from streams.outlets.measures.facts import Facts
    from streams.outlets.measures.names import Names

CASES = "cases.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS logs (
    log INTEGER PRIMARY KEY, "offset" INTEGER NOT NULL, epoch INTEGER NOT NULL, applied INTEGER NOT NULL,
    mark TEXT NOT NULL, now TEXT
);
CREATE TABLE IF NOT EXISTS cases (
    case_no TEXT PRIMARY KEY, open INTEGER NOT NULL, changed INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS cases_live ON cases (case_no) WHERE open OR changed;
"""

_case = msgspec.json.Decoder(Case)
_encode = msgspec.json.Encoder().encode


class Gathered(NamedTuple):
    """What a folder holds now, how many records were new to it, and how many cases it has."""

    written: Written
    read: int
    cases: int


def gather(
    logs: Mapping[int, Callable[[int], Iterable[tuple[int, Record]]]],
    names: Names | None,
    folder: Path,
    step: Callable[[str, float], None] = lambda _name, _share: None,
) -> Gathered:
    """Write what logs have gained into a folder; each reads behind an offset. `names` None takes the folder's own.

    Raises MeasureError where nothing was done yet, where the folder is another log's, or where nobody says the names.
    """
    before = known_of(folder)
    names = names or (before.names if before else None)
    if names is None:
        raise MeasureError(f"{folder}: a new history; expected --city, the pack that says what its codes are called")
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / CASES, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_SCHEMA)
        read = 0
        for number, log in logs.items():
            read += _Reading(db, names, folder, number).run(log)
            step("日志 logs", (number + 1) / len(logs))
        written = _facts(db, names, folder, before)
        cases = int(db.execute("SELECT COUNT(*) FROM cases").fetchone()[0])
    return Gathered(written, read, cases)


class _Reading:
    """One log, from where the folder has it to its end."""

    def __init__(self, db: sqlite3.Connection, names: Names, folder: Path, number: int) -> None:
        self._db, self._names, self._folder, self._number = db, names, folder, number
        self._held: dict[str, list[tuple[Any, ...]]] = {}
        self._cases: dict[str, Case] = {}
        self._now: datetime | None = None

    def run(self, read: Callable[[int], Iterable[tuple[int, Record]]]) -> int:
        """Take up what is new; return how many records that counted."""
        query = 'SELECT "offset", epoch, applied, mark, now FROM logs WHERE log = ?'
        row = self._db.execute(query, (self._number,)).fetchone()
        offset, epoch, applied, known, now = row or (-1, -1, 0, "", "")
        self._now = datetime.fromisoformat(now) if now else None
        records, count, last = iter(read(max(-1, offset - 1))), 0, None
        if row:
            at, record = next(records, (-1, None))
            if at != offset or not isinstance(record, EffectsRecord) or mark(record) != known:
                raise MeasureError(
                    f"{self._folder}: partition {self._number} stands at {offset}, where the log says otherwise; "
                    "expected the history of this log"
                )
        for at, one in counted(records, Fold(epoch, applied)):
            self._take(at, one)
            last, count = (at, one), count + 1
            if sum(map(len, self._held.values())) >= ROWS:
                self._commit(at, one)
        if last is not None:
            self._commit(*last)
        return count

    def _take(self, offset: int, record: EffectsRecord) -> None:
        for when, effects in rows_of(self._number, offset, record):
            for row, one in effects:
                month = row[1].astimezone(self._names.zone).strftime("%Y-%m")
                self._held.setdefault(month, []).append(row)
                case = self._case(one.case_no)
                if case is None or one.seq > case.seq:
                    self._cases[one.case_no] = apply(case, one)
            if when is not None:
                self._now = max(when, self._now or when)

    def _case(self, case_no: str) -> Case | None:
        if case_no not in self._cases:
            row = self._db.execute("SELECT body FROM cases WHERE case_no = ?", (case_no,)).fetchone()
            return _case.decode(row[0]) if row else None
        return self._cases[case_no]

    def _commit(self, offset: int, record: EffectsRecord) -> None:
        """Put steps into files, and then say that they are there."""
        for month, rows in self._held.items():
            put_steps(self._folder, month, rows, f"p{self._number:04}-")
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT OR REPLACE INTO cases VALUES (?, ?, 1, ?)",
            [(case.case_no, case.state in OPEN, _encode(case)) for case in self._cases.values()],
        )
        now = self._now.isoformat() if self._now else None
        self._db.execute(
            "INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?, ?, ?)",
            (self._number, offset, record.epoch, record.last, mark(record), now),
        )
        self._db.execute("COMMIT")
        self._held, self._cases = {}, {}


def _facts(db: sqlite3.Connection, names: Names, folder: Path, before: Written | None) -> Written:
    """Work out the cases that changed or are open, and put them into their months."""
    logs = {str(log): offset for log, offset in db.execute('SELECT log, "offset" FROM logs ORDER BY log')}
    times = [datetime.fromisoformat(now) for (now,) in db.execute("SELECT now FROM logs WHERE now IS NOT NULL")]
    if not times:
        raise MeasureError("日志为空 the logs hold nothing; expected a cluster in which work was done")
    now, position = max(times), sum(offset + 1 for offset in logs.values())
    where = "" if before is None or before.names != names else " WHERE open OR changed"
    maker = Maker(names)
    found = (_case.decode(body) for (body,) in db.execute(f"SELECT body FROM cases{where}"))  # noqa: S608 - ours
    facts = maker.facts((maker.row(case, now) for case in found), now, position)
    _put_months(folder, facts)
    marks = list(before.marks) if before else []
    if not marks or marks[-1].position != position:
        marks.append(Mark(position, now, logs))
    written = Written(position, now, names, -1, 0, logs, marks)
    replace(folder / FILE, _encode(written))
    db.execute("UPDATE cases SET changed = 0 WHERE changed")
    return written


def _put_months(folder: Path, facts: Facts) -> None:
    """Put facts in place of what their months say of the same cases."""
    changed = facts.cases["case_no"]
    for name, table in (("cases", facts.cases), ("clocks", with_opened(facts))):
        months = pc.strftime(facts.cases["opened_at"] if name == "cases" else table["opened_at"], "%Y-%m").to_pylist()
        for month in sorted(set(pc.strftime(facts.cases["opened_at"], "%Y-%m").to_pylist())):
            chosen = table.filter(pc.equal(pa.array(months, pa.string()), month))
            path = folder / name / f"month={month}" / f"{name}.parquet"
            if path.is_file():
                old = pq.ParquetFile(path).read()
                kept = old.filter(pc.invert(pc.is_in(old["case_no"], value_set=changed.combine_chunks())))
                chosen = pa.concat_tables([kept, chosen])
            order = ["case_no"] if name == "cases" else ["case_no", "started", "name", "unit", "round"]
            put(path, chosen.sort_by([(column, "ascending") for column in order]))
