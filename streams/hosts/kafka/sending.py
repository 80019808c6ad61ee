"""Writing reports into a cluster from the outside: envelopes of one key each, acknowledged by all replicas.

with ReportSender(settings) as sender:
    refused = sender.send(lines, at)       # returns once every good line has landed
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.envelope import Entry, seal
from streams.hosts.kafka.admin import partitions_of
from streams.identity.masking import mask_text
from streams.inlets.feeding import Refused
from streams.inlets.lines import read_line
from streams.ledger.kafka import LARGEST, AwayError, close_quietly
from streams.records import DeadLetter
from streams.topics import DEAD_LETTERS, REPORTS, partition_of, report_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import Any

    from streams.identity.persons import Persons
    from streams.settings import ClusterSettings

DELIVERY_MS = 60_000
"""How long a message is tried: a broker that restarts, or a new leader, is waited for."""


class ReportSender:
    """One idempotent producer. A context; not for two threads. Raises AwayError and TopicsError."""

    def __init__(
        self,
        settings: ClusterSettings,
        *,
        source: str = "",
        backfill: bool = False,
        persons: Persons | None = None,
    ) -> None:
        """`persons` seals what reports say of people, and masks it in what is refused."""
        self._persons = persons
        self.source, self.backfill = source, backfill
        self._partitions = partitions_of(settings, REPORTS)
        try:
            self._producer = KafkaProducer(
                **settings.client(),
                acks="all",
                enable_idempotence=True,
                compression_type="lz4",
                linger_ms=5,
                batch_size=1 << 18,
                max_request_size=LARGEST,
                delivery_timeout_ms=DELIVERY_MS,
                request_timeout_ms=DELIVERY_MS // 3,
                max_block_ms=DELIVERY_MS,
                reconnect_backoff_max_ms=1000,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except KafkaError as error:
            raise AwayError(f"{settings.broker}: {error}; expected a Kafka broker that answers") from error
        self._flying: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        close_quietly(self._producer)

    def send(self, lines: Sequence[bytes], at: datetime) -> list[Refused]:
        """Check lines as every inlet does and write them; what is refused goes to the dead letters.

        Returns the refused ones by their place among the lines, once all have landed. Raises AwayError: then any
        part of them may have landed, and sending them again is right, since a desk passes over what it knows.
        """
        keyed: dict[str, list[Entry]] = {}
        refused = []
        for index, line in enumerate(lines):
            found = read_line(line, at, source=self.source, backfill=self.backfill)
            if isinstance(found, DeadLetter):
                if self._persons is not None:
                    found.original = self._persons.bare(line)
                    found.text = mask_text(found.text)
                self._put(DEAD_LETTERS, 0, found.stage, msgspec.json.encode(found))
                refused.append(Refused(index, found.reason, found.text))
                continue
            if self._persons is not None and self._persons.needed(found):
                found = self._persons.seal([found])[0]
            report = found.report
            key = report_key(report.system, report.system_no)
            keyed.setdefault(key, []).append(Entry(found.at, msgspec.Raw(found.original), report.report_id))
        for key, entries in keyed.items():
            for message in seal(entries):
                self._put(REPORTS, partition_of(key, self._partitions), key, message)
        self._land()
        return refused

    def send_again(self, reports: Iterable[tuple[str, Entry, str]]) -> None:
        """Write reports, each with its key and a mark of where it comes from; return once all have landed.

        Raises AwayError: then any part of them may have landed.
        """
        for key, entry, source in reports:
            for message in seal([entry]):
                self._put(REPORTS, partition_of(key, self._partitions), key, message, source)
        self._land()

    def _put(self, topic: str, partition: int, key: str, value: bytes, source: str = "") -> None:
        mark = [("source", source.encode())] if source else None
        try:
            self._flying.append(self._producer.send(topic, value, key.encode(), mark, partition))
        except KafkaError as error:
            self._flying.clear()
            raise AwayError(f"{topic} {partition}: {error!r}") from error

    def _land(self) -> None:
        flying, self._flying = self._flying, []
        try:
            self._producer.flush(DELIVERY_MS / 1000)
            for future in flying:
                future.get(timeout=DELIVERY_MS / 1000)
        except KafkaError as error:
            raise AwayError(f"not known to have landed: {error!r}") from error
