"""The Faust application of a worker: one group, one consumer, an agent for reports and one for desks.

Faust says which partitions are this worker's and brings their messages; it keeps nothing. What was applied is in the
effects log, which decides, so its own exactly-once and its tables are not used.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import faust
from faust.auth import SASLCredentials, SSLCredentials

from streams.hosts.kafka.turns import Scheduling, Transport
from streams.topics import DESK, REPORTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from streams.settings import ClusterSettings

GROUP = "onegrid"
"""The consumer group: all workers of a deployment, whatever they do."""

_TAKE, _WITHIN_S = 64, 0.05
"""Messages that are worked at at once, and how long they are waited for; so many more wait in memory.

Fewer would cost: while the last ones of a batch land in Kafka nobody computes, and a batch of several partitions has
several owners at work.
"""

_FETCH = 4 << 20
"""Bytes of one partition that are fetched at once: the largest record that its topic allows (streams/topics.py)."""


def create_app(
    settings: ClusterSettings,
    folder: Path,
    *,
    intake: Callable[[Sequence[Any]], Awaitable[None]] | None,
    desk: Callable[[Sequence[Any]], Awaitable[None]] | None,
) -> faust.App:
    """Make the application. `folder` is for what Faust wants to put down; nothing in it is needed again.

    `intake` and `desk` are given messages and return when these are done; without one its topic is not read.
    """
    app = faust.App(
        GROUP,
        broker=[f"kafka://{address}" for address in settings.brokers],
        broker_credentials=_credentials(settings),
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 10,
        broker_request_timeout=max(40.0, 3 * settings.session_timeout_s),
        broker_commit_interval=1.0,
        broker_max_poll_records=_TAKE,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=_FETCH,
        ConsumerScheduler=Scheduling,
        stream_buffer_maxsize=_TAKE,
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        store="memory://",
        web_enabled=False,
        autodiscover=False,
        datadir=str(folder),
    )
    app.transport = Transport(app.conf.broker_consumer, app)
    for topic, take in ((REPORTS, intake), (DESK, desk)):
        if take is not None:
            _agent(app, topic, take)
    return app


def _agent(app: faust.App, name: str, take: Callable[[Sequence[Any]], Awaitable[None]]) -> None:
    topic = app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def agent(stream: Any) -> None:
        async for events in stream.take_events(_TAKE, within=_WITHIN_S):
            await _whole(take([event.message for event in events]))

    app.agent(topic, name=name, concurrency=1)(agent)


async def _whole(work: Awaitable[None]) -> None:
    """Finish work even when told to stop meanwhile: what leaves the loop half done would be committed as done."""
    task = asyncio.ensure_future(work)
    stopped = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            stopped = True
    if stopped:
        raise asyncio.CancelledError


def _credentials(settings: ClusterSettings) -> Any:
    context = settings.context()
    if settings.kafka_security.startswith("SASL"):
        return SASLCredentials(
            username=settings.kafka_user,
            password=settings.kafka_password.get_secret_value(),
            ssl_context=context,
            mechanism=settings.kafka_mechanism,
        )
    return SSLCredentials(context) if context is not None else None
