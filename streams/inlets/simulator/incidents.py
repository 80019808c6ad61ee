"""What happens in the simulated city, and the reports that come of it.

Every incident has a true cell and a true lead; one or more people report it, each through a channel with that
channel's datum, and with its error of position. A few use the wrong datum, send the same report twice, send a
later state of it, or send it hours late.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from grids import datum
from grids.catalogue import CITY
from grids.when import facts
from streams.records import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from grids.city import City
    from grids.duties.selectors import Component
    from grids.settings import Channel

REPORTERS = (0.82, 0.13, 0.05)
"""Shares of incidents with one, two and three reporters."""

REPEATED, UPDATED, LATE, WRONG_DATUM, OTHER_MATTER = 0.03, 0.02, 0.02, 0.01, 0.05
"""Shares of reports that are sent twice, sent again with a later state, late, in the wrong datum, no incident."""

_CHANNELS: tuple[tuple[Channel, float, float], ...] = (
    ("GRID_WORKER", 0.42, 6.0),
    ("HOTLINE", 0.18, 25.0),
    ("PUBLIC_APP", 0.16, 15.0),
    ("VIDEO", 0.07, 8.0),
    ("SENSOR", 0.06, 3.0),
    ("INSPECTION", 0.06, 6.0),
    ("DEPARTMENT", 0.03, 12.0),
    ("LEADER", 0.01, 25.0),
    ("MEDIA", 0.01, 30.0),
)
"""Channel, share, and error of position in metres (one standard deviation)."""

_HOURS = (1, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 7, 6, 6, 8, 8, 7, 6, 6, 5, 4, 3, 2, 1)
"""How many reports an hour of the day brings, in relation to the others."""

_SEVERITY = (0.002, 0.018, 0.10, 0.88)
"""Shares of severity 1 to 4."""

_METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class Arrival:
    """One line as it reaches an inlet, and when."""

    at: datetime
    line: bytes


class Truth(msgspec.Struct):
    """What really was: the incident behind a report, the cell it is in, the unit that has to see to it."""

    incident: str
    report_id: str
    cell: str
    unit: str
    category: str


@dataclass(frozen=True)
class Simulation:
    """All that a simulated stretch of days brings: good lines and broken ones in order of arrival, and the truth."""

    reports: list[Arrival]
    malformed: list[Arrival]
    truth: list[Truth]


@dataclass(frozen=True)
class _Incident:
    name: str
    at: datetime
    cell: int
    lon: float
    lat: float
    category: str
    component: Component | None


def simulate(
    city: City,
    *,
    start: datetime,
    days: int,
    seed: int,
    rate: int,
    step: Callable[[str, float], None] = lambda _name, _share: None,
) -> Simulation:
    """Invent `days` days of about `rate` reports each, from `start` on (a moment with offset)."""
    from streams.inlets.simulator.mischief import malformed  # noqa: PLC0415 - mischief spoils what is made here

    rng = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    maker = _Maker(city, rng, f"{start:%y%m%d}-{seed}")
    count = round(days * rate / (sum(n * share for n, share in enumerate(REPORTERS, 1)) + REPEATED + UPDATED))
    arrivals: list[Arrival] = []
    truth: list[Truth] = []
    for number in range(count):
        at = start + timedelta(days=rng.randrange(days), seconds=_second_of_day(rng))
        if rng.random() < OTHER_MATTER:
            arrivals += maker.other_matter(at)
        else:
            arrivals += maker.incident(f"I{number:07d}", at, truth)
        if number % 200 == 0:
            step("模拟事件 simulate", number / count)
    step("模拟事件 simulate", 1.0)
    arrivals.sort(key=lambda arrival: (arrival.at, arrival.line))
    return Simulation(arrivals, malformed(city, arrivals, rng, start, days), truth)


def _second_of_day(rng: random.Random) -> int:
    return rng.choices(range(24), _HOURS)[0] * 3600 + rng.randrange(3600)


class _Maker:
    """Makes the reports of one incident after another, from one stream of chance."""

    def __init__(self, city: City, rng: random.Random, series: str) -> None:
        self.city = city
        self.rng = rng
        catalogue = city.rules.catalogue
        self.inside = city.inner_points()
        self.weights = np.cumsum(np.sqrt(city.cells.area_m2)).tolist()
        self.components: dict[str, list[Component]] = {}
        for component in city.rules.components.values():
            self.components.setdefault(component.category, []).append(component)
        leaves = [c for c in catalogue.leaves if catalogue[c].kind == "EVENT" or c in self.components]
        order = leaves.copy()
        rng.shuffle(order)
        self.leaves = order
        self.leaf_weights = [1.0 / (2 + rank) for rank in range(len(order))]
        self.foreign: dict[str, list[tuple[str, str]]] = {}
        for (scheme, code), rules in catalogue.mappings.items():
            if len(rules) == 1 and not rules[0].when.text:
                self.foreign.setdefault(rules[0].to, []).append((scheme, code))
        self._series = series  # in every number, so that another stretch or seed is never taken for a repeat
        self._numbers: dict[str, int] = {}

    def incident(self, name: str, at: datetime, truth: list[Truth]) -> list[Arrival]:
        """Return the arrivals of one incident, and note what is true of it."""
        rng = self.rng
        category = rng.choices(self.leaves, self.leaf_weights)[0]
        component = rng.choice(self.components[category]) if category in self.components else None
        if component:
            lon, lat = component.lon, component.lat
            cell = self.city.locator.locate_one(lon, lat)[0]
        else:
            cell = rng.choices(range(len(self.weights)), cum_weights=self.weights)[0]
            lon, lat = self.inside[cell]
        what = _Incident(name, at, cell, lon, lat, category, component)
        severity = rng.choices((1, 2, 3, 4), _SEVERITY)[0]
        arrivals: list[Arrival] = []
        for reporter in range(rng.choices((1, 2, 3), REPORTERS)[0]):
            when = at + timedelta(minutes=reporter * rng.uniform(2, 90))
            report = self._report(what, when, severity)
            truth.append(Truth(name, report.report_id, self._cell(cell), self._lead(what, report), category))
            arrivals += self._sendings(report, when)
        return arrivals

    def other_matter(self, at: datetime) -> list[Arrival]:
        """Return an inquiry, suggestion, praise or complaint: it needs neither place nor category."""
        rng = self.rng
        matter = rng.choices(("INQUIRY", "SUGGESTION", "PRAISE", "COMPLAINT"), (5, 2, 1, 2))[0]
        system, number = self._number("HOTLINE")
        report = Report(
            report_id=self._uuid(at),
            system=system,
            system_no=number,
            channel="HOTLINE",
            reported_at=at,
            matter=matter,  # type: ignore[arg-type]
            text=f"示意诉求 illustrative {matter.lower()}",
            reporter=self._pseudonym(),
        )
        return self._sendings(report, at)

    def _report(self, what: _Incident, at: datetime, severity: int) -> Report:
        rng, catalogue = self.rng, self.city.rules.catalogue
        channel, _, error = rng.choices(_CHANNELS, [share for _, share, _ in _CHANNELS])[0]
        scheme, code = CITY, what.category
        if what.category in self.foreign and rng.random() < 0.5:  # noqa: PLR2004 - every other one
            scheme, code = rng.choice(self.foreign[what.category])
        system, number = self._number(channel)
        lon, lat = self._position(what, channel, error)
        conditions = catalogue.conditions.get(what.category, ())
        report = Report(
            report_id=self._uuid(at),
            system=system,
            system_no=number,
            channel=channel,
            net=catalogue[what.category].net,  # type: ignore[arg-type]
            reported_at=at,
            occurred_at=what.at,
            scheme=scheme,
            category=code,
            severity=severity,  # type: ignore[arg-type]
            text=f"{catalogue[what.category].name_zh}：{conditions[0].text if conditions else '待查'}",
            reporter=self._pseudonym(),
            accuracy_m=error,
        )
        if what.component and channel in ("GRID_WORKER", "INSPECTION", "SENSOR"):
            report.component_id = what.component.component_id
        if rng.random() < 0.01:  # noqa: PLR2004 - one in a hundred knows no position, only the old grid or nothing
            report.source_layer = "CG"
            report.source_grid = self.city.cells.labels["CG"][what.cell] if "CG" in self.city.cells.labels else None
        else:
            report.lon, report.lat = lon, lat
        if channel == "GRID_WORKER" and severity == 4 and rng.random() < 0.04:  # noqa: PLR2004 - seen to on the spot
            report.self_handled = True
        return report

    def _position(self, what: _Incident, channel: Channel, error: float) -> tuple[float, float]:
        """Return where the reporter says it is, in the datum of the channel, or wrongly in another."""
        rng = self.rng
        east, north = rng.gauss(0, error), rng.gauss(0, error)
        lon = what.lon + east / (_METRES_PER_DEGREE * np.cos(np.radians(what.lat)))
        lat = what.lat + north / _METRES_PER_DEGREE
        declared = self.city.rules.form.channel_datum.get(channel, "WGS84")
        if rng.random() < WRONG_DATUM:
            declared = rng.choice([name for name in ("WGS84", "GCJ02", "BD09") if name != declared])
        x, y = datum.from_wgs84(np.array([lon]), np.array([lat]), declared)
        return round(float(x[0]), 6), round(float(y[0]), 6)

    def _sendings(self, report: Report, at: datetime) -> list[Arrival]:
        """Return how a report arrives: once, again, in a later state, or late."""
        rng = self.rng
        delay = timedelta(hours=rng.uniform(3, 60)) if rng.random() < LATE else timedelta(seconds=rng.uniform(1, 40))
        arrived = at + delay
        found = [Arrival(arrived, msgspec.json.encode(report))]
        if rng.random() < REPEATED:
            again = msgspec.structs.replace(report, report_id=self._uuid(at))
            found.append(Arrival(arrived + timedelta(minutes=rng.uniform(1, 300)), msgspec.json.encode(again)))
        elif rng.random() < UPDATED:
            changed = at + timedelta(minutes=rng.uniform(20, 600))
            later = msgspec.structs.replace(
                report,
                report_id=self._uuid(changed),
                text=report.text + "（补充）",
                source_status="补充说明",
                source_updated_at=changed,
            )
            found.append(Arrival(max(changed, arrived) + timedelta(seconds=20), msgspec.json.encode(later)))
        return found

    def _number(self, channel: str) -> tuple[str, str]:
        system = {"HOTLINE": "12345", "GRID_WORKER": "grid-app", "SENSOR": "iot"}.get(channel, channel.lower())
        self._numbers[system] = self._numbers.get(system, 0) + 1
        return system, f"{system.upper()}-{self._series}-{self._numbers[system]:06d}"

    def _pseudonym(self) -> str:
        return f"p{self.rng.getrandbits(40):010x}"

    def _uuid(self, at: datetime) -> str:
        """Return a UUIDv7 of this moment whose random part comes from the seed."""
        value = int(at.timestamp() * 1000) << 80 | self.rng.getrandbits(80)
        value = value & ~(0xF000 << 64) | 0x7000 << 64
        value = value & ~(0xC000 << 48) | 0x8000 << 48
        return str(uuid.UUID(int=value))

    def _cell(self, cell: int) -> str:
        return str(self.city.cells.codes[cell]) if cell >= 0 else ""

    def _lead(self, what: _Incident, report: Report) -> str:
        if what.cell < 0:
            return ""
        place = self.city.cell_places[what.cell]
        local = what.at.astimezone(self.city.zone)
        asked = facts(report.severity, report.urgency, local, place)
        return self.city.rules.duties.resolve(what.category, place, asked, local.date(), what.component).lead
