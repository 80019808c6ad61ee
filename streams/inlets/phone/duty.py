"""Who is on duty, as they say themselves on their phones: kept as it was said, the last word counts.

This file is what the page shows, and the record for whoever asks people. What the roster goes by is in the log: each
word is told to the desks as well (`Attendance`), holds for the pack's `limits.duty_hours`, and then the shift of
workers.csv counts again.
"""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from streams.stages.desk.roster import on_shift

if TYPE_CHECKING:
    from pathlib import Path

    from grids.rules import Rules

FILE = "duty.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS duty (
    id INTEGER PRIMARY KEY, worker TEXT NOT NULL, "on" INTEGER NOT NULL, at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS duty_worker ON duty (worker, id);
"""


class Duty:
    """The file. Any thread may ask."""

    def __init__(self, folder: Path, rules: Rules) -> None:
        self._db = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()
        self._workers = {worker.worker: worker for worker in rules.workers}
        self._lasts = timedelta(hours=rules.form.limits.duty_hours)
        self._zone = rules.calendar.zone

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def knows(self, worker: str) -> bool:
        """Say whether somebody is on the roster, so that desks have to hear of them."""
        return worker in self._workers

    def of(self, worker: str, at: datetime) -> dict[str, Any]:
        """Return whether somebody is on duty at a moment: as they said, until when, or else by their shift.

        `since` is when they last said anything; `by` is WORD or SHIFT, `until` when a word ceases to hold.
        """
        with self._lock:
            row = self._db.execute(
                'SELECT "on", at FROM duty WHERE worker = ? ORDER BY id DESC LIMIT 1', (worker,)
            ).fetchone()
        said: dict[str, Any] = {"worker": worker, "since": row[1] if row else None}
        if row is not None and at < (until := datetime.fromisoformat(row[1]) + self._lasts):
            return {**said, "on": bool(row[0]), "by": "WORD", "until": until.isoformat()}
        shift = self._workers.get(worker)
        return {**said, "on": shift is not None and on_shift(shift, at, self._zone), "by": "SHIFT", "until": None}

    def set(self, worker: str, *, on: bool, at: datetime) -> dict[str, Any]:
        """Put down that somebody goes on or off duty."""
        with self._lock:
            self._db.execute(
                'INSERT INTO duty (worker, "on", at) VALUES (?, ?, ?)', (worker, int(on), at.isoformat())
            )
        return self.of(worker, at)
