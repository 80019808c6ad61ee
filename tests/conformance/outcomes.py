"""What came of an inbox, desk by desk: bytes of steps and alerts, sums of counters, however it was cut."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from streams.hosts.partition import Partition
from streams.ledger.fold import Fold, counted
from streams.ledger.testing import MemoryInbox, MemoryLog, MemoryOutbox, MemorySnapshots

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.ledger.records import Record
    from tests.conformance.recording import Recorded

_encode = msgspec.json.Encoder().encode


@dataclass
class Outcome:
    """What came of one desk's inputs. Letters name places in the inbox, so only their reasons count."""

    steps: list[bytes] = field(default_factory=list)
    alerts: list[bytes] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    repeats: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)


def outcomes(records: Iterable[tuple[int, Record]], found: dict[str, Outcome], fold: Fold | None = None) -> None:
    """Add what the records of a log say that count."""
    for _, record in counted(records, fold):
        for desk in record.desks:
            effects, one = record.of(desk), found.setdefault(desk, Outcome())
            one.steps += map(_encode, effects.transitions)
            one.alerts += map(_encode, effects.alerts)
            one.counters.update(effects.counters)
            one.repeats.update(effects.repeats)
            one.letters.update(letter.reason for letter in effects.dead_letters)


def alone(recorded: Recorded) -> dict[str, Outcome]:
    """Apply a recorded inbox as the embedded host does: one partition, in memory."""
    inbox, log = MemoryInbox(), MemoryLog()
    for item in recorded.items:
        inbox.append(item.desk, item.at, item.body)
    zone = recorded.cities[0].zone
    partition = Partition("alone", recorded.desks, log, MemorySnapshots(), MemoryOutbox(inbox), zone)
    partition.take_over(recorded.items[0].at)
    while items := inbox.read(partition.applied, 500):
        partition.apply(items)
    found: dict[str, Outcome] = {}
    outcomes(log.read(), found)
    return found


def differences(one: dict[str, Outcome], other: dict[str, Outcome]) -> list[str]:
    """Say how two outcomes differ, briefly; nothing if they are the same."""
    said = [f"{desk}: only in one of them" for desk in one.keys() ^ other.keys()]
    for desk in sorted(one.keys() & other.keys()):
        for name in ("steps", "alerts"):
            here, there = getattr(one[desk], name), getattr(other[desk], name)
            if here != there:
                number = next((n for n, pair in enumerate(zip(here, there)) if pair[0] != pair[1]), -1)  # noqa: B905
                said.append(f"{desk}: {len(here)} and {len(there)} {name}, the first that differs is {number}")
        for name in ("counters", "repeats", "letters"):
            here, there = getattr(one[desk], name), getattr(other[desk], name)
            if here != there:
                said.append(f"{desk}: {name} differ by {here - there} and {there - here}")
    return said
