"""Partitions take turns: how what has been fetched is handed to the agents.

The client hands out all that it has of one partition, up to megabytes of compressed reports, before it begins another
one; behind a full inbox the districts of a dead worker would wait for twenty seconds after they were taken over.
Fetching less at once would not do: a broker leaves out what is larger than is asked for, unless it comes first.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka
from faust.transport.utils import DefaultSchedulingStrategy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from faust.types import TP

TURN = 256 << 10
"""Bytes of one partition that are handed out before it is another one's turn: a few hundred reports."""

_STEP = 4
"""Messages that are asked for at once, so by how much a turn may be too long."""


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


async def in_turns(
    circle: Circle, partitions: Iterable[TP], most: int, ask: Callable[[TP, int], Awaitable[Mapping[TP, list[Any]]]]
) -> dict[TP, list[Any]]:
    """Return at most so many messages of partitions whose turn it is; `ask` gives what is there of one, not waiting.

    Raises what `ask` raises, unless there is something already: that would be lost, and the error comes again.
    """
    found: dict[TP, list[Any]] = {}
    left = most
    for partition in circle.order(partitions):
        size = 0
        while left and size < TURN:
            try:
                many = (await ask(partition, min(_STEP, left))).get(partition)
            except KafkaError:
                if found:
                    return found
                raise
            if not many:
                break
            found.setdefault(partition, []).extend(many)
            left -= len(many)
            size += sum(len(one.value or b"") for one in many)
            circle.had(partition)
    return found


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
        fetch = super()._fetch_records
        circle = self._circle = self._circle or Circle()
        found = await in_turns(
            circle,
            active_partitions,
            max_records or _STEP,
            lambda partition, most: fetch(consumer, {partition}, timeout=0, max_records=most),
        )
        return found or await fetch(consumer, active_partitions, timeout=timeout, max_records=_STEP)


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
