"""Nothing leaves the desks' loop before it is applied or somebody else's; what fails is tried again."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC

import pytest
from scenes import when

from streams.hosts.kafka.desk import DeskHost
from streams.hosts.kafka.keeper import Keeper
from streams.hosts.kafka.metrics import WorkerMetrics
from streams.hosts.kafka.owner import OvertakenError
from streams.ledger.chain import ChainError
from streams.ledger.kafka import AwayError
from streams.stages.desk.desks import MissingPackError
from tests.streams.hosts.kafka.messages import Sent

AT = when("03-02 09:00").astimezone(UTC)


class Scripted:
    """An owner that fails as a test says, and notes what it was given. Its log and book don't matter here."""

    def __init__(self, number, *failures) -> None:
        self.number, self.failures = number, list(failures)
        self.held, self.seen, self.log = True, -1, None
        self.given, self.calls = [], []
        self.busy: threading.Event | None = None
        self.slow: threading.Event | None = None

    @property
    def partition(self):
        return self

    epoch, applied, desks = 1, 0, ()

    def _fail(self, call):
        self.calls.append(call)
        if self.failures:
            raise self.failures.pop(0)

    def take_over(self, _at):
        if self.slow is not None:
            self.slow.wait(5)
        self._fail("take over")
        self.held = True

    def work(self, messages, _at):
        if self.busy is not None:
            self.busy.wait(5)
        self._fail("work")
        self.given += messages
        return []

    def tick(self, _at):
        self._fail("tick")
        return 1

    def snapshot(self):
        self._fail("snapshot")

    def drop(self):
        self.calls.append("drop")
        self.held = False


@pytest.fixture
def told():
    return []


@pytest.fixture
def make(told, monkeypatch):
    monkeypatch.setattr("streams.hosts.kafka.desk._PAUSES_S", (0.01,))

    def made(*owners):
        host = DeskHost(None, Keeper(), WorkerMetrics(), lambda: AT, told.append)
        host._owners = {owner.number: owner for owner in owners}
        host.assigned = frozenset(host._owners)
        return host

    return made


def run(work, within=5.0):
    async def limited():
        return await asyncio.wait_for(work, within)

    return asyncio.run(limited())


MESSAGES = [Sent(b"", 0, partition=1), Sent(b"", 0, partition=2), Sent(b"", 1, partition=1)]


def test_each_partitions_messages_go_to_its_owner_in_their_order(make):
    one, two = Scripted(1), Scripted(2)
    run(make(one, two).take(MESSAGES))
    assert [message.offset for message in one.given] == [0, 1]
    assert two.given == [MESSAGES[1]]


@pytest.mark.parametrize("error", [AwayError("no"), OvertakenError("no"), ValueError("a fault"), MemoryError()])
def test_what_fails_is_tried_again_with_all_it_was_given(make, error, told, capsys):
    owner = Scripted(1, error, error)
    run(make(owner).take(MESSAGES[:1]))
    assert owner.calls == ["work"] * 3
    assert owner.given == MESSAGES[:1]
    assert told == []
    assert "Sent(" not in capsys.readouterr().out


def test_a_partition_that_is_not_held_is_taken_over_first(make):
    owner = Scripted(1)
    owner.held = False
    run(make(owner).take(MESSAGES[:1]))
    assert owner.calls == ["take over", "work"]


@pytest.mark.parametrize("failures", [(), (AwayError("no"),)])
def test_partitions_that_are_held_wait_while_another_is_taken_over_and_no_longer(make, failures):
    held, fresh = Scripted(1), Scripted(2, *failures)
    fresh.held, fresh.slow = False, threading.Event()
    host = make(held, fresh)

    async def work():
        entering = asyncio.ensure_future(host.tick())
        await asyncio.sleep(0.05)
        taking = asyncio.ensure_future(host.take(MESSAGES[:1]))
        await asyncio.sleep(0.05)
        waited = "work" not in held.calls
        fresh.slow.set()
        await asyncio.gather(entering, taking)
        return waited

    assert run(work())
    assert "work" in held.calls
    assert fresh.held is not bool(failures)


def test_what_was_given_to_somebody_else_meanwhile_is_left(make):
    host = make(owner := Scripted(1, *[AwayError("no")] * 1000))

    async def work():
        taking = asyncio.ensure_future(host.take(MESSAGES[:1]))
        await asyncio.sleep(0.05)
        host.assign({2})
        await taking
        await asyncio.sleep(0.05)

    run(work())
    assert owner.given == []
    assert owner.calls[-1] == "drop"
    run(make().take(MESSAGES))


@pytest.mark.parametrize("error", [MissingPackError("no"), ChainError("no")])
def test_what_no_trying_again_can_mend_is_told_and_never_leaves(make, error, told):
    with pytest.raises(TimeoutError):
        run(make(Scripted(1, error)).take(MESSAGES[:1]), 0.2)
    assert told == [error]
    told.clear()
    run(make(Scripted(1, error)).tick())
    assert told == [error]


def test_what_stays_assigned_keeps_its_book_what_does_not_is_dropped_and_what_comes_is_taken_over_at_once(make):
    one, two, three = Scripted(1), Scripted(2), Scripted(3)
    three.held = False
    host = make(one, two, three)

    async def work():
        host.assign({1, 3})
        await asyncio.sleep(0.05)

    run(work())
    assert (one.calls, two.calls, three.calls) == (["tick"], ["drop"], ["take over", "tick"])
    assert host.held == [1, 3]
    assert host.seen == {1: -1, 3: -1}


def test_ticks_take_over_what_is_not_held_and_pass_over_what_is_at_work(make):
    idle, busy = Scripted(1), Scripted(2)
    idle.held = False
    busy.busy = threading.Event()
    host = make(idle, busy)

    async def work():
        taking = asyncio.ensure_future(host.take(MESSAGES[1:2]))
        await asyncio.sleep(0.05)
        await host.tick()
        busy.busy.set()
        await taking

    run(work())
    assert idle.calls == ["take over", "tick"]
    assert busy.calls == ["work"]
    failing = Scripted(1, AwayError("no"))
    run(make(failing).tick())
    assert failing.calls == ["tick"]


def test_once_halted_nothing_is_taken_in_and_what_is_held_is_put_down(make):
    one, two = Scripted(1), Scripted(2, AwayError("no"))
    host = make(one, two)

    async def work():
        await host.halt()
        await host.take(MESSAGES)
        await host.tick()

    run(work())
    assert (one.calls, two.calls) == (["snapshot"], ["snapshot"])
    host.close()
