"""Who is on duty, as they say themselves on their phones: kept as it was said, the last word counts.

The desk's roster goes by the shifts of workers.csv; this is for whoever asks people, and for the record.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

FILE = "duty.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS duty (
    id INTEGER PRIMARY KEY, worker TEXT NOT NULL, "on" INTEGER NOT NULL, at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS duty_worker ON duty (worker, id);
"""


class Duty:
    """The file. Any thread may ask."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def of(self, worker: str) -> dict[str, Any]:
        """Return whether somebody is on duty, and since when."""
        with self._lock:
            row = self._db.execute(
                'SELECT "on", at FROM duty WHERE worker = ? ORDER BY id DESC LIMIT 1', (worker,)
            ).fetchone()
        return {"worker": worker, "on": bool(row and row[0]), "since": row[1] if row else None}

    def set(self, worker: str, *, on: bool, at: datetime) -> dict[str, Any]:
        """Put down that somebody goes on or off duty; said again, it stays as it was."""
        if self.of(worker)["on"] != on:
            with self._lock:
                self._db.execute(
                    'INSERT INTO duty (worker, "on", at) VALUES (?, ?, ?)', (worker, int(on), at.isoformat())
                )
        return self.of(worker)
