"""What happens in the simulated city: incidents, each with its true place and lead, and the reports of them."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from grids.when import facts
from streams.inlets.simulator.ground import METRES_PER_DEGREE
from streams.inlets.simulator.habits import Habits
from streams.inlets.simulator.reporters import Arrival, Incident, Reporters
from streams.inlets.simulator.tales import invent

if TYPE_CHECKING:
    from collections.abc import Callable

    from grids.city import City
    from grids.duties.selectors import Component
    from streams.records import Report

_HOURS = (1, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 7, 6, 6, 8, 8, 7, 6, 6, 5, 4, 3, 2, 1)
"""How many reports an hour of the day brings, in relation to the others."""

_SEVERITY = (0.002, 0.018, 0.10, 0.88)
"""Shares of severity 1 to 4."""

_SPREAD_M = 60.0
"""How far from a cell's inner point events happen, in metres (one standard deviation)."""

_BESIDE_M, _BESIDE_H = (8.0, 49.0), 3.0
"""How far from the one before an incident beside it happens, in metres, and within how many hours."""

_HEALED = timedelta(days=7)
"""How long nothing else happens to a component."""


class Truth(msgspec.Struct):
    """What really was: the incident behind a report, when and where it was, and the unit that has to see to it.

    `cell` is empty outside the grid; positions are degrees (WGS-84).
    """

    incident: str
    report_id: str
    cell: str
    unit: str
    category: str
    at: datetime
    lon: float
    lat: float


@dataclass(frozen=True)
class Simulation:
    """All that a simulated stretch of days brings: good lines and broken ones in order of arrival, and the truth."""

    reports: list[Arrival]
    malformed: list[Arrival]
    truth: list[Truth]


def simulate(
    city: City,
    *,
    start: datetime,
    days: int,
    seed: int,
    rate: int,
    habits: Habits = Habits(),  # noqa: B008 - frozen
    step: Callable[[str, float], None] = lambda _name, _share: None,
) -> Simulation:
    """Invent `days` days of about `rate` reports each, from `start` on (a moment with offset)."""
    from streams.inlets.simulator.mischief import malformed  # noqa: PLC0415 - mischief spoils what is made here

    rng = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    reporters = Reporters(city, rng, habits, f"{start:%y%m%d}-{seed}")
    world = _World(city, rng, start)
    count = round(days * rate / habits.sendings)
    arrivals: list[Arrival] = []
    truth: list[Truth] = []
    for number in range(count):
        at = start + timedelta(days=rng.randrange(days), seconds=_second_of_day(rng))
        if rng.random() < habits.other_matter:
            arrivals += reporters.sendings(reporters.other_matter(at), at)
            continue
        what = world.happen(f"I{number:07d}", at, beside=rng.random() < habits.beside)
        people = rng.choices(range(len(habits.reporters)), habits.reporters)[0] + 1
        for place in range(people):
            when = what.at + timedelta(minutes=place * rng.uniform(2, 90))
            report = reporters.report(what, when)
            truth.append(world.truth(what, report))
            arrivals += reporters.sendings(report, when)
            if report.self_handled:
                break  # it is over, nobody else sees it
        if number % 200 == 0:
            step("模拟事件 simulate", number / count)
    step("模拟事件 simulate", 1.0)
    arrivals.sort(key=lambda arrival: (arrival.at, arrival.line))
    return Simulation(arrivals, malformed(city, arrivals, rng, start, days), truth)


def _second_of_day(rng: random.Random) -> int:
    return rng.choices(range(24), _HOURS)[0] * 3600 + rng.randrange(3600)


