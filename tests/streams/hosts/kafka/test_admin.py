"""The tools that make topics and look into them, on a real broker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from servers import clean_topics

from streams.envelope import Entry, position, seal
from streams.hosts.kafka.admin import Start, TopicsError, contents, create_topics, lag, tail
from streams.ledger.kafka import AwayError, Writer
from streams.settings import ClusterSettings
from streams.topics import DEAD_LETTERS, DESK, EFFECTS, REPORTS, SNAPSHOTS, TOPICS

pytestmark = pytest.mark.cluster

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(kafka):
    return clean_topics(kafka, 4)


@pytest.fixture(scope="module")
def written(settings):
    """Ten messages in each of two partitions of a feed; returns the moment between the fifth and the sixth."""
    writer = Writer(settings.client())
    between = None
    for number in range(10):
        if number == 5:
            between = _later(writer)
        for partition in (0, 2):
            writer.deliver("onegrid.alerts", partition, b'{"n":%d}' % number, "990101")
    writer.close()
    return between


def _later(writer):
    """Return a moment after what has been written and before what will be, by the broker's clock."""
    now = datetime.now(UTC)
    while datetime.now(UTC) < now + timedelta(milliseconds=20):
        pass
    return now + timedelta(milliseconds=10)


def _read(settings, start, partition=None):
    found = {}
    for message in tail(settings, "onegrid.alerts", start, partition):
        found.setdefault(message.partition, []).append(msgspec.json.decode(message.value)["n"])
    return found


def test_topics_are_made_once_as_their_table_says(settings, kafka):
    assert create_topics(settings, 4) == []
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    there = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(list(TOPICS))}
    admin.close()
    assert there[DESK] == there[EFFECTS] == there[SNAPSHOTS] == there[REPORTS] == 4
    assert there[DEAD_LETTERS] == 1


def test_another_number_of_partitions_is_refused_and_changes_nothing(settings):
    with pytest.raises(TopicsError, match=r"onegrid\.desk has 4 partitions; expected 6"):
        create_topics(settings, 6)
    assert create_topics(settings, 4) == []


def test_a_tail_ends_where_the_topic_ended_when_it_was_asked(settings, written):
    assert _read(settings, Start(last=3)) == {0: [7, 8, 9], 2: [7, 8, 9]}
    assert _read(settings, Start(last=3), 2) == {2: [7, 8, 9]}
    assert _read(settings, Start(last=50)) == {0: list(range(10)), 2: list(range(10))}


def test_a_tail_begins_at_an_offset(settings, written):
    assert _read(settings, Start(offset=8)) == {0: [8, 9], 2: [8, 9]}
    assert _read(settings, Start(offset=99)) == {}


def test_a_tail_begins_at_a_time(settings, written):
    assert _read(settings, Start(time=written)) == {0: [5, 6, 7, 8, 9], 2: [5, 6, 7, 8, 9]}
    assert _read(settings, Start(time=NOON)) == {0: list(range(10)), 2: list(range(10))}
    assert _read(settings, Start(time=datetime.now(UTC) + timedelta(days=1))) == {}


def test_a_tail_that_follows_goes_on_with_what_comes(settings, written):
    messages = tail(settings, "onegrid.alerts", Start(last=0), 1, follow=True)
    writer = Writer(settings.client())
    writer.deliver("onegrid.alerts", 1, b'{"n":1}')
    first = tail(settings, "onegrid.alerts", Start(last=1), 1, follow=True)
    assert next(first).value == b'{"n":1}'
    writer.deliver("onegrid.alerts", 1, b'{"n":2}')
    writer.close()
    assert next(first).value == b'{"n":2}'
    first.close()
    messages.close()


def test_a_topic_or_partition_that_is_not_there_is_named(settings):
    with pytest.raises(TopicsError, match=r"onegrid\.nothing: no such topic; expected one of .*onegrid\.desk"):
        list(tail(settings, "onegrid.nothing", Start()))
    with pytest.raises(TopicsError, match=r"partition 4: onegrid\.desk has 0 to 3"):
        list(tail(settings, DESK, Start(), 4))


def test_an_envelope_is_shown_entry_by_entry_with_positions_and_anything_else_as_it_is(settings):
    writer = Writer(settings.client())
    (sealed,) = seal([Entry(NOON, msgspec.Raw(b'{"a":1}'), "r1"), Entry(NOON, msgspec.Raw(b'{"a":2}'), "r2")])
    writer.deliver(DESK, 3, sealed, "990101")
    writer.deliver(DESK, 3, b"\xff no envelope")
    writer.close()
    good, bad = tail(settings, DESK, Start(last=2), 3)
    shown = msgspec.json.decode(msgspec.json.encode(contents(good)))
    assert [(one["position"], one["id"], one["body"]) for one in shown] == [
        (position(good.offset, 0), "r1", {"a": 1}),
        (position(good.offset, 1), "r2", {"a": 2}),
    ]
    assert good.key == "990101"
    assert contents(bad) == "� no envelope"


def test_a_group_is_behind_by_what_it_has_not_committed(settings, written):
    place = TopicPartition("onegrid.alerts", 0)
    consumer = KafkaConsumer(**settings.client(), group_id="centre", enable_auto_commit=False)
    consumer.assign([place])
    consumer.seek(place, 6)
    next(consumer)
    consumer.commit()
    consumer.close()
    (found,) = [one for one in lag(settings) if one.group == "centre"]
    assert (found.topic, found.partition, found.committed, found.end, found.lag) == (place.topic, 0, 7, 10, 3)


def test_a_broker_that_is_away_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("streams.hosts.kafka.admin._PATIENCE_MS", 500)
    for ask in (create_topics, lag, lambda one: list(tail(one, DESK, Start()))):
        with pytest.raises(AwayError, match=r"127\.0\.0\.1:1: .*expected a Kafka broker that answers"):
            ask(ClusterSettings(broker="127.0.0.1:1"))
