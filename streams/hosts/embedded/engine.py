"""The thread that runs an embedded host while a gateway takes reports in.

Whoever calls `accept` waits only until the journal is on disk; calls that wait at the same time share one commit.
Between commits the thread works off what waits, and sends ticks when nothing else moves time on.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from streams.hosts.embedded.host import BATCH
from streams.hosts.embedded.store import DiskFullError
from streams.stages.desk.desk import PROCESS_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.hosts.embedded.host import EmbeddedHost
    from streams.records import DeadLetter, Effects, Said
    from streams.stages.acceptance import Accepted

_log = structlog.get_logger(__name__)

_IDLE_S = 0.25
"""How long to wait for input before looking whether a clock is due."""

_RETRY_S = 2.0
"""How long to wait on a full disk before work is tried again."""

_TRIES = 3
"""How often in a row work may fail by a fault of the process before the engine stops."""

_POURING = 500
"""Reports taken in at once from which on they come as a stream: then the desk works little between two of them."""

_SIP = 24
"""Inputs that the desk works off at a time meanwhile: whoever pours waits for the disk, not for the desk."""

_GROUP = 256
"""Calls that share a commit at most."""


def wall_clock() -> datetime:
    """Return the time at which something is accepted: hosts and inlets may ask, stages never."""
    return datetime.now(UTC)


@dataclass
class _Call:
    reports: Sequence[Accepted] = ()
    actions: Sequence[tuple[Said, datetime]] = ()
    letters: Sequence[DeadLetter] = ()
    done: Future[None] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class Engine:
    """Owns a host on a thread of its own.

    `heard` is called with each batch's effects, `took` with the seconds that a call waited to be on disk, on that
    thread.
    """

    def __init__(
        self,
        make_host: Callable[[], EmbeddedHost],
        *,
        clock: Callable[[], datetime] = wall_clock,
        heard: Callable[[Effects], None] = lambda _effects: None,
        took: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._make_host = make_host
        self._clock = clock
        self._heard, self._took = heard, took
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="onegrid-engine", daemon=True)
        self.failure: BaseException | None = None
        self.trouble: DiskFullError | None = None
        self._resting = 0.0
        self._faults = 0

    def start(self) -> None:
        """Open the host; raises what opening it raises."""
        self._thread.start()
        self._ready.result()

    def stop(self) -> None:
        """Work off what waits, put a snapshot down, then close the host."""
        self._calls.put(None)
        self._thread.join()

    @property
    def healthy(self) -> bool:
        """Whether the thread is at work, and has space to write."""
        return self._alive and self.trouble is None

    def accept(self, reports: Sequence[Accepted], letters: Sequence[DeadLetter] = ()) -> Future[None]:
        """Take reports in; the future is done once they are on disk."""
        return self._put(_Call(reports=reports, letters=letters))

    def refuse(self, letters: Sequence[DeadLetter]) -> Future[None]:
        """Keep what an inlet refused and has to be known; the future is done once it is on disk."""
        return self._put(_Call(letters=letters))

    def submit(self, actions: Sequence[tuple[Said, datetime]]) -> Future[None]:
        """Take actions and acknowledgements in; the future is done once they are on disk."""
        return self._put(_Call(actions=actions))

    @property
    def _alive(self) -> bool:
        return self._thread.is_alive() and self.failure is None

    def _put(self, call: _Call) -> Future[None]:
        if not self._alive:
            call.done.set_exception(RuntimeError("the engine has stopped"))
        else:
            self._calls.put(call)
        return call.done

    def _run(self) -> None:
        try:
            host = self._make_host()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits in start()
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        try:
            while self._turn(host):
                pass
            if self.trouble is None:
                host.snapshot()
        except BaseException as error:  # noqa: BLE001 - a broken disk must show in /healthz, not only in a log
            self.failure = error
            _log.error("engine stopped", error=repr(error), where=_where(error))
        finally:
            self._fail_waiting(self.failure or RuntimeError("the engine has stopped"))
            host.close()

    def _turn(self, host: EmbeddedHost) -> bool:
        """Take in what waits, then work off one batch; False once told to stop and nothing is left.

        On a full disk whoever waits is told, nothing is lost, and work is tried again every few seconds. After a
        fault of the process the host has dropped its book, and the next turn does the same work from the log.
        """
        calls, stop = self._collect()
        try:
            if calls:
                self._take_in(host, calls)
            if time.monotonic() >= self._resting:
                if self.trouble is not None:
                    host.probe()
                self._work(host, stop=stop, pouring=sum(len(call.reports) for call in calls) >= _POURING)
                self.trouble = None
                self._faults = 0
        except PROCESS_FAULTS as error:
            self._faults += 1
            _log.error("fault of the process", error=repr(error), where=_where(error), times=self._faults)
            if self._faults == _TRIES:
                raise
            if stop:
                self._calls.put(None)
            return True
        except DiskFullError as error:
            if self.trouble is None:
                _log.error("disk full", error=str(error))
            self.trouble = error
            self._resting = time.monotonic() + _RETRY_S
        return not stop

    def _work(self, host: EmbeddedHost, *, stop: bool, pouring: bool) -> None:
        host.tick(self._clock())
        limit = _SIP if pouring else BATCH
        while (effects := host.work(limit) if limit < BATCH else host.work()) is not None:
            self._heard(effects)
            if not stop and not self._calls.empty():
                break
            limit = min(2 * limit, BATCH)

    def _collect(self) -> tuple[list[_Call], bool]:
        calls: list[_Call] = []
        timeout = _IDLE_S
        while len(calls) < _GROUP:
            try:
                call = self._calls.get(timeout=timeout) if timeout else self._calls.get_nowait()
            except queue.Empty:
                break
            if call is None:
                return calls, True
            calls.append(call)
            timeout = 0
        return calls, False

    def _take_in(self, host: EmbeddedHost, calls: Sequence[_Call]) -> None:
        try:
            if reports := [report for call in calls for report in call.reports]:
                host.accept(reports)
            if letters := [letter for call in calls for letter in call.letters]:
                host.refuse(letters)
            if actions := [action for call in calls for action in call.actions]:
                host.submit(actions)
        except BaseException as error:
            for call in calls:
                call.done.set_exception(error)
            raise
        now = time.monotonic()
        for call in calls:
            self._took(now - call.since)
            call.done.set_result(None)

    def _fail_waiting(self, error: BaseException) -> None:
        while not self._calls.empty():
            call = self._calls.get()
            if call is not None:
                call.done.set_exception(error)


def _where(error: BaseException) -> list[str]:
    """Say where something was raised, and where what led to it was, the innermost place last.

    Names of places only: a traceback rendered with its lines or locals would put reports' texts into the log.
    """
    before = error.__cause__ or error.__context__
    earlier = [*_where(before), type(before).__name__] if before is not None else []
    places = traceback.extract_tb(error.__traceback__)
    return [*earlier, *(f"{one.filename}:{one.lineno} {one.name}" for one in places)]
