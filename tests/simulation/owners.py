"""An owner of a partition: the host's loop around `streams.hosts.partition`, as a worker of a cluster runs it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from streams.hosts.partition import Partition
from streams.records import Tick
from streams.stages.desk.desks import Desks, MissingPackError
from tests.simulation.media import LogPort, OutboxPort, SnapshotsPort
from tests.simulation.turns import Actor

if TYPE_CHECKING:
    from datetime import datetime

    from grids.city import City
    from tests.simulation.media import Line
    from tests.simulation.world import World

_SNAPSHOT = 0.05
"""Share of idle turns in which an owner puts a snapshot down whole, as for a clean stop."""


class Owner(Actor):
    """A worker that owns a partition while it is given to it, or as long as it hasn't heard that it no longer is.

    `skew` is how far its clock is off; `deaf` says that it doesn't hear who the partition was given to; `bundles`
    are the packs that it has been brought.
    """

    def __init__(self, world: World, line: Line, name: str) -> None:
        super().__init__(name, world.storm)
        self.world, self.line = world, line
        self.skew = timedelta(seconds=world.dice.uniform(-30, 30))
        self.grown = world.dice.choice((1, 4_000, 30_000))
        self.deaf = False
        self.bundles: dict[str, City] = {}
        self.partition: Partition | None = None

    def clock(self) -> datetime:
        """Return the time that it believes it is."""
        return self.world.now + self.skew

    def main(self) -> None:
        """Take over, apply what waits, send ticks, and let go when told to."""
        world, line, dice = self.world, self.line, self.world.dice
        self.bundles = world.bundles(late=dice.random() < 0.2)
        partition = self.partition = Partition(
            self.name,
            self.fresh,
            LogPort(self, line),
            SnapshotsPort(self, line),
            OutboxPort(self, world.put, lambda one: world.laws.sent(line, one)),
            world.zone,
            grown=self.grown,
        )
        while True:
            try:
                self.work(partition)
            except OSError:
                continue  # it goes on with what it has

    def work(self, partition: Partition) -> None:
        """Go through the loop once; a worker that lacks the pack in force fetches it before it goes on."""
        try:
            self.turn(partition)
        except MissingPackError:
            self.world.figures["refused to go on without a pack"] += 1
            self.call("fetch the bundle", lambda: self.bundles.update(self.world.packs))

    def turn(self, partition: Partition) -> None:
        """Apply what waits if the partition is given to this owner."""
        world, line = self.world, self.line
        mine = self.call("ask whose it is", lambda: line.owner == self.name)
        if not mine and not self.deaf:
            partition.drop()
            self.rest(lambda: line.owner != self.name)
            return
        if not partition.held:
            partition.take_over(self.clock())
            world.laws.settled(self)
        items = self.call("read inbox", lambda: line.inbox.read(partition.applied, world.dice.choice((1, 2, 5, 20))))
        if items:
            done = partition.apply(items)
            world.figures["records written"] += len(done)
            line.heads += [head for one in done for head in one.ended]
            if partition.held:  # else it was overtaken, and asks again whose the partition is
                world.laws.settled(self)
        elif waiting := partition.desks.waiting(self.clock()):
            for desk in waiting:
                self.call(f"tick {desk}", lambda desk=desk: world.put(desk, self.clock(), Tick(desk, self.clock())))
        elif world.dice.random() < _SNAPSHOT:
            partition.snapshot()
        else:
            dues = [due for desk in partition.desks if (due := desk.book.next_due()) is not None]
            due = min(dues, default=None)
            applied = partition.applied
            self.rest(
                lambda: (
                    len(line.inbox.bodies) == applied
                    and (line.owner == self.name or self.deaf)
                    and (due is None or self.clock() < due)
                )
            )

    def fresh(self) -> Desks:
        """Make desks that have heard nothing."""
        return Desks(self.world.first, self._pack)

    def lost(self) -> None:
        """Nothing is known any more."""
        self.partition = None

    def _pack(self, digest: str) -> City:
        if digest not in self.bundles:
            raise MissingPackError(f"{self.name} has no pack {digest[:16]}; expected one of {len(self.bundles)}")
        return self.bundles[digest]
