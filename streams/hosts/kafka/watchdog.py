"""A worker that stands still ends itself, so that whoever supervises it starts it anew.

Faust 0.15 can go quiet after a rebalance that failed, and whatever is retried in vain looks like work from outside.
So two things are watched: that an assignment comes after partitions were revoked, and that each partition with
messages waiting moves on. While Kafka itself can't be asked nothing is held against anybody.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_log = structlog.get_logger(__name__)

_SILENCE_MS = 10_000
"""How long Kafka is waited for."""

Place = tuple[str, int]
"""A partition of a topic."""

Places = dict[Place, int | None]
"""For each partition that is this worker's, the offset of the next message; None where the group's commits say it."""

Offsets = dict[Place, int]


class Stillness:
    """Decides whether something stands still, from what it is told at each look. Has no clock of its own."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since: dict[Place, tuple[int, float]] = {}
        self._waiting_since: float | None = None

    def look(self, now: float, places: Offsets | None, ends: Offsets | None) -> str:
        """Return what stands still, empty if nothing does.

        `places` is None while partitions are revoked and not assigned anew; `ends` None if Kafka can't be asked.
        """
        if ends is None:
            self._since.clear()
            self._waiting_since = None
            return ""
        if places is None:
            self._since.clear()
            if self._waiting_since is None:
                self._waiting_since = now
            elif now - self._waiting_since > self._patience_s:
                return f"no assignment for {now - self._waiting_since:.0f} s"
            return ""
        self._waiting_since = None
        for gone in self._since.keys() - places.keys():
            del self._since[gone]
        for place, offset in places.items():
            if offset >= ends.get(place, 0):
                self._since.pop(place, None)
                continue
            known, since = self._since.get(place, (offset, now))
            if known != offset:
                known, since = offset, now
            self._since[place] = known, since
            if now - since > self._patience_s:
                return f"{place[0]} {place[1]} stands at {offset} of {ends[place]} for {now - since:.0f} s"
        return ""


class Watchdog:
    """Looks every few seconds, on a thread of its own; `bark` is called with what stands still."""

    def __init__(
        self,
        client: Mapping[str, Any],
        group: str,
        places: Callable[[], Places | None],
        bark: Callable[[str], None],
        *,
        patience_s: float = 60.0,
        every_s: float = 5.0,
    ) -> None:
        self._client, self._group, self._places, self._bark = client, group, places, bark
        self._stillness, self._every_s = Stillness(patience_s), every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self.lag: Offsets = {}

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            places = self._places()
            try:
                taken, ends = self._asked(places or {})
            except KafkaError as error:
                _log.warning("kafka does not answer", error=repr(error)[:300])
                found = self._stillness.look(time.monotonic(), None, None)
            else:
                self.lag = {place: max(0, ends[place] - offset) for place, offset in taken.items()}
                found = self._stillness.look(time.monotonic(), None if places is None else taken, ends)
            if found and not self._stopped.is_set():
                _log.error("stands still", what=found)
                self._bark(found)

    def _asked(self, places: Places) -> tuple[Offsets, Offsets]:
        """Ask Kafka for the next offset of each partition where it isn't known, and where each ends."""
        asked = {TopicPartition(*place): offset for place, offset in places.items()}
        consumer = KafkaConsumer(
            **self._client,
            group_id=self._group,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            request_timeout_ms=_SILENCE_MS,
            bootstrap_timeout_ms=_SILENCE_MS,
            metrics_enabled=False,
        )
        try:
            ends = consumer.end_offsets(list(asked)) if asked else {}
            for place, offset in asked.items():
                asked[place] = consumer.committed(place) or 0 if offset is None else offset
        finally:
            consumer.close(autocommit=False)
        return (
            {(one.topic, one.partition): int(offset or 0) for one, offset in asked.items()},
            {(one.topic, one.partition): int(end) for one, end in ends.items()},
        )
