"""Failures of a real cluster while reports flow: none lost, none applied twice, case numbers without gaps."""

from __future__ import annotations

import pytest
from packs import write_pack
from servers import Brokers, Redis, clean_topics, need

from tests.cluster import failures
from tests.cluster.failures import Field
from tests.cluster.reports import lines_of

pytestmark = pytest.mark.cluster

REPORTS, RATE = 3000, 600
"""`python -m tests.cluster` does the same with 200,000."""

PARTITIONS = 4


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return write_pack(tmp_path_factory.mktemp("cluster") / "city")


@pytest.fixture(scope="module")
def lines(city):
    return lines_of(city, REPORTS)


@pytest.fixture
def field(city, lines, tmp_path):
    """Make a field on a broker."""

    def make(address, **given):
        settings = clean_topics(address, PARTITIONS)
        return Field(settings, city, lines, tmp_path / "workers", RATE, frozen_s=15, **given)

    return make


@pytest.mark.parametrize("name", failures.SINGLE)
def test_nothing_is_lost_or_applied_twice(kafka, field, name):
    print(name, failures.SINGLE[name](field(kafka)))


def test_desks_are_served_again_after_a_day_in_which_nobody_worked(kafka, field):
    print("long outage", failures.long_outage(field(kafka)))


def test_nothing_is_lost_or_applied_twice_when_redis_dies_and_forgets(kafka, field, tmp_path):
    need("redis")
    server = Redis(tmp_path / "redis")
    try:
        print("redis", failures.redis_loss(field(kafka, redis=server)))
    finally:
        server.stop()


@pytest.mark.parametrize(("name", "nodes"), [("broker_restart", 1), ("leader_loss", 3)])
def test_nothing_is_lost_or_applied_twice_when_a_broker_dies(field, tmp_path, name, nodes):
    need("kafka")
    brokers = Brokers(tmp_path / "kafka", nodes=nodes)
    try:
        print(name, getattr(failures, name)(field(brokers.address, brokers=brokers)))
    finally:
        brokers.down()
