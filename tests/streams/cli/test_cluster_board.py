"""`onegrid board rebuild` of a cluster, as a shell runs it."""

from __future__ import annotations

import json
from datetime import UTC

import pytest
from redis import Redis as Client
from scenes import DESK, ZONE, when
from servers import clean_topics

from streams.hosts.partition import Partition
from streams.ledger.kafka import KafkaLog, Writer
from streams.ledger.testing import MemoryInbox, MemoryOutbox, MemorySnapshots
from streams.outlets.board.link import connect
from streams.outlets.board.redis import RedisBoard
from streams.records import Tick
from streams.settings import ClusterSettings
from streams.stages.desk.desks import Desks

pytestmark = pytest.mark.cluster


@pytest.fixture
def cluster(kafka, redis, city, auto):
    """The settings of a cluster whose log has two cases and the end of a day, and whose board is empty."""
    clean_topics(kafka, 2)
    Client.from_url(f"redis://{redis}").flushall()
    settings = ClusterSettings(broker=kafka, redis=redis)
    auto.report("03-02 09:00")
    auto.report("03-02 09:01")
    later = when("03-03 00:05").astimezone(UTC)
    auto.give(DESK, later, Tick(DESK, later))
    writer, inbox = Writer(settings.client()), MemoryInbox()
    for item in auto.items:
        inbox.append(item.desk, item.at, item.body)
    log = KafkaLog(settings.client(), writer, 1)
    owner = Partition("a", lambda: Desks(city), log, MemorySnapshots(), MemoryOutbox(inbox), ZONE)
    owner.apply(inbox.read(0, 2))
    owner.apply(inbox.read(2, 10))
    writer.close()
    return settings


def test_it_says_how_much_was_made_anew(onegrid, cluster, small_pack):
    board = RedisBoard(connect(cluster), ZONE)
    addresses = ("--broker", cluster.broker, "--redis", cluster.redis)
    code, told, _ = onegrid("board", "rebuild", *addresses, "--city", small_pack, "--json")
    assert (code, json.loads(told)) == (0, {"records": 2, "cases": 2})
    assert [head.desk for head in board.heads()] == [DESK]
    code, told, _ = onegrid("board", "rebuild", *addresses)
    assert code == 0
    assert "2 案件 cases" in told
    assert len(list(board.all_cases())) == 2
    assert board.heads() == []
    board.close()


def test_without_redis_it_says_so_on_one_line(onegrid, cluster):
    code, _, told = onegrid("board", "rebuild", "--broker", cluster.broker, "--redis", "127.0.0.1:9")
    assert code == 2
    assert "Redis 不可用" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "one of them"),
        (["--data", "x", "--broker", "127.0.0.1:9"], "one of them"),
        (["--broker", "127.0.0.1:9"], "the Redis that the board lies in"),
    ],
)
def test_what_does_not_fit_together_is_refused(onegrid, arguments, text, monkeypatch):
    monkeypatch.delenv("ONEGRID_REDIS", raising=False)
    code, _, told = onegrid("board", "rebuild", *arguments)
    assert code == 2
    assert text in told
