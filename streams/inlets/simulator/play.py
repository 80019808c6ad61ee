"""Playing a simulation through a host in virtual time: reports arrive, people react, clocks run, nothing waits."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Protocol

from streams.inlets.lines import read_line
from streams.inlets.simulator.people import SOONEST
from streams.records import Action, DeadLetter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from streams.inlets.simulator.people import People, Planned
    from streams.inlets.simulator.reporters import Arrival
    from streams.records import Case, Deed, Effects
    from streams.stages.acceptance import Accepted

WINDOW = SOONEST
"""Virtual time that is taken in at once: nobody reacts faster, so a reaction always falls into a later window."""


WINDOWS = 30
"""Windows that share a commit: an hour of virtual time."""


class Host(Protocol):
    """What the player needs of a host."""

    def together(self) -> AbstractContextManager[None]:
        """Put all calls made inside into one transaction."""

    def accept(self, batch: Sequence[Accepted]) -> None:
        """Take reports in."""

    def refuse(self, letters: Sequence[DeadLetter]) -> None:
        """Keep lines that are no reports."""

    def submit(self, deeds: Iterable[tuple[Deed, datetime]]) -> None:
        """Take actions and acknowledgements in."""

    def tick(self, now: datetime) -> None:
        """Let time pass."""

    def drain(self) -> list[Effects]:
        """Work off what waits."""

    def current(self, case_no: str) -> Case:
        """Return a case as it is now."""


def play(
    host: Host,
    arrivals: Sequence[Arrival],
    people: People,
    *,
    start: datetime,
    end: datetime,
    step: Callable[[str, float], None] = lambda _name, _share: None,
    acted: Callable[[Action], None] = lambda _action: None,
) -> list[Planned]:
    """Feed arrivals (in order of time) and what people do about them, window by window, until `end`.

    `acted` hears of every action that was taken, in order. Returns what people still meant to do after `end`.
    """
    agenda: list[tuple[datetime, str, Planned]] = []
    number, now = 0, start
    while now < end:
        # A played week can be played again, so it needs no commit for each window of its virtual time.
        with host.together():
            for _ in range(WINDOWS):
                if now >= end:
                    break
                until, first = now + WINDOW, number
                while number < len(arrivals) and arrivals[number].at < until:
                    number += 1
                _take_in(host, arrivals[first:number])
                effects = host.drain() if number > first else []
                if due := _due(agenda, until):
                    host.submit([(planned.deed, planned.at) for planned in due])
                host.tick(until)
                effects += host.drain()
                for planned in due:
                    if isinstance(planned.deed, Action):
                        acted(planned.deed)
                for batch in effects:
                    reactions = people.react((t, host.current(t.case_no)) for t in batch.transitions)
                    for planned in (*reactions, *people.confirm(batch.alerts)):
                        heapq.heappush(agenda, (planned.at, planned.name, planned))
                now = until
        step("处理案件 process", min(1.0, (now - start) / (end - start)))
    return [planned for _, _, planned in sorted(agenda, key=lambda entry: entry[:2])]


def _due(agenda: list[tuple[datetime, str, Planned]], until: datetime) -> list[Planned]:
    """Take what people do before a moment off their agenda, in order."""
    due = []
    while agenda and agenda[0][0] < until:
        due.append(heapq.heappop(agenda)[2])
    return due


def _take_in(host: Host, arrivals: Sequence[Arrival]) -> None:
    good: list[Accepted] = []
    bad: list[DeadLetter] = []
    for arrival in arrivals:
        found = read_line(arrival.line, arrival.at)
        if isinstance(found, DeadLetter):
            bad.append(found)
        else:
            good.append(found)
    if good:
        host.accept(good)
    if bad:
        host.refuse(bad)
