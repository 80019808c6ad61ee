"""Who looked at what is known of people, erased it, or was turned away: kept apart from the log, and only added to.

Each line carries the digest of the one before it, so that a line taken out or changed shows (`check`).
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from streams.identity.principals import Principal

FILE = "trail.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS trail (
    position INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL, digest TEXT NOT NULL
);
"""


class Looked(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: when, who in which role, what was done, to which case or report, and why."""

    at: datetime
    who: str
    role: str
    did: str
    case_no: str = ""
    about: str = ""
    reason: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line with its place."""

    position: int
    looked: Looked


class Trail:
    """The file. Any thread may add."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(
        self, at: datetime, user: Principal, did: str, *, case_no: str = "", about: str = "", reason: str = ""
    ) -> None:
        """Add a line, on disk when this returns: whoever asks is shown nothing before."""
        looked = Looked(at.astimezone(UTC), user.name, user.role, did, case_no, about, reason)
        body = msgspec.json.encode(looked)
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                row = self._db.execute("SELECT digest FROM trail ORDER BY position DESC LIMIT 1").fetchone()
                self._db.execute(
                    "INSERT INTO trail (body, digest) VALUES (?, ?)", (body, _next(row[0] if row else "", body))
                )
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def read(self, *, after: int = 0, limit: int = 100, case_no: str = "") -> list[Line]:
        """List lines behind a position, of one case if it is given."""
        with self._lock:
            rows = self._db.execute(
                "SELECT position, body FROM trail WHERE position > ? "
                "AND (? = '' OR json_extract(CAST(body AS TEXT), '$.case_no') = ?) ORDER BY position LIMIT ?",
                (after, case_no, case_no, limit),
            ).fetchall()
        return [Line(position, msgspec.json.decode(body, type=Looked)) for position, body in rows]

    def check(self) -> int | None:
        """Return the position of the first line that is not as it was written; None if all are."""
        with self._lock:
            return broken_line(self._db)


def broken_line(db: sqlite3.Connection) -> int | None:
    """Return the position of the first line of a trail that is not as it was written; None if all are."""
    before = ""
    for position, body, digest in db.execute("SELECT position, body, digest FROM trail ORDER BY position"):
        if not isinstance(body, bytes) or digest != _next(before, body):
            return int(position)
        before = digest
    return None


def _next(before: str, body: bytes) -> str:
    return hashlib.sha256(before.encode() + body).hexdigest()
