"""Messages as a consumer gives them, without a broker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from streams.envelope import Entry, seal

if TYPE_CHECKING:
    from datetime import datetime

WRITTEN = 1_772_413_200_000
"""2026-03-02 09:00 in the city, in milliseconds."""


@dataclass
class Sent:
    """A message; what a test doesn't say is as of an ordinary one."""

    value: bytes | None
    offset: int = 0
    key: bytes | None = b"990101"
    topic: str = "onegrid.desk"
    partition: int = 0
    timestamp: float = WRITTEN


def sealed(*bodies: Any, at: datetime, name: str = "") -> bytes:
    """Return bodies as one envelope; those that are bytes as they are."""
    raw = [body if isinstance(body, bytes) else msgspec.json.encode(body) for body in bodies]
    (message,) = seal([Entry(at, msgspec.Raw(body), name) for body in raw])
    return message
