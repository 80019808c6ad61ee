"""The log and the snapshots on a real broker do what those on SQLite and in memory do."""

from __future__ import annotations

import os
from datetime import timedelta

import msgspec
import pytest
from kafka.errors import KafkaTimeoutError
from scenes import DESK, Scene, make_report, when
from servers import clean_topics, free_port

from streams.hosts.partition import Partition
from streams.ledger.fold import counted
from streams.ledger.kafka import AwayError, KafkaLog, KafkaSnapshots, Reader, Writer, partitions_of
from streams.ledger.records import Claim, EffectsRecord
from streams.ledger.snapshots import manifests
from streams.ledger.testing import MemoryInbox, MemoryOutbox
from streams.settings import ClusterSettings
from streams.stages.desk.desks import Desks
from streams.topics import DESK as INBOX
from streams.topics import EFFECTS, SNAPSHOTS

pytestmark = pytest.mark.cluster

AT = when("03-02 09:00")


@pytest.fixture(scope="module")
def settings(kafka):
    return clean_topics(kafka, 6)


@pytest.fixture(scope="module")
def client(settings):
    return settings.client()


@pytest.fixture
def writer(client):
    writer = Writer(client)
    yield writer
    writer.close()


@pytest.fixture
def number(request):
    """A partition of this test's own."""
    numbers = request.session.stash.setdefault(_NUMBERS, iter(range(6)))
    return next(numbers)


_NUMBERS = pytest.StashKey()


def test_records_get_the_offsets_at_which_they_stand(client, writer, number):
    log = KafkaLog(client, writer, number)
    claim = Claim("a", AT)
    assert log.last() == -1
    assert list(log.read()) == []
    assert [log.append(claim), log.append(EffectsRecord(0, 1, 2))] == [0, 1]
    assert next(iter(log.read())) == (0, claim)
    assert [offset for offset, _ in log.read(0)] == [1]
    assert log.last() == 1


def test_reading_ends_where_the_log_ended_when_it_began(client, writer, number):
    log = KafkaLog(client, writer, number)
    for _ in range(3):
        log.append(Claim("a", AT))
    found = []
    for offset, _ in log.read():
        found.append(offset)
        log.append(Claim("b", AT))
    assert found == [0, 1, 2]


def test_values_of_snapshots_are_the_last_that_were_put(client, writer, number):
    mine = KafkaSnapshots(client, writer, number)
    theirs = KafkaSnapshots(client, writer, number)
    assert mine.get("0/manifest") is None
    for body in range(20):
        mine.put(f"0/{body:06d}", b"%d" % body)
    assert theirs.get("0/000003") is None or theirs.get("0/000003") == b"3"
    mine.land()
    assert [theirs.get(f"0/{body:06d}") for body in (0, 7, 19)] == [b"0", b"7", b"19"]
    mine.put("0/000007", b"x" * 900_000)
    assert mine.get("0/000007") == b"x" * 900_000
    assert theirs.get("0/000007") == b"x" * 900_000
    mine.close()
    theirs.close()


def test_a_snapshot_that_begins_right_behind_the_manifest_of_the_other_slot_is_found(client, writer, number):
    mine = KafkaSnapshots(client, writer, number)
    names = ["0/000000", "0/manifest", "1/000000", "1/manifest", "0/000000", "0/000001", "0/manifest"]
    for place, name in enumerate(names):
        mine.put(name, b"%d" % place)
    asked = ["0/manifest", "1/manifest", "0/000000", "0/000001"]
    assert [mine.get(name) for name in asked] == [b"6", b"3", b"4", b"5"]
    mine.close()


