"""Keeping the index up with the log, and the systems with the index: one thread that reads, one that tells."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import structlog

from streams.ledger.fold import Fold
from streams.ledger.records import EffectsRecord
from streams.outlets.board.batches import mark
from streams.outlets.delivery.deliverer import FIRST_S, back_off
from streams.outlets.sources.index import Position
from streams.outlets.sources.returning import ReturnError, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from grids.inlets import InletsForm, SystemForm
    from streams.ledger.records import Record
    from streams.outlets.sources.index import Index
    from streams.outlets.sources.outcomes import Outcome

_log = structlog.get_logger(__name__)

_IDLE_S = 0.1
_DAY_S = 86_400.0
_TOGETHER = 200
"""Records taken up in one transaction."""


class Follower:
    """Reads logs into an index, and tells the systems that the pack says how to reach."""

    def __init__(
        self,
        index: Index,
        read: Callable[[Mapping[str, int]], Iterable[tuple[str, int, Record]]],
        inlets: InletsForm,
        clock: Callable[[], datetime],
        send: Callable[[SystemForm, Outcome], None] = tell,
        daily: Callable[[], object] = lambda: None,
    ) -> None:
        """`daily` is done once a day, at the start too; if it returns False, which it may at first, again soon."""
        self._daily, self._done = daily, float("-inf")
        self.index, self._read, self._clock, self._send = index, read, clock, send
        self._systems = [one for one in inlets.system if one.url]
        self._offsets: dict[str, int] = {}
        self._folds: dict[str, Fold] = {}
        self._learn()
        self._unproven = index.positions()
        self._chance = random.Random()  # noqa: S311 - nothing secret in a pause
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def read(self) -> int:
        """Take up what the logs hold by now, unless told to stop meanwhile; return how many records that was.

        An index that was made from another log is forgotten and made anew. What could not be put down is read again.
        """
        count = 0
        pending: dict[str, list[tuple[int, EffectsRecord]]] = {}
        after = self._offsets | {log: known.offset - 1 for log, known in self._unproven.items()}
        try:
            for log, offset, record in self._read(after):
                if self._stopped.is_set():
                    break  # the first reading of a long log takes minutes
                if (known := self._unproven.pop(log, None)) is not None and not _same(known, offset, record):
                    _log.warning("sources of another log, read anew", log=log, offset=offset)
                    self._forget()
                    return count
                if offset <= self._offsets.get(log, -1):
                    continue
                if self._folds.setdefault(log, Fold()).counts(offset, record):
                    assert isinstance(record, EffectsRecord)
                    pending.setdefault(log, []).append((offset, record))
                self._offsets[log], count = offset, count + 1
                if len(pending.get(log, ())) >= _TOGETHER:
                    self._add(log, pending.pop(log))
            for log, records in pending.items():
                self._add(log, records)
        except BaseException:
            self._learn()
            raise
        return count

    def _add(self, log: str, records: list[tuple[int, EffectsRecord]]) -> None:
        steps = [step for _, record in records for step in record.effects.transitions]
        offset, last = records[-1]
        self.index.add(log, Position(offset, Fold(last.epoch, last.last), mark(last)), steps)

    def _learn(self) -> None:
        """Go on from what the index has."""
        known = self.index.positions()
        self._offsets = {log: position.offset for log, position in known.items()}
        self._folds = {log: position.fold for log, position in known.items()}

    def _forget(self) -> None:
        self.index.clear()
        self._unproven = {}
        self._learn()

    def tell(self, now: float) -> int:
        """Try once to tell what waits; return how many were told."""
        count = 0
        for system in self._systems:
            for one in self.index.waiting(system.name, now):
                if self._stopped.is_set():
                    return count
                try:
                    self._send(system, one)
                except ReturnError as error:
                    self.index.failed(one, str(error), now + back_off(one.tries, self._chance))
                    if one.tries == 0:
                        _log.warning("source not told", system=system.name, error=str(error))
                    break  # whoever does not take one takes none now
                self.index.told(one)
                count += 1
        return count

    def start(self) -> None:
        """Let threads do so until `stop`."""
        for work in (self._reading, *([self._telling] if self._systems else [])):
            self._threads.append(threading.Thread(target=work, name=f"onegrid-sources{work.__name__}", daemon=True))
            self._threads[-1].start()

    def stop(self, patience_s: float | None = None) -> None:
        """Stop the threads; what waits stays in the index.

        One that has not stopped after `patience_s` waits for a server, and touches the index no more.
        """
        self._stopped.set()
        for thread in self._threads:
            thread.join(patience_s)

    def _reading(self) -> None:
        while not self._stopped.wait(_IDLE_S):
            try:
                self.read()
                if (now := self._clock().timestamp()) > self._done + _DAY_S:
                    self._done = now
                    if self._daily() is False:
                        self._done = float("-inf")
            except Exception as error:  # noqa: BLE001 - a full disk must not end it for good
                _log.error("sources not read", error=repr(error))
                self._stopped.wait(FIRST_S)

    def _telling(self) -> None:
        while not self._stopped.wait(_IDLE_S * 5):
            try:
                self.tell(self._clock().timestamp())
            except Exception as error:  # noqa: BLE001 - as above
                _log.error("sources not told", error=repr(error))
                self._stopped.wait(FIRST_S)


def _same(known: Position, offset: int, record: Record) -> bool:
    """Say whether a record is the one that an index was read to."""
    return offset == known.offset and isinstance(record, EffectsRecord) and mark(record) == known.mark
