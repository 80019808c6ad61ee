"""The laws that hold at every step, kept by a reader of its own that counts by the rule as DESIGN words it.

The reader sees every record of every log as soon as it stands there. What it finds against a law it raises as
BrokenError. `rest.py` has the laws that hold once everything has come to rest.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from streams.ledger.chain import Chain, ChainError
from streams.ledger.records import Claim, decode
from streams.records import Ack, Action
from streams.stages.desk.desks import Desks
from tests.simulation.steps import Steps
from tests.simulation.turns import BrokenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from streams.ledger.records import EffectsRecord
    from streams.records import DeadLetter, Effects, Outgoing
    from tests.simulation.media import Line
    from tests.simulation.owners import Owner
    from tests.simulation.world import World

encode = msgspec.json.Encoder().encode
_deed = msgspec.json.Decoder(Action | Ack)

_NOT_FOUND = frozenset({"NO_SUCH_CASE", "NO_SUCH_ALERT"})


class Reading:
    """One log as the reader has it: what counts, and the book that it leads to."""

    def __init__(self, fresh: Callable[[], Desks]) -> None:
        self.epoch, self.applied, self.read = -1, 0, 0
        self.counted: list[int] = []
        self.after: dict[int, int] = {}
        """The record that counts behind each applied position."""
        self.desks = fresh()
        self.chain = Chain()
        self.now: dict[str, datetime] = {}

    def counts(self, offset: int, record: Claim | EffectsRecord) -> bool:
        """Count by the rule: a claim's place is the epoch; a record carries it, and goes on where the last ended."""
        if isinstance(record, Claim):
            self.epoch = offset
            return False
        if (record.epoch, record.first) != (self.epoch, self.applied + 1):
            return False
        self.after[self.applied] = offset
        self.applied = record.last
        self.counted.append(offset)
        return True


