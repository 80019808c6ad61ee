"""The asynchronous way out of a worker: many messages at once, in batches that are built in C.

One message at a time costs Python more than the desk needs for a report, and feeds have a message for every step.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer, codec
from aiokafka.errors import KafkaError

from streams.ledger.kafka import LARGEST, AwayError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Place = tuple[str, int]
"""A partition of a topic."""

Mail = dict[Place, list[tuple[bytes, bytes]]]
"""Messages (key, value) by where they go, each list in its order."""

_BATCH = 900_000
"""Bytes of a batch, unless a single message is larger."""

_WAIT_MS = 20_000
"""How long a request may take, and a batch may wait for the one before it."""

_GIVE_UP_S = 2 * _WAIT_MS / 1000
"""How long a delivery may take; the library itself would try for ever."""

_END_S = 5
"""How long a producer that is let go of may take to finish what it has begun."""


# The library compresses at LZ4's level 9 and has no setting for it: eight times the time of level 1 for a fifth less
# bytes, which was most of what feeds cost.
codec.lz4_encode.__defaults__ = (1,)


@dataclass(eq=False)
class _Line:
    """A producer, who is next at each partition, and whether it was given up: from then on nothing comes of it.

    One at a time lines up at a partition: of several the library counts the time that all have waited against each.
    """

    producer: AIOKafkaProducer
    turns: defaultdict[Place, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    given_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, mail: Mail) -> None:
        """Write messages, each partition's in their order. Raises KafkaError, OSError."""
        tasks = [asyncio.ensure_future(self._send(place, messages)) for place, messages in mail.items()]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _send(self, place: Place, messages: Sequence[tuple[bytes, bytes]]) -> None:
        topic, partition = place
        landing: list[asyncio.Future[Any]] = []
        async with self.turns[place]:
            builder = self.producer.create_batch()
            for key, value in messages:
                if builder.append(key=key, value=value, timestamp=None) is None:
                    landing.append(await self.producer.send_batch(builder, topic, partition=partition))
                    builder = self.producer.create_batch()
                    builder.append(key=key, value=value, timestamp=None)
            landing.append(await self.producer.send_batch(builder, topic, partition=partition))
        await asyncio.gather(*landing)


class Sender:
    """The producer of one event loop. It writes idempotently and waits for all replicas.

    After any failure it takes another producer, and all who wait for the one before are told at once: that one
    is closed, and a batch that still found its way in would never be answered.
    """

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._client = dict(client)
        self._line: _Line | None = None
        self._making = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def deliver(self, mail: Mail) -> None:
        """Write messages, and return once all replicas have them all. Raises AwayError: perhaps some have landed."""
        line = await self._made()
        sending = asyncio.ensure_future(line.send(mail))
        given_up = asyncio.ensure_future(line.given_up.wait())
        try:
            await asyncio.wait({sending, given_up}, timeout=_GIVE_UP_S, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise AwayError("another delivery failed" if line.given_up.is_set() else f"not in {_GIVE_UP_S:.0f} s")
            sending.result()
        except (KafkaError, OSError) as error:
            self._give_up(line)
            raise AwayError(f"not known to have landed: {error!r}") from error
        finally:
            sending.cancel()
            given_up.cancel()

    async def close(self) -> None:
        """Let go of the producer, and of those that were given up."""
        line, self._line = self._line, None
        if line is not None:
            await _end(line.producer)
        await asyncio.gather(*self._closing)

    async def _made(self) -> _Line:
        async with self._making:
            if self._line is None:
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
                    async with asyncio.timeout(_GIVE_UP_S):
                        await producer.start()
                except (KafkaError, OSError) as error:
                    await _end(producer)
                    raise AwayError(f"{self._client['bootstrap_servers']}: {error!r}") from error
                self._line = _Line(producer)
            return self._line

    def _give_up(self, line: _Line) -> None:
        line.given_up.set()
        if self._line is line:
            self._line = None
            task = asyncio.ensure_future(_end(line.producer))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _end(producer: AIOKafkaProducer) -> None:
    """Close a producer; one that does not finish in time goes without what it has, which its senders send again.

    The library would try that for ever, beside whoever sends it again, and knows no way to be told not to.
    """
    ending = asyncio.ensure_future(producer.stop())
    await asyncio.wait({ending}, timeout=_END_S)
    if not ending.done():
        producer._sender.sender_task.cancel()  # noqa: SLF001 - see above
        await asyncio.wait({ending})
        producer._message_accumulator.fail_all(KafkaError("given up"))  # noqa: SLF001 - whoever waits for nothing
    with contextlib.suppress(KafkaError, OSError):
        await ending
