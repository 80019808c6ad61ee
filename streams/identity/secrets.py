"""Passwords and keys: argon2id, and what was found to be right remembered for some minutes.

A key is `og_<id>_<secret>`. Its argon2id hash costs tens of milliseconds to check, by design; whoever has shown the
right one is known by its SHA-256, in memory only, until the time is up or the key is disabled.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Callable

REMEMBERED_S = 300.0
SHORTEST = 10
"""Characters of a password at least."""

_MOST = 10_000
_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


def hashed(secret: str) -> str:
    """Return what is kept of a secret."""
    return _hasher.hash(secret)


def fits(kept: str | None, secret: str) -> bool:
    """Say whether a secret is the one of which this is kept; without one it takes as long, and is not."""
    try:
        right = _hasher.verify(kept or _NOBODY, secret)
    except (VerificationError, InvalidHashError):
        return False
    return right and kept is not None


def new_key(name: str) -> tuple[str, str]:
    """Make a key: what its holder keeps, and what is kept of it."""
    key = f"og_{name}_{secrets.token_urlsafe(32)}"
    return key, hashed(key)


def key_id(key: str) -> str:
    """Return the id in a key; empty if it is none."""
    parts = key.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "og" else ""  # noqa: PLR2004 - og, id, secret


def token() -> str:
    """Make a token that nobody guesses."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> str:
    """Name a token or key by its SHA-256: they are too long to guess, so nothing slower is needed to keep them."""
    return hashlib.sha256(text.encode()).hexdigest()


class Remembered:
    """Which keys have been found right lately."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def find(self, key: str) -> str:
        """Return the id under which a key was found right; empty if it was not, or too long ago."""
        at, name = self._known.get(digest(key), (0.0, ""))
        return name if at > self._now() - REMEMBERED_S else ""

    def add(self, key: str, name: str) -> None:
        """Remember that a key is right."""
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[digest(key)] = (self._now(), name)

    def forget(self) -> None:
        """Forget all."""
        with self._lock:
            self._known.clear()
