"""The owner of one partition: applies its inbox, once, whatever medium inbox and log lie on.

    partition = Partition("worker-1", lambda: Desks(city), log, snapshots, outbox, zone)
    partition.take_over(now)                                    # claim, snapshot, tail: now the book is known
    for done in partition.apply(inbox.read(partition.applied, 500)):
        ...                                                     # done.offset, done.effects, done.cases, done.ended

Taking over appends a claim, loads the newest snapshot that is whole, reads the log through its own claim, and folds
what counts into the desks. Applying is receive, append, and a look at where the record landed: anywhere but right
behind the last record it knows means that somebody else has written, so it drops the book. If the partition is still
its own, its host calls again; then it takes over anew and applies what the log says is still to do.

What desks send each other goes out only when the record that holds it is known to count, and before the next one is
written; so after a takeover at most the last counted record's has not gone out, and is sent again.

Every append, send and put is one call of a port, and a crash may come between any two of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from streams.hosts.shelf import GROWN, Shelf
from streams.ledger.chain import DailyHead
from streams.ledger.records import Claim
from streams.records import RoutedReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, tzinfo

    from streams.hosts.book import Book
    from streams.ledger.chain import Chain, Head
    from streams.ledger.records import EffectsRecord, Record
    from streams.ledger.snapshots import Snapshots
    from streams.records import Body, Case, Effects, Item, Outgoing
    from streams.stages.desk.desks import Desks

RECORD = 400
"""Inputs of one effects record at most. Reports fill one before, by FULL; actions lead to little, and a record is as
much work for who writes to Kafka as twenty of them."""

FULL = 600_000
"""Bytes of effects from which on a record takes no further input, so that it stays under 1 MB as long as no single
input leads to as much again."""

_STEP, _LETTER = 1500, 3
"""Bytes that a step of a report, and a letter of its text, take at most."""

SLICE = 25
"""Clocks that are fired at once before an input: with their alerts they stay well under a record's size."""

_encode = msgspec.json.Encoder().encode


class Log(Protocol):
    """The effects log of the partition. Offsets grow by one from record to record, whoever writes."""

    def append(self, record: Record) -> int:
        """Append a record, durably, and return its offset."""

    def read(self, after: int = -1) -> Iterable[tuple[int, Record]]:
        """Yield the records behind an offset, in order, up to the last one there is."""


class Outbox(Protocol):
    """The way into the inboxes of other desks. Receivers take what is sent twice once."""

    def send(self, offset: int, outgoing: Sequence[Outgoing]) -> None:
        """Send what the record at an offset of the log holds, durably; perhaps not for the first time."""


class Applied(NamedTuple):
    """One effects record that stands in the log and counts, and what came of it.

    `cases` are those it changed, as they are now; `ended` the days that ended at desks.
    """

    offset: int
    record: EffectsRecord
    effects: dict[str, Effects]
    cases: list[Case]
    ended: list[DailyHead]


class NotHeldError(Exception):
    """The partition is not held: nobody has taken it over, or the book was dropped."""


