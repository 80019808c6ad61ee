"""What goes wrong: crashes, freezes, partitions given away, torn snapshots, copies that come late, leaps of time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.simulation.owners import Owner
from tests.simulation.rest import check_takeover

if TYPE_CHECKING:
    from tests.simulation.media import Line
    from tests.simulation.turns import Actor
    from tests.simulation.world import World

_WRITES = (
    "append", "put", "send", "journal", "deed", "route", "write", "deliver", "note", "activate", "tell", "answer",
)  # fmt: skip
"""What calls that write begin with."""

_RISK, _WRITE_RISK = 0.005, 0.02
"""Of a crash, and of a freeze, before a call."""

_BURSTS = (1, 1, 2, 8)
"""Calls that a part makes before another one has its turn."""

_HASTE = 0.25
"""Share of turns of board and gateways while they are behind: people look at one and wait for the others."""

_FAILING = 0.01
"""Share of calls that fail."""

_COPIES = 0.04
"""Share of inputs of which a copy comes later."""


class Storm:
    """Everything that goes wrong in a world, by its dice, until it is over."""

    def __init__(self, world: World) -> None:
        self.world, self.dice, self.over = world, world.dice, False

    def blow(self) -> None:
        """One turn: somebody outside does something, something goes wrong, or a part makes its next calls."""
        world, dice = self.world, self.dice
        world.now += timedelta(seconds=dice.randrange(20))
        fate = dice.random()
        if fate < 0.014:
            world.people.report()
        elif fate < 0.10:
            world.people.act()
        elif fate < 0.11:
            world.people.confirm()
        elif fate < 0.115:
            world.people.attend()
        elif fate < 0.25:
            world.network.move(calm=False)
        elif fate < 0.27:
            self._mishap()
        else:
            self._somebody()

    def fault(self, actor: Actor) -> str:
        """Say whether a call fails: `before` or `after` it is done, or not (empty)."""
        self.world.note(actor.name, actor.standing)
        if self.over or self.dice.random() >= _FAILING:
            return ""
        fate = self.dice.choice(("before", "after"))
        self.world.figures["calls that failed"] += 1
        self.world.note(actor.name, f"… fails {fate} it is done")
        return fate

    def copies(self) -> bool:
        """Say whether a copy of an input comes later."""
        return not self.over and self.dice.random() < _COPIES

    def everything_stops(self) -> None:
        """Everything stands still for weeks; what had been under way is older than any network keeps it."""
        world = self.world
        world.note("world", "stands still for weeks")
        world.figures["weeks of standing still"] += 1
        world.strays.clear()
        for actor in world.actors:
            self._crash(actor)
        world.now += timedelta(days=self.dice.choice((8, 31, 45)))

    def _somebody(self) -> None:
        """Let a part make its next calls, unless it crashes or freezes before one."""
        world, dice = self.world, self.dice
        for actor in world.actors:
            if actor.out and world.turn >= actor.until:
                world.note(actor.name, "is there again" if actor.out == "down" else "thaws")
                actor.out = ""
        ready = [actor for actor in world.actors if actor.ready()]
        hasty = [actor for actor in ready if actor.name.startswith(("board", "gateway"))]
        if not ready:
            return
        actor = dice.choice(hasty if hasty and dice.random() < _HASTE else ready)
        for _ in range(dice.choice(_BURSTS)):
            risk = _WRITE_RISK if actor.standing.startswith(_WRITES) else _RISK
            if dice.random() < risk:
                self._crash(actor)
            elif dice.random() < risk:
                self._freeze(actor)
            else:
                actor.step()
            if not actor.ready():
                return

    def _crash(self, actor: Actor) -> None:
        world = self.world
        world.figures["crashes"] += 1
        world.figures[f"crashes: {actor.name.rstrip('0123456789abc-')}"] += 1
        world.note(actor.name, f"crashes before: {actor.standing}")
        actor.crash()
        self._out(actor, "down", self.dice.choice((1, 10, 60)))

    def _freeze(self, actor: Actor) -> None:
        self.world.figures["freezes"] += 1
        self.world.note(actor.name, f"freezes before: {actor.standing}")
        self._out(actor, "frozen", self.dice.choice((20, 80, 300)))

    def _out(self, actor: Actor, how: str, turns: int) -> None:
        actor.out, actor.until = how, self.world.turn + turns
        if isinstance(actor, Owner) and actor.name == actor.line.owner and self.dice.random() < 0.7:
            self._give(actor.line)

    def _give(self, line: Line) -> None:
        """Give a partition to another worker; the one that had it may not hear of it."""
        others = [owner for owner in self.world.owners if owner.line is line]
        for owner in others:
            if owner.name == line.owner and self.dice.random() < 0.3:
                owner.deaf = True
        line.owner = self.dice.choice(others).name
        self.world.note(f"line {line.number}", f"is given to {line.owner}")

    def _mishap(self) -> None:
        """Something goes wrong that is no part's own doing."""
        world, dice = self.world, self.dice
        line = dice.choice(world.lines)
        match dice.randrange(7):
            case 0:
                world.now += timedelta(minutes=dice.choice((10, 60, 60, 240, 600)))
                world.note("time", "leaps")
            case 1:
                self._give(line)
            case 2:
                for owner in world.owners:
                    owner.deaf = False
            case 3:
                self._copy()
            case 4:
                self._tear(line)
            case 5:
                self._crash(dice.choice(world.actors))
            case _:
                check_takeover(world, line, world.laws.readings[line.number], line.snapshots, "at a random moment")

    def _copy(self) -> None:
        """A copy of an input that came long ago comes now."""
        world = self.world
        if world.strays:
            desk, at, body = world.strays.pop(self.dice.randrange(len(world.strays)))
            world.note("network", f"a copy of {type(body).__name__} reaches {desk}")
            world.figures["copies that came later"] += 1
            world.put(desk, at, body)

    def _tear(self, line: Line) -> None:
        """Lose, cut or change a value of the snapshots."""
        values, dice = line.snapshots.values, self.dice
        whole = sorted(name for name, body in values.items() if body)  # of some an earlier tear has left nothing
        if not whole:
            return
        name = dice.choice(whole)
        self.world.figures["snapshots torn"] += 1
        self.world.note(f"line {line.number}", f"value {name} of the snapshots is torn")
        body = values.pop(name)
        where = dice.randrange(len(body))
        match dice.randrange(3):
            case 0:
                values[name] = body[:where]
            case 1:
                values[name] = body[:where] + bytes([body[where] ^ 1]) + body[where + 1 :]
            case _:
                pass  # it is lost
