"""Faults of the kind that such systems have, each planted by a few lines. The simulation must find every one.

with planted("a reader ignores epochs"):
    simulate(17)
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import msgspec

from streams.hosts import shelf
from streams.hosts.book import Book
from streams.hosts.partition import Partition
from streams.ledger import snapshots
from streams.ledger.fold import Fold
from streams.ledger.records import Claim
from streams.stages.desk.desk import Desk
from tests.simulation.inlets import Gateway, Intake
from tests.simulation.outlets import BoardFolder, Outlet
from tests.simulation.owners import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from streams.ledger.records import EffectsRecord, Record
    from streams.records import Item, Transition
    from tests.simulation.media import Entry, Line
    from tests.simulation.network import Letter

_writes, _takes_over, _fires = Partition._write, Partition.take_over, Desk.fire
_makes_desks, _puts = Owner.fresh, snapshots.write


class _NoEpochs(Fold):
    """Looks at the span of a record alone."""

    def counts(self, _: int, record: Record) -> bool:
        if isinstance(record, Claim) or record.first != self.applied + 1:
            return False
        self.applied = record.last
        return True


def _claims_last(self: Partition, at: datetime) -> None:
    """Read the log as it is, and claim the partition then."""
    self.drop()
    last = max((offset for offset, _ in self._log.read()), default=-1)
    book = self._shelf.load(self._fresh, self._log.read, last) if last >= 0 else Book(self._fresh())
    claim = Claim(self.owner, at)
    book.known = book.fold.epoch = self._log.append(claim)
    book.chain.claimed(claim)
    if book.last is not None and (unsent := book.last[1].effects.outgoing):
        self._outbox.send(book.last[0], unsent)
    self._book = book


class _Hasty:
    """A log that sends what a record holds as soon as it is appended, wherever it has landed."""

    def __init__(self, partition: Partition) -> None:
        self._partition, self._log = partition, partition._log

    def append(self, record: Record) -> int:
        offset = self._log.append(record)
        if not isinstance(record, Claim) and (outgoing := record.effects.outgoing):
            self._partition._outbox.send(offset, outgoing)
        return offset


def _sends_first(self: Partition, book: Book, items: Sequence[Item]) -> Any:
    log, self._log = self._log, _Hasty(self)  # type: ignore[assignment]
    try:
        return _writes(self, book, items)
    finally:
        self._log = log


_watch: list[Callable[[], datetime]] = []


def _wears_a_watch(self: Owner) -> Any:
    _watch[:] = [self.clock]
    return _makes_desks(self)


def _looks_at_the_watch(self: Desk, until: datetime) -> None:
    _fires(self, max(until, _watch[0]()) if _watch else until)


def _one_further(store: Any, slot: int, manifest: snapshots.Manifest, chunks: Any) -> Any:
    return _puts(store, slot, msgspec.structs.replace(manifest, offset=manifest.offset + 1), chunks)


class _Nowhere:
    """An outbox from which nothing goes out."""

    def send(self, *_: Any) -> None:
        """Send nothing."""


def _sends_nothing_again(self: Partition, at: datetime) -> None:
    outbox, self._outbox = self._outbox, _Nowhere()
    try:
        _takes_over(self, at)
    finally:
        self._outbox = outbox


def _promises_first(self: Gateway, letter: Letter, entry: Entry) -> None:
    self.answer(letter, entry.report_id)
    self.journal(entry)


def _notes_before_it_routes(self: Intake, place: int, entries: list[Entry]) -> None:
    self.note(place + len(entries))
    self.route(entries)


def _notes_before_it_writes(
    self: Outlet, line: Line, offset: int, fold: Fold, record: EffectsRecord | None, was: int
) -> None:
    self.note(line, offset, fold)
    self.take(line, offset, record, was)


def _where_it_is_going(self: BoardFolder, step: Transition) -> str:
    return step.change.desk if isinstance(step.change.desk, str) else ""


FIVE: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "a reader ignores epochs": ((BoardFolder, "fold", _NoEpochs),),
    "a takeover does not read its own claim": ((Partition, "take_over", _claims_last),),
    "a delivery before the record is known to count": ((Partition, "_write", _sends_first),),
    "a due moment fired from the wall clock": ((Desk, "fire", _looks_at_the_watch), (Owner, "fresh", _wears_a_watch)),
    "a snapshot with the wrong position": ((shelf, "write", _one_further),),
}
BUGS = FIVE | {
    "a takeover sends nothing again": ((Partition, "take_over", _sends_nothing_again),),
    "a gateway promises before it has written": ((Gateway, "report", _promises_first),),
    "intake notes its place before it routes": ((Intake, "done", _notes_before_it_routes),),
    "an outlet notes its place before it writes": ((Outlet, "record", _notes_before_it_writes),),
    "inlets ask where a case is going": ((BoardFolder, "home", _where_it_is_going),),
}
"""What is put in place of what, by the name of the bug."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Plant a bug for a while; an empty name plants none."""
    with ExitStack() as stack:
        for owner, attribute, instead in BUGS.get(name, ()):
            stack.enter_context(patch.object(owner, attribute, instead))
        yield
    _watch.clear()
