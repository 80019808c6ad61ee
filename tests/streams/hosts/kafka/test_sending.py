"""A sender whose broker goes away: what is not known to have landed is told, and can go again."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from scenes import make_report
from servers import Brokers, clean_topics, need

from streams.envelope import unseal
from streams.hosts.kafka import admin, sending
from streams.hosts.kafka.admin import Start, tail
from streams.hosts.kafka.sending import ReportSender
from streams.ledger.kafka import AwayError
from streams.topics import REPORTS

pytestmark = pytest.mark.cluster

NOW = datetime.now(UTC)


def test_a_sender_without_its_broker_says_so_and_what_goes_again_lands(tmp_path, monkeypatch):
    need("kafka")
    brokers = Brokers(tmp_path / "kafka")
    lines = [msgspec.json.encode(make_report(NOW, system="app", system_no=f"{n}", report_id="")) for n in range(20)]
    try:
        settings = clean_topics(brokers.address, 2)
        with ReportSender(settings) as sender:
            assert sender.send(lines[:5], NOW) == []
        with monkeypatch.context() as impatient:
            impatient.setattr(sending, "DELIVERY_MS", 2000)
            impatient.setattr(admin, "_PATIENCE_MS", 2000)
            with ReportSender(settings) as sender:
                assert sender.send(lines[5:10], NOW) == []
                brokers.stop(1, kill=True)
                with pytest.raises(AwayError, match=r"not known to have landed|onegrid\.reports"):
                    sender.send(lines[10:], NOW)
            with pytest.raises(AwayError, match="expected a Kafka broker that answers"):
                ReportSender(settings)
        brokers.start(1)
        with ReportSender(settings) as sender:
            assert sender.send(lines[10:], NOW) == []
        landed = [
            bytes(one.body) for message in tail(settings, REPORTS, Start(offset=0)) for one in unseal(message.value)
        ]
        assert set(landed) == set(lines)
    finally:
        brokers.down()
