"""Keeping a live board up to the log, on a thread of its own: desks never wait for it, and go on without it.

A board that fails, or falls behind, is left alone for a second and then caught up from the log.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Protocol

import structlog

if TYPE_CHECKING:
    from streams.hosts.partition import Applied, Log

_log = structlog.get_logger(__name__)

_WAITING = 200
"""Records that may wait for the board; when more come it has fallen behind."""

_PAUSE_S = 1.0

_LOOK_S = 5.0
"""How often to look whether the board still has what it was given, where nothing happens that would show it."""


class LiveBoard(Protocol):
    """A board outside of this process. It knows for each partition up to where it has kept the log."""

    def keep(self, partition: int, done: Applied) -> None:
        """Keep what a record says. One that it has is passed over; one behind a gap is an error."""

    def catch_up(self, partition: int, log: Log) -> None:
        """Keep all that the log says behind what it has, up to where the log ends now."""

    def applied(self, partition: int) -> int:
        """Return the last inbox position that it has."""


class Keeper:
    """Hands records to a board. Without a board it does nothing."""

    def __init__(self, board: LiveBoard | None = None) -> None:
        self._board = board
        self._queue: queue.Queue[tuple[int, Applied] | None] = queue.Queue(_WAITING)
        self._lock = threading.Lock()
        self._logs: dict[int, Log] = {}
        self._behind: set[int] = set()
        self._resting, self._looked = 0.0, 0.0
        self._has: dict[int, int] = {}
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        if self._board is not None:
            self._thread.start()

    def stop(self) -> None:
        """Keep what waits, if the board works, and end."""
        if self._thread.is_alive():
            self._put(None)
            self._thread.join(5)

    @property
    def behind(self) -> list[int]:
        """The partitions whose records the board doesn't have all."""
        with self._lock:
            return sorted(self._behind)

    def enter(self, partition: int, log: Log) -> None:
        """Keep a partition from now on; what its last owner may not have told the board is caught up."""
        if self._board is not None:
            with self._lock:
                self._logs[partition] = log
                self._behind.add(partition)

    def leave(self, partition: int) -> None:
        """Keep a partition no more."""
        with self._lock:
            self._logs.pop(partition, None)
            self._behind.discard(partition)
            self._has.pop(partition, None)

    def keep(self, partition: int, done: Applied) -> None:
        """Let the board have what a record says, soon."""
        if self._board is not None and partition not in self._behind and not self._put((partition, done)):
            self._fell(partition, "it does not follow")

    def _put(self, one: tuple[int, Applied] | None) -> bool:
        try:
            self._queue.put_nowait(one)
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        while True:
            try:
                one = self._queue.get(timeout=_PAUSE_S / 4)
            except queue.Empty:
                self._look()
                self._catch_up()
                continue
            if one is None:
                return
            if one[0] not in self._behind:
                self._keep(*one)
            if self._queue.empty():
                self._catch_up()

    def _keep(self, partition: int, done: Applied) -> None:
        assert self._board is not None
        try:
            self._board.keep(partition, done)
            self._has[partition] = done.record.last
        except Exception as error:  # noqa: BLE001 - whatever a board does, desks go on
            self._fell(partition, repr(error)[:300])

    def _catch_up(self) -> None:
        assert self._board is not None
        for partition in self.behind:
            if time.monotonic() < self._resting:
                return
            with self._lock:
                log = self._logs.get(partition)
            if log is None:
                continue
            # In line again before the log is read: what comes meanwhile waits, and what the board has is passed over.
            with self._lock:
                self._behind.discard(partition)
            try:
                self._board.catch_up(partition, log)
                self._has[partition] = self._board.applied(partition)
            except Exception as error:  # noqa: BLE001 - whatever a board does, desks go on
                self._fell(partition, repr(error)[:300])
                self._resting = time.monotonic() + _PAUSE_S

    def _look(self) -> None:
        """See that the board still has what it was given: it may have been away, and have forgotten."""
        assert self._board is not None
        if time.monotonic() < self._looked + _LOOK_S:
            return
        self._looked = time.monotonic()
        for partition, last in list(self._has.items()):
            try:
                if self._board.applied(partition) >= last:
                    continue
                why = "it has forgotten"
            except Exception as error:  # noqa: BLE001 - whatever a board does, desks go on
                why = repr(error)[:300]
            self._fell(partition, why)

    def _fell(self, partition: int, why: str) -> None:
        with self._lock:
            if partition not in self._logs or partition in self._behind:
                return
            self._behind.add(partition)
        _log.warning("board behind", partition=partition, why=why)