class Partition:
    """The owner of one partition. Not for two threads.

    `fresh` makes desks that have heard nothing, `zone` is where the city's dates are, `grown` is how many bytes of
    effects make a snapshot due (`streams.hosts.shelf`).
    """

    def __init__(
        self,
        owner: str,
        fresh: Callable[[], Desks],
        log: Log,
        snapshots: Snapshots,
        outbox: Outbox,
        zone: tzinfo,
        *,
        grown: int = GROWN,
    ) -> None:
        self.owner = owner
        self._fresh, self._zone = fresh, zone
        self._log, self._outbox, self._shelf = log, outbox, Shelf(snapshots, grown)
        self._book: Book | None = None

    @property
    def held(self) -> bool:
        """Whether the book is known."""
        return self._book is not None

    @property
    def book(self) -> Book:
        """What the owner knows. Raises NotHeldError."""
        if self._book is None:
            raise NotHeldError(f"{self.owner} does not hold the partition; expected take_over first")
        return self._book

    @property
    def desks(self) -> Desks:
        """The desks as they are after the last record. Raises NotHeldError."""
        return self.book.desks

    @property
    def applied(self) -> int:
        """The last inbox position that is applied. Raises NotHeldError."""
        return self.book.fold.applied

    @property
    def epoch(self) -> int:
        """The offset of the claim under which this owner writes. Raises NotHeldError."""
        return self.book.fold.epoch

    @property
    def heads(self) -> dict[str, Head]:
        """The heads of the desks' chains. Raises NotHeldError."""
        return dict(self.book.chain.heads)

    def take_over(self, at: datetime) -> None:
        """Claim the partition and learn where it stands; what may not have gone out is sent again.

        Raises ChainError if the log is not as it was written.
        """
        self.drop()
        epoch = self._log.append(Claim(self.owner, at))
        book = self._shelf.load(self._fresh, self._log.read, epoch)
        if book.last is not None and (unsent := book.last[1].effects.outgoing):
            self._outbox.send(book.last[0], unsent)
        self._book = book

    def apply(self, items: Sequence[Item]) -> list[Applied]:
        """Apply inputs, in the order of their positions; those at or below the applied position are passed over.

        Takes over first if the partition is not held. Returns the records written; what the log turns out to hold of
        these inputs already is not among them. If somebody else has written meanwhile the book is dropped and the
        rest is left: whoever calls finds out by `held`, asks whether the partition is still to be owned, and calls
        again. If anything fails the book is dropped, too.
        """
        done: list[Applied] = []
        if not items:
            return done
        try:
            if self._book is None:
                self.take_over(items[-1].at)
            start = 0
            while self._book is not None:
                while start < len(items) and items[start].position <= self.applied:
                    start += 1
                if start == len(items):
                    break
                if (one := self._write(self._book, items[start : start + RECORD])) is not None:
                    done.append(one)
                    self._shelf.keep(self._book)
        except BaseException:
            self.drop()
            raise
        return done

    def drop(self) -> None:
        """Forget the book, as when the partition goes to somebody else."""
        self._book = None
        self._shelf.forget()

    def snapshot(self) -> None:
        """Put a snapshot of the book down whole, if the log has grown since the last one; for a clean stop."""
        self._shelf.put(self.book)

    def _write(self, book: Book, items: Sequence[Item]) -> Applied | None:
        """Receive, append, and look where the record landed; None if somebody else has written meanwhile."""
        before = {desk: book.desks[desk].book.now for desk in {item.desk for item in items}}
        effects, cases, last = _receive(book.desks, items, book.fold.applied)
        record = book.chain.record(book.fold.epoch, book.fold.applied + 1, last, effects)
        offset = self._log.append(record)
        if offset != book.known + 1:
            self.drop()
            return None
        ended = self._ended(before, effects, book.chain)
        counts = book.counted(offset, record)
        assert counts
        if outgoing := [sent for one in effects.values() for sent in one.outgoing]:
            self._outbox.send(offset, outgoing)
        return Applied(offset, record, effects, cases, ended)

    def _ended(
        self, before: dict[str, datetime | None], effects: dict[str, Effects], chain: Chain
    ) -> list[DailyHead]:
        ended = []
        for desk, one in effects.items():
            was, head = before[desk], chain.heads.get(desk)
            if was is None or one.now is None or head is None:
                continue
            day = was.astimezone(self._zone).date()
            if day < one.now.astimezone(self._zone).date():
                ended.append(DailyHead(day, desk, head.offset, head.head))
        return ended


def _receive(desks: Desks, items: Sequence[Item], applied: int) -> tuple[dict[str, Effects], list[Case], int]:
    """Let desks receive inputs behind the applied position until a record is full.

    After a pause one input may find thousands of clocks due. Where positions leave room before it, as many as a
    record holds are fired first, in a record of their own that covers a position between inputs.

    Returns what came of them by desk, the cases that changed, and the position that is applied then.
    """
    last, size = applied, 0
    sizes: dict[str, _Size] = {}
    for item in items:
        told = sizes.setdefault(item.desk, _Size())
        if item.position > last + 1 and (found := desks.ahead(item, SLICE)) is not None:
            early, more = found
            size += told.grown(early)
            if more or size > FULL:
                last = last + 1 if last == applied else last
                break
        size += told.grown(desks.take(item), item.body)
        last = item.position
        if size > FULL:
            break
    effects = desks.end()
    cases: dict[str, Case] = {}
    for number, case in (one for desk in effects for one in desks[desk].clerk.touched.items()):
        if number not in cases or cases[number].seq < case.seq:  # it may have gone from one of these desks to another
            cases[number] = case
    return effects, list(cases.values()), last


class _Size:
    """How far one desk's effects of a batch have been measured."""

    def __init__(self) -> None:
        self._steps = self._alerts = self._letters = self._outgoing = 0

    def grown(self, effects: Effects, body: Body | None = None) -> int:
        """Return about how many bytes have come to the effects, of an input if it was one.

        For an ordinary report only its alerts have to be written for that.
        """
        steps, alerts = effects.transitions[self._steps :], effects.alerts[self._alerts :]
        letters, outgoing = effects.dead_letters[self._letters :], effects.outgoing[self._outgoing :]
        self._steps, self._alerts = len(effects.transitions), len(effects.alerts)
        self._letters, self._outgoing = len(effects.dead_letters), len(effects.outgoing)
        if isinstance(body, RoutedReport) and not (letters or outgoing):
            said = len(_encode(alerts)) if alerts else 0
            return _STEP * len(steps) + _LETTER * len(body.report.text) + said
        return len(_encode((steps, alerts, letters, outgoing)))
