"""The owner of a partition on a real broker: reads for itself what was left out, and never applies twice."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, timedelta

import msgspec
import pytest
from scenes import DESK, OTHER_DESK, Scene, make_report, when
from servers import clean_topics

from streams.envelope import Entry, seal
from streams.hosts.kafka.owner import Ground, OvertakenError, Owner
from streams.hosts.kafka.packs import Bundles
from streams.ledger.fold import counted
from streams.ledger.kafka import AwayError, KafkaSnapshots, Reader, Writer
from streams.ledger.snapshots import manifests
from streams.records import DeadLetter, PackActivated
from streams.stages.desk.desks import MissingPackError
from streams.topics import DEAD_LETTERS, TRANSITIONS, partition_of
from streams.topics import DESK as INBOX

pytestmark = pytest.mark.cluster

AT = when("03-02 09:00").astimezone(UTC)


class World:
    """One partition of a real broker with reports of one desk in it, and owners of it."""

    def __init__(self, kafka, city, reports=0) -> None:
        self.settings = clean_topics(kafka, 1)
        self.client = self.settings.client()
        self.writer, self.city = Writer(self.client), city
        self.scene = Scene(city)
        for _ in range(reports):
            self.scene.send(make_report(AT), AT)
        entries = [Entry(item.at, msgspec.Raw(msgspec.json.encode(item.body))) for item in self.scene.items]
        for first in range(0, len(entries), 3):
            self.put(next(seal(entries[first : first + 3])))

    def put(self, value, key=DESK):
        self.writer.deliver(INBOX, 0, value, key)

    def owner(self, name="a", *cities, **shelf):
        bundles = Bundles(cities or [self.city])
        ground = Ground(name, self.client, self.writer, bundles, self.city.zone, 1, 1, self.post)
        return Owner(ground, 0, **shelf)

    def post(self, mail):
        done = Future()
        try:
            for (topic, partition), messages in mail.items():
                for key, value in messages:
                    self.writer.deliver(topic, partition, value, key.decode())
        except AwayError as error:
            done.set_exception(error)
        else:
            done.set_result(None)
        return done

    def messages(self, topic=INBOX):
        with Reader(self.client, topic, 0) as reader:
            return list(reader.read(*reader.bounds()))

    def applied(self, owner):
        """Return the spans that count, and the ids of the reports with a case, in order."""
        records = [one for _, one in counted(owner.log.read())]
        steps = [step for one in records for desk in one.desks for step in one.of(desk).transitions]
        return [step.cause.partition(":")[2] for step in steps if step.verb == "REPORT"]

    @property
    def sent(self):
        return [item.body.report.report_id for item in self.scene.items]


@pytest.fixture
def world(kafka, city):
    world = World(kafka, city, 10)
    yield world
    world.writer.close()


def test_messages_are_applied_in_order_and_their_steps_are_told(world):
    owner = world.owner()
    done = owner.work(world.messages(), AT)
    assert [one.record.first for one in done] == [1]
    assert world.applied(owner) == world.sent
    steps = [step for part in world.scene.parts for one in part.values() for step in one.transitions]
    assert len(world.messages(TRANSITIONS)) == len(steps)
    assert owner.seen == 3
    assert owner.work(world.messages(), AT) == []


def test_what_was_left_out_is_read_and_what_was_taken_is_passed_over(world):
    owner = world.owner()
    messages = world.messages()
    owner.work(messages[:1], AT)
    owner.work(messages[3:], AT)
    owner.work(messages[1:3], AT)
    assert world.applied(owner) == world.sent


def test_an_owner_that_follows_begins_in_the_middle_of_a_message(world):
    owner = world.owner()
    messages = world.messages()
    owner.take_over(AT)
    items, _ = _read(messages)
    owner.partition.apply(items[:5])  # the second message has three
    owner.teller.finish()
    after = world.owner("b")
    after.work(messages[3:], AT)
    assert world.applied(after) == world.sent


def _read(messages):
    from streams.hosts.kafka.inbox import read  # noqa: PLC0415

    return read(messages, {DESK, OTHER_DESK}, 1)


def test_one_that_was_overtaken_says_so_and_does_what_is_left(world):
    messages = world.messages()
    first, second = world.owner("first"), world.owner("second")
    first.work(messages[:1], AT)
    second.work(messages[:2], AT)
    with pytest.raises(OvertakenError, match="partition 0"):
        first.work(messages[1:], AT)
    assert not first.held
    first.work(messages[1:], AT)
    assert world.applied(first) == world.sent


def test_what_may_not_have_been_told_is_told_by_the_next(world):
    owner = world.owner()
    post, world.post = world.post, None
    owner.teller._post = lambda _: Future()  # never delivered
    owner.take_over(AT)
    owner.partition.apply(_read(world.messages())[0])
    assert world.messages(TRANSITIONS) == []
    world.post = post
    world.owner("b").take_over(AT)
    assert len(world.messages(TRANSITIONS)) == sum(
        len(one.transitions) for part in world.scene.parts for one in part.values()
    )


def test_poison_is_put_aside_and_hinders_nothing(world):
    world.put(b"{not json")
    world.put(b'{"schema":1,"items":[]}', key="nobody")
    owner = world.owner()
    owner.work(world.messages(), AT)
    letters = [msgspec.json.decode(one.value, type=DeadLetter) for one in world.messages(DEAD_LETTERS)]
    assert [(one.stage, one.reason) for one in letters] == [
        ("inbox", "NOT_AN_ENVELOPE"),
        ("inbox", "UNKNOWN_DESK"),
    ]
    assert letters[0].original == b"{not json"
    assert world.applied(owner) == world.sent


def test_desks_are_told_the_time_once_where_something_is_due(world):
    owner = world.owner()
    owner.work(world.messages(), AT)
    later = AT + timedelta(days=9)
    assert owner.tick(AT) == 0
    assert owner.tick(later) == 1
    assert owner.tick(later) == 0
    owner.work(world.messages(), later)
    assert owner.partition.desks[DESK].book.now == later
    assert owner.tick(later) == 0


def test_a_snapshot_is_put_down_for_a_clean_stop_and_the_next_one_begins_there(world):
    owner = world.owner()
    owner.snapshot()
    owner.work(world.messages(), AT)
    owner.snapshot()
    store = KafkaSnapshots(world.client, world.writer, 0)
    ((_, manifest),) = manifests(store)
    assert manifest.applied == owner.partition.applied
    store.close()
    after = world.owner("b")
    after.take_over(AT)
    assert after.partition.book.last is None
    assert after.partition.applied == owner.partition.applied


def test_a_pack_that_was_not_given_stops_the_owner_where_the_order_stands(world, manual_city):
    order = PackActivated(manual_city.digest, AT, DESK)
    world.put(next(seal([Entry(AT, msgspec.Raw(msgspec.json.encode(order)))])))
    owner = world.owner()
    with pytest.raises(MissingPackError):
        owner.work(world.messages(), AT)
    assert not owner.held
    given = world.owner("b", world.city, manual_city)
    given.work(world.messages(), AT)
    assert given.partition.desks[DESK].pack == manual_city.digest
    with pytest.raises(MissingPackError):
        world.owner("c").take_over(AT)


def test_what_desks_send_each_other_lies_in_the_inbox_before_the_next_record(kafka, city):
    world = World(kafka, city)
    scene = Scene(city)
    number = scene.report("03-02 09:00")
    scene.act(number, "TRANSFER", "03-02 09:10", desk=OTHER_DESK, reason="because")
    for item in scene.items[:-1]:
        world.put(next(seal([Entry(item.at, msgspec.Raw(msgspec.json.encode(item.body)))])), item.desk)
    owner = world.owner()
    before = len(world.messages())
    owner.work(world.messages(), AT)
    messages = world.messages()
    assert len(messages) == before + 1
    assert messages[-1].key == OTHER_DESK.encode()
    assert partition_of(OTHER_DESK, 1) == 0
    owner.work(messages, AT)
    assert owner.partition.desks.current(number).desk == OTHER_DESK
    world.writer.close()
