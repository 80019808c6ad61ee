"""Telling others what a partition's log says: clean feeds of steps and alerts, and dead letters.

A `Teller` stands before the log of an owner, and a `LateSnapshots` before its snapshots. What a record says is told
as soon as it is known to count, and has been delivered before the next record is appended or a snapshot is put. So
after a takeover at most the last counted record's has not been told; `Partition` is asked for that one, and it is
told again. Consumers know by (case_no, seq), alert_id and id what they have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.ledger.records import Claim
from streams.topics import ALERTS, DEAD_LETTERS, TRANSITIONS, partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from streams.hosts.kafka.sender import Mail
    from streams.hosts.partition import Log
    from streams.ledger.records import EffectsRecord, Record
    from streams.ledger.snapshots import Snapshots
    from streams.records import DeadLetter

_WAIT_S = 60.0
"""How long the event loop may take to deliver, or to say that it can't."""

_encode = msgspec.json.Encoder().encode


class _Said(msgspec.Struct):
    """What one desk's effects say to others, each as the bytes that it is."""

    transitions: list[msgspec.Raw] = []
    alerts: list[msgspec.Raw] = []
    dead_letters: list[msgspec.Raw] = []


class _Letter(msgspec.Struct):
    stage: str


_said = msgspec.json.Decoder(_Said)
_letter = msgspec.json.Decoder(_Letter)


def feeds(partition: int, record: EffectsRecord, letter_partitions: int) -> Mail:
    """Return the messages that tell what a record of a partition says."""
    mail: Mail = {}
    for desk, body in record.desks.items():
        said, key = _said.decode(body), desk.encode()
        for topic, many in ((TRANSITIONS, said.transitions), (ALERTS, said.alerts)):
            if many:
                mail.setdefault((topic, partition), []).extend((key, bytes(one)) for one in many)
        for letter in said.dead_letters:
            _post(mail, _letter.decode(letter).stage, bytes(letter), letter_partitions)
    return mail


def letters(many: Iterable[DeadLetter], letter_partitions: int) -> Mail:
    """Return the messages that put dead letters aside."""
    mail: Mail = {}
    for letter in many:
        _post(mail, letter.stage, _encode(letter), letter_partitions)
    return mail


def _post(mail: Mail, stage: str, body: bytes, partitions: int) -> None:
    mail.setdefault((DEAD_LETTERS, partition_of(stage, partitions)), []).append((stage.encode(), body))


class Teller:
    """A log whose records are told. `post` begins to deliver; whoever holds its future waits. Not for two threads."""

    def __init__(
        self, log: Log, partition: int, letter_partitions: int, post: Callable[[Mail], Future[None]]
    ) -> None:
        self._log, self._post = log, post
        self._partition, self._letters = partition, letter_partitions
        self._known = -1
        self._telling: Future[None] | None = None

    def append(self, record: Record) -> int:
        """Append a record once what was told before has been delivered; tell it if it counts."""
        self.finish()
        offset = self._log.append(record)
        if isinstance(record, Claim):
            self._known = offset
        elif offset == self._known + 1:
            self._known = offset
            self.tell(record)
        else:
            self._known = -1  # somebody else has written: whoever appends finds out as well, and claims anew
        return offset

    def read(self, after: int = -1) -> Iterable[tuple[int, Record]]:
        """Read the log."""
        return self._log.read(after)

    def tell(self, record: EffectsRecord) -> None:
        """Begin to tell what a record that counts says."""
        self.mail(feeds(self._partition, record, self._letters))

    def put_aside(self, many: Sequence[DeadLetter]) -> None:
        """Begin to put inputs aside that can't be read."""
        self.mail(letters(many, self._letters))

    def mail(self, mail: Mail) -> None:
        """Begin to deliver messages, once those before have been."""
        self.finish()
        if mail:
            self._telling = self._post(mail)

    def finish(self) -> None:
        """Wait until all that was told has been delivered. Raises OSError if it can't be."""
        telling, self._telling = self._telling, None
        if telling is not None:
            telling.result(_WAIT_S)


class LateSnapshots:
    """Snapshots of which no value is put before the records that it knows have been told."""

    def __init__(self, store: Snapshots, teller: Teller) -> None:
        self._store, self._teller = store, teller

    def put(self, name: str, body: bytes) -> None:
        """Put a value."""
        self._teller.finish()
        self._store.put(name, body)

    def get(self, name: str) -> bytes | None:
        """Get a value."""
        return self._store.get(name)
