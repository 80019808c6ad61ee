"""The ways in: a gateway that acknowledges what is on disk, intake that routes it, and who puts packs in force."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from grids.codes import DISTRICT
from streams.records import Attendance, DeadLetter, PackActivated, Report
from streams.stages.acceptance import Accepted, Refusal, check_report, decode_report
from streams.stages.intake import route
from tests.simulation.media import Entry
from tests.simulation.turns import Actor

if TYPE_CHECKING:
    from datetime import datetime

    from streams.records import Ack, Action, RoutedReport
    from tests.simulation.network import Letter
    from tests.simulation.world import World

_report = msgspec.json.Decoder(Report)


class Inlet(Actor):
    """A process with a clock that is off."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(name, world.storm)
        self.world = world
        self.skew = timedelta(seconds=world.dice.uniform(-30, 30))

    def clock(self) -> datetime:
        """Return the time that it believes it is."""
        return self.world.now + self.skew

    def main(self) -> None:
        """Work on, whatever fails."""
        while True:
            try:
                self.work()
            except OSError:
                continue  # whoever sent it sends it again

    def work(self) -> None:
        """Do what there is to do once."""
        raise NotImplementedError


class Gateway(Inlet):
    """Takes letters, puts what they say on disk, and answers only then."""

    def work(self) -> None:
        """Take one letter."""
        network = self.world.network
        if not network.arrived:
            self.rest(lambda: not network.arrived)
            return
        letter = self.call("take a letter", lambda: network.arrived.pop(0) if network.arrived else None)
        if letter is not None and isinstance(letter.deed, Attendance):
            self.attendance(letter, letter.deed)
        elif letter is not None and letter.deed is not None:
            self.deed(letter, letter.deed)
        elif letter is not None:
            self.read(letter)

    def read(self, letter: Letter) -> None:
        """Check a report as the gateway does, and take it or refuse it."""
        at, report = self.clock(), decode_report(letter.body)
        if isinstance(report, Refusal) or check_report(report, at) is not None:
            self.world.figures["reports refused at the gateway"] += 1
            self.call("answer no", lambda: self.world.network.answer(letter, ""))
            return
        self.report(letter, Entry(report.report_id or f"g-{self.world.number()}", at, letter.body))

    def report(self, letter: Letter, entry: Entry) -> None:
        """Put a report into the journal, and say so."""
        self.journal(entry)
        self.answer(letter, entry.report_id)

    def deed(self, letter: Letter, deed: Action | Ack) -> None:
        """Put an action or acknowledgement into the inbox of the desk that has taken its case in.

        What the board doesn't show yet is at the desk that its number names, or was.
        """
        world, number = self.world, deed.case_no
        homes = world.store.board.homes
        desk = self.call("ask the board", lambda: homes.get(number, number[:DISTRICT]))
        at = self.clock()
        self.call(f"deed {letter.name} to {desk}", lambda: world.put(desk, at, deed))
        self.answer(letter, letter.name)

    def attendance(self, letter: Letter, said: Attendance) -> None:
        """Tell every desk that somebody goes on or off duty."""
        world, at = self.world, self.clock()
        for desk in sorted(world.first.rules.places.desks):
            self.call(f"deed {letter.name} to {desk}", lambda desk=desk: world.put(desk, at, said))
        self.answer(letter, letter.name)

    def journal(self, entry: Entry) -> None:
        """Put a report on disk."""
        self.call(f"journal {entry.report_id}", lambda: self.world.store.journal.append(entry))

    def answer(self, letter: Letter, answer: str) -> None:
        """Tell the sender."""
        self.call(f"answer {answer}", lambda: self.world.network.answer(letter, answer))


class Intake(Inlet):
    """Routes the journal under the pack in force when each report was accepted; may do so twice after a crash."""

    def work(self) -> None:
        """Route the next few reports, and note how far it is."""
        store = self.world.store
        if store.routed == len(store.journal):
            self.rest(lambda: store.routed == len(store.journal))
            return
        place = self.call("read its place", lambda: store.routed)
        count = self.world.dice.randint(1, 4)
        entries = self.call("read journal", lambda: store.journal[place : place + count])
        self.done(place, entries)

    def done(self, place: int, entries: list[Entry]) -> None:
        """Route reports, and note then how far the journal is routed."""
        self.route(entries)
        self.note(place + len(entries))

    def route(self, entries: list[Entry]) -> None:
        """Route reports, each into the inbox of the desk that took its number in before, else of its place."""
        world = self.world
        told = self.call("read packs", lambda: sorted(world.store.told))
        for entry in entries:
            digest = [digest for number, (begins, digest) in enumerate(told) if not number or begins <= entry.at][-1]
            report = msgspec.structs.replace(_report.decode(entry.original), report_id=entry.report_id)
            (found,) = route(world.packs[digest], [Accepted(report, entry.at, entry.original)])
            if isinstance(found, DeadLetter):
                self.call(f"put aside {entry.report_id}", lambda found=found: world.store.letters.append(found))
                continue
            self.send(entry, found.placement.desk, report, found)

    def send(self, entry: Entry, desk: str, report: Report, found: RoutedReport) -> None:
        """Put a routed report into an inbox."""
        world, key = self.world, (report.system, report.system_no)
        home = self.call("ask the board", lambda: world.store.board.sources.get(key, desk))
        self.call(f"route {entry.report_id} to {home}", lambda: world.put(home, entry.at, found))

    def note(self, place: int) -> None:
        """Note that the journal is routed up to a place."""
        store = self.world.store
        self.call("note its place", lambda: setattr(store, "routed", max(store.routed, place)))


class Administrator(Inlet):
    """Puts a pack in force at every desk, and tells intake then; begins anew after a crash."""

    def work(self) -> None:
        """Wait until a pack is to be put in force, and do so."""
        world = self.world
        if world.order is None:
            self.rest(lambda: world.order is None)
            return
        digest, at = world.order, self.clock()
        for desk in world.first.rules.places.desks:
            order = PackActivated(digest, at, desk)
            self.call(f"activate {digest[:8]} at {desk}", lambda order=order: world.put(order.desk, at, order))
        self.call("tell intake", lambda: world.store.told.append((at, digest)))
        world.order = None
        world.figures["packs put in force"] += 1
