"""Alert streams on a real Redis: every centre hears every alert, until it says that it has."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC

import pytest
from redis import Redis as Client
from redis.exceptions import ResponseError
from scenes import CENTRE, DESK, ZONE, when

from streams.ledger.chain import Chain
from streams.ledger.records import Claim
from streams.ledger.testing import MemoryLog
from streams.outlets.board.calls import Calls
from streams.outlets.board.link import connect
from streams.outlets.board.redis import RedisBoard
from streams.settings import ClusterSettings
from streams.stages.desk.desks import Desks

pytestmark = pytest.mark.cluster


@pytest.fixture
def server(redis):
    client = Client.from_url(f"redis://{redis}")
    client.flushall()
    return client


@pytest.fixture
def link(redis, server):
    link = connect(ClusterSettings(broker="none:1", redis=redis))
    yield link
    link.close()


@pytest.fixture
def log(city, auto):
    """A log of three cases that alert their desk."""
    for n in range(3):
        auto.report(f"03-02 09:0{n}", severity=3)
    log, chain, desks = MemoryLog(), Chain(), Desks(city)
    claim = Claim("a", when("03-02 08:00").astimezone(UTC))
    epoch = log.append(claim)
    chain.claimed(claim)
    for item in auto.items:
        record = chain.record(epoch, item.position, item.position, desks.receive([item]))
        chain.add(log.append(record), record)
    return log


@pytest.fixture
def told(link, log):
    """The board with its streams, and the alerts of the desk."""
    board = RedisBoard(link, ZONE)
    board.catch_up(0, log)
    found = board.alerts(desk=DESK)
    assert len(found) == 3
    return found


def test_a_centre_hears_every_alert_once_in_order(link, told):
    centre = Calls(link, DESK, CENTRE)
    assert [alert for _, alert in centre.take("a")] == told
    assert centre.take("a") == []
    assert centre.waiting() == 3


def test_those_of_one_centre_share_its_alerts_and_another_hears_them_too(link, told):
    centre = Calls(link, DESK, CENTRE)
    first, rest = centre.take("a", 1), centre.take("b")
    assert [alert for _, alert in (*first, *rest)] == told
    assert [alert for _, alert in Calls(link, DESK, "990100-CC").take("a")] == told


def test_what_nobody_confirms_is_given_out_again(link, told):
    centre = Calls(link, DESK, CENTRE, idle=0.05)
    (entry, alert), *_ = centre.take("a")
    centre.done(entry)
    time.sleep(0.1)
    again = [found for _, found in centre.take("b")]
    assert again == told[1:]
    assert alert == told[0]
    assert centre.waiting() == 2
    centre.done(*[entry for entry, _ in Calls(link, DESK, CENTRE, idle=0).take("c")])
    assert centre.waiting() == 0


def test_after_redis_has_forgotten_a_centre_hears_the_alerts_anew(link, told, log, server):
    centre = Calls(link, DESK, CENTRE)
    centre.take("a")
    server.flushall()
    assert centre.take("a") == []
    RedisBoard(link, ZONE).catch_up(0, log)
    assert [alert for _, alert in centre.take("a")] == told


def test_those_who_ask_first_at_the_same_time_all_hear(link, told):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: Calls(link, DESK, CENTRE).take(f"c{n}"), range(16)))
    assert sorted(alert.alert_id for many in found for _, alert in many) == sorted(alert.alert_id for alert in told)


def test_a_key_that_is_no_stream_is_an_error_and_not_an_absence(link, server):
    server.set(f"alerts:{DESK}", "x")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        Calls(link, DESK, CENTRE).take("a")