class _World:
    """Lets one incident after another happen, from one stream of chance."""

    def __init__(self, city: City, rng: random.Random, start: datetime) -> None:
        self._city = city
        self._rng = rng
        self._inside = city.inner_points()
        self._weights = np.cumsum(np.sqrt(city.cells.area_m2)).tolist()
        self._components: dict[str, list[Component]] = {}
        for component in city.rules.components.values():
            self._components.setdefault(component.category, []).append(component)
        self._start = start
        self._last: list[Incident] = []
        self._touched: dict[str, datetime] = {}
        catalogue = city.rules.catalogue
        self._leaves = [c for c in catalogue.leaves if catalogue[c].kind == "EVENT" or c in self._components]
        self._events = [c for c in self._leaves if c not in self._components]
        rng.shuffle(self._leaves)
        self._leaf_weights = [1.0 / (2 + rank) for rank in range(len(self._leaves))]

    def happen(self, name: str, at: datetime, *, beside: bool) -> Incident:
        """Let something happen at a moment, anywhere, or beside what happened last and about then."""
        what = next(filter(None, (self._beside(other, name) for other in self._last)), None) if beside else None
        what = what or self._anywhere(name, at)
        # A component seldom has another one near; then it happens beside the last event.
        event = what if what.component is None else next((one for one in self._last if one.component is None), None)
        self._last = [what] if event is None or event is what else [what, event]
        return what

    def truth(self, what: Incident, report: Report) -> Truth:
        """Return what is true of a report; who is responsible goes by the time that it states."""
        cell = str(self._city.cells.codes[what.cell]) if what.cell >= 0 else ""
        unit = self._lead(what, report)
        return Truth(what.name, report.report_id, cell, unit, what.category, what.at, what.lon, what.lat)

    def _anywhere(self, name: str, at: datetime) -> Incident:
        rng = self._rng
        category = rng.choices(self._leaves, self._leaf_weights)[0]
        if category in self._components:
            component = self._untouched(self._components[category], at)
            if component is None and not self._events:
                component = rng.choice(self._components[category])
            if component is not None:
                return self._incident(name, at, category, (component.lon, component.lat), component, None)
            category = rng.choice(self._events)
        cell = rng.choices(range(len(self._weights)), cum_weights=self._weights)[0]
        inner = float(self._inside[cell][0]), float(self._inside[cell][1])
        spread = _moved(*inner, rng.gauss(0, _SPREAD_M), rng.gauss(0, _SPREAD_M))
        if self._city.locator.locate_one(*spread)[0] != cell:
            spread = inner
        return self._incident(name, at, category, spread, None, None)

    def _beside(self, other: Incident, name: str) -> Incident | None:
        """Let another matter of a category happen next to one, in the same hours and with other details.

        None if there is no other component of the kind so near.
        """
        rng = self._rng
        at = max(self._start, other.at + timedelta(hours=rng.uniform(-_BESIDE_H, _BESIDE_H)))
        # Anywhere in the ring alike, so that it isn't nearer than chance would have it.
        off, bearing = math.sqrt(rng.uniform(_BESIDE_M[0] ** 2, _BESIDE_M[1] ** 2)), rng.uniform(0, 2 * math.pi)
        where, component = _moved(other.lon, other.lat, off * math.cos(bearing), off * math.sin(bearing)), None
        if other.component is not None:
            component = self._untouched(self._around(other.component), at)
            if component is None:
                return None
            where = component.lon, component.lat
        return self._incident(name, at, other.category, where, component, other)

    def _incident(
        self,
        name: str,
        at: datetime,
        category: str,
        where: tuple[float, float],
        component: Component | None,
        other: Incident | None,
    ) -> Incident:
        rng, catalogue = self._rng, self._city.rules.catalogue
        conditions = [condition.text for condition in catalogue.conditions.get(category, ())]
        tale = invent(rng, category, catalogue[category].name_zh, conditions, other.tale if other else None)
        severity = rng.choices((1, 2, 3, 4), _SEVERITY)[0]
        cell = self._city.locator.locate_one(*where)[0]
        return Incident(name, at, cell, *where, category, component, severity, tale)

    def _untouched(self, components: list[Component], at: datetime) -> Component | None:
        """Pick a component that nothing happens to in the same days: that would be the same matter again."""
        touched, never = self._touched, at - 2 * _HEALED
        free = [one for one in components if abs(touched.get(one.component_id, never) - at) > _HEALED]
        if not free:
            return None
        component = self._rng.choice(free)
        touched[component.component_id] = at
        return component

    def _around(self, one: Component) -> list[Component]:
        """Return the components of a kind within the distance of incidents beside each other."""
        shrink = math.cos(math.radians(one.lat))
        return [
            other
            for other in self._components[one.category]
            if math.hypot((other.lon - one.lon) * shrink, other.lat - one.lat) * METRES_PER_DEGREE <= _BESIDE_M[1]
        ]

    def _lead(self, what: Incident, report: Report) -> str:
        if what.cell < 0:
            return ""
        place = self._city.cell_places[what.cell]
        local = (report.occurred_at or report.reported_at).astimezone(self._city.zone)
        asked = facts(report.severity, report.urgency, local, place)
        return self._city.rules.duties.resolve(what.category, place, asked, local.date(), what.component).lead


def _moved(lon: float, lat: float, east_m: float, north_m: float) -> tuple[float, float]:
    return lon + east_m / (METRES_PER_DEGREE * math.cos(math.radians(lat))), lat + north_m / METRES_PER_DEGREE
