"""Answers kept under the keys of the requests that they answer, so that a request sent twice is done once.

A caller that does not know whether its request has arrived sends it again with the same `Idempotency-Key`, and gets
the answer that the first one got. Kept for a day, in a file of its own: what is lost with it costs nothing, since a
report is known by its source's number as well.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

HEADER = "idempotency-key"
FILE = "replays.sqlite"
KEPT_S = 86_400
LONGEST_KEY = 255
_PURGE_EVERY = 500

_SCHEMA = """
CREATE TABLE IF NOT EXISTS replays (
    name TEXT PRIMARY KEY, digest TEXT NOT NULL, at REAL NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS replays_at ON replays (at);
"""


class Answered(NamedTuple):
    """What was answered to a request of a body with this digest."""

    digest: str
    status: int
    body: bytes


class Replays:
    """The file; without a folder they are kept in memory. Any thread may ask."""

    def __init__(self, clock: Callable[[], datetime], folder: Path | None = None) -> None:
        place = ":memory:" if folder is None else folder / FILE
        self._db = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self._clock, self._lock = clock, threading.Lock()
        self._busy: set[str] = set()
        self._kept = 0

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def begin(self, caller: str, key: str) -> str | None:
        """Claim a caller's key for one request; the name to go on with, or None while another one has it."""
        name = hashlib.sha256(f"{caller}\0{key}".encode()).hexdigest()
        with self._lock:
            if name in self._busy:
                return None
            self._busy.add(name)
        return name

    def end(self, name: str) -> None:
        """Let a key go."""
        with self._lock:
            self._busy.discard(name)

    def find(self, name: str) -> Answered | None:
        """Return what was answered under a name within the last day."""
        with self._lock:
            row = self._db.execute(
                "SELECT digest, status, body FROM replays WHERE name = ? AND at > ?", (name, self._now() - KEPT_S)
            ).fetchone()
        return Answered(*row) if row else None

    def keep(self, name: str, answered: Answered) -> None:
        """Keep an answer."""
        with self._lock:
            self._kept += 1
            if self._kept % _PURGE_EVERY == 1:
                self._db.execute("DELETE FROM replays WHERE at < ?", (self._now() - KEPT_S,))
            self._db.execute("INSERT OR REPLACE INTO replays VALUES (?, ?, ?, ?, ?)", (
                name, answered.digest, self._now(), answered.status, answered.body,
            ))  # fmt: skip

    def _now(self) -> float:
        return self._clock().timestamp()


def digest_of(body: bytes, kind: str = "") -> str:
    """Name a request by what it says."""
    return hashlib.sha256(kind.encode() + b"\0" + body).hexdigest()
