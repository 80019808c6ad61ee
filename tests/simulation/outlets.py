"""The ways out: the board's tables and the delivery of alerts, each folded from the logs, each write repeatable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.ledger.fold import Fold
from streams.ledger.records import Claim
from streams.stages.desk.casebook import apply
from tests.simulation.media import LogPort
from tests.simulation.turns import Actor

if TYPE_CHECKING:
    from streams.ledger.records import EffectsRecord
    from streams.records import Alert, Transition
    from tests.simulation.media import Line
    from tests.simulation.world import World

TAKEN_IN = ("REPORT", "RECEIVE")
"""Verbs with which a desk begins to know a case."""


class Outlet(Actor):
    """A reader of all logs that notes on disk how far it is, after it has written what it read."""

    fold = Fold

    def __init__(self, world: World, name: str, places: dict[int, tuple[int, Fold]]) -> None:
        super().__init__(name, world.storm)
        self.world, self.places = world, places

    def main(self) -> None:
        """Read one log after the other, whatever fails."""
        while True:
            try:
                self.work()
            except OSError:
                continue

    def work(self) -> None:
        """Read the next records of each log that has some."""
        behind = [line for line in self.world.lines if self._place(line)[0] < len(line.log.bodies) - 1]
        if not behind:
            self.rest(lambda: all(self._place(one)[0] == len(one.log.bodies) - 1 for one in self.world.lines))
        for line in behind:
            place, fold = self.call("read its place", lambda line=line: self._place(line))
            for offset, record in LogPort(self, line).read(place):
                was = fold.applied
                counts = fold.counts(offset, record)
                self.record(line, offset, fold, None if isinstance(record, Claim) or not counts else record, was)

    def record(self, line: Line, offset: int, fold: Fold, record: EffectsRecord | None, was: int) -> None:
        """Write what a record says if it counts, and note the place then."""
        self.take(line, offset, record, was)
        self.note(line, offset, fold)

    def take(self, line: Line, offset: int, record: EffectsRecord | None, was: int) -> None:
        """Write what a record says that counts behind the applied position `was`."""
        if record is not None:
            self.world.laws.reads(self.name, line, was, offset)
            self.write(record)

    def note(self, line: Line, offset: int, fold: Fold) -> None:
        """Note that a log is read up to an offset."""
        place = offset, self.fold(fold.epoch, fold.applied, fold.rejected)
        self.call("note its place", lambda: self.places.__setitem__(line.number, place))

    def write(self, record: EffectsRecord) -> None:
        """Write what a record says; perhaps not for the first time."""
        raise NotImplementedError

    def _place(self, line: Line) -> tuple[int, Fold]:
        place, fold = self.places.get(line.number, (-1, Fold()))
        return place, self.fold(fold.epoch, fold.applied, fold.rejected)


class BoardFolder(Outlet):
    """Keeps the board: a step that a case has taken already is passed over, so writing it again changes nothing."""

    def write(self, record: EffectsRecord) -> None:
        """Fold the record's steps in, in two writes, so that a crash may come between them."""
        steps = record.effects.transitions
        for part in (steps[: len(steps) // 2], steps[len(steps) // 2 :]):
            if part:
                self.call(f"write {len(part)} steps", lambda part=part: self.steps(part))

    def steps(self, steps: list[Transition]) -> None:
        """Fold steps into the tables."""
        board = self.world.store.board
        for step in steps:
            case = board.cases.get(step.case_no)
            if case is not None and step.seq <= case.seq:
                continue
            case = board.cases[step.case_no] = apply(case, step)
            home = self.home(step)
            if home:
                board.homes[step.case_no] = home
            for source in case.sources:
                board.sources[source.system, source.system_no] = board.homes[step.case_no]

    def home(self, step: Transition) -> str:
        """Return the desk where inlets find the case from now on; empty if that stays as it is.

        It is one that has taken the case in. To say where a case is going to would be too early: it isn't known
        there yet.
        """
        return step.desk if step.verb in TAKEN_IN else ""


class Courier(Outlet):
    """Delivers alerts to the centres, at least once each; a centre knows by its id one that it has."""

    def write(self, record: EffectsRecord) -> None:
        """Deliver the record's alerts."""
        for alert in record.effects.alerts:
            self.call(f"deliver {alert.alert_id}", lambda alert=alert: self.deliver(alert))

    def deliver(self, alert: Alert) -> None:
        """Let a centre have an alert."""
        world, name, body = self.world, alert.alert_id, msgspec.json.encode(alert)
        world.laws.delivers(name, body)
        world.figures["alerts delivered"] += 1
        if all(name != other for other, _ in world.store.delivered):
            world.store.delivered.append((name, body))
