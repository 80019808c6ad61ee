"""Topics from the outside: made once, looked at while they are in use.

    create_topics(settings, partitions=12)            # what streams/topics.py says, as far as it isn't there yet
    for one in lag(settings): ...                     # how far each consumer group is behind
    for message in tail(settings, "onegrid.desk", Start(last=10)): ...

Nothing here changes what a topic holds, nor where a consumer group stands.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from streams.envelope import EnvelopeError, position, unseal
from streams.hosts.kafka import ClusterError
from streams.ledger.kafka import AwayError
from streams.topics import DESK, PARTITIONS, REPORTS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.settings import ClusterSettings

_PATIENCE_MS = 10_000
"""How long a tool waits for a broker that says nothing."""

_POLL_MS = 500

_TELLING = ("uthentication", "uthorization", "ertificate")


class TopicsError(ClusterError):
    """Topics are not as they have to be; the text says which and what was expected."""


class Lag(msgspec.Struct):
    """How far a consumer group is behind in one partition. `committed` is the next offset it will read."""

    group: str
    topic: str
    partition: int
    committed: int
    end: int
    lag: int


class Start(NamedTuple):
    """Where to begin: at an offset, at a time, or `last` messages before the end of each partition."""

    offset: int | None = None
    time: datetime | None = None
    last: int = 10


class Message(msgspec.Struct):
    """One message. `at` is when its writer or the broker stamped it."""

    topic: str
    partition: int
    offset: int
    at: datetime
    key: str
    headers: dict[str, str]
    value: bytes


def create_topics(settings: ClusterSettings, partitions: int = PARTITIONS, replication: int = -1) -> list[str]:
    """Make the topics that are not there yet, and return their names; -1 copies are the brokers' default.

    Raises TopicsError if one is there with another number of partitions, since keys would change their places;
    AwayError if no broker answers.
    """
    with _admin(settings) as admin:
        there = {
            topic["name"]: len(topic["partitions"])
            for topic in admin.describe_topics([name for name in admin.list_topics() if name in TOPICS] or None)
        }
        wanted = {topic.name: partitions if topic.shared else topic.partitions for topic in TOPICS.values()}
        wrong = [
            f"{name} has {there[name]} partitions; expected {count}"
            for name, count in wanted.items()
            if there.get(name, count) != count
        ]
        if wrong:
            raise TopicsError("; ".join(wrong) + ", which is fixed for the life of a deployment")
        made = [name for name in wanted if name not in there]
        if made:
            new = [NewTopic(name, wanted[name], replication, topic_configs=TOPICS[name].config) for name in made]
            admin.create_topics(new, wait_for_metadata=True)
        return made


def lag(settings: ClusterSettings) -> list[Lag]:
    """Return how far every consumer group is behind in our topics, the furthest first. Raises AwayError."""
    with _admin(settings) as admin:
        groups = sorted({group["group_id"] for group in admin.list_groups()})
        stands = {
            (group, place): int(found.offset)
            for group in groups
            for place, found in admin.list_group_offsets({group: None})[group].items()
            if place.topic in TOPICS and found.offset >= 0
        }
    with _consumer(settings) as consumer:
        ends = consumer.end_offsets(sorted({place for _, place in stands})) if stands else {}
    found = [
        Lag(group, place.topic, place.partition, at, int(ends[place]), max(0, int(ends[place]) - at))
        for (group, place), at in stands.items()
    ]
    return sorted(found, key=lambda one: (-one.lag, one.group, one.topic, one.partition))


def partitions_of(settings: ClusterSettings, topic: str) -> int:
    """Return how many partitions a topic has. Raises TopicsError if there is no such topic, AwayError."""
    with _consumer(settings) as consumer:
        return len(_places(consumer, topic, None))


def tail(
    settings: ClusterSettings,
    topic: str,
    start: Start,
    partition: int | None = None,
    *,
    follow: bool = False,
) -> Iterator[Message]:
    """Yield a topic's messages, each partition in order, up to the end as of now; with `follow` without end.

    An offset before the first one there is begins at the first. Raises TopicsError if there is no such topic or
    partition, AwayError if no broker answers.
    """
    with _consumer(settings) as consumer:
        places = _places(consumer, topic, partition)
        consumer.assign(places)
        firsts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        for place, offset in _begin(consumer, start, firsts, ends).items():
            consumer.seek(place, offset)
        while follow or any(consumer.position(place) < ends[place] for place in places):
            for place, messages in consumer.poll(_POLL_MS).items():
                for message in messages:
                    if follow or message.offset < ends[place]:
                        yield _told(message)


def contents(message: Message) -> Any:
    """Return a message as what it says, for people and programs to read: JSON, or text with what can't be read.

    An envelope's entries have their positions, as effects records name them.
    """
    found: Any
    try:
        if message.topic in (REPORTS, DESK):
            found = [
                {"position": position(message.offset, index), "at": entry.at, "id": entry.id, "body": entry.body}
                for index, entry in enumerate(unseal(message.value))
            ]
        else:
            found = msgspec.Raw(message.value)
            msgspec.json.decode(message.value)
    except (EnvelopeError, msgspec.DecodeError, UnicodeDecodeError):
        return message.value.decode(errors="replace")
    return found


def _places(consumer: KafkaConsumer, topic: str, partition: int | None) -> list[TopicPartition]:
    known = sorted(consumer.partitions_for_topic(topic) or ())
    if not known:
        raise TopicsError(f"{topic}: no such topic; expected one of {', '.join(sorted(consumer.topics()))}")
    if partition is not None and partition not in known:
        raise TopicsError(f"partition {partition}: {topic} has 0 to {known[-1]}")
    return [TopicPartition(topic, number) for number in known if partition in (None, number)]


def _begin(
    consumer: KafkaConsumer, start: Start, firsts: dict[TopicPartition, int], ends: dict[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Return the offset to begin at in each partition."""
    if start.offset is not None:
        wanted = dict.fromkeys(ends, start.offset)
    elif start.time is not None:
        moment = int(start.time.timestamp() * 1000)
        found = consumer.offsets_for_times(dict.fromkeys(ends, moment))
        wanted = {place: found[place].offset if found.get(place) else end for place, end in ends.items()}
    else:
        wanted = {place: end - start.last for place, end in ends.items()}
    return {place: min(max(offset, firsts[place]), ends[place]) for place, offset in wanted.items()}


