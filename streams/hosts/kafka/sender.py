"""The asynchronous way out of a worker: many messages at once, in batches that are built in C.

One message at a time costs Python more than the desk needs for a report, and feeds have a message for every step.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer, codec
from aiokafka.errors import KafkaError

from streams.ledger.kafka import LARGEST, AwayError

if TYPE_CHECKING:
    from collections.abc import Mapping

Mail = dict[tuple[str, int], list[tuple[bytes, bytes]]]
"""Messages (key, value) by topic and partition, each list in its order."""

_BATCH = 900_000
"""Bytes of a batch, unless a single message is larger."""

_WAIT_MS = 20_000
"""How long a request may take; a batch that isn't delivered after as much again is given up."""


# The library compresses at LZ4's level 9 and has no setting for it: eight times the time of level 1 for a fifth less
# bytes, which was most of what feeds cost.
codec.lz4_encode.__defaults__ = (1,)


class Sender:
    """The producer of one event loop. It writes idempotently and waits for all replicas."""

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._client = dict(client)
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def deliver(self, mail: Mail) -> None:
        """Write messages, and return once all replicas have them all. Raises AwayError: perhaps some have landed."""
        producer = await self._made()
        try:
            batches = []
            for (topic, partition), messages in mail.items():
                builder = producer.create_batch()
                for key, value in messages:
                    if builder.append(key=key, value=value, timestamp=None) is None:
                        batches.append(await producer.send_batch(builder, topic, partition=partition))
                        builder = producer.create_batch()
                        builder.append(key=key, value=value, timestamp=None)
                batches.append(await producer.send_batch(builder, topic, partition=partition))
            await asyncio.gather(*batches)
        except (KafkaError, OSError) as error:
            self._give_up(producer)
            raise AwayError(f"not known to have landed: {error!r}") from error

    async def close(self) -> None:
        """Let go of the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def _made(self) -> AIOKafkaProducer:
        async with self._making:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._client,
                    acks="all",
                    enable_idempotence=True,
                    compression_type="lz4",
                    max_batch_size=_BATCH,
                    max_request_size=LARGEST,
                    request_timeout_ms=_WAIT_MS,
                )
                try:
                    await producer.start()
                except (KafkaError, OSError) as error:
                    await _stop(producer)
                    raise AwayError(f"{self._client['bootstrap_servers']}: {error!r}") from error
                self._producer = producer
            return self._producer

    def _give_up(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
            task = asyncio.ensure_future(_stop(producer))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _stop(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(producer.stop(), 5)
