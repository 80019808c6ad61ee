"""Keeping a board in a real Redis up to the log, whatever becomes of Redis; desks never hear of it."""

from __future__ import annotations

import time
from datetime import UTC

import pytest
from redis import Redis as Client
from scenes import ZONE, when
from servers import Redis, need

from streams.hosts.kafka import keeper as module
from streams.hosts.kafka.keeper import Keeper
from streams.hosts.partition import Partition
from streams.ledger.testing import MemoryInbox, MemoryLog, MemoryOutbox, MemorySnapshots
from streams.outlets.board import BoardAwayError
from streams.outlets.board.link import connect
from streams.outlets.board.redis import RedisBoard
from streams.settings import ClusterSettings
from streams.stages.desk.desks import Desks

pytestmark = pytest.mark.cluster


class Owner:
    """The owner of a partition, which hands what it applies to a keeper."""

    def __init__(self, city, keeper) -> None:
        self.inbox, self.log, self.keeper = MemoryInbox(), MemoryLog(), keeper
        self.partition = Partition(
            "a", lambda: Desks(city), self.log, MemorySnapshots(), MemoryOutbox(self.inbox), ZONE
        )
        self.partition.take_over(when("03-02 08:00").astimezone(UTC))
        keeper.enter(2, self.log)

    def work(self, items):
        for item in items:
            self.inbox.append(item.desk, item.at, item.body)
        while waiting := self.inbox.read(self.partition.applied, 1):
            for done in self.partition.apply(waiting):
                self.keeper.keep(2, done)


@pytest.fixture
def server(tmp_path):
    need("redis")
    server = Redis(tmp_path)
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture
def board(server):
    board = RedisBoard(connect(ClusterSettings(broker="none:1", redis=server.address), patience=0.5), ZONE)
    yield board
    board.close()


@pytest.fixture
def kept(city, board, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_S", 0.3)
    keeper = Keeper(board)
    keeper.start()
    yield Owner(city, keeper)
    keeper.stop()


def until(board, owner, seconds=15):
    end = time.monotonic() + seconds
    while True:
        try:
            if board.applied(2) == owner.partition.applied and not owner.keeper.behind:
                return
        except BoardAwayError:
            pass
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_board_shows_what_was_applied_soon_after(kept, board, auto):
    numbers = [auto.report(f"03-02 09:0{n}") for n in range(5)]
    kept.work(auto.items)
    until(board, kept)
    assert [case.case_no for case in board.all_cases()] == numbers


def test_a_board_that_has_forgotten_is_made_anew_even_where_nothing_happens(kept, board, auto, server):
    number = auto.report("03-02 09:00")
    kept.work(auto.items)
    until(board, kept)
    Client(port=server.port).flushall()
    until(board, kept)
    assert [case.case_no for case in board.all_cases()] == [number]


def test_desks_go_on_without_redis_and_the_board_catches_up(kept, board, auto, server):
    auto.report("03-02 09:00")
    kept.work(auto.items)
    until(board, kept)
    server.stop(kill=True)
    first = len(auto.items)
    numbers = [auto.report(f"03-02 10:{n:02}") for n in range(10)]
    start = time.monotonic()
    kept.work(auto.items[first:])
    assert time.monotonic() - start < 5
    assert kept.partition.applied == len(auto.items)
    server.start()
    until(board, kept)
    assert [case.case_no for case in board.all_cases()][1:] == numbers


def test_a_partition_that_goes_to_somebody_else_is_left_to_them(kept, board, auto, server):
    auto.report("03-02 09:00")
    kept.work(auto.items)
    until(board, kept)
    kept.keeper.leave(2)
    Client(port=server.port).flushall()
    time.sleep(1)
    assert board.applied(2) == 0
    assert kept.keeper.behind == []


def test_without_a_board_there_is_nothing_to_keep(city, auto):
    keeper = Keeper()
    keeper.start()
    auto.report("03-02 09:00")
    Owner(city, keeper).work(auto.items)
    keeper.stop()
    assert not keeper._thread.is_alive()
