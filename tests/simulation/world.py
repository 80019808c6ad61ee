"""A city under a seed: all parts, all media, everything that goes wrong, in one order that dice decide.

figures = simulate(17)        # raises BrokenError, which says how to see the run again
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from streams.records import PackActivated
from tests.simulation.cities import cities
from tests.simulation.inlets import Administrator, Gateway, Intake
from tests.simulation.laws import Laws
from tests.simulation.media import Line, Store
from tests.simulation.network import Network
from tests.simulation.outlets import BoardFolder, Courier
from tests.simulation.owners import Owner
from tests.simulation.people import People
from tests.simulation.rest import check_rest
from tests.simulation.storm import Storm
from tests.simulation.turns import BrokenError

if TYPE_CHECKING:
    from grids.city import City
    from streams.records import Body
    from tests.simulation.turns import Actor

START = datetime(2026, 6, 30, 0, 40, tzinfo=UTC)
"""Tuesday, 08:40 in the city; the grid of one of the packs changes at midnight."""

CRASHES = 10
"""What a run has at least."""

_TURNS = (1000, 2000)
_REST = 40_000
"""Turns of the storm, and turns within which everything must have come to rest after it."""

_STOPS = 0.2
"""Share of runs in which everything stands still for weeks."""


class World:
    """One run."""

    def __init__(self, seed: int, *, traced: bool = False) -> None:
        self.seed, self.dice = seed, Random(seed)
        self.now, self.turn = START, 0
        self.trace: list[tuple[int, datetime, str, str]] | None = [] if traced else None
        self.figures: Counter[str] = Counter()
        self._numbers = 0
        automatic, by_hand, redrawn = cities()
        self.first, self.second = self.dice.choice(((automatic, redrawn), (by_hand, redrawn), (by_hand, automatic)))
        self.packs = {one.digest: one for one in (self.first, self.second)}
        self.zone = self.first.rules.calendar.zone
        self.order: str | None = None
        self.storm, self.store, self.network = Storm(self), Store(), Network(self.dice, self.figures)
        self.strays: list[tuple[str, datetime, Body]] = []
        self.lines = self._lines()
        self.laws, self.people = Laws(self), People(self)
        self.owners = [Owner(self, line, f"owner-{line.number}{name}") for line in self.lines for name in "abc"]
        self.actors: list[Actor] = [
            *self.owners,
            *(Gateway(self, name) for name in ("gateway-1", "gateway-2")),
            *(Intake(self, name) for name in ("intake-1", "intake-2")),
            Administrator(self, "administrator"),
            BoardFolder(self, "board", self.store.board.places),
            Courier(self, "courier", self.store.told_alerts),
        ]
        for desk in self.first.rules.places.desks:
            self.put(desk, START, PackActivated(self.first.digest, START, desk))
        self.store.told.append((START, self.first.digest))

    def run(self) -> Counter[str]:
        """Let the storm pass, let everything come to rest, and return the figures. Raises BrokenError."""
        dice = self.dice
        turns = dice.randint(*_TURNS)
        change, stop = dice.randrange(turns), dice.randrange(turns) if dice.random() < _STOPS else 0
        while self.turn < turns or self.figures["crashes"] < CRASHES:
            self.turn += 1
            if self.turn == change:
                self.order = self.second.digest
            if self.turn == stop:
                self.storm.everything_stops()
            self.storm.blow()
            self.laws.look()
        self._rest()
        check_rest(self)
        self.figures["turns"] = self.turn
        self.figures["hours of city time"] = int((self.now - START).total_seconds() // 3600)
        self.figures["reports acknowledged"] = len(self.store.journal)
        self.figures["cases"] = len(self.laws.steps.cases)
        self.figures["alerts"] = len(self.laws.alerts)
        return self.figures

    def close(self) -> None:
        """End all parts: what a greenlet holds in the middle of its work is never found by the garbage collector."""
        for actor in self.actors:
            actor.crash()

    def number(self) -> int:
        """Return a number that nobody else has."""
        self._numbers += 1
        return self._numbers

    def bundles(self, *, late: bool) -> dict[str, City]:
        """Return the packs that a worker is started with; one that is late has only the first."""
        return {self.first.digest: self.first} if late else dict(self.packs)

    def put(self, desk: str, at: datetime, body: Body) -> None:
        """Append an input to the inbox of a desk's partition; a copy of it may come later."""
        line = next(line for line in self.lines if desk in line.desks)
        line.inbox.append(desk, at, body)
        if self.storm.copies():
            self.strays.append((desk, at, body))

    def note(self, who: str, what: str) -> None:
        """Note what happens, for who sees the run again."""
        if self.trace is not None:
            self.trace.append((self.turn, self.now, who, what))

    def _lines(self) -> list[Line]:
        desks = list(self.first.rules.places.desks)
        self.dice.shuffle(desks)
        count = self.dice.choice((2, 3))
        return [Line(number, desks[number::count]) for number in range(count)]

    def _rest(self) -> None:
        """Stop everything that goes wrong, and let all parts work until none has anything to do."""
        self.storm.over = True
        self.note("world", "comes to rest")
        for actor in self.actors:
            actor.out = ""
        for owner in self.owners:
            owner.deaf = False
        for desk, at, body in self.strays:
            self.put(desk, at, body)
        until = self.turn + _REST
        while (ready := [actor for actor in self.actors if actor.ready()]) or not self.network.still:
            self.turn += 1
            if self.turn > until:
                raise BrokenError(f"no rest after {_REST} turns: {[f'{one.name}: {one.standing}' for one in ready]}")
            if not self.network.still:
                self.network.move(calm=True)
            if ready:
                self.dice.choice(ready).step()
            self.laws.look()


def simulate(seed: int, *, bug: str = "") -> Counter[str]:
    """Run one seed and return its figures. Raises BrokenError, which says how to see the run again.

    Lines are not traced for coverage meanwhile: tracers lose their way among greenlets, and take as long again.
    """
    world, tracer = World(seed), sys.gettrace()
    sys.settrace(None)
    try:
        return world.run()
    except BrokenError as error:
        option = f" --bug '{bug}'" if bug else ""
        again = f"python tests/simulation/replay.py {seed}{option}"
        raise BrokenError(f"seed {seed}, turn {world.turn}: {error}\nsee it again: {again}") from error
    finally:
        world.close()
        sys.settrace(tracer)
