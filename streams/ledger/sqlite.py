"""The effects log and its snapshots as tables of a SQLite file. The caller owns the transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.ledger.fold import Fold
from streams.ledger.records import decode, encode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from streams.ledger.records import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS effects (
    "offset" INTEGER PRIMARY KEY AUTOINCREMENT,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS snapshots (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""


class SqliteLog:
    """An effects log in the database of a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def append(self, record: Record) -> int:
        """Append a record and return its offset."""
        cursor = self._db.execute("INSERT INTO effects (body) VALUES (?)", (encode(record),))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def read(self, after: int = -1) -> Iterator[tuple[int, Record]]:
        """Yield the records behind an offset, in order."""
        rows = self._db.execute('SELECT "offset", body FROM effects WHERE "offset" > ? ORDER BY "offset"', (after,))
        for offset, body in rows:
            yield offset, decode(body)

    def at(self, offset: int) -> Record:
        """Return the record at an offset; KeyError if there is none."""
        row = self._db.execute('SELECT body FROM effects WHERE "offset" = ?', (offset,)).fetchone()
        if row is None:
            raise KeyError(offset)
        return decode(row[0])

    def last(self) -> int:
        """Return the offset of the last record; 0 if there is none."""
        return int(self._db.execute('SELECT COALESCE(MAX("offset"), 0) FROM effects').fetchone()[0])

    def fold(self) -> Fold:
        """Read the whole log by the rule and return where it stands."""
        fold = Fold()
        for offset, record in self.read():
            fold.counts(offset, record)
        return fold


class SqliteSnapshots:
    """The named values of snapshots, in the database of a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def put(self, name: str, body: bytes) -> None:
        """Put a value in place of the one of this name."""
        self._db.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?)", (name, body))

    def get(self, name: str) -> bytes | None:
        """Return the value of a name; None if there is none."""
        row = self._db.execute("SELECT body FROM snapshots WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None
