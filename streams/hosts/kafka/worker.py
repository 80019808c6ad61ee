"""A worker: everything that one process does, put together, started, watched, and ended.

Worker(settings, bundles, port=0).run()      # returns the exit code
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import structlog

from streams.hosts.kafka.app import GROUP, create_app
from streams.hosts.kafka.desk import DeskHost
from streams.hosts.kafka.health import HealthServer
from streams.hosts.kafka.intake import Intake
from streams.hosts.kafka.keeper import Keeper
from streams.hosts.kafka.metrics import WorkerMetrics
from streams.hosts.kafka.owner import Ground
from streams.hosts.kafka.packs import Orders, activate
from streams.hosts.kafka.sender import Sender
from streams.hosts.kafka.watchdog import Watchdog
from streams.ledger.kafka import AwayError, Writer, partitions_of
from streams.topics import DEAD_LETTERS, DESK, REPORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.hosts.kafka.keeper import LiveBoard
    from streams.hosts.kafka.packs import Bundles
    from streams.hosts.kafka.watchdog import Places
    from streams.settings import ClusterSettings

_log = structlog.get_logger(__name__)

DONE, STOOD_STILL, REFUSED = 0, 1, 2
"""Exit codes: told to stop; ended itself, start it anew; starting it anew as it is won't help."""

Only = Literal["intake", "desk"]

_TICK_S, _ORDERS_S, _WAIT_S = 1.0, 2.0, 1.0
_STOP_S = 30.0


def wall_clock() -> datetime:
    """Return the time, for claims and ticks."""
    return datetime.now(UTC)


