"""No partition waits for all that has been fetched of another one."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from faust.types import TP
from servers import clean_topics

from streams.hosts.kafka.app import create_app
from streams.hosts.kafka.turns import TURN, Circle, Scheduling
from streams.ledger.kafka import Writer
from streams.topics import DESK, REPORTS

EACH = 120


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


@pytest.mark.cluster
def test_behind_full_inboxes_every_partition_is_served_in_turn(kafka, tmp_path):
    settings = clean_topics(kafka, 4)
    writer = Writer(settings.client())
    for number in range(4):
        for sent in [writer.send(DESK, number, b"%d" % index, "") for index in range(EACH)]:
            writer.landed(*sent)
    writer.close()
    taken: list[tuple[int, int]] = []
    all_taken = asyncio.Event()

    async def take(messages):
        taken.extend((message.partition, int(message.value)) for message in messages)
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
    assert ahead <= 2 * TURN
