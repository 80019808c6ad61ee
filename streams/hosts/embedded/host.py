"""The embedded host: reports and actions through both stages, one transaction a batch.

The journal is committed before anybody is told that a report was taken in. Routing a batch, applying it at the
desk, its effects record, the changed cases and the applied position are one transaction, so after a kill at any
moment the file says exactly how far things got, and work goes on from there.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING

import msgspec

from streams.hosts.embedded.store import Store, StoreError
from streams.ledger.records import Claim, EffectsRecord
from streams.records import DeadLetter, Effects, PackActivated, Report, Tick
from streams.stages.acceptance import Accepted
from streams.stages.desk.casebook import CaseBook
from streams.stages.desk.desk import Desk
from streams.stages.intake import route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from grids.city import City
    from streams.records import Action, Body, Case, Item, RoutedReport

BATCH = 500
"""Inputs of one transaction."""

RECORD = 100
"""Inputs of one effects record: at about 5 kB of effects each it stays under 1 MB."""

_EPOCH = "epoch"
_ROUTED = "routed"
_PACK = "pack"

_report = msgspec.json.Decoder(Report)


class EmbeddedHost:
    """One city's stages on one file. All calls must come from one thread at a time."""

    def __init__(self, city: City, directory: Path, at: datetime) -> None:
        self.city = city
        self.store = Store(directory)
        self._take_over(at)

    def close(self) -> None:
        """Close the file; everything told is on disk already."""
        self.store.close()

    def accept(self, batch: Sequence[Accepted]) -> None:
        """Put reports into the journal, on disk when this returns."""
        with self.store.transaction():
            self.store.add_reports((one.report.report_id, one.at, one.original) for one in batch)

    def submit(self, actions: Iterable[tuple[Action, datetime]]) -> None:
        """Put actions into the inbox of the desks of their cases, on disk when this returns."""
        rows: list[tuple[str, datetime, Body]] = [(self._desk_of(a), at.astimezone(UTC), a) for a, at in actions]
        with self.store.transaction():
            self.store.add_inbox(rows)

    def refuse(self, letters: Sequence[DeadLetter]) -> None:
        """Keep what an inlet could not read at all."""
        with self.store.transaction():
            self.store.add_dead_letters(letters)

    def tick(self, now: datetime) -> None:
        """Tell every desk that has something due by `now` that time has passed."""
        desks = self.city.rules.places.desks
        waiting = [desk for desk in desks if (due := self._book.next_due(desk)) is not None and due <= now]
        if waiting:
            at = now.astimezone(UTC)
            rows: list[tuple[str, datetime, Body]] = [(desk, at, Tick(desk, at)) for desk in waiting]
            with self.store.transaction():
                self.store.add_inbox(rows)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Put all calls made inside into one transaction: nothing is on disk before the end, and then everything.

        For who makes inputs and can make them again; a gateway must not answer anybody before the end.
        """
        try:
            with self.store.transaction():
                yield
        except BaseException:
            self._restore()
            raise

    def work(self, limit: int = BATCH) -> Effects | None:
        """Take the next batch through both stages; None when nothing waits.

        Intake's dead letters are told with the desks', though no effects record holds them. If anything fails, the
        transaction is undone and the book is read anew, so that the two never differ.
        """
        try:
            with self.store.transaction():
                self._check_epoch()
                routed = self._route(limit)
                effects = self._apply(limit)
        except BaseException:
            self._restore()
            raise
        if effects is None and routed is None:
            return None
        effects = effects or Effects()
        effects.dead_letters = [*(routed or ()), *effects.dead_letters]
        return effects

    def drain(self) -> list[Effects]:
        """Work until nothing waits, and return all effects in order."""
        found = []
        while (effects := self.work()) is not None:
            found.append(effects)
        return found

    def current(self, case_no: str) -> Case:
        """Return a case as the book has it now; KeyError if it has left the book."""
        return self._book.cases[case_no]

    def _take_over(self, at: datetime) -> None:
        """Claim the log, rebuild the book, and put the pack in force if it is another than the last one."""
        with self.store.transaction():
            self._epoch = self.store.log.append(Claim("embedded", at))
            self.store.set_meta(_EPOCH, str(self._epoch))
            before = self.store.meta(_PACK)
            if before != self.city.digest:
                activated = (PackActivated(self.city.digest, at, desk) for desk in self.city.rules.places.desks)
                self.store.add_inbox((body.desk, at, body) for body in activated)
                self.store.set_meta(_PACK, self.city.digest)
        self._restore()

    def _check_epoch(self) -> None:
        """Raise StoreError if another process has claimed the log since: what this one wrote would not count."""
        if self.store.meta(_EPOCH) != str(self._epoch):
            raise StoreError(f"{self.store.path}: taken over by another process; expected to be the only one")

    def _restore(self) -> None:
        self._book = CaseBook(self.city.rules)
        self._book.restore(self.store.cases(), self.store.desk_times())
        self._desk = Desk(self.city, self._book)
        self._applied = int(self.store.meta("applied", "0"))

    def _route(self, limit: int) -> list[DeadLetter] | None:
        """Move journal entries through intake into the inbox; return the dead letters, None where nothing waited."""
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
        self.store.add_inbox(inputs)
        self.store.add_dead_letters(dead)
        self.store.set_meta(_ROUTED, str(rows[-1][0]))
        return dead

    def _home(self, routed: RoutedReport) -> str:
        """Return the desk that holds the report's case already, so that an update finds it; else its place's."""
        report = routed.report
        return self._book.holder(report.system, report.system_no) or routed.placement.desk

    def _apply(self, limit: int) -> Effects | None:
        """Move inbox items through the desk, and keep what came of them."""
        items = self.store.inbox_after(self._applied, limit)
        if not items:
            return None
        total = Effects([], [], [], {})
        for start in range(0, len(items), RECORD):
            effects = self._record(items[start : start + RECORD])
            total.transitions += effects.transitions
            total.alerts += effects.alerts
            total.dead_letters += effects.dead_letters
            for name, count in effects.counters.items():
                total.counters[name] = total.counters.get(name, 0) + count
        self.store.set_meta("applied", str(self._applied))
        return total

    def _record(self, items: Sequence[Item]) -> Effects:
        """Let the desk receive some inputs, and keep what came of them as one record."""
        effects = self._desk.receive(items)
        last = items[-1].position
        offset = self.store.log.append(EffectsRecord(self._epoch, self._applied + 1, last, effects))
        changed = [self._book.cases[number] for number in dict.fromkeys(t.case_no for t in effects.transitions)]
        now = {desk: self._book.now[desk] for desk in {item.desk for item in items}}
        self.store.keep(offset, effects, changed, now)
        self._applied = last
        return effects

    def _desk_of(self, action: Action) -> str:
        """Return the desk of an action's case; an unknown case goes to the city's desk, which refuses it."""
        case = self._book.cases.get(action.case_no)
        return case.desk if case else self.city.rules.places.city_desk.code
