"""A cluster's alerts, from all partitions of a real effects log to where they are told."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from servers import clean_topics

pytest.importorskip("kafka")

from grids.telling import Alerting, AlertsForm, Way
from streams.hosts.kafka.delivery import EffectsReader
from streams.ledger.chain import Chain
from streams.ledger.kafka import KafkaLog, Writer
from streams.ledger.records import Claim
from streams.outlets.delivery.deliverer import Deliverer
from streams.records import Alert, Effects
from streams.settings import ClusterSettings

pytestmark = pytest.mark.cluster

UNIT = "990101-CC"
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Ear:
    def __init__(self) -> None:
        self.heard = []
        self.now = NOW.timestamp()

    def send(self, message, _now):
        self.heard += [alert.alert_id for alert in message.alerts]


class Desk:
    """Writes alerts into one partition's log."""

    def __init__(self, client, writer, partition) -> None:
        self.log, self.chain, self.position = KafkaLog(client, writer, partition), Chain(), 0
        self.partition = partition
        claim = Claim("test", NOW)
        self.epoch = self.log.append(claim)
        self.chain.claimed(claim)

    def alert(self, number, epoch=None):
        self.position += 1
        alert = Alert(
            alert_id=f"99010{self.partition}-{number}", desk="990101", level="DISTRICT", case_no=f"{number}",
            kind="ALERT", severity=2, sent_at=NOW, reason="test", unit=UNIT, cap="<alert/>",
        )  # fmt: skip
        epoch = self.epoch if epoch is None else epoch
        record = self.chain.record(epoch, self.position, self.position, {"990101": Effects(alerts=[alert])})
        self.log.append(record)
        return alert.alert_id


def delivered(reader, folder, ear, wanted):
    """Deliver, a second a step since grave ones wait for each other, until an ear has heard so much."""
    way = Way(UNIT, "webhook", "x")
    deliverer = Deliverer(
        Alerting(AlertsForm(), {UNIT: (way,)}), reader.read, folder, lambda: NOW, channel=lambda _: ear
    )
    end = time.monotonic() + 30
    while len(ear.heard) < wanted and time.monotonic() < end:
        deliverer.step(ear.now)
        ear.now += 1
    deliverer.step(ear.now)
    deliverer.stop()


def test_alerts_of_all_partitions_are_told_once_across_restarts_and_none_of_a_writer_from_the_past(kafka, tmp_path):
    clean_topics(kafka)
    client, ear = ClusterSettings(broker=kafka).client(), Ear()
    writer = Writer(client)
    desks = [Desk(client, writer, partition) for partition in (0, 1)]
    sent = [desk.alert(number) for number in range(5) for desk in desks]
    with EffectsReader(client) as reader:
        delivered(reader, tmp_path, ear, len(sent))
    assert sorted(ear.heard) == sorted(sent)
    desks[0].alert("stale", epoch=99)
    desks[0].position -= 1
    sent += [desk.alert(number) for number in range(5, 8) for desk in desks]
    with EffectsReader(client) as reader:
        delivered(reader, tmp_path, ear, len(sent))
    writer.close()
    assert sorted(ear.heard) == sorted(sent)
