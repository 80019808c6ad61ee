"""The embedded host: reports and actions through both stages, one transaction a batch.

The journal is committed before anybody is told that a report was taken in. Routing a batch, applying it at the
desk, its effects record, the changed cases and the applied position are one transaction, so after a kill at any
moment the file says exactly how far things got, and work goes on from there.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.hosts.embedded.memory import loading
from streams.hosts.embedded.store import Store, StoreError
from streams.hosts.partition import Partition
from streams.ledger.chain import ChainError
from streams.outlets.measures.names import KEY as NAMES
from streams.outlets.measures.names import names_of
from streams.records import Attendance, DeadLetter, Effects, Item, PackActivated, Report, Tick, together
from streams.stages.acceptance import Accepted
from streams.stages.desk.desks import Desks
from streams.stages.intake import route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from grids.city import City
    from streams.records import Body, Case, Deed, RoutedReport, Said

BATCH = 500
"""Inputs of one transaction."""

_EPOCH = "epoch"
_CLAIM = "claim"
_ROUTED = "routed"
_PACK = "pack"

_report = msgspec.json.Decoder(Report)


class _Routed(NamedTuple):
    """What intake made of journal entries: what lies in the inbox now, and dead letters."""

    items: list[Item]
    dead: list[DeadLetter]


class EmbeddedHost:
    """One city's stages on one file. All calls must come from one thread at a time."""

    def __init__(self, city: City, directory: Path, at: datetime) -> None:
        self.city = city
        self.store = Store(directory)
        store = self.store
        zone = city.rules.calendar.zone
        self._partition = Partition("embedded", self._fresh, store.log, store.snapshots, store, zone)
        self._at = at
        self._epoch = ""
        try:
            self._take_over()
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Close the file; everything told is on disk already."""
        self.store.close()

    def snapshot(self) -> None:
        """Put the books down whole, so that the next start reads no long log; for a clean stop."""
        self._ready()
        with self._undone_together(), self.store.transaction():
            self._check_epoch()
            self._partition.snapshot()

    def probe(self) -> None:
        """Write something. Raises DiskFullError where there is no space."""
        self.store.probe()

    def accept(self, batch: Sequence[Accepted]) -> None:
        """Put reports into the journal, on disk when this returns."""
        with self.store.transaction():
            self.store.add_reports((one.report.report_id, one.at, one.original) for one in batch)

    def submit(self, deeds: Iterable[tuple[Said, datetime]]) -> None:
        """Put actions and acknowledgements into the inbox of the desks of their cases, on disk when this returns.

        Who is on duty may be asked by any desk, and is told to all of them.
        """
        self._ready()
        rows: list[tuple[str, datetime, Body]] = [
            (desk, at.astimezone(UTC), one) for one, at in deeds for desk in self._desks_of(one)
        ]
        with self.store.transaction():
            self.store.add_inbox(rows)

    def refuse(self, letters: Sequence[DeadLetter]) -> None:
        """Keep what an inlet could not read at all."""
        with self.store.transaction():
            self.store.board.letters(letters)

    def tick(self, now: datetime) -> None:
        """Tell every desk that has something due by `now` that time has passed."""
        self._at = now
        self._ready()
        if waiting := self._partition.desks.waiting(now):
            at = now.astimezone(UTC)
            rows: list[tuple[str, datetime, Body]] = [(desk, at, Tick(desk, at)) for desk in waiting]
            with self.store.transaction():
                self.store.add_inbox(rows)

    def next_due(self) -> datetime | None:
        """Return when a clock of any desk does something next; None if none will."""
        self._ready()
        found = (desk.book.next_due() for desk in self._partition.desks)
        return min((due for due in found if due is not None), default=None)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Put all calls made inside into one transaction: nothing is on disk before the end, and then everything.

        For who makes inputs and can make them again; a gateway must not answer anybody before the end.
        """
        with self._undone_together(), self.store.transaction():
            yield

    def work(self, limit: int = BATCH) -> Effects | None:
        """Take the next batch through both stages; None when nothing waits.

        Intake's dead letters are told with the desks', though no effects record holds them. If anything fails, the
        transaction is undone and the book is learned anew from the log, so that the two never differ.
        """
        self._ready()
        with self._undone_together(), self.store.transaction():
            self._check_epoch()
            routed = self._route(limit)
            effects = self._apply(limit, routed.items if routed else ())
        if effects is None and routed is None:
            return None
        effects = effects or Effects()
        effects.dead_letters = [*(routed.dead if routed else ()), *effects.dead_letters]
        return effects

    def drain(self) -> list[Effects]:
        """Work until nothing waits, and return all effects in order."""
        found = []
        while (effects := self.work()) is not None:
            found.append(effects)
        return found

    def current(self, case_no: str) -> Case:
        """Return a case as the book has it now; KeyError if it has left the book."""
        self._ready()
        return self._partition.desks.current(case_no)

    @contextmanager
    def _undone_together(self) -> Iterator[None]:
        """Drop the book when a transaction is undone: it may be ahead of the file."""
        try:
            yield
        except BaseException:
            self._partition.drop()
            raise

    def _fresh(self) -> Desks:
        return Desks(self.city, lambda _: self.city)

    def _ready(self) -> None:
        """Learn the book anew if a failure has cost it."""
        if not self._partition.held:
            self._take_over()

    def _take_over(self) -> None:
        """Claim the log, learn the book, and put the pack in force if it is another than the last one.

        Raises StoreError where the log is not as it was written.
        """
        with self.store.transaction():
            if self._epoch:
                self._check_epoch()
            try:
                with loading():
                    self._partition.take_over(self._at)
            except (ChainError, msgspec.DecodeError) as error:
                text = "请用备份恢复 expected the log as it was written: restore a backup"
                raise StoreError(f"{self.store.path.name}: {error}; {text}") from error
            epoch = str(self._partition.epoch)
            self.store.set_meta(_EPOCH, epoch)
            self.store.set_meta(_CLAIM, self._partition.book.chain.claim)
            self.store.set_meta(NAMES, msgspec.json.encode(names_of(self.city.rules)).decode())
            if self.store.meta(_PACK) != self.city.digest:
                desks = self.city.rules.places.desks
                activated = (PackActivated(self.city.digest, self._at, desk) for desk in desks)
                self.store.add_inbox((body.desk, self._at, body) for body in activated)
                self.store.set_meta(_PACK, self.city.digest)
        self._epoch = epoch

    def _check_epoch(self) -> None:
        """Raise StoreError if another process has claimed the log since: what this one wrote would not count."""
        if self.store.meta(_EPOCH) != self._epoch:
            raise StoreError(f"{self.store.path}: taken over by another process; expected to be the only one")

    def _route(self, limit: int) -> _Routed | None:
        """Move journal entries through intake into the inbox; None where nothing waited."""
        position = int(self.store.meta(_ROUTED, "0"))
        rows = self.store.reports_after(position, limit)
        if not rows:
            return None
        batch = [
            Accepted(msgspec.structs.replace(_report.decode(original), report_id=name), at, original)
            for _, name, at, original in rows
        ]
        dead: list[DeadLetter] = []
        inputs: list[tuple[str, datetime, RoutedReport]] = []
        for accepted, outcome in zip(batch, route(self.city, batch), strict=True):
            if isinstance(outcome, DeadLetter):
                dead.append(outcome)
            else:
                inputs.append((self._home(outcome), accepted.at, outcome))
        end = self.store.inbox_end()
        self.store.add_inbox(inputs)
        self.store.board.letters(dead)
        self.store.set_meta(_ROUTED, str(rows[-1][0]))
        items = [Item(position, desk, at, body) for position, (desk, at, body) in enumerate(inputs, start=end + 1)]
        return _Routed(items, dead)

    def _home(self, routed: RoutedReport) -> str:
        """Return the desk that holds the report's case already, so that an update finds it; else its place's."""
        report = routed.report
        return self._partition.desks.holder(report.system, report.system_no) or routed.placement.desk

    def _apply(self, limit: int, fresh: Sequence[Item]) -> Effects | None:
        """Move inbox items through the desks, and keep what came of them.

        `fresh` are the last that the inbox has: where nothing waits before them they need not be read again.
        """
        applied = self._partition.applied
        behind = fresh and fresh[0].position == applied + 1
        items = fresh if behind else self.store.inbox_after(applied, limit)
        if not items:
            return None
        told: list[Effects] = []
        for done in self._partition.apply(items):
            self.store.keep(done)
            told += done.effects.values()
        self.store.set_meta("applied", str(self._partition.applied))
        return together(told)

    def _desks_of(self, said: Said) -> Iterable[str]:
        return self.city.rules.places.desks if isinstance(said, Attendance) else (self._desk_of(said),)

    def _desk_of(self, deed: Deed) -> str:
        """Return the desk of a deed's case; an unknown case goes to the city's desk, which refuses it."""
        try:
            return self._partition.desks.current(deed.case_no).desk
        except KeyError:
            return self.city.rules.places.city_desk.code
