"""What outlives a crash: inboxes, logs, snapshots, the journal, the outlets' tables; and the ports to them.

Each port belongs to one actor and makes every call one of its turns, so that a crash, a freeze or a failure may
come before or after any write. Inboxes, logs and snapshots are the package's own models of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from streams.ledger.testing import MemoryInbox, MemoryLog, MemorySnapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from streams.ledger.chain import DailyHead
    from streams.ledger.fold import Fold
    from streams.ledger.records import Record
    from streams.records import Body, Case, DeadLetter, Outgoing
    from tests.simulation.turns import Actor

_PIECE = 12
"""Records of a log that are read in one call."""


class Line:
    """One partition: its inbox, log and snapshots, the heads told at the ends of days, and whom it is given to."""

    def __init__(self, number: int, desks: Sequence[str]) -> None:
        self.number, self.desks = number, tuple(desks)
        self.inbox, self.log, self.snapshots = MemoryInbox(), MemoryLog(), MemorySnapshots()
        self.heads: list[DailyHead] = []
        self.owner = f"owner-{number}a"


class Entry(NamedTuple):
    """One report of the journal: acknowledged, so it must not be lost."""

    report_id: str
    at: datetime
    original: bytes


@dataclass
class Board:
    """The tables of the board outlet, and how far each log has been folded into them.

    `homes` says which desk has last taken a case in, and `sources` which took in a number: a desk that had a case
    sends on what still arrives, one to which a case is only under way does not know it yet.
    """

    cases: dict[str, Case] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    sources: dict[tuple[str, str], str] = field(default_factory=dict)
    places: dict[int, tuple[int, Fold]] = field(default_factory=dict)


@dataclass
class Store:
    """All the rest that is on disk somewhere."""

    journal: list[Entry] = field(default_factory=list)
    routed: int = 0
    letters: list[DeadLetter] = field(default_factory=list)
    told: list[tuple[datetime, str]] = field(default_factory=list)
    board: Board = field(default_factory=Board)
    delivered: list[tuple[str, bytes]] = field(default_factory=list)
    told_alerts: dict[int, tuple[int, Fold]] = field(default_factory=dict)


class LogPort:
    """The effects log of a line, for one actor."""

    def __init__(self, actor: Actor, line: Line) -> None:
        self._actor, self._line = actor, line

    def append(self, record: Record) -> int:
        """Append a record."""
        return self._actor.call(f"append {type(record).__name__}", lambda: self._line.log.append(record))

    def read(self, after: int = -1) -> Iterator[tuple[int, Record]]:
        """Read a few records at a time; others may write in between."""
        while True:
            piece = self._actor.call(f"read log {after}", lambda after=after: self._piece(after))
            yield from piece
            if len(piece) < _PIECE:
                return
            after = piece[-1][0]

    def _piece(self, after: int) -> list[tuple[int, Record]]:
        found = []
        for one in self._line.log.read(after):
            found.append(one)
            if len(found) == _PIECE:
                break
        return found


class SnapshotsPort:
    """The snapshots of a line, for one actor."""

    def __init__(self, actor: Actor, line: Line) -> None:
        self._actor, self._line = actor, line

    def put(self, name: str, body: bytes) -> None:
        """Put a value."""
        self._actor.call(f"put {name}", lambda: self._line.snapshots.put(name, body))

    def get(self, name: str) -> bytes | None:
        """Get a value."""
        return self._actor.call(f"get {name}", lambda: self._line.snapshots.get(name))


class OutboxPort:
    """The way from one line's desks into the inboxes of all; `sent` is told before each."""

    def __init__(
        self, actor: Actor, put: Callable[[str, datetime, Body], None], sent: Callable[[Outgoing], None]
    ) -> None:
        self._actor, self._put, self._sent = actor, put, sent

    def send(self, offset: int, outgoing: Sequence[Outgoing]) -> None:
        """Send one after the other."""
        for one in outgoing:
            self._actor.call(f"send {one.name} of record {offset}", lambda one=one: self._one(one))

    def _one(self, one: Outgoing) -> None:
        self._sent(one)
        self._put(one.desk, one.at, one.body)
