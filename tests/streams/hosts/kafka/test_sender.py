"""Many messages at once: all of them land, in order, or whoever sent them is told that some may not have."""

from __future__ import annotations

import asyncio
import inspect
import os

import pytest
from aiokafka import codec
from servers import clean_topics, free_port

from streams.hosts.kafka.sender import Sender
from streams.ledger.kafka import AwayError, Reader
from streams.settings import ClusterSettings
from streams.topics import ALERTS, DEAD_LETTERS, TRANSITIONS

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def settings(kafka):
    return clean_topics(kafka, 2)


def read(settings, topic, number):
    with Reader(settings.client(), topic, number) as reader:
        return [(message.key, message.value) for message in reader.read(*reader.bounds())]


def test_messages_land_in_their_order_however_many_batches_they_take(settings):
    many = [(b"990101", b"%d" % number + b"x" * 1000) for number in range(3000)]
    large = [(b"inbox", b"y" * 3_000_000), (b"inbox", b"z")]

    async def send():
        sender = Sender(settings.client())
        await sender.deliver({(TRANSITIONS, 0): many, (ALERTS, 1): many[:2], (DEAD_LETTERS, 0): large})
        await sender.deliver({})
        await sender.close()
        await sender.close()

    asyncio.run(send())
    assert read(settings, TRANSITIONS, 0) == many
    assert read(settings, ALERTS, 1) == many[:2]
    assert read(settings, DEAD_LETTERS, 0) == large


def test_a_message_that_no_topic_takes_is_told_and_the_next_ones_go_their_way(settings):
    async def send():
        sender = Sender(settings.client())
        with pytest.raises(AwayError, match="not known to have landed"):
            await sender.deliver({(TRANSITIONS, 1): [(b"k", os.urandom(9 << 20))]})
        await sender.deliver({(TRANSITIONS, 1): [(b"k", b"small")]})
        await sender.close()

    asyncio.run(send())
    assert read(settings, TRANSITIONS, 1) == [(b"k", b"small")]


def test_without_a_broker_it_is_away():
    async def send():
        sender = Sender(ClusterSettings(broker=f"127.0.0.1:{free_port()}").client())
        with pytest.raises(AwayError):
            await sender.deliver({(TRANSITIONS, 0): [(b"k", b"v")]})
        await sender.close()

    asyncio.run(send())


def test_batches_are_compressed_at_the_quick_level():
    assert inspect.signature(codec.lz4_encode).parameters["level"].default == 1
