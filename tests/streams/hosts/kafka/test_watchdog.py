"""A worker that stands still ends itself; one that has nothing to do, or can't reach Kafka, does not."""

from __future__ import annotations

import threading

import pytest
from servers import clean_topics, free_port

from streams.hosts.kafka.watchdog import Stillness, Watchdog
from streams.ledger.kafka import Writer
from streams.settings import ClusterSettings
from streams.topics import DESK, REPORTS

A, B = (DESK, 1), (DESK, 2)


@pytest.fixture
def stillness():
    return Stillness(60)


def test_a_partition_with_messages_waiting_must_move_on(stillness):
    assert stillness.look(0, {A: 5, B: 1}, {A: 9, B: 1}) == ""
    assert stillness.look(50, {A: 5, B: 1}, {A: 9, B: 1}) == ""
    assert stillness.look(61, {A: 5, B: 1}, {A: 9, B: 1}) == "onegrid.desk 1 stands at 5 of 9 for 61 s"


def test_one_that_moves_however_slowly_is_at_work(stillness):
    for now in range(0, 1000, 50):
        assert stillness.look(now, {A: now}, {A: 10_000}) == ""


def test_one_with_nothing_to_do_may_stand_as_long_as_it_likes(stillness):
    for now in range(0, 1000, 50):
        assert stillness.look(now, {A: 7}, {A: 7}) == ""
    assert stillness.look(1000, {A: 7}, {A: 8}) == ""
    assert stillness.look(1061, {A: 7}, {A: 8}) != ""


def test_an_assignment_must_follow_when_partitions_were_revoked(stillness):
    assert stillness.look(0, None, {}) == ""
    assert stillness.look(59, None, {}) == ""
    assert stillness.look(61, None, {}) == "no assignment for 61 s"
    assert stillness.look(62, {}, {}) == ""
    assert stillness.look(63, None, {}) == ""


def test_time_without_kafka_is_not_held_against_anybody(stillness):
    for places in ({A: 5}, None):
        stillness.look(0, places, {A: 9})
        stillness.look(59, None, None)
        assert stillness.look(61, places, {A: 9}) == ""
        assert stillness.look(120, places, {A: 9}) == ""
        assert stillness.look(122, places, {A: 9}) != ""


def test_a_partition_that_was_given_away_and_back_begins_anew(stillness):
    stillness.look(0, {A: 5}, {A: 9})
    stillness.look(50, {}, {})
    assert stillness.look(61, {A: 5}, {A: 9}) == ""


@pytest.mark.cluster
def test_it_asks_kafka_what_waits_and_barks(kafka):
    settings = clean_topics(kafka, 2)
    writer = Writer(settings.client())
    for _ in range(3):
        writer.deliver(DESK, 1, b"x")
    writer.deliver(REPORTS, 0, b"x")
    writer.close()
    barked, heard = [], threading.Event()

    def bark(what):
        barked.append(what)
        heard.set()

    places = {A: 1, (REPORTS, 0): None, (REPORTS, 1): None}
    dog = Watchdog(settings.client(), "nobody", lambda: places, bark, patience_s=0.1, every_s=0.1)
    dog.start()
    assert heard.wait(20)
    dog.stop()
    assert barked[0].startswith("onegrid.desk 1 stands at 1 of 3")
    assert dog.lag == {A: 2, (REPORTS, 0): 1, (REPORTS, 1): 0}


def test_without_kafka_it_is_silent(monkeypatch):
    monkeypatch.setattr("streams.hosts.kafka.watchdog._SILENCE_MS", 200)
    asked, barked = threading.Semaphore(0), []

    def places():
        asked.release()

    client = ClusterSettings(broker=f"127.0.0.1:{free_port()}").client()
    dog = Watchdog(client, "nobody", places, barked.append, every_s=0.05, patience_s=0)
    dog.start()
    for _ in range(4):
        assert asked.acquire(timeout=10)
    dog.stop()
    assert barked == []
