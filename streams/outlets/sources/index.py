"""Which case a report has become, and what its source has still to be told: a fold over the effects log in one file.

A report that was merged stands as its master does: whoever sent it is owed the master's result. For a source the
last state counts: states that were passed over while it could not be reached are not told one by one.
"""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.ledger.fold import Fold
from streams.stages.desk.lifecycle import ENDS, MERGED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from streams.records import Transition

FILE = "sources.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS positions (
    log TEXT PRIMARY KEY, "offset" INTEGER NOT NULL, epoch INTEGER NOT NULL, applied INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS reports (report_id TEXT PRIMARY KEY, case_no TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cases (
    case_no TEXT PRIMARY KEY, state TEXT NOT NULL, master TEXT NOT NULL DEFAULT '', at TEXT NOT NULL,
    unit TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cases_master ON cases (master) WHERE master != '';
CREATE TABLE IF NOT EXISTS numbers (
    system TEXT NOT NULL, system_no TEXT NOT NULL, case_no TEXT NOT NULL, reporter TEXT NOT NULL DEFAULT '',
    told TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0, next REAL NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 1, error TEXT NOT NULL DEFAULT '', PRIMARY KEY (system, system_no)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS numbers_case ON numbers (case_no);
CREATE INDEX IF NOT EXISTS numbers_reporter ON numbers (reporter) WHERE reporter != '';
CREATE INDEX IF NOT EXISTS numbers_waiting ON numbers (system, next) WHERE waiting = 1;
"""

_RESULT = frozenset(
    {"FINISH", "CLOSE", "REFUSE", "DECLINE", "CANCEL", "FORCE_CLOSE", "VERIFY_FALSE", "WITHDRAW", "RETURN"}
)
"""Verbs whose reason or result is what a reporter wants to hear."""

_DEPTH = 5


class Outcome(NamedTuple):
    """What became of one report of a source."""

    system: str
    system_no: str
    case_no: str
    state: str
    at: datetime
    unit: str
    result: str
    told: str
    tries: int
    error: str

    @property
    def ended(self) -> bool:
        """Whether nothing more is going to happen."""
        return self.state in ENDS


class Index:
    """The file. Any thread may ask."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._db.executescript(_SCHEMA)
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def positions(self) -> dict[str, tuple[int, Fold]]:
        """Return the last offset of each log that was read, and where its fold stands."""
        rows = self._db.execute('SELECT log, "offset", epoch, applied FROM positions')
        return {log: (offset, Fold(epoch, applied)) for log, offset, epoch, applied in rows}

    def add(self, log: str, offset: int, fold: Fold, steps: Iterable[Transition]) -> None:
        """Take up what records of a log through an offset say of cases."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for step in steps:
                    self._step(step)
                self._db.execute(
                    "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)", (log, offset, fold.epoch, fold.applied)
                )
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def case_of(self, report_id: str) -> str:
        """Return the case that a report became; empty if it is not known yet."""
        with self._lock:
            row = self._db.execute("SELECT case_no FROM reports WHERE report_id = ?", (report_id,)).fetchone()
        return row[0] if row else ""

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
        return self._outcomes(where, (system, now, limit))

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
        with self._lock:
            self._db.execute(
                "UPDATE numbers SET told = ?, tries = 0, next = 0, error = '', waiting = 0 "
                "WHERE system = ? AND system_no = ?",
                (one.state, one.system, one.system_no),
            )
            now = self.outcome(one.system, one.system_no)
            if now is not None and now.state != one.state:
                self._wait([(one.system, one.system_no)])

    def failed(self, one: Outcome, error: str, again: float) -> None:
        """Note that a system could not be told, and when to try again."""
        with self._lock:
            self._db.execute(
                "UPDATE numbers SET tries = tries + 1, next = ?, error = ? WHERE system = ? AND system_no = ?",
                (again, error[:500], one.system, one.system_no),
            )

    def _step(self, step: Transition) -> None:
        change, number = step.change, step.case_no
        result = _result_of(step)
        self._db.execute(
            "INSERT INTO cases (case_no, state, at, result) VALUES (?, ?, ?, ?) ON CONFLICT (case_no) DO UPDATE SET "
            "state = excluded.state, at = excluded.at, "
            "result = CASE WHEN excluded.result = '' THEN result ELSE excluded.result END",
            (number, step.to, step.at.astimezone(UTC).isoformat(), result),
        )
        if isinstance(change.master, str):
            self._db.execute("UPDATE cases SET master = ? WHERE case_no = ?", (change.master, number))
        if isinstance(change.unit, str):
            self._db.execute("UPDATE cases SET unit = ? WHERE case_no = ?", (change.unit, number))
        if isinstance(change.reports, list):
            rows = [(name, number) for name in change.reports]
            self._db.executemany("INSERT OR REPLACE INTO reports VALUES (?, ?)", rows)
        if isinstance(change.sources, list):
            self._db.executemany(
                "INSERT INTO numbers (system, system_no, case_no, reporter) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (system, system_no) DO UPDATE SET case_no = excluded.case_no",
                [(one.system, one.system_no, number, one.reporter) for one in change.sources],
            )
        if step.from_ != step.to:
            self._changed(number)

    def _changed(self, case_no: str, depth: int = _DEPTH) -> None:
        """Let the sources of a case, and of those merged into it, be told."""
        rows = self._db.execute("SELECT system, system_no FROM numbers WHERE case_no = ?", (case_no,)).fetchall()
        self._wait(rows)
        if depth:
            merged = self._db.execute("SELECT case_no FROM cases WHERE master = ?", (case_no,)).fetchall()
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
                Outcome(system, system_no, number, *self._stands(number), told, tries, error)
                for system, system_no, number, told, tries, error in rows
            ]

    def _stands(self, case_no: str) -> tuple[str, datetime, str, str]:
        """Return state, time, unit and result of a case, or of the one that it was merged into."""
        row: tuple[str, str, str, str, str] = ("", "", "1970-01-01T00:00:00+00:00", "", "")
        for _ in range(_DEPTH):
            found = self._db.execute(
                "SELECT state, master, at, unit, result FROM cases WHERE case_no = ?", (case_no,)
            ).fetchone()
            if found is None:
                break
            row = found
            if row[0] != MERGED or not row[1]:
                break
            case_no = row[1]
        return row[0], datetime.fromisoformat(row[2]), row[3], row[4]


def _result_of(step: Transition) -> str:
    """Return what a step tells a reporter of the result."""
    if step.verb not in _RESULT:
        return ""
    said = step.payload.get("result")
    return str(said)[:1000] if said else step.reason[:1000]


def shown(one: Outcome) -> dict[str, object]:
    """Return an outcome as it is sent and listed."""
    found: dict[str, object] = msgspec.to_builtins(one._asdict())
    return {**found, "ended": one.ended}