def _told(message: Any) -> Message:
    return Message(
        message.topic,
        message.partition,
        message.offset,
        datetime.fromtimestamp(message.timestamp / 1000, UTC),
        (message.key or b"").decode(errors="replace"),
        {name: (value or b"").decode(errors="replace") for name, value in message.headers or ()},
        message.value or b"",
    )


@contextmanager
def _admin(settings: ClusterSettings) -> Iterator[KafkaAdminClient]:
    with _asking(settings):
        admin = KafkaAdminClient(**settings.client(), bootstrap_timeout_ms=_PATIENCE_MS)
        try:
            yield admin
        finally:
            admin.close()


@contextmanager
def _consumer(settings: ClusterSettings) -> Iterator[KafkaConsumer]:
    with _asking(settings):
        consumer = KafkaConsumer(
            **settings.client(),
            group_id=None,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=_PATIENCE_MS,
            metrics_enabled=False,
        )
        try:
            yield consumer
        finally:
            consumer.close()


@contextmanager
def _asking(settings: ClusterSettings) -> Iterator[None]:
    """Turn what the library raises into one line. Why no broker would talk, it only tells its log."""
    logger, heard = logging.getLogger("kafka"), _Reason()
    logger.addHandler(heard)
    try:
        yield
    except KafkaError as error:
        why = f" ({heard.text})" if heard.text else ""
        # A refused password may look like a broker that hangs up: its answer can be lost when it closes.
        user = f" and lets {settings.kafka_user} in" if settings.kafka_security.startswith("SASL") else ""
        raise AwayError(f"{settings.broker}: {error}{why}; expected a Kafka broker that answers{user}") from error
    finally:
        logger.removeHandler(heard)


class _Reason(logging.Handler):
    """Keeps the first error, unless one says that it is about who we are or whom we trust."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if any(word in text for word in _TELLING) or not (self.text or "ootstrap" in text):
            self.text = text
