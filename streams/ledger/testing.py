"""Inbox, log, snapshots and outbox in memory: the ports of `streams.hosts.partition` without a server or a file.

They keep bytes and give back what was read from them, so nothing is shared between who writes and who reads, and
everything goes through its JSON as on a real medium.

    inbox, log, snapshots = MemoryInbox(), MemoryLog(), MemorySnapshots()
    partition = Partition("a", lambda: Desks(city), log, snapshots, MemoryOutbox(inbox), city.rules.calendar.zone)
    inbox.append(desk, at, Tick(desk, at))
    partition.apply(inbox.read(0, 100))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.ledger.records import decode, encode
from streams.records import Body, Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from streams.ledger.records import Record
    from streams.records import Outgoing

_item = msgspec.json.Decoder(Item)
_encode = msgspec.json.Encoder().encode


class MemoryInbox:
    """The inputs of one partition in one order; positions begin at 1."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def append(self, desk: str, at: datetime, body: Body) -> int:
        """Append an input and return its position."""
        position = len(self.bodies) + 1
        self.bodies.append(_encode(Item(position, desk, at, body)))
        return position

    def read(self, after: int, limit: int) -> list[Item]:
        """Return the inputs behind a position, at most `limit`."""
        return [_item.decode(body) for body in self.bodies[after : after + limit]]


class MemoryLog:
    """An effects log; offsets begin at 0."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def append(self, record: Record) -> int:
        """Append a record and return its offset."""
        self.bodies.append(encode(record))
        return len(self.bodies) - 1

    def read(self, after: int = -1) -> Iterator[tuple[int, Record]]:
        """Yield the records behind an offset, in order, up to the last one there is when it is reached."""
        offset = after + 1
        while offset < len(self.bodies):
            yield offset, decode(self.bodies[offset])
            offset += 1


class MemorySnapshots:
    """Named values."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def put(self, name: str, body: bytes) -> None:
        """Put a value in place of the one of this name."""
        self.values[name] = body

    def get(self, name: str) -> bytes | None:
        """Return the value of a name; None if there is none."""
        return self.values.get(name)


class MemoryOutbox:
    """Sends into the inbox of the one partition that there is; what is sent twice lies there twice."""

    def __init__(self, inbox: MemoryInbox) -> None:
        self.inbox = inbox

    def send(self, offset: int, outgoing: Sequence[Outgoing]) -> None:  # noqa: ARG002 - a medium may tell by it
        """Append what desks send each other."""
        for sent in outgoing:
            self.inbox.append(sent.desk, sent.at, sent.body)
