"""Packs of a cluster: bundles by digest, orders in every desk's inbox, and word to intake."""

from __future__ import annotations

from datetime import UTC, timedelta

import msgspec
import pytest
from scenes import when
from servers import clean_topics

from streams.envelope import unseal
from streams.hosts.kafka.packs import Bundles, Order, Orders, activate
from streams.ledger.kafka import Reader, Writer
from streams.records import Body, PackActivated
from streams.stages.desk.desks import MissingPackError
from streams.topics import DESK, PACKS, partition_of

AT = when("03-02 09:00").astimezone(UTC)


def test_a_pack_that_was_not_given_is_refused_and_named(city, manual_city):
    bundles = Bundles([city])
    assert bundles(city.digest) is bundles.first is city
    assert bundles.desks == set(city.rules.places.desks)
    with pytest.raises(MissingPackError, match=f"{manual_city.digest[:16]} is in force; this worker has"):
        bundles(manual_city.digest)


def test_the_order_in_force_is_the_last_that_had_begun_and_before_all_the_first():
    orders = Orders({})
    orders.told = [Order(AT, "a"), Order(AT + timedelta(hours=1), "b"), Order(AT + timedelta(hours=2), "a")]
    minutes = {-5: "a", 0: "a", 59: "a", 60: "b", 119: "b", 120: "a", 999: "a"}
    assert {minute: orders.at(AT + timedelta(minutes=minute)) for minute in minutes} == minutes


@pytest.mark.cluster
def test_an_order_stands_in_the_inbox_of_every_desk_before_intake_is_told(kafka, city, manual_city):
    settings = clean_topics(kafka, 3)
    client = settings.client()
    writer, orders = Writer(client), Orders(client)
    orders.refresh()
    assert orders.told == []
    desks = city.rules.places.desks
    assert activate(client, writer, city, AT) == len(desks)
    orders.refresh()
    assert orders.told == [Order(AT, city.digest)]
    for poison in (b"{", b'{"from":"2026-03-02T09:00:00","digest":"x"}'):
        writer.deliver(PACKS, 0, poison, "x")
    activate(client, writer, manual_city, AT - timedelta(hours=1))
    orders.refresh()
    orders.refresh()
    assert [order.digest for order in orders.told] == [manual_city.digest, city.digest]
    writer.close()
    found = {}
    for number in range(3):
        with Reader(client, DESK, number) as reader:
            for message in reader.read(*reader.bounds()):
                (entry,) = unseal(message.value)
                body = msgspec.json.decode(entry.body, type=Body)
                assert partition_of(body.desk, 3) == number
                assert message.key.decode() == body.desk
                found.setdefault(body.desk, []).append(body)
    assert found == {
        desk: [
            PackActivated(city.digest, AT, desk),
            PackActivated(manual_city.digest, AT - timedelta(hours=1), desk),
        ]
        for desk in desks
    }
