"""Envelopes: what one Kafka message carries, and how a place in a topic becomes a position.

A message holds up to a hundred records of one key, because per-message work is what a stream spends its time on.
Each entry has the moment at which it was accepted, the record's own bytes untouched, and for a report the id that
it was given. A position is the message's offset and the entry's index in it, as one number that grows; between two
of them there is room for records of what time alone leads to, before the second is applied.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCHEMA = 1
"""The version of the records inside. Adding a field is compatible; anything else is a new version."""

MOST = 100
"""Records of one message at most."""

LARGEST = 900_000
"""Bytes of records in one message at most, unless a single record is larger."""

_SLOTS = 128
"""Entries that a message has room for: the next power of two above MOST."""

_ROOM = 4096
"""From one position to the next: so many records less one may stand between them that cover no input."""


class EnvelopeError(Exception):
    """A message is no envelope, or one of another version. `reason` is the code for its dead letter."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """One record: when it was accepted, its JSON as it came, and its id if it has none in itself.

    `desk` is the desk that has the case of this report's source number, if the inlet knew of one: an update goes
    there, even if its place has moved.
    """

    at: datetime
    body: msgspec.Raw
    id: str = ""
    desk: str = ""


class Envelope(msgspec.Struct, frozen=True):
    """One message."""

    schema: int
    items: list[Entry]


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Envelope)


def seal(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield entries of one key as messages, in order, as few as fit."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and (len(batch) == MOST or size + len(entry.body) > LARGEST):
            yield _encode(Envelope(SCHEMA, batch))
            batch, size = [], 0
        batch.append(entry)
        size += len(entry.body)
    if batch:
        yield _encode(Envelope(SCHEMA, batch))


def unseal(message: bytes) -> list[Entry]:
    """Return the entries of a message. Raises EnvelopeError: NOT_AN_ENVELOPE, WRONG_SCHEMA, TOO_MANY."""
    try:
        envelope = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeError("NOT_AN_ENVELOPE", f"{error}; expected an envelope as docs/records.md says") from error
    if envelope.schema != SCHEMA:
        raise EnvelopeError("WRONG_SCHEMA", f"schema: {envelope.schema}; expected {SCHEMA}")
    if len(envelope.items) > MOST:
        raise EnvelopeError("TOO_MANY", f"items: {len(envelope.items)}; expected at most {MOST}")
    return envelope.items


def position(offset: int, index: int) -> int:
    """Return the position of the entry at an index of the message at an offset: above 0, growing."""
    return (offset * _SLOTS + index + 1) * _ROOM


def offset_of(position: int) -> int:
    """Return the offset of the last message that begins at or before a position; -1 before all messages."""
    return (position // _ROOM - 1) // _SLOTS
