"""Many messages at once: all of them land, in order, or whoever sent them is told that some may not have."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import time

import pytest
from aiokafka import codec
from servers import Brokers, clean_topics, free_port

from streams.hosts.kafka import sender as sender_module
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


def test_when_one_delivery_fails_none_of_those_that_wait_waits_for_ever(settings):
    """What still finds its way into a producer that is closed is never answered."""

    async def send():
        sender = Sender(settings.client())
        large = {(TRANSITIONS, 1): [(b"k", os.urandom(9 << 20))]}
        small = [{(TRANSITIONS, 1): [(b"k", b"%d" % number)], (ALERTS, 0): [(b"k", b"v")]} for number in range(12)]
        async with asyncio.timeout(30):
            told = await asyncio.gather(*map(sender.deliver, (large, *small)), return_exceptions=True)
        assert isinstance(told[0], AwayError)
        assert {type(one) for one in told[1:]} <= {AwayError, type(None)}
        for mail in small:
            await sender.deliver(mail)
        await sender.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(send())
    landed = [value for _, value in read(settings, TRANSITIONS, 1)]
    assert landed[-12:] == [b"%d" % number for number in range(12)]


def test_what_is_not_answered_in_time_is_given_up_and_nobody_goes_on_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sender_module, "_GIVE_UP_S", 2.0)
    monkeypatch.setattr(sender_module, "_END_S", 0.5)
    monkeypatch.setattr(sender_module, "_WAIT_MS", 3000)
    brokers = Brokers(tmp_path / "kafka")
    (pid,) = brokers.told["pids"]

    async def send(settings):
        sender = Sender(settings.client())
        mail = {(TRANSITIONS, 0): [(b"k", b"before")]}
        await sender.deliver(mail)
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            told = await asyncio.gather(*(sender.deliver(mail) for _ in range(4)), return_exceptions=True)
            assert {type(one) for one in told} == {AwayError}
            assert time.monotonic() - began < 4
            await sender.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}
        finally:
            os.kill(pid, signal.SIGCONT)
        await sender.deliver({(TRANSITIONS, 0): [(b"k", b"after")]})
        await sender.close()

    try:
        settings = clean_topics(brokers.address, 1)
        asyncio.run(send(settings))
        assert read(settings, TRANSITIONS, 0)[-1][1] == b"after"
    finally:
        brokers.down()


def test_without_a_broker_it_is_away():
    async def send():
        sender = Sender(ClusterSettings(broker=f"127.0.0.1:{free_port()}").client())
        with pytest.raises(AwayError):
            await sender.deliver({(TRANSITIONS, 0): [(b"k", b"v")]})
        await sender.close()

    asyncio.run(send())


def test_batches_are_compressed_at_the_quick_level():
    assert inspect.signature(codec.lz4_encode).parameters["level"].default == 1
