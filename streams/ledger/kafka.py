"""The effects log and its snapshots as partitions of Kafka topics: the mirror image of `streams/ledger/sqlite.py`.

    writer = Writer(settings.client())
    log = KafkaLog(settings.client(), writer, partition=3)
    offset = log.append(Claim("worker-1", at))
    for offset, record in log.read(offset): ...

A partition has one writer at a time that counts; that another one may write as well is what the fold rule is for.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from streams.ledger.records import decode, encode
from streams.topics import EFFECTS, SNAPSHOTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from streams.ledger.records import Record

LARGEST = 64 << 20
"""Bytes of a request: above every topic's own limit, so that the topic's is what counts."""

_DELIVERY_MS = 30_000
"""How long a message is tried: a broker that restarts is waited for, one that stays away is an error."""

_SILENCE_MS = 10_000
"""How long a reader waits for a broker that says nothing."""

_FLYING = 8
"""Values of a snapshot that may be under way at once."""


class AwayError(OSError):
    """Kafka did not answer, or did not say whether something has landed. Whoever appended must look for itself."""


class Writer:
    """The one producer of a process for all that must be known to have landed. For any number of threads.

    It writes idempotently and waits for all replicas. After any failure a producer is given up, so that nothing
    lands by it later than its caller was told that it may not have.
    """

    def __init__(self, client: Mapping[str, Any], *, delivery_ms: int = _DELIVERY_MS) -> None:
        self._client, self._delivery_ms = dict(client), delivery_ms
        self._lock = threading.Lock()
        self._producer: KafkaProducer | None = None

    def deliver(self, topic: str, partition: int, value: bytes | None, key: str = "") -> int:
        """Write one message and return its offset once all replicas have it. Raises AwayError."""
        return self.landed(*self.send(topic, partition, value, key))

    def send(self, topic: str, partition: int, value: bytes | None, key: str = "") -> tuple[KafkaProducer, Any]:
        """Hand one message over and return what `landed` waits for. Raises AwayError.

        Messages of one partition land in the order in which they were handed over.
        """
        producer = self._made()
        try:
            return producer, producer.send(topic, value, key=key.encode() or None, partition=partition)
        except KafkaError as error:
            self._give_up(producer)
            raise AwayError(f"{topic} {partition}: {error!r}") from error

    def landed(self, producer: KafkaProducer, future: Any) -> int:
        """Wait for a message that was handed over and return its offset. Raises AwayError."""
        try:
            offset = int(future.get(timeout=1.5 * self._delivery_ms / 1000).offset)
        except KafkaError as error:
            self._give_up(producer)
            raise AwayError(f"not known to have landed: {error!r}") from error
        if offset < 0:  # the broker knows the message as one that it has already, and doesn't say where
            self._give_up(producer)
            raise AwayError("landed, but the broker does not say where")
        return offset

    def close(self) -> None:
        """Let go of the producer."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            close_quietly(producer)

    def _made(self) -> KafkaProducer:
        with self._lock:
            if self._producer is None:
                try:
                    self._producer = KafkaProducer(
                        **self._client,
                        acks="all",
                        enable_idempotence=True,
                        compression_type="lz4",
                        max_request_size=LARGEST,
                        delivery_timeout_ms=self._delivery_ms,
                        request_timeout_ms=self._delivery_ms // 3,
                        max_block_ms=self._delivery_ms,
                        bootstrap_timeout_ms=self._delivery_ms,
                        allow_auto_create_topics=False,
                        metrics_enabled=False,
                    )
                except KafkaError as error:
                    raise AwayError(f"{self._client['bootstrap_servers']}: {error!r}") from error
            return self._producer

    def _give_up(self, producer: KafkaProducer) -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None
        threading.Thread(target=close_quietly, args=(producer,), daemon=True).start()


class Reader:
    """Reads one partition from any offset on, up to where it ends when asked. A context; not for two threads."""

    def __init__(self, client: Mapping[str, Any], topic: str, partition: int) -> None:
        self._place = TopicPartition(topic, partition)
        try:
            self._consumer = KafkaConsumer(
                **client,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                allow_auto_create_topics=False,
                fetch_max_bytes=16 << 20,
                max_partition_fetch_bytes=LARGEST,
                request_timeout_ms=_SILENCE_MS,
                bootstrap_timeout_ms=_SILENCE_MS,
                metrics_enabled=False,
            )
            self._consumer.assign([self._place])
        except KafkaError as error:
            raise AwayError(f"{topic} {partition}: {error!r}") from error
        self._next = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        with contextlib.suppress(KafkaError):
            self._consumer.close(autocommit=False)

    def bounds(self) -> tuple[int, int]:
        """Return the first offset that is there, and the one that the next message will have. Raises AwayError."""
        try:
            first = self._consumer.beginning_offsets([self._place])[self._place]
            return int(first), int(self._consumer.end_offsets([self._place])[self._place])
        except KafkaError as error:
            raise AwayError(f"{self._place}: {error!r}") from error

    def read(self, start: int, end: int) -> Iterator[Any]:
        """Yield the messages from an offset on that lie before another. Raises AwayError.

        Going on where the last reading stopped takes what has been fetched already.
        """
        try:
            if start != self._next:
                self._seek(start)
            while (at := self._consumer.position(self._place)) < end:
                for message in self._consumer.poll(_SILENCE_MS, max_records=1).get(self._place, ()):
                    if message.offset >= end:
                        self._seek(message.offset)
                        return
                    self._next = message.offset + 1
                    yield message
                if self._consumer.position(self._place) == at:
                    raise AwayError(f"{self._place}: nothing came for {_SILENCE_MS} ms, at {at} of {end}")
        except KafkaError as error:
            raise AwayError(f"{self._place}: {error!r}") from error

    def _seek(self, offset: int) -> None:
        self._consumer.seek(self._place, offset)
        self._next = offset


