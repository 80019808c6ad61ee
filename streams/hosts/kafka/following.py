"""Following all effects logs for a gateway: from whenever Kafka is there, and on after it was away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog
from kafka.errors import KafkaError

from streams.hosts.kafka.delivery import EffectsReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.ledger.records import Record

_log = structlog.get_logger(__name__)

_AGAIN_S = 2.0
"""How long to leave a Kafka alone that did not answer."""


class LateReader:
    """Reads all effects logs once Kafka answers, and nothing before. For one thread but for `behind`."""

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._client = client
        self._reader: EffectsReader | None = None
        self._again, self._told = 0.0, False
        self.behind: int | None = None

    def read(self, known: Mapping[str, int]) -> Iterator[tuple[str, int, Record]]:
        """Yield the next records by partition, behind the known offsets; nothing while Kafka is away."""
        try:
            if self._reader is None:
                if time.monotonic() < self._again:
                    return
                self._reader = EffectsReader(self._client)
            yield from self._reader.read(known)
            self.behind, self._told = self._reader.behind, False
        except (OSError, KafkaError) as error:
            self._again = time.monotonic() + _AGAIN_S
            if not self._told:
                _log.warning("effects not followed", error=repr(error)[:300])
            self._told = True

    def close(self) -> None:
        """Let go of the connections."""
        if self._reader is not None:
            self._reader.__exit__(None, None, None)
