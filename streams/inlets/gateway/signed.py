"""Signed confirmations: whether who confirms an alert knows the secret of its way, and says so now and once.

A unit whose ways name a secret signs as it is written to (`streams/outlets/delivery/channels.py`): the header
X-Onegrid-Signature holds `t=SECONDS,v1=HMAC-SHA256 of "SECONDS.NAME.BODY"` in hex. NAME is the id of the alert; where
a CAP document confirms, perhaps many, it is the identifier of that document.

What was taken is kept in a file for as long as it could be played again, so that a restart forgets nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from grids.rules import Rules

HEADER = "x-onegrid-signature"
FILE = "confirmations.sqlite"

VALID_S = 300
"""How long a signature holds, and how far a clock may be off, in seconds."""


_DIGITS = 12
"""Digits of a time at most."""

_SCHEMA = "CREATE TABLE IF NOT EXISTS seen (signature TEXT PRIMARY KEY, at REAL NOT NULL)"


def sign(secret: str, seconds: int, name: str, body: bytes) -> str:
    """Return the header's value."""
    text = f"{seconds}.{name}.".encode() + body
    return f"t={seconds},v1={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"


class Signatures:
    """Checks signatures, and remembers those of the last minutes in a folder; without one, until it ends."""

    def __init__(self, rules: Rules, folder: Path | None = None, environment: Mapping[str, str] = os.environ) -> None:
        self._rules, self._environment = rules, environment
        self._lock = threading.Lock()
        self._file = folder / FILE if folder is not None else None
        self._memory: sqlite3.Connection | None = None
        if self._file is None:
            self._memory = sqlite3.connect(":memory:", check_same_thread=False)
            self._memory.execute(_SCHEMA)

    def fault(self, by: str, said: str, name: str, body: bytes, now: float) -> str:
        """Return why a confirmation by a unit, or `unit/person`, is refused; empty if it is not, and then only once.

        FORGED_ACK: no signature, or another secret's; EXPIRED_ACK: made at another time; REPLAYED_ACK: seen before.
        """
        secrets = self._secrets(by.partition("/")[0])
        if not secrets:
            return ""
        seconds, _, _ = said.removeprefix("t=").partition(",")
        if not (seconds.isascii() and seconds.isdecimal() and len(seconds) <= _DIGITS) or not any(
            hmac.compare_digest(sign(secret, int(seconds), name, body).encode(), said.encode()) for secret in secrets
        ):
            return "FORGED_ACK"
        if abs(now - int(seconds)) > VALID_S:
            return "EXPIRED_ACK"
        return "" if self._first(said, now) else "REPLAYED_ACK"

    def forget(self, said: str) -> None:
        """Let a confirmation be sent again that could not be kept, though nothing was wrong with it."""
        with self._db() as db:
            db.execute("DELETE FROM seen WHERE signature = ?", (_mark(said),))

    def _first(self, said: str, now: float) -> bool:
        """Note a signature, and say whether it comes for the first time."""
        with self._db() as db:
            db.execute("DELETE FROM seen WHERE at <= ?", (now - 2 * VALID_S,))
            return db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (_mark(said), now)).rowcount == 1

    @contextmanager
    def _db(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction: confirmations are few, and nobody has to close it."""
        if self._memory is not None:
            with self._lock, self._memory:
                yield self._memory
            return
        assert self._file is not None
        with self._lock, closing(sqlite3.connect(self._file)) as db, db:
            db.execute(_SCHEMA)
            yield db

    def _secrets(self, unit: str) -> list[str]:
        """Return the secrets with which a unit may sign: those of its ways, or of the unit above it that has some."""
        for one in self._rules.units.line(unit):
            named = [way.secret_env for way in self._rules.alerting.ways.get(one, ()) if way.secret_env]
            if named:
                return [secret for name in named if (secret := self._environment.get(name))] or [os.urandom(16).hex()]
        return []


def _mark(said: str) -> str:
    """Return what is kept of a signature: enough to know it again, not to send it."""
    return hashlib.sha256(said.encode()).hexdigest()