def partitions_of(client: Mapping[str, Any], topic: str) -> int:
    """Return how many partitions a topic has. Raises AwayError, also where the topic isn't there."""
    try:
        consumer = KafkaConsumer(
            **client,
            group_id=None,
            allow_auto_create_topics=False,
            request_timeout_ms=_SILENCE_MS,
            bootstrap_timeout_ms=_SILENCE_MS,
            metrics_enabled=False,
        )
        try:
            found = consumer.partitions_for_topic(topic)
        finally:
            consumer.close(autocommit=False)
    except KafkaError as error:
        raise AwayError(f"{client['bootstrap_servers']}: {error!r}") from error
    if not found:
        raise AwayError(f"没有主题 there is no topic {topic}; expected onegrid topics create to have made it")
    return len(found)


class KafkaLog:
    """The effects log of one partition."""

    def __init__(self, client: Mapping[str, Any], writer: Writer, partition: int) -> None:
        self._client, self._writer, self.partition = client, writer, partition

    def append(self, record: Record) -> int:
        """Append a record and return its offset. Raises AwayError if it is not known where it landed, or whether."""
        return self._writer.deliver(EFFECTS, self.partition, encode(record))

    def read(self, after: int = -1) -> Iterator[tuple[int, Record]]:
        """Yield the records behind an offset, in order, up to the last one there is when the reading begins."""
        for offset, body in self.bodies(after):
            yield offset, decode(body)

    def bodies(self, after: int = -1) -> Iterator[tuple[int, bytes]]:
        """Yield the same as bytes, for who looks whether they are as they were written."""
        with Reader(self._client, EFFECTS, self.partition) as reader:
            first, end = reader.bounds()
            for message in reader.read(max(first, after + 1), end):
                yield message.offset, message.value

    def last(self) -> int:
        """Return the offset of the last record; -1 if there is none."""
        with Reader(self._client, EFFECTS, self.partition) as reader:
            return reader.bounds()[1] - 1


class KafkaSnapshots:
    """The named values of one partition's snapshots: the last message of each key in a compacted topic.

    Where each value lies is learned from the topic whenever a name is asked for that doesn't follow the one asked
    before in their order; a snapshot's names are asked for in order, so its values stream in.
    """

    def __init__(self, client: Mapping[str, Any], writer: Writer, partition: int) -> None:
        self._client, self._writer, self.partition = client, writer, partition
        self._flying: deque[tuple[KafkaProducer, Any]] = deque()
        self._places: dict[str, int] = {}
        self._read, self._asked = 0, ""
        self._reader: Reader | None = None

    def put(self, name: str, body: bytes) -> None:
        """Put a value in place of the one of this name. That it didn't land may show at a later call only."""
        self.close()
        self._flying.append(self._writer.send(SNAPSHOTS, self.partition, body, name))
        self.land(_FLYING)

    def get(self, name: str) -> bytes | None:
        """Return the value of a name; None if there is none. Raises AwayError."""
        self.land()
        try:
            if self._reader is None:
                self._reader = Reader(self._client, SNAPSHOTS, self.partition)
            if name <= self._asked or not self._asked:
                self._look(self._reader)
            self._asked = name
            place = self._places.get(name)
            if place is None:
                return None
            body = next((message.value for message in self._reader.read(place, place + 1)), None)
        except AwayError:
            self.close()
            raise
        # Taken away by compaction since: there is a newer one, so what this one is part of is torn.
        return body

    def close(self) -> None:
        """Let go of what reading needs; the next `get` learns anew where values lie."""
        self._asked = ""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _look(self, reader: Reader) -> None:
        first, end = reader.bounds()
        for message in reader.read(max(first, self._read), end):
            self._places[(message.key or b"").decode()] = message.offset
        self._read = end

    def land(self, left: int = 0) -> None:
        """Wait until no more than so many values are under way. Raises AwayError."""
        try:
            while len(self._flying) > left:
                self._writer.landed(*self._flying.popleft())
        except AwayError:
            self._flying.clear()
            raise


def close_quietly(producer: KafkaProducer) -> None:
    """Let go of a producer; whoever needs to know what has landed has asked before."""
    with contextlib.suppress(KafkaError):
        producer.close(timeout=5)
