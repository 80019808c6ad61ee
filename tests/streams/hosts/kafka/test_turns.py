"""No partition waits for all that has been fetched of another one."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiokafka.errors import KafkaError
from faust.types import TP
from servers import clean_topics

from streams.hosts.kafka.app import create_app
from streams.hosts.kafka.turns import _STEP, TURN, Circle, Scheduling, in_turns
from streams.ledger.kafka import Writer
from streams.topics import DESK, REPORTS
from tests.streams.hosts.kafka.messages import Sent

EACH, SIZE = 60, TURN // 10


def _of(*numbers, topic=DESK):
    return [TP(topic, number) for number in numbers]


def test_those_after_the_last_that_had_its_turn_come_first_and_topics_take_turns():
    circle = Circle()
    both = [*_of(0, 1), *_of(0, 1, topic=REPORTS)]
    assert circle.order(both) == circle.order(reversed(both))
    assert [one.partition for one in circle.order(both)] == [0, 0, 1, 1]
    circle.had(TP(DESK, 1))
    assert circle.order(_of(0, 1, 2)) == _of(2, 0, 1)
    assert circle.order(_of(0, 3)) == _of(3, 0)
    assert circle.order(()) == []


def test_a_partitions_messages_stay_together_in_their_order():
    one, two = _of(4, 2)
    assert list(Scheduling().iterate({one: ["a", "b"], two: ["c"]})) == [(one, "a"), (one, "b"), (two, "c")]


class Fetched:
    """What a client has fetched: the sizes of each partition's messages, or the error instead of them."""

    def __init__(self, **sizes) -> None:
        self.left = {TP(DESK, int(name[1:])): known for name, known in sizes.items()}
        self.circle = Circle()

    def take(self, most=64):
        found = asyncio.run(in_turns(self.circle, self.left, most, self._ask))
        return {partition.partition: [len(one.value) for one in many] for partition, many in found.items()}

    async def _ask(self, partition, most):
        known = self.left[partition]
        if isinstance(known, Exception):
            raise known
        some, self.left[partition] = known[:most], known[most:]
        return {partition: [Sent(bytes(size), 0) for size in some]} if some else {}


def test_a_turn_ends_with_its_bytes_and_the_next_call_goes_on_with_the_next_partition():
    whole = Fetched(p0=[TURN // 4] * 9, p1=[10] * 60, p2=[TURN * 2] * 9)
    assert {number: len(many) for number, many in whole.take().items()} == {0: 4, 1: 60}
    assert {number: len(many) for number, many in whole.take().items()} == {2: 4, 0: 4}
    assert {number: len(many) for number, many in whole.take(2).items()} == {2: 2}
    assert {number: len(many) for number, many in whole.take().items()} == {0: 1, 2: 3}
    assert whole.take() == {}


def test_an_error_is_raised_only_if_nothing_would_be_lost_by_it():
    broken = Fetched(p0=[1, 2], p1=KafkaError("no"), p2=[3])
    assert broken.take() == {0: [1, 2]}
    with pytest.raises(KafkaError):
        broken.take()


@pytest.mark.cluster
def test_behind_full_inboxes_every_partition_is_served_in_turn(kafka, tmp_path):
    settings = clean_topics(kafka, 4)
    writer = Writer(settings.client())
    for number in range(4):
        for sent in [writer.send(DESK, number, b"%d" % index + bytes(SIZE), "") for index in range(EACH)]:
            writer.landed(*sent)
    writer.close()
    taken: list[tuple[int, int]] = []
    all_taken = asyncio.Event()

    async def take(messages):
        taken.extend((message.partition, int(message.value.rstrip(b"\0"))) for message in messages)
        if len(taken) == 4 * EACH:
            all_taken.set()

    async def work():
        app = create_app(settings, tmp_path, intake=None, desk=take)
        await app.start()
        try:
            await asyncio.wait_for(all_taken.wait(), 60)
        finally:
            await app.stop()

    asyncio.run(work())
    for number in range(4):
        assert [index for partition, index in taken if partition == number] == list(range(EACH))
    had = Counter(dict.fromkeys(range(4), 0))
    ahead = 0
    for partition, _ in taken:
        had[partition] += 1
        ahead = max(ahead, max(had.values()) - min(had.values()))
    assert ahead <= 2 * (TURN // SIZE + _STEP)
