"""All desks of one partition: each takes its own inputs, in the order of the inbox, under its own pack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from streams.records import PackActivated
from streams.stages.desk.desk import Desk
from streams.stages.desk.roster import Roster

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from grids.city import City
    from streams.records import Case, Effects, Item
    from streams.stages.desk.casebook import DeskState


class MissingPackError(Exception):
    """A pack was put in force that this process doesn't have: it must not go on under another one."""


class Packs(Protocol):
    """Where desks get the packs that are put in force."""

    def __call__(self, digest: str) -> City:
        """Return the pack of a digest. Raises MissingPackError if there is none."""


class Desks:
    """The desks of one partition. A desk that has heard nothing does not exist yet."""

    def __init__(self, city: City, packs: Packs | None = None) -> None:
        self._packs = packs or _only(city)
        self._city = city
        self._rosters: dict[str, Roster] = {}
        self._desks: dict[str, Desk] = {}
        self._working: dict[str, Desk] = {}

    def __getitem__(self, code: str) -> Desk:
        """Return a desk, a fresh one if it has heard nothing yet."""
        desk = self._desks.get(code)
        if desk is None:
            desk = self._desks[code] = Desk(code, self._city, self._packs, self._roster)
        return desk

    def __iter__(self) -> Iterator[Desk]:
        """Go through the desks that exist, in order of their codes."""
        return iter([self._desks[code] for code in sorted(self._desks)])

    def receive(self, items: Sequence[Item]) -> dict[str, Effects]:
        """Apply a batch of inputs in order; return what came of it at each desk that had one.

        Raises MissingPackError, with nothing of the batch done.
        """
        for item in items:
            self._check_pack(item)
        for item in items:
            self.take(item)
        return self.end()

    def take(self, item: Item) -> Effects:
        """Apply one input of a batch; return what has come of the batch at its desk so far.

        Raises MissingPackError, with nothing of the input done.
        """
        self._check_pack(item)
        desk = self._at_work(item.desk)
        desk.take(item)
        return desk.clerk.effects

    def ahead(self, item: Item, most: int) -> tuple[Effects, bool] | None:
        """Fire clocks that are due before an input, `most` of them, as applying it would; it is not applied.

        Returns what has come of the batch at its desk so far, and whether more is due; None if nothing was.
        """
        book = self[item.desk].book
        at = item.at if book.now is None else max(item.at, book.now)
        due = book.next_due()
        if due is None or due > at:
            return None
        desk = self._at_work(item.desk)
        more = desk.fire(at, most)
        return desk.clerk.effects, more

    def end(self) -> dict[str, Effects]:
        """End a batch, and return what came of it at each desk that had a part in it."""
        effects = {}
        for code, desk in self._working.items():
            desk.book.forget()
            effects[code] = desk.clerk.end(desk.pack, desk.pack_from)
        self._working.clear()
        return effects

    def restore(self, states: Iterable[DeskState]) -> None:
        """Take desks up from their states."""
        for state in states:
            city = self._packs(state.pack) if state.pack else self._city
            desk = self._desks[state.desk] = Desk(state.desk, city, self._packs, self._roster)
            desk.restore(state)

    def holder(self, system: str, system_no: str) -> str | None:
        """Return the desk that took in a source's number, the last one if several did; None if none did.

        For an inlet that sends an update to where its case is, even if its place has moved.
        """
        held = [
            (found[1].at, desk.code)
            for desk in self._desks.values()
            if (found := desk.book.sources.get((system, system_no))) is not None
        ]
        return max(held)[1] if held else None

    def current(self, case_no: str) -> Case:
        """Return a case as the desk that has it knows it; KeyError if none does."""
        for desk in self._desks.values():
            if (case := desk.book.cases.get(case_no)) is not None:
                return case
        raise KeyError(case_no)

    def waiting(self, now: datetime) -> list[str]:
        """List the desks that have something due by a moment, for a host that must send ticks."""
        return [desk.code for desk in self if (due := desk.book.next_due()) is not None and due <= now]

    def _check_pack(self, item: Item) -> None:
        """Raise MissingPackError if an input puts a pack in force that there is not."""
        if isinstance(item.body, PackActivated):
            self._packs(item.body.digest)

    def _at_work(self, code: str) -> Desk:
        """Return a desk that has begun its part of the batch."""
        desk = self._working.get(code)
        if desk is None:
            desk = self._working[code] = self[code]
            desk.clerk.begin()
        return desk

    def _roster(self, city: City) -> Roster:
        roster = self._rosters.get(city.digest)
        if roster is None:
            roster = self._rosters[city.digest] = Roster(city)
        return roster


def _only(city: City) -> Packs:
    def packs(digest: str) -> City:
        if digest != city.digest:
            raise MissingPackError(
                f"pack {digest[:16]} is in force; expected {city.digest[:16]}, the one that is here"
            )
        return city

    return packs
