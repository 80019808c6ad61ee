"""A storm over the demo city: ten thousand reports in five minutes, to the message."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from grids.city import demo_pack, open_city
from grids.telling import Way
from streams.cap.checking import faults
from streams.ledger.chain import Chain
from streams.ledger.records import Claim
from streams.ledger.testing import MemoryLog
from streams.outlets.delivery.deliverer import Deliverer, one_log
from streams.records import Item, Report
from streams.stages.acceptance import Accepted
from streams.stages.desk.desks import Desks
from streams.stages.intake import route

REPORTS, SECONDS = 10_000, 300
START = datetime(2026, 7, 1, 1, 0, tzinfo=UTC)
READABLE, WAIT_S = 60, 1.0
"""Messages to one centre at most, and how long a grave alert may wait."""


def fewest(moments, wait):
    """Return how many messages it takes at least to tell of something at these moments, none later than `wait` after.

    Whatever tells of the first has to go within `wait` of it, and then tells most if it goes as late as it may.
    """
    count, until = 0, float("-inf")
    for moment in sorted(moments):
        if moment > until:
            count, until = count + 1, moment + wait + 1e-6
    return count


class Ear:
    def __init__(self, way) -> None:
        self.way, self.heard = way, []

    def send(self, message, now):
        self.heard.append((now, message))


@pytest.fixture(scope="module")
def city():
    return open_city(demo_pack())


def storm(city, shares, grain):
    """Yield what comes in, `grain` seconds after `grain` seconds."""
    chance = random.Random(7)
    spots = city.inner_points()
    leaves = [leaf for leaf in city.rules.catalogue.leaves if leaf.startswith("E")]
    chosen = [leaves[chance.randrange(len(leaves))] for _ in range(12)]
    steps = round(SECONDS / grain)
    for step in range(steps):
        at = START + timedelta(seconds=step * grain)
        batch = []
        for number in range(step * REPORTS // steps, (step + 1) * REPORTS // steps):
            lon, lat = spots[chance.randrange(len(spots))]
            report = Report(
                system="storm", system_no=f"{number}", channel="HOTLINE", reported_at=at, report_id=f"r{number}",
                scheme="city", category=chance.choice(chosen), lon=float(lon), lat=float(lat), datum="WGS84",
                severity=chance.choices([1, 2, 3, 4], shares)[0], text=f"{number}",
            )  # fmt: skip
            batch.append(Accepted(report, at, msgspec.json.encode(report)))
        yield at, batch


def told(city, folder, shares, grain):
    """Let a storm come over the city; return its alerts, and what each centre heard and when."""
    desks, log, chain = Desks(city), MemoryLog(), Chain()
    log.append(claim := Claim("test", START))
    chain.claimed(claim)
    alerting = city.rules.alerting._replace(
        ways={desk.centre: (Way(desk.centre, "webhook", desk.code),) for desk in city.rules.places.desks.values()}
    )
    ears = {}
    deliverer = Deliverer(
        alerting, one_log(log.read), folder, lambda: START, channel=lambda way: ears.setdefault(way.unit, Ear(way))
    )
    sent, position, moment = [], 0, START.timestamp()
    for at, batch in storm(city, shares, grain):
        items = []
        for routed in route(city, batch):
            position += 1
            items.append(Item(position, routed.placement.desk, at, routed))
        parts = desks.receive(items)
        record = chain.record(0, items[0].position, position, parts)
        chain.add(log.append(record), record)
        sent += [alert for part in parts.values() for alert in part.alerts]
        deliverer.step(moment := at.timestamp())
    for _ in range(round(2 / grain)):
        deliverer.step(moment := moment + grain)
    for minute in range(1, 12):
        deliverer.step(moment + minute * 60)
    deliverer.stop()
    return [alert for alert in sent if alert.unit in ears], {unit: ear.heard for unit, ear in ears.items()}


@pytest.mark.parametrize(
    ("shares", "grain"),
    [
        pytest.param((1, 2, 600, 397), 1.0, id="many of severity 3"),
        pytest.param((2, 18, 100, 880), 1.0, id="as the simulator has them"),
        pytest.param((2, 18, 100, 880), 0.1, id="as the simulator has them, not on the second"),
    ],
)
def test_a_storm_of_ten_thousand_reports_stays_readable_and_the_gravest_wait_for_nobody(
    city, tmp_path, shares, grain
):
    alerts, heard = told(city, tmp_path, shares, grain)
    first = {}
    for messages in heard.values():
        for now, message in messages:
            assert faults(message.cap.encode()) == []
            for alert in message.alerts:
                assert first.setdefault(alert.alert_id, now) == now, "no alert is told twice"
    assert len(alerts) > 1000
    assert all(alert.alert_id in first for alert in alerts), "every alert is in some message"
    grave = [alert for alert in alerts if alert.severity <= 2]
    assert grave
    assert all(first[alert.alert_id] - alert.sent_at.timestamp() <= WAIT_S for alert in grave)

    rules, beyond = city.rules.alerting.form.storm, set()
    for unit, messages in sorted(heard.items()):
        moments = [alert.sent_at.timestamp() for alert in grave if alert.unit == unit]
        ordinary = any(alert.severity > 2 for alert in alerts if alert.unit == unit)
        most, quiet = READABLE, (rules.desk_from + 2 if ordinary else 0)
        if (least := fewest(moments, WAIT_S)) > READABLE:
            beyond.add(unit)
            most = fewest(moments, max(rules.grave_s, grain)) + rules.grave_alone + quiet
        print(f"{unit}: {len(moments)} grave, {least} messages at least, {len(messages)} sent, {most} at most")
        assert len(messages) <= most
        assert sum(all(one.severity > 2 for one in message.alerts) for _, message in messages) <= quiet
    few = {city.rules.places.city_desk.centre} if shares[1] > 10 else set()
    assert beyond == few, "60 messages can't be kept where the gravest alone are in more than 60 different seconds"
