"""Delivering a cluster's alerts: all partitions of the effects log, followed by one process with one outbox.

A second one in another folder would send everything again, under the same ids; so a city runs one, and starts it anew
where it died.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.ledger.kafka import LARGEST, AwayError, partitions_of
from streams.ledger.records import decode
from streams.topics import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from streams.ledger.records import Record

_WAIT_MS = 100
_MOST = 200
"""Records taken at once, so that what is due meanwhile is made and sent between."""


class EffectsReader:
    """Reads what has been added to all effects logs. A context; not for two threads."""

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._places = [TopicPartition(EFFECTS, number) for number in range(partitions_of(client, EFFECTS))]
        self._consumer = KafkaConsumer(
            **client,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            max_partition_fetch_bytes=LARGEST,
            metrics_enabled=False,
        )
        self._consumer.assign(self._places)
        self._begun = False
        self._next: dict[TopicPartition, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(KafkaError):
            self._consumer.close(autocommit=False)

    @property
    def behind(self) -> int | None:
        """How many records are there that were not read yet, as far as Kafka has said; None as long as it hasn't."""
        ends = {place: self._consumer.highwater(place) for place in self._places}
        if not self._next or None in ends.values():
            return None
        return sum(max(0, int(end) - self._next[place]) for place, end in ends.items())

    def read(self, known: Mapping[str, int]) -> Iterator[tuple[str, int, Record]]:
        """Yield the next records by partition, behind the known offsets. Raises AwayError.

        What was fetched and not taken, because whoever takes it failed, is fetched again.
        """
        taken = False
        try:
            if not self._begun:
                for place in self._places:
                    after = known.get(f"{place.partition}", -1)
                    self._consumer.seek(place, after + 1)
                    self._next[place] = after + 1
                self._begun = True
            for place, messages in self._consumer.poll(_WAIT_MS, max_records=_MOST).items():
                for message in messages:
                    self._next[place] = message.offset + 1
                    yield f"{place.partition}", message.offset, decode(message.value)
            taken = True
        except KafkaError as error:
            raise AwayError(f"{EFFECTS}: {error!r}") from error
        finally:
            self._begun = taken
