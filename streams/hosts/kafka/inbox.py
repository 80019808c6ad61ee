"""Reading messages of the inbox: inputs of desks, and dead letters for what is none."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from streams.envelope import EnvelopeError, position, unseal
from streams.records import Body, DeadLetter, Item
from streams.topics import partition_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from streams.envelope import Entry

STAGE = "inbox"

LARGEST = 1 << 20
"""Bytes of one input: what comes of it must fit into a record."""

_body: msgspec.json.Decoder[Body] = msgspec.json.Decoder(Body)


class Message(Protocol):
    """A message as a consumer gives it."""

    @property
    def topic(self) -> str:
        """Its topic."""

    @property
    def partition(self) -> int:
        """Its partition."""

    @property
    def offset(self) -> int:
        """Its offset."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """What it holds."""

    @property
    def timestamp(self) -> float:
        """When it was written."""


class Place(NamedTuple):
    """Where something was found that can't be read."""

    message: Message
    entry: int = -1

    @property
    def source(self) -> str:
        """Name it for people."""
        message, entry = self.message, f"/{self.entry}" if self.entry >= 0 else ""
        return f"{message.topic}/{message.partition}/{message.offset}{entry}"

    def letter(self, stage: str, reason: str, text: str, at: datetime, original: bytes) -> DeadLetter:
        """Put it aside, under a name that is the same whenever it is read."""
        name = hashlib.sha256(self.source.encode()).hexdigest()[:32]
        return DeadLetter(name, stage, reason, text, at, original, self.source)


def written(message: Message) -> datetime:
    """Return when a message was written; consumers tell it in seconds or in milliseconds."""
    stamp = float(message.timestamp or 0)
    return datetime.fromtimestamp(stamp / 1000 if stamp > 1e11 else stamp, UTC)  # noqa: PLR2004 - the year 5138


def read(messages: Iterable[Message], desks: Container[str], partitions: int) -> tuple[list[Item], list[DeadLetter]]:
    """Return the inputs of messages in their order, and what is none.

    The key of a message names the desk; one that isn't known, or doesn't belong into the partition, would open a
    second book of that desk.
    """
    items: list[Item] = []
    dead: list[DeadLetter] = []
    for message in messages:
        value = message.value or b""
        try:
            desk = _desk(message, desks, partitions)
            entries = unseal(value)
        except EnvelopeError as error:
            dead.append(Place(message).letter(STAGE, error.reason, str(error), written(message), value))
            continue
        for index, entry in enumerate(entries):
            try:
                body = _input(entry)
            except EnvelopeError as error:
                place, at = Place(message, index), written(message)
                dead.append(place.letter(STAGE, error.reason, str(error), at, bytes(entry.body)))
            else:
                items.append(Item(position(message.offset, index), desk, entry.at, body))
    return items, dead


def pieces(messages: Iterable[Message], size: int) -> Iterator[list[Message]]:
    """Yield messages a few at a time."""
    piece: list[Message] = []
    for message in messages:
        piece.append(message)
        if len(piece) == size:
            yield piece
            piece = []
    if piece:
        yield piece


def _input(entry: Entry) -> Body:
    if len(entry.body) > LARGEST:
        raise EnvelopeError("TOO_LARGE", f"{len(entry.body)} bytes; expected at most {LARGEST}")
    if entry.at.tzinfo is None:
        raise EnvelopeError("BAD_TIME", f"at: {entry.at.isoformat()}; expected a time with offset")
    try:
        return _body.decode(entry.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise EnvelopeError("BAD_INPUT", f"{error}; expected an input of a desk") from error


def _desk(message: Message, desks: Container[str], partitions: int) -> str:
    desk = (message.key or b"").decode(errors="replace")
    if desk not in desks:
        raise EnvelopeError("UNKNOWN_DESK", f"key: {desk[:40]!r}; expected the code of a desk")
    if partition_of(desk, partitions) != message.partition:
        text = f"key: {desk}, in partition {message.partition}; expected {partition_of(desk, partitions)}"
        raise EnvelopeError("WRONG_PARTITION", text)
    return desk
