"""Which case a report has become, and what its source has still to be told: a fold over the effects log in one file.

A report that was merged stands as its master does: whoever sent it is owed the master's result. For a source the
last state counts: states that were passed over while it could not be reached are not told one by one.

Logs may be read in any order and any part of them again: of a case its highest step counts, of a number the report
that was taken in last. What a source knows is kept apart from what logs say: a fold made anew tells nothing twice.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from streams.ledger.fold import Fold
from streams.outlets.sources.outcomes import Outcome
from streams.stages.desk.lifecycle import MERGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from streams.records import Transition

FILE = "sources.sqlite"

_VERSION = 2
"""Files of version 1 said nothing of steps, of when a state began, and of which log they were made from."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS positions (
    log TEXT PRIMARY KEY, "offset" INTEGER NOT NULL, epoch INTEGER NOT NULL, applied INTEGER NOT NULL,
    mark TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS reports (report_id TEXT PRIMARY KEY, case_no TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cases (
    case_no TEXT PRIMARY KEY, seq INTEGER NOT NULL, state TEXT NOT NULL, since TEXT NOT NULL, at TEXT NOT NULL,
    master TEXT NOT NULL DEFAULT '', unit TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT '',
    said INTEGER NOT NULL DEFAULT 0, closed TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cases_master ON cases (master) WHERE master != '';
CREATE TABLE IF NOT EXISTS numbers (
    system TEXT NOT NULL, system_no TEXT NOT NULL, case_no TEXT NOT NULL, at TEXT NOT NULL,
    reporter TEXT NOT NULL DEFAULT '', told TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0,
    next REAL NOT NULL DEFAULT 0, waiting INTEGER NOT NULL DEFAULT 1, error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (system, system_no)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS numbers_case ON numbers (case_no);
CREATE INDEX IF NOT EXISTS numbers_reporter ON numbers (reporter) WHERE reporter != '';
CREATE INDEX IF NOT EXISTS numbers_waiting ON numbers (system, next) WHERE waiting = 1;
CREATE TABLE IF NOT EXISTS told (
    system TEXT NOT NULL, system_no TEXT NOT NULL, state TEXT NOT NULL, of TEXT NOT NULL,
    PRIMARY KEY (system, system_no)
) WITHOUT ROWID;
"""
"""`said` is the step that gave a case its result, `since` when its state began, `of` what a source was told of."""

_FOLDED = ("positions", "reports", "cases", "numbers")

_RESULT = frozenset(
    {"FINISH", "CLOSE", "REFUSE", "DECLINE", "CANCEL", "FORCE_CLOSE", "VERIFY_FALSE", "WITHDRAW", "RETURN"}
)
"""Verbs whose reason or result is what a reporter wants to hear."""

MERGED_INTO = "SELECT case_no FROM cases WHERE master = ? AND master != ''"
"""The second condition is the index's own: without it the whole table would be read."""

_DEPTH = 5


class Position(NamedTuple):
    """How far a log has been read: its last record that counts, and by what that is known again."""

    offset: int
    fold: Fold
    mark: str


class Index:
    """The file. Any thread may ask."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._lock = threading.RLock()
        self._open()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def positions(self) -> dict[str, Position]:
        """Return where each log was read to."""
        with self._lock:
            rows = self._db.execute('SELECT log, "offset", epoch, applied, mark FROM positions').fetchall()
        return {log: Position(offset, Fold(epoch, applied), mark) for log, offset, epoch, applied, mark in rows}

    def add(self, log: str, position: Position, steps: Iterable[Transition]) -> None:
        """Take up what records of a log through a position say of cases."""
        fold = position.fold
        with self._transaction():
            for step in steps:
                self._step(step)
            self._db.execute(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?)",
                (log, position.offset, fold.epoch, fold.applied, position.mark),
            )

    def clear(self) -> None:
        """Forget what the logs said, to read them anew. What sources were told stays known."""
        with self._transaction():
            for name in _FOLDED:
                self._db.execute(f"DELETE FROM {name}")  # noqa: S608 - named above

    def case_of(self, report_id: str) -> str:
        """Return the case that a report became; empty if it is not known yet."""
        with self._lock:
            row = self._db.execute("SELECT case_no FROM reports WHERE report_id = ?", (report_id,)).fetchone()
        return row[0] if row else ""

    def ended_at(self, report_id: str) -> tuple[str, datetime | None]:
        """Return the case that a report became, empty if it is not known, and when that was closed."""
        with self._lock:
            row = self._db.execute(
                "SELECT case_no, closed FROM reports JOIN cases USING (case_no) WHERE report_id = ?", (report_id,)
            ).fetchone()
        return (row[0], datetime.fromisoformat(row[1]) if row[1] else None) if row else ("", None)

    def outcome(self, system: str, system_no: str) -> Outcome | None:
        """Return what became of a source's number; None if it is not known."""
        found = self._outcomes("system = ? AND system_no = ?", (system, system_no))
        return found[0] if found else None

    def of_case(self, case_no: str) -> list[Outcome]:
        """List the source numbers of a case."""
        return self._outcomes("n.case_no = ? ORDER BY system, system_no", (case_no,))

    def of_system(self, system: str, *, after: str = "", limit: int = 1000) -> list[Outcome]:
        """List what became of a system's reports, in the order of its numbers."""
        where = "system = ? AND system_no > ? ORDER BY system_no LIMIT ?"
        return self._outcomes(where, (system, after, limit))

    def of_reporter(self, reporter: str, limit: int = 200) -> list[Outcome]:
        """List what became of somebody's reports, the newest cases first."""
        return self._outcomes("reporter = ? ORDER BY n.case_no DESC LIMIT ?", (reporter, limit))

    def waiting(self, system: str, now: float, limit: int = 100) -> list[Outcome]:
        """List what a system has to be told and may be tried by now (seconds since 1970)."""
        where = "waiting = 1 AND system = ? AND next <= ? ORDER BY next, system_no LIMIT ?"
        with self._lock:
            while found := self._outcomes(where, (system, now, limit)):
                known = [one for one in found if self._knows(one)]
                if not known:
                    break
                for one in known:
                    self._settle(one)
        return found

    def count_waiting(self) -> dict[str, int]:
        """Count what each system has to be told."""
        with self._lock:
            return dict(self._db.execute("SELECT system, COUNT(*) FROM numbers WHERE waiting = 1 GROUP BY system"))

    def systems(self) -> list[str]:
        """List the systems that have sent anything."""
        with self._lock:
            return [name for (name,) in self._db.execute("SELECT DISTINCT system FROM numbers ORDER BY system")]

    def told(self, one: Outcome) -> None:
        """Note that a system knows of an outcome. What has happened meanwhile waits on."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?)", (one.system, one.system_no, one.state, one.named)
            )
            self._settle(one)
            now = self.outcome(one.system, one.system_no)
            if now is not None and now.named != one.named:
                self._wait([(one.system, one.system_no)])

    def failed(self, one: Outcome, error: str, again: float) -> None:
        """Note that a system could not be told, and when to try again."""
        with self._lock:
            self._db.execute(
                "UPDATE numbers SET tries = tries + 1, next = ?, error = ? WHERE system = ? AND system_no = ?",
                (again, error[:500], one.system, one.system_no),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _open(self) -> None:
        """Make the tables; of an older file what sources know, and the rest from the log anew."""
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        old = self._db.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'numbers'").fetchone()[0]
        with self._transaction():
            known: list[tuple[str, ...]] = []
            if old and version < _VERSION:
                query = "SELECT system, system_no, told, case_no || ' ' || told FROM numbers WHERE waiting = 0"
                known = self._db.execute(query).fetchall()
                for name in _FOLDED:
                    self._db.execute(f"DROP TABLE {name}")
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
            self._db.executemany("INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?)", known)
            self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def _step(self, step: Transition) -> None:
        """Take in a step. One that is older than what is known of its case changes nothing, but for its result."""
        change, number, result = step.change, step.case_no, _result_of(step)
        row = self._db.execute("SELECT seq, state, said FROM cases WHERE case_no = ?", (number,)).fetchone()
        seq, state, said = row or (0, "", 0)
        if result and step.seq > said and row is not None:
            self._db.execute("UPDATE cases SET result = ?, said = ? WHERE case_no = ?", (result, step.seq, number))
        if step.seq <= seq:
            return
        at = step.at.astimezone(UTC).isoformat()
        self._db.execute(
            "INSERT INTO cases (case_no, seq, state, since, at, result, said) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (case_no) DO UPDATE SET seq = excluded.seq, state = excluded.state, at = excluded.at, "
            "since = CASE WHEN state = excluded.state THEN since ELSE excluded.since END",
            (number, step.seq, step.to, at, at, result, step.seq if result else 0),
        )
        if isinstance(change.master, str):
            self._db.execute("UPDATE cases SET master = ? WHERE case_no = ?", (change.master, number))
        if isinstance(change.unit, str):
            self._db.execute("UPDATE cases SET unit = ? WHERE case_no = ?", (change.unit, number))
        if change.closed_at is not UNSET:
            closed = change.closed_at and change.closed_at.astimezone(UTC).isoformat()
            self._db.execute("UPDATE cases SET closed = ? WHERE case_no = ?", (closed, number))
        if isinstance(change.reports, list):
            rows = [(name, number) for name in change.reports]
            self._db.executemany("INSERT OR REPLACE INTO reports VALUES (?, ?)", rows)
        if isinstance(change.sources, list):
            self._db.executemany(
                "INSERT INTO numbers (system, system_no, case_no, at, reporter) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (system, system_no) DO UPDATE SET case_no = excluded.case_no, at = excluded.at "
                "WHERE excluded.at >= at",
                [
                    (one.system, one.system_no, number, one.at.astimezone(UTC).isoformat(), one.reporter)
                    for one in change.sources
                ],
            )
        if state != step.to:
            self._changed(number)

    def _knows(self, one: Outcome) -> bool:
        """Say whether a system was told of just this."""
        row = self._db.execute(
            "SELECT of FROM told WHERE system = ? AND system_no = ?", (one.system, one.system_no)
        ).fetchone()
        return row is not None and row[0] in (one.named, f"{one.case_no} {one.state}")

    def _settle(self, one: Outcome) -> None:
        self._db.execute(
            "UPDATE numbers SET told = ?, tries = 0, next = 0, error = '', waiting = 0 "
            "WHERE system = ? AND system_no = ?",
            (one.state, one.system, one.system_no),
        )

    def _changed(self, case_no: str, depth: int = _DEPTH) -> None:
        """Let the sources of a case, and of those merged into it, be told."""
        rows = self._db.execute("SELECT system, system_no FROM numbers WHERE case_no = ?", (case_no,)).fetchall()
        self._wait(rows)
        if depth:
            merged = self._db.execute(MERGED_INTO, (case_no,)).fetchall()
            for (other,) in merged:
                self._changed(other, depth - 1)

    def _wait(self, rows: Iterable[tuple[str, str]]) -> None:
        self._db.executemany(
            "UPDATE numbers SET waiting = 1, tries = 0, next = 0 WHERE system = ? AND system_no = ?", list(rows)
        )

    def _outcomes(self, where: str, values: tuple[object, ...]) -> list[Outcome]:
        query = f"SELECT system, system_no, n.case_no, told, tries, error FROM numbers AS n WHERE {where}"  # noqa: S608 - ours
        with self._lock:
            rows = self._db.execute(query, values).fetchall()
            return [
                Outcome(system, system_no, number, state, at, unit, result, told, tries, error, since)
                for system, system_no, number, told, tries, error in rows
                for state, at, unit, result, since in (self._stands(number),)
            ]

    def _stands(self, case_no: str) -> tuple[str, datetime, str, str, str]:
        """Return state, time, unit and result of a case, or of the one that it was merged into, and since when."""
        row: tuple[str, str, str, str, str, str] = ("", "", "1970-01-01T00:00:00+00:00", "", "", "")
        for _ in range(_DEPTH):
            found = self._db.execute(
                "SELECT state, master, at, unit, result, since FROM cases WHERE case_no = ?", (case_no,)
            ).fetchone()
            if found is None:
                break
            row = found
            if row[0] != MERGED or not row[1]:
                break
            case_no = row[1]
        return row[0], datetime.fromisoformat(row[2]), row[3], row[4], row[5]


def _result_of(step: Transition) -> str:
    """Return what a step tells a reporter of the result."""
    if step.verb not in _RESULT:
        return ""
    said = step.payload.get("result")
    return str(said)[:1000] if said else step.reason[:1000]
