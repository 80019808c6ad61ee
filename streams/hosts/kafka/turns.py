"""Partitions take turns: how what has been fetched is handed to the agents.

The client hands out all that it has of one partition, up to megabytes of compressed reports, before it begins another
one; behind a full inbox the districts of a dead worker would wait for twenty seconds after they were taken over.
Fetching less at once would not do: a broker leaves out what is larger than is asked for, unless it comes first.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from faust.transport.drivers import aiokafka
from faust.transport.utils import DefaultSchedulingStrategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from faust.types import TP

TURN = 8
"""Messages of one partition that are handed out before it is another one's turn."""


class Circle:
    """Whose turn it is; topics take turns as their partitions do."""

    def __init__(self) -> None:
        self._last: TP | None = None

    def order(self, partitions: Iterable[TP]) -> list[TP]:
        """Return partitions as their turns come, those after the last one that had its turn first."""
        ordered = sorted(partitions, key=_place)
        begin = bisect_right(ordered, _place(self._last), key=_place) if self._last else 0
        return ordered[begin:] + ordered[:begin]

    def had(self, partition: TP) -> None:
        """Know that a partition has had its turn."""
        self._last = partition


def _place(partition: TP) -> tuple[int, str]:
    return partition.partition, partition.topic


class _Thread(aiokafka.AIOKafkaConsumerThread):
    _circle: Circle | None = None

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - as the engine calls it
        max_records: int | None = None,
    ) -> Any:
        """Return what is there of partitions whose turn it is; wait for something only if nothing is."""
        circle = self._circle = self._circle or Circle()
        found: dict[TP, list[Any]] = {}
        left = max_records or TURN
        for partition in circle.order(active_partitions):
            some = await super()._fetch_records(consumer, {partition}, timeout=0, max_records=min(TURN, left))
            if some:
                found |= some
                left -= sum(map(len, some.values()))
                circle.had(partition)
                if left <= 0:
                    break
        return found or await super()._fetch_records(consumer, active_partitions, timeout=timeout, max_records=TURN)


class _Consumer(aiokafka.Consumer):
    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class Transport(aiokafka.Transport):
    """The engine's way to Kafka, with a consumer whose partitions take turns."""

    Consumer = _Consumer


class Scheduling(DefaultSchedulingStrategy):
    """The order of what is handed out at once: as it comes, a partition's messages together.

    The engine's own deals them out singly, and a desk would have a record for each of them.
    """

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Yield each partition's messages after those of the one before."""
        return ((partition, one) for partition, many in records.items() for one in many)