class Worker:
    """One process of the cluster. `only` leaves the other half to other workers."""

    def __init__(
        self,
        settings: ClusterSettings,
        bundles: Bundles,
        *,
        port: int = 0,
        only: Only | None = None,
        board: LiveBoard | None = None,
        clock: Callable[[], datetime] = wall_clock,
        patience_s: float = 60.0,
    ) -> None:
        self.settings, self.bundles, self.only = settings, bundles, only
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.metrics = WorkerMetrics(bundles.first.rules.calendar, clock)
        self.health = HealthServer(port, self._page, self._health)
        self._client, self._clock = settings.client(), clock
        self._keeper = Keeper(board)
        self._writer = Writer(self._client)
        self._orders = Orders(self._client)
        self._watchdog = Watchdog(self._client, GROUP, self._places, self._bark, patience_s=patience_s)
        self._desk: DeskHost | None = None
        self._intake: Intake | None = None
        self._assigned: dict[str, frozenset[int]] | None = None
        self._failure: Exception | None = None
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> int:
        """Work until told to stop (SIGINT, SIGTERM) or something makes it impossible; return the exit code."""
        folder = Path(tempfile.mkdtemp(prefix="onegrid-worker-"))
        try:
            return asyncio.run(self._main(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _main(self, folder: Path) -> int:
        loop = self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        self.health.start()
        sender = Sender(self._client)
        prepared = await asyncio.to_thread(self._prepare)
        if prepared is None:
            return DONE
        partitions, letter_partitions = prepared
        ground = Ground(
            name=self.name,
            client=self._client,
            writer=self._writer,
            bundles=self.bundles,
            zone=self.bundles.first.zone,
            partitions=partitions,
            letter_partitions=letter_partitions,
            post=lambda mail: asyncio.run_coroutine_threadsafe(sender.deliver(mail), loop),
        )
        if self.only != "intake":
            self._desk = DeskHost(ground, self._keeper, self.metrics, self._clock, self._fail)
        if self.only != "desk":
            self._intake = Intake(
                self.bundles, self._orders, sender, partitions, letter_partitions, self.metrics, self._fail
            )
        app = create_app(
            self.settings,
            folder,
            intake=self._intake.take if self._intake else None,
            desk=self._desk.take if self._desk else None,
        )
        connect: Any = app.on_partitions_assigned.connect
        connect(self._on_assigned)
        connect = app.on_partitions_revoked.connect
        connect(self._on_revoked)
        self._keeper.start()
        self._watchdog.start()
        try:
            await app.start()
        except Exception as error:  # noqa: BLE001 - whatever the engine says, somebody must start this worker anew
            _log.error("the engine did not start", error=repr(error)[:500])
            _leave(STOOD_STILL)
        beats = [asyncio.ensure_future(self._beat()), asyncio.ensure_future(self._hear_orders())]
        ended = asyncio.ensure_future(app.wait_until_stopped())
        told = asyncio.ensure_future(self._stop.wait())
        _log.info("started", worker=self.name, port=self.health.port, only=self.only or "both")
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        for beat in beats:
            beat.cancel()
        if self._failure is not None:
            _log.error("refused to go on", error=str(self._failure))
            _leave(REFUSED)
        if not told.done():
            _log.error("the engine has stopped", crash=repr(app.crash_reason)[:500])
            _leave(STOOD_STILL)
        await self._end(app, sender)
        return DONE

    def _prepare(self) -> tuple[int, int] | None:
        """Wait for Kafka and its topics, None if told to stop first; put a pack in force where none ever was."""
        assert self._stop is not None
        while not self._stop.is_set():
            try:
                found = partitions_of(self._client, DESK), partitions_of(self._client, DEAD_LETTERS)
                self._orders.refresh()
                if not self._orders.told:
                    first = self.bundles.first
                    desks = activate(self._client, self._writer, first, self._clock())
                    _log.info("first pack put in force", digest=first.digest, desks=desks)
                    self._orders.refresh()
            except AwayError as error:
                _log.warning("waiting for kafka", error=str(error)[:500])
                time.sleep(_WAIT_S)
            else:
                return found
        return None

    async def _on_assigned(self, _app: Any, assigned: Iterable[Any], **_: Any) -> None:
        found = {topic: frozenset(tp.partition for tp in assigned if tp.topic == topic) for topic in (REPORTS, DESK)}
        self._assigned = found
        if self._desk is not None:
            self._desk.assign(found[DESK])

    async def _on_revoked(self, _app: Any, _revoked: Iterable[Any], **_: Any) -> None:
        self._assigned = None

    async def _beat(self) -> None:
        """Send ticks, and show how far things are."""
        while True:
            await asyncio.sleep(_TICK_S)
            if self._desk is not None and self._assigned is not None:
                await self._desk.tick()
                self.metrics.held.set(len(self._desk.held))
            self.metrics.behind.set(len(self._keeper.behind))
            self.metrics.show_lag(self._watchdog.lag)

    async def _hear_orders(self) -> None:
        while True:
            await asyncio.sleep(_ORDERS_S)
            with contextlib.suppress(AwayError):
                await asyncio.to_thread(self._orders.refresh)

    async def _end(self, app: Any, sender: Sender) -> None:
        """Put snapshots down, commit, leave the group. What isn't done by then is done by somebody else, again."""
        _log.info("stopping", worker=self.name)
        self._watchdog.stop()
        try:
            async with asyncio.timeout(_STOP_S):
                if self._desk is not None:
                    await self._desk.halt()
                await app.stop()
                await sender.close()
        except TimeoutError:
            _log.warning("not stopped in time", seconds=_STOP_S)
            _leave(DONE)
        self._keeper.stop()
        self._writer.close()
        for part in (self._desk, self._intake):
            if part is not None:
                part.close()
        self.health.stop()
        _log.info("stopped", worker=self.name)

    def _fail(self, error: Exception) -> None:
        """End, because nothing that this worker could do again would help."""
        if self._failure is None and self._stop is not None:
            self._failure = error
            self._stop.set()

    def _bark(self, what: str) -> None:  # noqa: ARG002 - it is in the log
        _leave(STOOD_STILL)

    def _places(self) -> Places | None:
        """Say for each partition of this worker which message comes next; for intake the group knows."""
        assigned = self._assigned
        if assigned is None:
            return None
        seen = self._desk.seen if self._desk else {}
        found: Places = {(DESK, number): seen.get(number, -1) + 1 for number in assigned[DESK]}
        return found | dict.fromkeys(((REPORTS, number) for number in assigned[REPORTS]), None)

    def _page(self) -> bytes:
        return self.metrics.page()

    def _health(self) -> dict[str, Any]:
        assigned = self._assigned or {}
        held = self._desk.held if self._desk else []
        return {
            "healthy": self._assigned is not None and self._failure is None,
            "worker": self.name,
            "pid": os.getpid(),
            "only": self.only,
            "intake": sorted(assigned.get(REPORTS, ())) if self._intake else [],
            "desk": sorted(assigned.get(DESK, ())) if self._desk else [],
            "held": held,
            "board_behind": self._keeper.behind,
            "packs": [order.digest for order in self._orders.told[-1:]],
        }


def _leave(code: int) -> None:
    """End now, whatever threads and the engine are at; nothing that isn't in the log was promised to anybody."""
    os._exit(code)
