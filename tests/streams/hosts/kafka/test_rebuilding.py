"""The board of a cluster made anew from its logs."""

from __future__ import annotations

from datetime import UTC

import pytest
from redis import Redis as Client
from scenes import DESK, EASTGATE, OTHER_DESK, ZONE, when
from servers import clean_topics

from streams.hosts.kafka.rebuilding import rebuild
from streams.hosts.partition import Partition
from streams.ledger.kafka import KafkaLog, Writer
from streams.ledger.testing import MemoryInbox, MemoryOutbox, MemorySnapshots
from streams.outlets.board import BoardAwayError
from streams.outlets.board.link import connect
from streams.outlets.board.redis import RedisBoard
from streams.records import Tick
from streams.settings import ClusterSettings
from streams.stages.desk.desks import Desks

pytestmark = pytest.mark.cluster

PARTITIONS = 3


@pytest.fixture(scope="module")
def settings(kafka, redis):
    clean_topics(kafka, PARTITIONS)
    return ClusterSettings(broker=kafka, redis=redis)


@pytest.fixture
def board(settings):
    Client.from_url(f"redis://{settings.redis}").flushall()
    board = RedisBoard(connect(settings), ZONE)
    yield board
    board.close()


@pytest.fixture
def logs(settings, city, auto, board):
    """Two partitions, each a desk's, with what happened there on a day and at the beginning of the next."""
    clean_topics(settings.broker, PARTITIONS)
    for n in range(4):
        auto.report(f"03-02 09:{n:02}", severity=2)
        auto.report(f"03-02 09:{n:02}", street=EASTGATE)
    later = when("03-03 00:05").astimezone(UTC)
    for desk in (DESK, OTHER_DESK):
        auto.give(desk, later, Tick(desk, later))
    writer = Writer(settings.client())
    for partition, desk in enumerate((DESK, OTHER_DESK)):
        inbox = MemoryInbox()
        for item in auto.items:
            if item.desk == desk:
                inbox.append(desk, item.at, item.body)
        log = KafkaLog(settings.client(), writer, partition)
        owner = Partition("a", lambda: Desks(city), log, MemorySnapshots(), MemoryOutbox(inbox), ZONE)
        while waiting := inbox.read(owner.applied if owner.held else 0, 2):
            for done in owner.apply(waiting):
                board.keep(partition, done)
    writer.close()
    return auto


def said(board):
    cases = list(board.all_cases())
    return (
        cases, [board.transitions(case.case_no) for case in cases], board.alerts(limit=1000), board.heads(),
        board.counters(), board.count("effects"),
    )  # fmt: skip


def test_a_board_made_anew_from_kafka_says_what_its_owners_told_it(logs, board, settings):
    before = said(board)
    assert len(before[0]) == 8
    assert [head.desk for head in before[3]] == [DESK, OTHER_DESK]
    Client.from_url(f"redis://{settings.redis}").flushall()
    heard = []
    made = rebuild(settings, ZONE, lambda _name, share: heard.append(share))
    assert (made.cases, made.records) == (8, before[-1])
    assert said(board) == before
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    rebuild(settings, ZONE)  # of a board that is there
    assert said(board) == before


def test_without_redis_there_is_nothing_to_make(logs, settings):
    with pytest.raises(BoardAwayError):
        rebuild(ClusterSettings(broker=settings.broker, redis="127.0.0.1:9"))
