"""The owner of one partition in a worker: its `Partition`, over Kafka, and up to where it has read the inbox.

Whoever delivers messages may leave some out: a group's committed offset can be ahead of what was applied, after a
rebalance in the middle of a batch for one. So an owner reads for itself what lies between the last message that it
took and the next one that it is given. Nothing here is for two threads at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from streams.envelope import Entry, offset_of, position, seal
from streams.hosts.embedded.memory import loading
from streams.hosts.kafka.inbox import pieces, read
from streams.hosts.kafka.teller import LateSnapshots, Teller
from streams.hosts.partition import Partition
from streams.ledger.kafka import KafkaLog, KafkaSnapshots, Reader
from streams.records import Tick
from streams.stages.desk.desks import Desks
from streams.topics import DESK, partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from datetime import datetime, tzinfo

    from streams.hosts.kafka.inbox import Message
    from streams.hosts.kafka.packs import Bundles
    from streams.hosts.kafka.sender import Mail
    from streams.hosts.partition import Applied
    from streams.ledger.kafka import Writer
    from streams.records import Body, Outgoing

_PIECE = 16
"""Messages that are read for oneself at once."""

_encode = msgspec.json.Encoder().encode


class OvertakenError(Exception):
    """Somebody else has written to the log: the book is dropped, and whose the partition is must be asked."""


@dataclass(frozen=True)
class Ground:
    """What all owners of a worker stand on."""

    name: str
    client: Mapping[str, Any]
    writer: Writer
    bundles: Bundles
    zone: tzinfo
    partitions: int
    letter_partitions: int
    post: Callable[[Mail], Future[None]]

    def put(self, desk: str, at: datetime, body: Body) -> tuple[int, int]:
        """Put an input into the inbox of a desk; return partition and offset. Raises AwayError."""
        place = partition_of(desk, self.partitions)
        return place, self.writer.deliver(DESK, place, envelope(at, body), desk)


def envelope(at: datetime, body: Body) -> bytes:
    """Return the message that holds one input."""
    (message,) = seal([Entry(at, msgspec.Raw(_encode(body)))])
    return message


class KafkaOutbox:
    """The way into the inboxes of other desks."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def send(self, offset: int, outgoing: Sequence[Outgoing]) -> None:  # noqa: ARG002 - receivers know by the name
        """Send what desks send each other, and return once it has landed. Raises AwayError."""
        ground = self._ground
        flying = [
            ground.writer.send(DESK, partition_of(one.desk, ground.partitions), envelope(one.at, one.body), one.desk)
            for one in outgoing
        ]
        for one in flying:
            ground.writer.landed(*one)


class Owner:
    """Applies the inbox of one partition as long as it is this worker's."""

    def __init__(self, ground: Ground, number: int, **shelf: int) -> None:
        self.number, self._ground = number, ground
        self.log = KafkaLog(ground.client, ground.writer, number)
        self.teller = Teller(self.log, number, ground.letter_partitions, ground.post)
        self._snapshots = KafkaSnapshots(ground.client, ground.writer, number)
        self.partition = Partition(
            ground.name,
            lambda: Desks(ground.bundles.first, ground.bundles),
            self.teller,
            LateSnapshots(self._snapshots, self.teller),
            KafkaOutbox(ground),
            ground.zone,
            **shelf,
        )
        self.seen = -1
        self._ticked: dict[str, int] = {}

    @property
    def held(self) -> bool:
        """Whether the book is known."""
        return self.partition.held

    def take_over(self, at: datetime) -> None:
        """Claim the partition, learn its book, and tell again what may not have been told.

        Raises ChainError, MissingPackError, and OSError where Kafka doesn't answer.
        """
        with loading():
            self.partition.take_over(at)
        self._snapshots.close()
        try:
            last = self.partition.book.last
            if last is not None:
                self.teller.tell(last[1])
            self.teller.finish()
        except BaseException:
            self.drop()
            raise
        # The message of the last applied position may hold more inputs: it is read once more.
        self.seen = offset_of(self.partition.applied) - 1 if self.partition.applied else -1
        self._ticked.clear()

    def work(self, messages: Sequence[Message], at: datetime) -> list[Applied]:
        """Apply messages of the inbox, in the order of their offsets; those that were taken before are passed over.

        Returns the records written. Raises OvertakenError, and what `take_over` does; then what is not known to be
        applied must be given again.
        """
        if not self.held:
            self.take_over(at)
        done: list[Applied] = []
        try:
            fresh = [one for one in messages if one.offset > self.seen]
            if fresh and fresh[0].offset > self.seen + 1:
                with Reader(self._ground.client, DESK, self.number) as reader:
                    first, _ = reader.bounds()
                    for piece in pieces(reader.read(max(first, self.seen + 1), fresh[0].offset), _PIECE):
                        done += self._apply(piece)
            if fresh:
                done += self._apply(fresh)
            self.teller.finish()
        except BaseException:
            self.drop()
            raise
        return done

    def tick(self, at: datetime) -> int:
        """Let desks of this partition know the time where something is due, once each; return how many these are."""
        sent = 0
        for desk in self.partition.desks.waiting(at):
            if self._ticked.get(desk, 0) <= self.partition.applied:
                self._ticked[desk] = position(self._ground.put(desk, at, Tick(desk, at))[1], 0)
                sent += 1
        return sent

    def snapshot(self) -> None:
        """Put a snapshot down, if the log has grown since the last one."""
        if self.held:
            self.partition.snapshot()
            self._snapshots.land()

    def drop(self) -> None:
        """Forget the book, as when the partition goes to somebody else."""
        self.partition.drop()
        self._snapshots.close()

    def _apply(self, messages: Sequence[Message]) -> list[Applied]:
        ground = self._ground
        items, dead = read(messages, ground.bundles.desks, ground.partitions)
        if dead:
            self.teller.put_aside(dead)
        done = self.partition.apply(items)
        if not self.held:
            raise OvertakenError(f"partition {self.number}: somebody else has written to its log")
        self.seen = messages[-1].offset
        return done