class Laws:
    """What must hold after every step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.steps = Steps(world)
        self.readings = [Reading(self._fresh) for _ in world.lines]
        self.outgoing: dict[bytes, int] = {}
        self.alerts: dict[str, bytes] = {}
        self._window = timedelta(days=world.first.rules.duplicates.repeat.days)
        self.marks: Counter[str] = Counter()
        """What became of inputs: causes of steps, dead letters, repeats."""

    def look(self) -> None:
        """Read what has been appended to the logs since, and hold it against the laws."""
        for line, reading in zip(self.world.lines, self.readings, strict=True):
            bodies = line.log.bodies
            while reading.read < len(bodies):
                offset = reading.read
                reading.read += 1
                self._take(line, reading, offset, decode(bodies[offset]))

    def settled(self, owner: Owner) -> None:
        """An owner has just finished something: what it knows is the fold of the log as far as it has read it."""
        self.look()
        assert owner.partition is not None
        book, reading = owner.partition.book, self.readings[owner.line.number]
        if book.known != reading.read - 1:
            return  # others have written meanwhile; it will find out
        self.holds(
            (book.fold.epoch, book.fold.applied) == (reading.epoch, reading.applied),
            lambda: (
                f"{owner.name} is at epoch {book.fold.epoch}, position {book.fold.applied}; "
                f"the log says {reading.epoch}, {reading.applied}"
            ),
        )
        self.holds(
            book.chain.heads == reading.chain.heads, lambda: f"{owner.name} knows other chain heads than the log"
        )
        self.same_book(owner.name, book.desks, reading.desks)

    def same_book(self, who: str, found: Desks, expected: Desks) -> None:
        """Two books are the same, byte for byte."""
        for one, other in zip(found, expected, strict=True):
            self.holds(
                encode(one.state()) == encode(other.state()),
                lambda one=one, other=other: (
                    f"{who}: the book of desk {one.code} is not the fold of the log: "
                    f"{_difference(one.state(), other.state())}"
                ),
            )

    def sent(self, line: Line, one: Outgoing) -> None:
        """Desks send each other only what stands in the log and counts."""
        self.look()
        self.holds(
            self.outgoing.get(encode(one)) == line.number,
            lambda: f"{one.name} is sent to {one.desk}, but no record that counts holds it",
        )

    def delivers(self, name: str, body: bytes) -> None:
        """Alerts are delivered as they stand in the log; an id is one alert's."""
        self.holds(self.alerts.get(name) == body, lambda: f"alert {name} is delivered, but the log has no such alert")

    def reads(self, who: str, line: Line, was: int, offset: int) -> None:
        """Every reader of a log counts the same records."""
        expected = self.readings[line.number].after.get(was)
        self.holds(
            offset == expected,
            lambda: (
                f"{who} counts record {offset} of log {line.number} behind position {was}; what counts is {expected}"
            ),
        )

    def holds(self, fact: bool, otherwise: Callable[[], str]) -> None:
        """Raise BrokenError unless something is a fact."""
        if not fact:
            raise BrokenError(otherwise())

    def _take(self, line: Line, reading: Reading, offset: int, record: Claim | EffectsRecord) -> None:
        figures = self.world.figures
        if isinstance(record, Claim):
            figures["takeovers"] += 1
            reading.chain.claimed(record)
        if not reading.counts(offset, record):
            figures["records rejected"] += not isinstance(record, Claim)
            return
        assert not isinstance(record, Claim)
        figures["records that count"] += 1
        figures["inputs applied"] += record.last - record.first + 1
        self.holds(record.first <= record.last, lambda: f"record {offset} covers {record.first} to {record.last}")
        try:
            reading.chain.add(offset, record)
        except ChainError as error:
            raise BrokenError(f"log {line.number}: {error}") from error
        for desk in record.desks:
            self.holds(desk in line.desks, lambda desk=desk: f"log {line.number} has effects of desk {desk}")
            effects = record.of(desk)
            self._effects(line, reading, desk, effects)
            reading.desks[desk].fold(effects)
        for one in reading.desks:
            one.book.forget()

    def _effects(self, line: Line, reading: Reading, desk: str, effects: Effects) -> None:
        assert effects.now is not None
        was = reading.now.get(desk, effects.now)
        self.holds(was <= effects.now, lambda: f"the time of desk {desk} falls from {was} to {effects.now}")
        reading.now[desk] = effects.now
        for one in effects.outgoing:
            self.outgoing[encode(one)] = line.number
        for step in effects.transitions:
            self.steps.take(desk, step, effects.now)
            self.marks[step.cause] += 1
        for alert in effects.alerts:
            self.holds(
                alert.alert_id not in self.alerts, lambda alert=alert: f"two alerts are called {alert.alert_id}"
            )
            self.alerts[alert.alert_id] = encode(alert)
        for letter in effects.dead_letters:
            self._letter(letter, effects.now)
        self.marks.update(effects.repeats)
        self.marks.update(f"attendance:{said.attendance_id}" for said in effects.attendance)

    def _letter(self, letter: DeadLetter, now: datetime) -> None:
        """No input is one that nobody foresaw, and whoever asks of a case or alert that there is finds it."""
        self.holds(letter.reason != "INTERNAL_ERROR", lambda: f"{letter.id}: {letter.text}")
        self.marks[f"dead:{letter.id}"] += 1
        if letter.reason in _NOT_FOUND:
            case = self.steps.cases.get(_deed.decode(letter.original).case_no)
            there = case is not None and (letter.reason == "NO_SUCH_CASE" or letter.id in case.alerts)
            there = there and (case.closed_at is None or case.closed_at > now - self._window)
            self.holds(not there, lambda: f"{letter.id}: {letter.text}; {case.case_no} is at {case.desk}")

    def _fresh(self) -> Desks:
        return Desks(self.world.first, self.world.packs.__getitem__)


def _difference(one: msgspec.Struct, other: msgspec.Struct) -> str:
    """Say where two states differ, as briefly as it gets."""
    for name in one.__struct_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if encode(left) != encode(right):
            if isinstance(left, list) and isinstance(right, list):
                for number, (a, b) in enumerate(zip(left, right, strict=False)):
                    if encode(a) != encode(b):
                        if isinstance(a, msgspec.Struct) and type(a) is type(b):
                            return f"{name}[{number}].{_difference(a, b)}"
                        return f"{name}[{number}]: {a!r} for {b!r}"
                return f"{len(left)} {name} for {len(right)}"
            return f"{name}: {left!r} for {right!r}"
    return "nothing"
