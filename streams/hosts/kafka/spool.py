"""What a gateway keeps on its own disk while Kafka is away, in the order in which it was taken in.

One SQLite file in WAL with full sync: what `put` has returned from survives a kill and a power cut. Bounded, so that
a long outage fills no disk; whoever comes then is told.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.envelope import Entry
from streams.hosts.kafka import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE = "spool.sqlite"

LIMIT = 1 << 30
"""Bytes of records that a spool takes unless told otherwise."""

_OVERHEAD = 200
"""Bytes that a row takes beside its record, about."""

_ORDINARY = 1000
"""Bytes of an ordinary report, about."""

_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spool (
    position INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key TEXT NOT NULL, at TEXT NOT NULL,
    id TEXT NOT NULL, desk TEXT NOT NULL, body BLOB NOT NULL
);
"""


class SpoolError(ClusterError):
    """The spool can't be used: it is another program's, a newer one's, or at use."""


class SpoolFullError(OSError):
    """Kafka is away and the spool has reached its limit; nothing of what was to be put is there."""

    def __init__(self, path: Path, limit: int) -> None:
        text = f"暂存已满 the spool has reached its limit of {limit} bytes; expected Kafka to be back"
        super().__init__(errno.EDQUOT, text, str(path))


class Letter(NamedTuple):
    """A record on its way to the partition of a key."""

    topic: str
    key: str
    entry: Entry


class Spool:
    """The letters of one gateway that have not reached Kafka. For any number of threads of one process."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.limit = folder / FILE, limit
        self._lock = threading.Lock()
        self._db = _opened(self.path)
        row = self._db.execute("SELECT COUNT(*), COALESCE(SUM(LENGTH(body)), 0) FROM spool").fetchone()
        self.count = int(row[0])
        self.bytes = int(row[1]) + _OVERHEAD * self.count

    @property
    def full(self) -> bool:
        """Whether there is no room for another record of ordinary size."""
        return self.bytes + _OVERHEAD + _ORDINARY > self.limit

    def put(self, letters: Iterable[Letter]) -> None:
        """Append letters, on disk when this returns. Raises SpoolFullError, or OSError where the disk is full."""
        rows = [
            (one.topic, one.key, one.entry.at.isoformat(), one.entry.id, one.entry.desk, bytes(one.entry.body))
            for one in letters
        ]
        size = sum(_OVERHEAD + len(row[-1]) for row in rows)
        with self._lock:
            if self.bytes + size > self.limit:
                raise SpoolFullError(self.path, self.limit)
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(
                    "INSERT INTO spool (topic, key, at, id, desk, body) VALUES (?, ?, ?, ?, ?, ?)", rows
                )
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._undo()
                raise _said(error, self.path) from error
            self.count += len(rows)
            self.bytes += size

    def first(self, most: int = 1000, size: int = 4 << 20) -> tuple[int, list[Letter]]:
        """Return the oldest letters, about `size` bytes of them at most, and the position of the last; 0 if none."""
        found: list[Letter] = []
        last = total = 0
        with self._lock:
            query = "SELECT position, topic, key, at, id, desk, body FROM spool ORDER BY position LIMIT ?"
            for position, topic, key, at, name, desk, body in self._db.execute(query, (most,)):
                total += len(body)
                if found and total > size:
                    break
                entry = Entry(datetime.fromisoformat(at), msgspec.Raw(body), name, desk)
                found.append(Letter(topic, key, entry))
                last = position
        return last, found

    def drop(self, through: int) -> None:
        """Take away the letters up to a position, which have arrived; the file shrinks once nothing is left."""
        with self._lock:
            try:
                count, size = self._db.execute(
                    "SELECT COUNT(*), COALESCE(SUM(LENGTH(body)), 0) FROM spool WHERE position <= ?", (through,)
                ).fetchone()
                self._db.execute("DELETE FROM spool WHERE position <= ?", (through,))
                self.count -= count
                self.bytes -= size + _OVERHEAD * count
                if not self.count:
                    self._db.executescript("PRAGMA incremental_vacuum")
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise _said(error, self.path) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")  # two gateways in one folder would send what the other took
        _require_known(path, int(db.execute("PRAGMA user_version").fetchone()[0]))
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
        db.execute(f"PRAGMA user_version = {_VERSION}")
    except sqlite3.OperationalError as error:
        db.close()
        raise SpoolError(f"{path}: {error}; expected a folder that no other gateway uses") from error
    except sqlite3.DatabaseError as error:
        db.close()
        raise SpoolError(f"{path}: {error}; expected a file that onegrid made") from error
    except SpoolError:
        db.close()
        raise
    return db


def _require_known(path: Path, version: int) -> None:
    if version > _VERSION:
        raise SpoolError(f"{path}: version {version}; expected at most {_VERSION}: use a newer onegrid")


def _said(error: sqlite3.Error, path: Path) -> OSError:
    """Return what went wrong with the file as the operating system would say it."""
    full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return OSError(errno.ENOSPC if full else errno.EIO, f"{error}", str(path))
