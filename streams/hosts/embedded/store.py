"""The SQLite file of an embedded host: journal, inbox, effects log, and the tables folded from it.

WAL with full sync: what is committed survives a kill and a power cut. One connection writes; readers open their
own. The file carries a schema version: a newer program upgrades it, an older one refuses it.
"""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from streams.hosts.embedded.upgrade import upgrade
from streams.ledger import sqlite as ledger
from streams.ledger.sqlite import SqliteLog, SqliteSnapshots
from streams.outlets.board import tables as board
from streams.outlets.board.tables import Tables
from streams.records import Body, Case, Item, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from streams.hosts.partition import Applied
    from streams.records import Outgoing

VERSION = 2
"""Version 1 had no hash chains, no snapshots and one desk's effects with the others'."""

FILE = "onegrid.sqlite"
_SENT = "sent"

_PAGE = 8192
"""Bytes of a page in a new file: records and cases are kilobytes, and lie on few pages."""

_PROBE = 100_000
"""Bytes that must fit before work is tried again on a disk that was full."""

_SCHEMA = (
    ledger.SCHEMA
    + board.SCHEMA
    + """
CREATE TABLE IF NOT EXISTS reports (
    position INTEGER PRIMARY KEY AUTOINCREMENT, report_id TEXT NOT NULL, at TEXT NOT NULL, original BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS inbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT, desk TEXT NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS heads (
    day TEXT NOT NULL, desk TEXT NOT NULL, "offset" INTEGER NOT NULL, head TEXT NOT NULL, PRIMARY KEY (day, desk)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
)

_body = msgspec.json.Decoder(Body)
_case = msgspec.json.Decoder(Case)
_encode = msgspec.json.Encoder().encode


class StoreError(Exception):
    """The file can't be used: it is another program's, or a newer one's."""


class DiskFullError(OSError):
    """There is no space left for what was to be written; nothing of it was."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.ENOSPC, "磁盘空间不足 no space left on the disk; expected some to be freed", str(path))


class Store:
    """The writing side of the file."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        self.db = _connect(self.path)
        self.log = SqliteLog(self.db)
        self.snapshots = SqliteSnapshots(self.db)
        self.board = Tables(self.db)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything done inside, or none of it; inside another transaction, with that one.

        Raises DiskFullError where there is no space for it.
        """
        if self.db.in_transaction:
            yield
            return
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield
            self.db.execute("COMMIT")
        except BaseException as error:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise DiskFullError(self.path) from error
            raise

    def probe(self) -> None:
        """Write something. Raises DiskFullError where there is still no space."""
        with self.transaction():
            self.set_meta("probe", "x" * _PROBE)
            self.set_meta("probe", "")

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

    def inbox_end(self) -> int:
        """Return the position of the last input; 0 if there is none."""
        return int(self.db.execute("SELECT COALESCE(MAX(position), 0) FROM inbox").fetchone()[0])

    def inbox_after(self, position: int, limit: int) -> list[Item]:
        """Return the inputs behind a position."""
        rows = self.db.execute(
            "SELECT position, desk, at, body FROM inbox WHERE position > ? ORDER BY position LIMIT ?",
            (position, limit),
        )
        return [Item(number, desk, datetime.fromisoformat(at), _body.decode(body)) for number, desk, at, body in rows]

    def send(self, offset: int, outgoing: Sequence[Outgoing]) -> None:
        """Put what the record at an offset sends into the inbox, in the transaction of that record, so once."""
        if offset > int(self.meta(_SENT, "0")):
            self.add_inbox((sent.desk, sent.at, sent.body) for sent in outgoing)
            self.set_meta(_SENT, str(offset))

    def keep(self, done: Applied) -> None:
        """Bring the folded tables up to an effects record."""
        self.board.keep(done.offset, together(done.effects.values()), done.cases)
        self.db.executemany(
            "INSERT INTO heads VALUES (?, ?, ?, ?)",
            [(ended.day.isoformat(), ended.desk, ended.offset, ended.head) for ended in done.ended],
        )

    def cases(self) -> Iterator[Case]:
        """Yield every case as the log left it."""
        for (body,) in self.db.execute("SELECT body FROM cases ORDER BY case_no"):
            yield _case.decode(body)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        if _version(path) == 1:
            upgrade(path, _SCHEMA, VERSION)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            db.execute(f"PRAGMA page_size = {_PAGE}")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA busy_timeout = 10000")
            db.executescript(_SCHEMA)
            db.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            db.close()
            raise
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path.name}: {error}; expected a file that onegrid made") from error
    return db


def _version(path: Path) -> int:
    """Return the version of a file, 0 for one that is not there. Raises StoreError if it is newer than we are."""
    with closing(sqlite3.connect(path)) as db:
        found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise StoreError(f"{path.name}: schema version {found}; expected at most {VERSION}: use a newer onegrid")
    return found
