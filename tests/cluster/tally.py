"""Counting what came of everything, from the raw effects log alone: an own reading of the fold rule, on purpose.

tally = Tally(settings)
tally.read()                     # what is new since the last call
tally.settle(accepted)           # raises AssertionError unless each id has exactly one effect
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from kafka import KafkaConsumer, TopicPartition

from streams.topics import DEAD_LETTERS, EFFECTS

if TYPE_CHECKING:
    from collections.abc import Collection

    from streams.settings import ClusterSettings


class _Step(msgspec.Struct):
    case_no: str
    seq: int
    verb: str
    cause: str


class _Letter(msgspec.Struct):
    id: str
    stage: str = ""
    reason: str = ""


class _Effects(msgspec.Struct):
    transitions: list[_Step] = []
    dead_letters: list[_Letter] = []
    repeats: list[str] = []


class _Record(msgspec.Struct):
    type: str
    epoch: int = -1
    first: int = 0
    last: int = 0
    at: datetime | None = None
    desks: dict[str, _Effects] = {}


_record = msgspec.json.Decoder(_Record)
_letter = msgspec.json.Decoder(_Letter)

SERIAL = 14
"""Where the serial begins in a case number, behind desk and date."""


@dataclass
class Partition:
    """How far one partition's log has been read. `heard` is when we read its last record that counts."""

    epoch: int = -1
    last: int = 0
    heard: float = 0.0


@dataclass
class Tally:
    """What the logs say.

    `taken` counts for each report the steps with which it begins to have an effect; `claims` are the seconds by which
    the clocks of those who claimed were ahead of ours.
    """

    settings: ClusterSettings
    taken: Counter[str] = field(default_factory=Counter)
    repeats: set[str] = field(default_factory=set)
    letters: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    steps: set[tuple[str, int]] = field(default_factory=set)
    steps_twice: int = 0
    claims: list[float] = field(default_factory=list)
    counted: int = 0
    rejected: int = 0

    def __post_init__(self) -> None:
        self._consumer = KafkaConsumer(
            **self.settings.client(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            reconnect_backoff_max_ms=1000,
            metadata_max_age_ms=2000,
            metrics_enabled=False,
        )
        found = self._consumer.partitions_for_topic(EFFECTS)
        self.partitions = {number: Partition() for number in sorted(found)}
        places = [TopicPartition(EFFECTS, number) for number in found]
        self._consumer.assign([*places, TopicPartition(DEAD_LETTERS, 0)])

    def close(self) -> None:
        self._consumer.close()

    def read(self, wait_ms: int = 200) -> int:
        """Take in what is there by now, and return how many messages that was."""
        count = 0
        while found := self._consumer.poll(wait_ms, max_records=2000):
            for place, messages in found.items():
                for message in messages:
                    if place.topic == EFFECTS:
                        self._take(self.partitions[place.partition], message)
                    else:
                        letter = _letter.decode(message.value)
                        self.letters[letter.id] += 1
                        self.reasons[letter.reason] += 1
                count += len(messages)
            wait_ms = 0
        return count

    def _take(self, where: Partition, message: Any) -> None:
        record = _record.decode(message.value)
        if record.type == "claim":
            assert record.at is not None
            where.epoch = message.offset
            self.claims.append(record.at.timestamp() - message.timestamp / 1000)
            return
        if record.epoch != where.epoch or record.first != where.last + 1:
            self.rejected += 1
            return
        where.last, where.heard = record.last, time.monotonic()
        self.counted += 1
        for effects in record.desks.values():
            for step in effects.transitions:
                name = (step.case_no, step.seq)
                self.steps_twice += name in self.steps
                self.steps.add(name)
                kind, _, what = step.cause.partition(":")
                if kind == "report" and step.verb in ("REPORT", "APPEND"):
                    self.taken[what] += 1
            self.repeats.update(name.partition(":")[2] for name in effects.repeats if name.startswith("report:"))
            self.letters.update(letter.id for letter in effects.dead_letters)

    def lost(self, accepted: Collection[str]) -> list[str]:
        """Return the reports that nothing came of."""
        return [name for name in accepted if not (name in self.taken or name in self.repeats or name in self.letters)]

    def settle(self, accepted: Collection[str], patience: float) -> float:
        """Wait until something has come of every accepted report; return the seconds that this took."""
        began, heard = time.monotonic(), time.monotonic()
        while lost := self.lost(accepted):
            if self.read():
                heard = time.monotonic()
            assert time.monotonic() - heard < patience, f"{len(lost)} reports lost, as {lost[:3]}: {self.figures()}"
        return time.monotonic() - began

    def check(self, accepted: Collection[str]) -> None:
        """Raise AssertionError unless each has one effect, and steps and case numbers are whole."""
        self.read()
        assert not self.lost(accepted)
        twice = {name: count for name, count in self.taken.items() if count > 1}
        assert not twice, f"{len(twice)} reports applied twice, as {list(twice.items())[:3]}"
        strangers = set(self.taken) - set(accepted)
        assert not strangers, f"{len(strangers)} reports that nobody sent, as {list(strangers)[:3]}"
        assert self.steps_twice == 0, f"{self.steps_twice} steps of cases written twice"
        self._whole()

    def _whole(self) -> None:
        last: Counter[str] = Counter()
        for case_no, seq in self.steps:
            last[case_no] = max(last[case_no], seq)
        assert sum(last.values()) == len(self.steps), "a step of a case is missing"
        days: dict[str, set[int]] = {}
        for case_no in last:
            days.setdefault(case_no[:SERIAL], set()).add(int(case_no[SERIAL:]))
        gaps = {day: max(serials) - len(serials) for day, serials in days.items() if max(serials) != len(serials)}
        assert not gaps, f"case numbers with gaps: {gaps}"

    @property
    def cases(self) -> int:
        """How many cases there are."""
        return len({case_no for case_no, _ in self.steps})

    def figures(self) -> dict[str, int]:
        """Return what is worth printing."""
        return {
            "taken": len(self.taken),
            "repeats": len(self.repeats),
            "letters": len(self.letters),
            "cases": self.cases,
            "steps": len(self.steps),
            "records": self.counted,
            "claims": len(self.claims),
            "rejected": self.rejected,
        }
