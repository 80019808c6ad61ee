"""Accounts, keys and sessions, in a file of their own beside the data.

Five wrong passwords lock an account for a quarter of an hour, twice as long each time after that. A session lasts
half a day, and ends after two hours in which nobody asked anything. The file holds no secret that could be used: of
passwords and keys their argon2id hashes, of sessions the SHA-256 of their tokens.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.identity import secrets
from streams.identity.principals import Principal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

FILE = "identity.sqlite"
TRIES = 5
LOCKED_S = 900.0
LONGEST_LOCK_S = 86_400.0
SESSION_S = 12 * 3600.0
IDLE_S = 2 * 3600.0
_TOUCH_S = 60.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS holders (
    name TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL, body BLOB NOT NULL, made REAL NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, locked_until REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    token TEXT PRIMARY KEY, name TEXT NOT NULL, csrf TEXT NOT NULL, made REAL NOT NULL, seen REAL NOT NULL
) WITHOUT ROWID;
"""


class AccountError(ValueError):
    """An account or key can't be made or found as asked."""


class LockedError(Exception):
    """An account is locked; `wait_s` says for how long."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(f"locked for {wait_s:.0f} s")


class Holder(NamedTuple):
    """An account or a key, as one may look at it."""

    principal: Principal
    made: float
    disabled: bool
    locked_until: float


class Session(NamedTuple):
    """Somebody who has signed in. `csrf` has to come with everything that changes something."""

    principal: Principal
    csrf: str


class Accounts:
    """The file. Any thread may ask; times are `clock`'s."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / FILE
        place.touch(mode=0o600, exist_ok=True)
        self._db = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA busy_timeout = 10000")
        self._db.executescript(_SCHEMA)
        self._clock, self._lock = clock, threading.RLock()
        self._remembered = secrets.Remembered(self._now)
        self._version = -1
        self._any = False

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def configured(self) -> bool:
        """Whether there is anybody: without, the gateway lets in calls from this machine only, and all of them."""
        with self._lock:
            version = int(self._db.execute("PRAGMA data_version").fetchone()[0])
            if version != self._version:  # what this process itself adds, it notes
                self._version = version
                self._remembered.forget()  # another process has disabled somebody, perhaps
                self._any = bool(self._db.execute("SELECT 1 FROM holders LIMIT 1").fetchone())
            return self._any

    def add(self, principal: Principal, password: str) -> None:
        """Make an account. Raises AccountError if there is one, or if the password is too short."""
        if len(password) < secrets.SHORTEST:
            raise AccountError(f"password: {len(password)} characters; expected at least {secrets.SHORTEST}")
        self._insert(principal, "account", secrets.hashed(password))

    def add_key(self, principal: Principal) -> str:
        """Make a key and return it: it is told this once. Raises AccountError if there is one of this name."""
        if not principal.name.isascii() or "_" in principal.name or not principal.name:
            raise AccountError(f"name: {principal.name!r}; expected ASCII letters and digits without _")
        key, kept = secrets.new_key(principal.name)
        self._insert(principal, "key", kept)
        return key

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password, and end its sessions. Raises AccountError."""
        if len(password) < secrets.SHORTEST:
            raise AccountError(f"password: {len(password)} characters; expected at least {secrets.SHORTEST}")
        self._update("account", name, "hash = ?, failed = 0, locked_until = 0", secrets.hashed(password))

    def disable(self, kind: str, name: str, *, disabled: bool = True) -> None:
        """Let an account or key in no more, or again. Raises AccountError if there is none."""
        self._update(kind, name, "disabled = ?, failed = 0, locked_until = 0", int(disabled))

    def all(self, kind: str) -> list[Holder]:
        """List accounts or keys."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body, made, disabled, locked_until FROM holders WHERE kind = ? ORDER BY name", (kind,)
            ).fetchall()
        return [Holder(_principal(body), made, bool(disabled), locked) for body, made, disabled, locked in rows]

    def by_key(self, key: str) -> Principal | None:
        """Return whose key this is; None if it is nobody's, or disabled."""
        name = secrets.key_id(key)
        row = self._row("key", name) if name else None
        if row is None or row[2]:
            return None
        if self._remembered.find(key) != name:
            if not secrets.fits(row[0], key):
                return None
            self._remembered.add(key, name)
        return _principal(row[1])

    def sign_in(self, name: str, password: str) -> tuple[str, Session] | None:
        """Return a token and its session; None if name or password is wrong. Raises LockedError."""
        row, now = self._row("account", name), self._now()
        if row is not None and row[4] > now:
            raise LockedError(row[4] - now)
        right = secrets.fits(row[0] if row else None, password)
        if row is None or row[2]:
            return None
        with self._lock:
            if not right:
                failed = row[3] + 1
                over = failed - TRIES
                until = now + min(LOCKED_S * 2**over, LONGEST_LOCK_S) if over >= 0 else 0.0
                self._db.execute(
                    "UPDATE holders SET failed = failed + 1, locked_until = ? WHERE kind = 'account' AND name = ?",
                    (until, name),
                )
                return None
            self._db.execute(
                "UPDATE holders SET failed = 0, locked_until = 0 WHERE kind = 'account' AND name = ?", (name,)
            )
            token, session = secrets.token(), Session(_principal(row[1]), secrets.token())
            self._db.execute("DELETE FROM sessions WHERE made < ? OR seen < ?", (now - SESSION_S, now - IDLE_S))
            self._db.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", (secrets.digest(token), name, session.csrf, now, now)
            )
        return token, session

    def session(self, token: str, *, asks: bool = True) -> Session | None:
        """Return the session of a token; None if it is over, or its account is disabled.

        Whoever `asks` has not been idle; to look whether a session still lasts is no asking.
        """
        now, name = self._now(), secrets.digest(token)
        with self._lock:
            row = self._db.execute("SELECT name, csrf, made, seen FROM sessions WHERE token = ?", (name,)).fetchone()
            if row is None or row[2] < now - SESSION_S or row[3] < now - IDLE_S:
                return None
            if asks and row[3] < now - _TOUCH_S:
                self._db.execute("UPDATE sessions SET seen = ? WHERE token = ?", (now, name))
        holder = self._row("account", row[0])
        return None if holder is None or holder[2] else Session(_principal(holder[1]), row[1])

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._lock:
            self._db.execute("DELETE FROM sessions WHERE token = ?", (secrets.digest(token),))

    def _insert(self, principal: Principal, kind: str, kept: str) -> None:
        body = msgspec.json.encode(msgspec.structs.replace(principal, kind=kind))
        with self._lock:
            try:
                self._db.execute(
                    "INSERT INTO holders (name, kind, hash, body, made) VALUES (?, ?, ?, ?, ?)",
                    (principal.name, kind, kept, body, self._now()),
                )
            except sqlite3.IntegrityError:
                raise AccountError(f"name: there is a {kind} {principal.name!r}; expected another name") from None
            self._any = True

    def _update(self, kind: str, name: str, change: str, value: str | int) -> None:
        with self._lock:
            done = self._db.execute(
                f"UPDATE holders SET {change} WHERE kind = ? AND name = ?",  # noqa: S608 - named above
                (value, kind, name),
            )
            if not done.rowcount:
                raise AccountError(f"name: no {kind} {name!r}; expected one that `list` shows")
            if kind == "account":
                self._db.execute("DELETE FROM sessions WHERE name = ?", (name,))
            self._remembered.forget()

    def _row(self, kind: str, name: str) -> tuple[str, bytes, int, int, float] | None:
        with self._lock:
            found: tuple[str, bytes, int, int, float] | None = self._db.execute(
                "SELECT hash, body, disabled, failed, locked_until FROM holders WHERE kind = ? AND name = ?",
                (kind, name),
            ).fetchone()
        return found

    def _now(self) -> float:
        return self._clock().timestamp()


def _principal(body: bytes) -> Principal:
    return msgspec.json.decode(body, type=Principal)