def test_a_partition_is_taken_over_from_kafka_as_from_memory(client, writer, number, city):
    inbox = MemoryInbox()
    scene = Scene(city)
    for minute in range(30):
        scene.send(make_report(AT + timedelta(minutes=minute)), AT + timedelta(minutes=minute))
    for item in scene.items:
        inbox.append(item.desk, item.at, item.body)

    def owner(name):
        log, snapshots = KafkaLog(client, writer, number), KafkaSnapshots(client, writer, number)
        return Partition(name, lambda: Desks(city), log, snapshots, MemoryOutbox(inbox), city.zone, grown=1)

    first = owner("first")
    first.take_over(AT)
    first.apply(inbox.read(0, 20))
    first.snapshot()
    second = owner("second")
    second.take_over(AT)
    assert second.applied == 20
    assert first.apply(inbox.read(20, 5)) == []
    assert not first.held
    assert second.apply(inbox.read(20, 100)) == []  # what the first wrote in vain stands in between
    second.apply(inbox.read(20, 100))
    third = owner("third")
    third.take_over(AT)
    assert msgspec.json.encode(third.desks[DESK].state()) == msgspec.json.encode(second.desks[DESK].state())
    log = KafkaLog(client, writer, number)
    assert [(one.first, one.last) for _, one in counted(log.read())] == [(1, 20), (21, 30)]
    assert manifests(KafkaSnapshots(client, writer, number))


def test_a_topic_has_so_many_partitions_and_one_that_is_not_there_is_told(client):
    assert partitions_of(client, INBOX) == 6
    with pytest.raises(AwayError, match=r"no topic onegrid\.nothing; expected onegrid topics create"):
        partitions_of(client, "onegrid.nothing")


def test_without_a_broker_everything_is_away(monkeypatch):
    monkeypatch.setattr("streams.ledger.kafka._SILENCE_MS", 700)
    client = ClusterSettings(broker=f"127.0.0.1:{free_port()}").client()
    writer = Writer(client, delivery_ms=600)
    with pytest.raises(AwayError):
        writer.deliver(EFFECTS, 0, b"x")
    with pytest.raises(AwayError):
        partitions_of(client, EFFECTS)
    with pytest.raises(AwayError):
        KafkaLog(client, writer, 0).last()
    snapshots = KafkaSnapshots(client, writer, 0)
    with pytest.raises(AwayError):
        snapshots.get("0/manifest")
    with pytest.raises(AwayError):
        snapshots.put("0/manifest", b"x")
    assert isinstance(AwayError(), OSError)
    writer.close()


class _Unsure:
    """A future that says what a test wants."""

    def __init__(self, answer) -> None:
        self.offset = answer

    def get(self, **_):
        if self.offset is None:
            raise KafkaTimeoutError("no answer")
        return self


@pytest.mark.parametrize(("answer", "said"), [(None, "not known to have landed"), (-1, "does not say where")])
def test_whoever_can_not_know_where_something_landed_is_told_and_gets_another_producer(client, writer, answer, said):
    producer, future = writer.send(SNAPSHOTS, 0, b"x", "name")
    assert writer.landed(producer, future) >= 0
    with pytest.raises(AwayError, match=said):
        writer.landed(producer, _Unsure(answer))
    assert writer.send(SNAPSHOTS, 0, b"x", "name")[0] is not producer


def test_a_message_that_is_too_large_is_an_error_and_hinders_no_other(client, writer):
    with pytest.raises(AwayError):
        writer.deliver(SNAPSHOTS, 0, os.urandom(9 << 20), "name")
    assert writer.deliver(SNAPSHOTS, 0, b"x", "name") >= 0


def test_a_value_that_did_not_land_shows_at_the_next_look(client, writer):
    snapshots = KafkaSnapshots(client, writer, 0)
    producer, _ = writer.send(SNAPSHOTS, 0, b"x", "0/000000")
    snapshots._flying.append((producer, _Unsure(None)))
    with pytest.raises(AwayError):
        snapshots.get("0/000000")
    assert snapshots.get("0/000000") == b"x"
    snapshots.close()


def test_reading_what_is_no_longer_there_is_an_error(client):
    with Reader(client, EFFECTS, 0) as reader, pytest.raises(AwayError):
        list(reader.read(10**6, 10**6 + 1))
