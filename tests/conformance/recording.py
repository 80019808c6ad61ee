"""A recorded inbox: what desks received in simulated days, in the order in which each of them did.

    recorded = record(folder, reports=2_000)
    recorded.items            # reports, actions, acknowledgements, ticks, a transfer, rulings, two packs
    recorded.packs            # the folders of the packs that are put in force

The small city's offices at work on desks in memory. Half way another pack is put in force, under which people take
every step; before, a case is given to another desk, and one is disputed and ruled upon, as may not happen by itself.
"""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from grids.city import City, open_city
from grids.rules import read_rules
from streams.inlets.simulator import People, play, simulate
from streams.records import Action, DeadLetter, Item, PackActivated, Tick, together
from streams.stages.desk.desks import Desks
from streams.stages.intake import route
from tests.packs import change, write_pack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from streams.records import Body, Case, Deed, Effects
    from streams.stages.acceptance import Accepted

START = datetime(2026, 3, 2, tzinfo=ZoneInfo("Asia/Shanghai"))
"""A Monday."""

RATE = 1_000
"""Reports a day."""


@dataclass
class Recorded:
    """Inputs of all desks, and what is needed to apply them again. `letters` are what intake put aside."""

    packs: list[Path]
    cities: list[City]
    items: list[Item] = field(default_factory=list)
    reports: list[Accepted] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    @property
    def kinds(self) -> Counter[str]:
        """How many inputs of each kind there are; of actions each verb for itself, too."""
        found = Counter(type(item.body).__name__ for item in self.items)
        found.update(item.body.verb for item in self.items if isinstance(item.body, Action))
        return found

    def desks(self) -> Desks:
        """Return desks that have heard nothing."""
        return Desks(self.cities[0], {city.digest: city for city in self.cities}.__getitem__)


def packs(folder: Path) -> tuple[list[Path], list[City]]:
    """Write the two packs and open them."""
    first, second = write_pack(folder / "first"), write_pack(folder / "second")
    change(second, "city.toml", 'mode = "auto"', 'mode = "manual"')
    city = open_city(first)
    return [first, second], [city, City(read_rules(second), city.cells)]


def record(folder: Path, reports: int, seed: int = 1) -> Recorded:
    """Record so many reports, about, and all that comes with them."""
    folders, cities = packs(folder)
    days = max(2, round(reports / RATE))
    recorder = _Recorder(Recorded(folders, cities), START + timedelta(days=days) / 2)
    week = simulate(cities[0], start=START, days=days, seed=seed, rate=reports // days)
    end = START + timedelta(days=days + 1)
    play(recorder, week.reports, People(cities[0], seed), start=START, end=end)
    return recorder.recorded


class _Recorder:
    """A host of the simulator that keeps everything desks receive."""

    def __init__(self, recorded: Recorded, changes: datetime) -> None:
        self.recorded, self.changes = recorded, changes
        self.packs = recorded.desks()
        self.city = recorded.cities[0]
        self.told: list[Effects] = []
        self.asked: set[str] = set()
        self._activate(self.city, START)

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def accept(self, batch: Sequence[Accepted]) -> None:
        self.recorded.reports += batch
        for accepted, found in zip(batch, route(self.city, batch), strict=True):
            if isinstance(found, DeadLetter):
                self.recorded.letters.append(found)
            else:
                number = found.report.system, found.report.system_no
                self._give(self.packs.holder(*number) or found.placement.desk, accepted.at, found)

    def refuse(self, letters: Sequence[DeadLetter]) -> None:
        self.recorded.letters += letters

    def submit(self, deeds: Any) -> None:
        for deed, at in deeds:
            self._deed(deed, at)

    def tick(self, now: datetime) -> None:
        if now >= self.changes and self.city is self.recorded.cities[0]:
            self.city = self.recorded.cities[1]
            self._activate(self.city, now)
        for desk in self.packs.waiting(now):
            self._give(desk, now, Tick(desk, now.astimezone(UTC)))
        self._ask(now)

    def drain(self) -> list[Effects]:
        found, self.told = self.told, []
        return found

    def current(self, case_no: str) -> Case:
        return self.packs.current(case_no)

    def _ask(self, now: datetime) -> None:
        """See to it that one case is transferred, and one disputed and ruled upon."""
        wanted = {"TRANSFER", "DISPUTE"} - self.asked
        desks = self.city.rules.places.desks
        for desk in self.packs if wanted else ():
            for case in list(desk.book.cases.values()):
                if not wanted or case.state != "DISPATCHED" or len(case.alerts) > 1:
                    continue
                verb, centre = min(wanted), desks[case.desk].centre
                other = next(code for code in desks if code != case.desk)
                asked = {"TRANSFER": {"desk": other}}.get(verb, {})
                self._deed(_action(case, verb, centre, now, asked), now)
                if verb == "DISPUTE":
                    ruling = {"unit": case.unit, "scope_type": "STREET"}
                    self._deed(_action(case, "RULE", centre, now, ruling), now)
                self.asked.add(verb)
                wanted.discard(verb)

    def _deed(self, deed: Deed, at: datetime) -> None:
        try:
            desk = self.packs.current(deed.case_no).desk
        except KeyError:
            desk = self.city.rules.places.city_desk.code
        self._give(desk, at, deed)

    def _activate(self, city: City, at: datetime) -> None:
        for desk in city.rules.places.desks:
            self._give(desk, at, PackActivated(city.digest, at.astimezone(UTC), desk))

    def _give(self, desk: str, at: datetime, body: Body) -> None:
        items = self.recorded.items
        item = Item(len(items) + 1, desk, at.astimezone(UTC), body)
        items.append(item)
        effects = together(self.packs.receive([item]).values())
        self.told.append(effects)
        for sent in effects.outgoing:
            self._give(sent.desk, sent.at, sent.body)


def _action(case: Case, verb: str, unit: str, at: datetime, payload: dict[str, Any]) -> Action:
    return Action(
        action_id=f"{case.case_no}-{verb}",
        case_no=case.case_no,
        verb=verb,
        actor="somebody",
        actor_unit=unit,
        at=at.astimezone(UTC),
        reason="because",
        payload=payload,
    )
