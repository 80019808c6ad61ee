"""An audit of a cluster finds what is lost, doubled, rewritten or contradicted; what is under way only waits."""

from __future__ import annotations

import json
from datetime import UTC

import msgspec
import pytest
from scenes import DESK, Scene, make_report, when
from servers import clean_topics
from typer.testing import CliRunner

from streams.cli import commands
from streams.envelope import Entry, seal
from streams.hosts.kafka.audit import audit
from streams.ledger.audit import Anchor
from streams.ledger.chain import Chain
from streams.ledger.fold import Fold
from streams.ledger.kafka import KafkaLog, Writer
from streams.ledger.records import Claim, EffectsRecord
from streams.records import Ack, Action, DeadLetter, Tick
from streams.topics import DEAD_LETTERS, REPORTS, partition_of
from streams.topics import DESK as INBOX

pytestmark = pytest.mark.cluster

AT = when("03-02 09:00").astimezone(UTC)
PARTITIONS = 2


class World:
    """Topics that tests write as workers would, right or wrong."""

    def __init__(self, kafka, city) -> None:
        self.settings = clean_topics(kafka, PARTITIONS)
        self.writer = Writer(self.settings.client())
        self.scene = Scene(city)
        self.chains = {number: Chain() for number in range(PARTITIONS)}
        self.folds = {number: Fold() for number in range(PARTITIONS)}
        for number in range(PARTITIONS):
            self.claim(number)

    def put(self, topic, partition, *bodies, key="", name=""):
        raw = [body if isinstance(body, bytes) else msgspec.json.encode(body) for body in bodies]
        (message,) = seal([Entry(AT, msgspec.Raw(body), name) for body in raw])
        return self.writer.deliver(topic, partition, message, key)

    def claim(self, number):
        claim = Claim("a", AT)
        self.append(number, claim)
        self.chains[number].claimed(claim)

    def append(self, number, record):
        offset = KafkaLog(self.settings.client(), self.writer, number).append(record)
        self.folds[number].counts(offset, record)
        return offset

    def accept(self, count):
        """Let reports be accepted; return them."""
        reports = [make_report(AT) for _ in range(count)]
        self.put(REPORTS, 0, *reports)
        return reports

    def apply(self, report):
        """Let a report be routed and applied."""
        self.scene.send(report, AT)
        self.written(self.scene.parts[-1])

    def written(self, part):
        for desk, effects in part.items():
            number = partition_of(desk, PARTITIONS)
            fold, chain = self.folds[number], self.chains[number]
            record = chain.record(fold.epoch, fold.applied + 1, fold.applied + 1, {desk: effects})
            chain.add(self.append(number, record), record)

    def done(self):
        """Let intake be done with all reports."""
        from kafka import KafkaConsumer, TopicPartition  # noqa: PLC0415
        from kafka.structs import OffsetAndMetadata  # noqa: PLC0415

        consumer = KafkaConsumer(
            bootstrap_servers=self.settings.brokers, group_id="onegrid", enable_auto_commit=False
        )
        places = [TopicPartition(REPORTS, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        consumer.commit({place: OffsetAndMetadata(end, "", -1) for place, end in ends.items()})
        consumer.close(autocommit=False)

    def audit(self, *anchors):
        self.writer.close()
        return audit(self.settings, anchors)


@pytest.fixture
def world(kafka, city):
    return World(kafka, city)


def test_nothing_is_found_where_nothing_was_lost(world):
    for report in world.accept(3):
        world.apply(report)
    world.done()
    found = world.audit()
    assert found.clean
    assert (found.accepted, found.applied, found.waiting, found.missing) == (3, 3, 0, [])
    assert (found.records, found.cases, found.chain_ok, found.stale_rejected) == (PARTITIONS + 3, 3, True, 0)
    assert {head.desk for head in found.heads} == {DESK}


def test_a_report_of_which_nothing_came_is_missing_once_intake_is_done_with_it(world):
    first, lost = world.accept(2)
    world.apply(first)
    assert (waiting := audit(world.settings)).waiting == 1
    assert waiting.clean
    world.done()
    found = world.audit()
    assert (found.accepted, found.applied, found.waiting) == (2, 1, 0)
    assert found.missing == [lost.report_id]
    assert found.counts == {"REPORT_LOST": 1}


def test_a_report_that_lies_in_an_inbox_waits_and_one_that_is_a_dead_letter_is_done(world, city):
    waits, dead = world.accept(2)
    scene = Scene(city)
    scene.send(waits, AT)
    (item,) = scene.items
    more = [Ack("990101-9901012026030200001-1", DESK, "x", AT), Tick(DESK, AT)]
    more += [Action(action_id="a", case_no="x", verb="URGE", actor="x", actor_unit="x", at=AT)]
    world.put(INBOX, partition_of(DESK, PARTITIONS), item.body, *more, key=DESK)
    letter = DeadLetter(dead.report_id, "intake", "UNKNOWN_CATEGORY", "", AT, b"", "")
    world.writer.deliver(DEAD_LETTERS, 0, msgspec.json.encode(letter), "intake")
    world.done()
    found = world.audit()
    assert found.clean
    assert (found.applied, found.waiting, found.missing) == (1, 1, [])


def test_a_report_that_was_taken_in_twice_is_found(world, city):
    (report,) = world.accept(1)
    world.apply(report)
    world.scene = Scene(city)
    world.scene.send(make_report(AT), AT)  # so that the case has another number
    world.apply(report)
    world.done()
    found = world.audit()
    assert found.applied_twice == 1
    assert set(found.counts) >= {"TAKEN_TWICE"}


def test_two_records_of_one_step_that_differ_are_found_and_copies_are_counted(world, city):
    (report,) = world.accept(1)
    world.apply(report)
    world.written(world.scene.parts[-1])
    world.done()
    (effects,) = world.scene.parts[-1].values()
    found = audit(world.settings)
    assert found.identical_repeats == len(effects.transitions)
    assert found.repeated == []
    effects.transitions[0].reason = "otherwise"
    world.written(world.scene.parts[-1])
    found = world.audit()
    assert found.repeated == [f"{effects.transitions[0].case_no}/1"]
    assert found.counts["CONTRADICTION"] == 1


def test_missing_steps_and_numbers_are_found_across_partitions(world):
    for report in world.accept(3):
        world.scene.send(report, AT)
    world.written(world.scene.parts[0])
    (effects,) = world.scene.parts[2].values()
    del effects.transitions[1]
    world.written(world.scene.parts[2])
    found = world.audit()
    assert found.counts == {"SERIAL_GAP": 1, "STEP_GAP": 1}


def test_what_a_frozen_worker_wrote_is_counted_and_a_rewritten_log_is_found(world):
    (report,) = world.accept(1)
    world.apply(report)
    number = partition_of(DESK, PARTITIONS)
    world.append(number, EffectsRecord(7, 2, 2))
    found = audit(world.settings)
    assert (found.stale_rejected, found.clean) == (1, True)
    (head,) = found.heads
    assert audit(world.settings, [head]).clean
    assert audit(world.settings, [Anchor(DESK, head.offset, "0" * 64)]).counts == {"ANCHOR": 1}
    fold = world.folds[number]
    world.append(number, EffectsRecord(fold.epoch, 2, 2, {DESK: msgspec.Raw(b"{}")}, {DESK: "1" * 64}))
    world.writer.deliver("onegrid.effects", number, b"{")
    found = world.audit()
    assert not found.chain_ok
    assert found.counts == {"CHAIN": 1, "LOG_UNREADABLE": 1}
    assert {one.where.partition("/")[0] for one in found.findings} == {f"{number}"}


def test_the_command_says_what_was_found(world):
    for report in world.accept(2)[:1]:
        world.apply(report)
    world.done()
    world.writer.close()
    run = CliRunner().invoke(commands(), ["verify", "--broker", world.settings.broker, "--json"])
    assert run.exit_code == 1
    said = json.loads(run.stdout)
    assert (said["accepted"], said["applied"], len(said["missing"]), said["chain_ok"]) == (2, 1, 1, True)
    run = CliRunner().invoke(commands(), ["verify", "--broker", world.settings.broker])
    assert "上报丢失" in run.stdout
    for words in ([], ["--broker", "x:1", "--data", "y"]):
        assert CliRunner().invoke(commands(), ["verify", *words]).exit_code == 2
