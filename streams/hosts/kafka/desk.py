"""The desks of a worker: which partitions are its own, and how their messages come to their owners.

Each partition is worked at by one thread at a time, several partitions at once, so that one computes while others
wait for Kafka. While partitions are taken over, those that are held wait: nobody serves the first, and all share one
interpreter. Nothing leaves `take` before everything it was given is applied or is somebody else's: the engine would
take whatever leaves it, an error too, for done.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from streams.hosts.kafka.owner import OvertakenError, Owner
from streams.ledger.chain import ChainError
from streams.stages.desk.desks import MissingPackError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from streams.hosts.kafka.inbox import Message
    from streams.hosts.kafka.keeper import Keeper
    from streams.hosts.kafka.metrics import WorkerMetrics
    from streams.hosts.kafka.owner import Ground
    from streams.hosts.partition import Applied

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_THREADS = 8
"""Partitions that are worked at at once at most."""

_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)
"""How long to wait before what failed is tried again; the last one from then on."""

FATAL = (MissingPackError, ChainError)
"""What no trying again can mend: the worker stops, and says why."""


class DeskHost:
    """All partitions that this worker was given. Its methods belong to one event loop; owners work on threads."""

    def __init__(
        self,
        ground: Ground,
        keeper: Keeper,
        metrics: WorkerMetrics,
        clock: Callable[[], datetime],
        fail: Callable[[Exception], None],
    ) -> None:
        """`fail` is told what makes it impossible to go on."""
        self._ground, self._keeper, self._metrics = ground, keeper, metrics
        self._clock, self._fail = clock, fail
        self.assigned: frozenset[int] = frozenset()
        self._owners: dict[int, Owner] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="desk")
        self._going: set[asyncio.Task[None]] = set()
        self._entering: set[int] = set()
        self._free = asyncio.Event()
        self._free.set()
        self._halted = False

    @property
    def held(self) -> list[int]:
        """The partitions whose books are known."""
        return sorted(number for number, owner in self._owners.items() if owner.held)

    @property
    def seen(self) -> dict[int, int]:
        """The offset of the last message that each held partition has taken."""
        return {number: owner.seen for number, owner in self._owners.items() if owner.held}

    def assign(self, partitions: AbstractSet[int]) -> None:
        """Own these partitions from now on and no others. What stays keeps its book: its log tells if it is old.

        What goes is dropped as soon as nobody works at it, and what comes is taken over at once; a group must wait
        for neither.
        """
        self.assigned = frozenset(partitions)
        gone = [self._let_go(number) for number in self._owners if number not in partitions]
        for work in (*gone, self.tick()):
            task = asyncio.ensure_future(work)
            self._going.add(task)
            task.add_done_callback(self._going.discard)
        _log.info("assigned", desk=sorted(partitions))

    async def take(self, messages: Sequence[Message]) -> None:
        """Apply messages of any partitions; return when each is applied, or its partition is somebody else's."""
        found: dict[int, list[Message]] = {}
        for message in messages:
            found.setdefault(message.partition, []).append(message)
        await asyncio.gather(*(self._work(number, many) for number, many in found.items()))

    async def tick(self) -> None:
        """Take over what is owned and not held yet, and send ticks to desks where something is due."""
        await asyncio.gather(*(self._tick(number) for number in self.assigned))

    async def halt(self) -> None:
        """Take nothing in any more, and put snapshots of all books down; for a clean stop."""
        self._halted = True
        await asyncio.gather(*(self._rest(number) for number in self.held))

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _work(self, number: int, messages: Sequence[Message]) -> None:
        tries = 0
        while number in self.assigned and not self._halted:
            try:
                async with self._lock(number):
                    if number not in self.assigned:
                        return
                    owner = self._owner(number)
                    if not owner.held:
                        await self._enter(owner)
                    await self._free.wait()
                    done = await self._run(partial(self._timed, owner, messages))
                self._tell(number, done)
            except FATAL as error:
                self._fail(error)
                await asyncio.Event().wait()
            except OvertakenError as error:
                _log.warning("overtaken", partition=number, error=str(error))
                self._metrics.overtaken.inc()
                await asyncio.sleep(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])
            except Exception as error:  # noqa: BLE001 - whatever leaves here counts as applied
                # No exception info: a traceback with its locals would put reports' texts into the log.
                _log.error("not applied, will be tried again", partition=number, error=repr(error)[:500], tries=tries)
                self._metrics.retries.inc()
                await asyncio.sleep(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])
            else:
                return
            tries += 1

    async def _let_go(self, number: int) -> None:
        async with self._lock(number):
            if number not in self.assigned and (owner := self._owners.pop(number, None)) is not None:
                await self._run(owner.drop)
                self._keeper.leave(number)
                self._metrics.leave(number)

    async def _tick(self, number: int) -> None:
        """Take over or tick; whatever fails is tried again at the next turn."""
        lock = self._lock(number)
        if lock.locked() or self._halted:
            return
        try:
            async with lock:
                if number not in self.assigned:
                    return
                owner = self._owner(number)
                if not owner.held:
                    await self._enter(owner)
                self._metrics.ticks.inc(await self._run(lambda: owner.tick(self._clock())))
        except FATAL as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - a worker goes on
            _log.warning("not ticked", partition=number, error=repr(error)[:500])

    async def _rest(self, number: int) -> None:
        async with self._lock(number):
            try:
                await self._run(self._owners[number].snapshot)
            except Exception as error:  # noqa: BLE001 - a start without it reads a longer tail
                _log.warning("no snapshot", partition=number, error=repr(error)[:500])

    async def _enter(self, owner: Owner) -> None:
        """Take a partition over before anything else is done; one that can't be keeps the others up only so long."""
        self._entering.add(owner.number)
        self._free.clear()
        try:
            await self._run(lambda: self._take_over(owner))
        finally:
            self._entering.discard(owner.number)
            if not self._entering:
                self._free.set()

    def _timed(self, owner: Owner, messages: Sequence[Message]) -> list[Applied]:
        with self._metrics.apply_seconds.time():
            return owner.work(messages, self._clock())

    def _take_over(self, owner: Owner) -> None:
        with self._metrics.takeover_seconds.time():
            owner.take_over(self._clock())
        self._keeper.enter(owner.number, owner.log)
        held = owner.partition.desks
        self._metrics.enter(owner.number, (case for desk in held for case in desk.book.cases.values()))
        _log.info("taken over", partition=owner.number, epoch=owner.partition.epoch, applied=owner.partition.applied)

    def _tell(self, number: int, done: Sequence[Applied]) -> None:
        for one in done:
            self._keeper.keep(number, one)
            self._metrics.hear(number, one)

    async def _run(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def _owner(self, number: int) -> Owner:
        if number not in self._owners:
            self._owners[number] = Owner(self._ground, number)
        return self._owners[number]

    def _lock(self, number: int) -> asyncio.Lock:
        return self._locks.setdefault(number, asyncio.Lock())
