"""What a log says is told: once it counts, before anything comes after it, and again after a takeover."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC

import msgspec
import pytest
from scenes import DESK, Scene, when

from streams.hosts.kafka.teller import LateSnapshots, Teller, feeds
from streams.hosts.partition import Partition
from streams.ledger.fold import counted
from streams.ledger.records import Claim
from streams.ledger.testing import MemoryInbox, MemoryLog, MemoryOutbox, MemorySnapshots
from streams.records import Alert, DeadLetter, Transition
from streams.stages.desk.desks import Desks
from streams.topics import ALERTS, DEAD_LETTERS, TRANSITIONS

AT = when("03-02 09:00").astimezone(UTC)


class Post:
    """Delivers at once; `lost` says how often it fails. Notes what was delivered, and what the log held then."""

    def __init__(self, log) -> None:
        self.log, self.lost = log, 0
        self.told: list[tuple[int, str, bytes, bytes]] = []

    def __call__(self, mail) -> Future[None]:
        done = Future()
        if self.lost:
            self.lost -= 1
            done.set_exception(OSError("the line is dead"))
        else:
            for (topic, _), messages in mail.items():
                self.told += [(len(self.log.bodies), topic, key, value) for key, value in messages]
            done.set_result(None)
        return done

    def of(self, topic):
        return [value for _, name, _, value in self.told if name == topic]


class World:
    """A partition whose log is told."""

    def __init__(self, city, grown=10**9) -> None:
        self.city, self.grown = city, grown
        self.inbox, self.log, self.snapshots = MemoryInbox(), MemoryLog(), MemorySnapshots()
        self.post = Post(self.log)

    def owner(self, name="a"):
        teller = Teller(self.log, 3, 1, self.post)
        partition = Partition(
            name,
            lambda: Desks(self.city),
            teller,
            LateSnapshots(self.snapshots, teller),
            MemoryOutbox(self.inbox),
            self.city.zone,
            grown=self.grown,
        )
        partition.take_over(AT)
        return partition, teller

    def put(self, *reports):
        for item in reports:
            self.inbox.append(item.desk, item.at, item.body)


@pytest.fixture
def world(city):
    return World(city)


@pytest.fixture
def items(city):
    scene = Scene(city)
    number = scene.report("03-02 09:00", severity=1)
    scene.report("03-02 09:01")
    scene.act(number, "START", "03-02 09:02")  # not allowed yet
    return scene.items


def test_steps_alerts_and_letters_are_told_as_they_stand_in_the_log(world, items):
    partition, teller = world.owner()
    world.put(*items)
    partition.apply(world.inbox.read(0, 10))
    teller.finish()
    (record,) = (one for _, one in counted(world.log.read()))
    effects = record.of(DESK)
    assert [msgspec.json.decode(one, type=Transition) for one in world.post.of(TRANSITIONS)] == effects.transitions
    assert [msgspec.json.decode(one, type=Alert) for one in world.post.of(ALERTS)] == effects.alerts
    assert [msgspec.json.decode(one, type=DeadLetter) for one in world.post.of(DEAD_LETTERS)] == effects.dead_letters
    assert effects.alerts
    assert effects.dead_letters
    assert {key for _, topic, key, _ in world.post.told if topic != DEAD_LETTERS} == {DESK.encode()}
    mail = feeds(3, record, 1)
    assert set(mail) == {(TRANSITIONS, 3), (ALERTS, 3), (DEAD_LETTERS, 0)}


def test_nothing_is_told_of_a_record_behind_somebody_elses(world, items):
    partition, teller = world.owner()
    world.log.append(Claim("b", AT))
    world.put(*items)
    assert partition.apply(world.inbox.read(0, 10)) == []
    teller.finish()
    assert world.post.told == []
    assert not partition.held


def test_what_is_not_delivered_costs_the_book_before_the_next_record_is_written(world, items):
    partition, _ = world.owner()
    world.put(*items)
    partition.apply(world.inbox.read(0, 1))
    world.post.lost = 1
    partition.apply(world.inbox.read(1, 1))  # what it says is under way
    records = len(world.log.bodies)
    with pytest.raises(OSError, match="dead"):
        partition.apply(world.inbox.read(2, 1))
    assert len(world.log.bodies) == records
    assert not partition.held
    partition, teller = world.owner("b")
    teller.tell(partition.book.last[1])
    teller.finish()
    expected = [step for _, one in counted(world.log.read()) for step in one.of(DESK).transitions]
    assert [msgspec.json.decode(one, type=Transition) for one in world.post.of(TRANSITIONS)] == expected


def test_no_snapshot_covers_a_record_that_has_not_been_told(city, items):
    world = World(city, grown=1)
    partition, _ = world.owner()
    world.put(*items)
    world.post.lost = 1
    with pytest.raises(OSError, match="dead"):
        partition.apply(world.inbox.read(0, 1))
    assert world.snapshots.values == {}


def test_inputs_that_can_not_be_read_are_put_aside(world):
    _, teller = world.owner()
    letter = DeadLetter("x", "inbox", "BAD_INPUT", "no", AT, b"{", "here")
    teller.put_aside([letter])
    teller.finish()
    assert [msgspec.json.decode(one, type=DeadLetter) for one in world.post.of(DEAD_LETTERS)] == [letter]
