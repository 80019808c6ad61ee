"""The SQLite file of an embedded host: journal, inbox, effects log, and the tables folded from it.

WAL with full sync: what is committed survives a kill and a power cut. One connection writes; readers open their
own. The file carries a schema version: a newer program upgrades it, an older one refuses it.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from streams.ledger import sqlite as ledger
from streams.ledger.sqlite import SqliteLog
from streams.records import Body, Case, Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from streams.records import DeadLetter, Effects

VERSION = 1
FILE = "onegrid.sqlite"

_SCHEMA = (
    ledger.SCHEMA
    + """
CREATE TABLE IF NOT EXISTS reports (
    position INTEGER PRIMARY KEY, report_id TEXT NOT NULL, at TEXT NOT NULL, original BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS inbox (
    position INTEGER PRIMARY KEY, desk TEXT NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS cases (
    case_no TEXT PRIMARY KEY, desk TEXT NOT NULL, state TEXT NOT NULL, matter TEXT NOT NULL, category TEXT NOT NULL,
    severity INTEGER NOT NULL, unit TEXT NOT NULL, street TEXT NOT NULL, opened_at TEXT NOT NULL,
    closed_at TEXT, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cases_by_desk ON cases (desk, state, case_no);
CREATE TABLE IF NOT EXISTS steps (
    case_no TEXT NOT NULL, "offset" INTEGER NOT NULL, PRIMARY KEY (case_no, "offset")
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alerts (
    alert_id TEXT PRIMARY KEY, desk TEXT NOT NULL, sent_at TEXT NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS desks (desk TEXT PRIMARY KEY, now TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
)

_body = msgspec.json.Decoder(Body)
_case = msgspec.json.Decoder(Case)
_encode = msgspec.json.Encoder().encode


class StoreError(Exception):
    """The file can't be used: it is another program's, or a newer one's."""


class Store:
    """The writing side of the file."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        self.db = _connect(self.path)
        self.log = SqliteLog(self.db)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything done inside, or none of it; inside another transaction, with that one."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def meta(self, key: str, default: str = "") -> str:
        """Return a note about the file itself."""
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else default

    def set_meta(self, key: str, value: str) -> None:
        """Keep a note about the file itself."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def add_reports(self, rows: Iterable[tuple[str, datetime, bytes]]) -> None:
        """Put accepted reports (id, when, original bytes) into the journal, one sent twice twice: the desk tells."""
        self.db.executemany(
            "INSERT INTO reports (report_id, at, original) VALUES (?, ?, ?)",
            ((name, at.isoformat(), original) for name, at, original in rows),
        )

    def reports_after(self, position: int, limit: int) -> list[tuple[int, str, datetime, bytes]]:
        """Return journal entries behind a position: position, id, when, original bytes."""
        rows = self.db.execute(
            "SELECT position, report_id, at, original FROM reports WHERE position > ? ORDER BY position LIMIT ?",
            (position, limit),
        )
        return [(number, name, datetime.fromisoformat(at), original) for number, name, at, original in rows]

    def add_inbox(self, rows: Iterable[tuple[str, datetime, Body]]) -> None:
        """Append inputs (desk, when, body) to the inbox."""
        self.db.executemany(
            "INSERT INTO inbox (desk, at, body) VALUES (?, ?, ?)",
            ((desk, at.isoformat(), _encode(body)) for desk, at, body in rows),
        )

    def inbox_after(self, position: int, limit: int) -> list[Item]:
        """Return the inputs behind a position."""
        rows = self.db.execute(
            "SELECT position, desk, at, body FROM inbox WHERE position > ? ORDER BY position LIMIT ?",
            (position, limit),
        )
        return [Item(number, desk, datetime.fromisoformat(at), _body.decode(body)) for number, desk, at, body in rows]

    def keep(self, offset: int, effects: Effects, cases: Sequence[Case], now: dict[str, datetime]) -> None:
        """Bring the folded tables up to an effects record at `offset`; `cases` are those it changed."""
        self.db.executemany(
            "INSERT OR REPLACE INTO cases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    case.case_no, case.desk, case.state, case.matter, case.category, case.severity, case.unit,
                    case.placement.street, _stamp(case.opened_at), case.closed_at and _stamp(case.closed_at),
                    _encode(case),
                )
                for case in cases
            ],
        )  # fmt: skip
        self.db.executemany("INSERT INTO steps VALUES (?, ?)", [(case.case_no, offset) for case in cases])
        self.db.executemany(
            "INSERT INTO alerts VALUES (?, ?, ?, ?)",
            [(alert.alert_id, alert.desk, _stamp(alert.sent_at), _encode(alert)) for alert in effects.alerts],
        )
        self.add_dead_letters(effects.dead_letters)
        self.count(effects.counters)
        self.db.executemany(
            "INSERT OR REPLACE INTO desks VALUES (?, ?)", [(desk, at.isoformat()) for desk, at in now.items()]
        )

    def add_dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Keep what could not be processed."""
        self.db.executemany(
            "INSERT INTO dead_letters (id, stage, reason, body) VALUES (?, ?, ?, ?)",
            [(letter.id, letter.stage, letter.reason, _encode(letter)) for letter in letters],
        )

    def count(self, counters: dict[str, int]) -> None:
        """Add to the counters."""
        self.db.executemany(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            counters.items(),
        )

    def cases(self) -> Iterator[Case]:
        """Yield every case as the log left it."""
        for (body,) in self.db.execute("SELECT body FROM cases ORDER BY case_no"):
            yield _case.decode(body)

    def desk_times(self) -> dict[str, datetime]:
        """Return each desk's time."""
        return {desk: datetime.fromisoformat(now) for desk, now in self.db.execute("SELECT desk, now FROM desks")}


def _stamp(moment: datetime) -> str:
    """Write a time so that texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _check_version(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA busy_timeout = 10000")
        db.executescript(_SCHEMA)
        db.execute(f"PRAGMA user_version = {VERSION}")
    except (sqlite3.DatabaseError, StoreError) as error:
        db.close()
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path.name}: {error}; expected a file that onegrid made") from error
    return db


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise StoreError(f"{path.name}: schema version {found}; expected at most {VERSION}: use a newer onegrid")
