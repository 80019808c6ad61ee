"""Who reports an incident, through which channel, how well placed, in whose words, and how the report arrives.

Each channel has its datum and its error of position. A few use another datum, send the same report twice, send a
later state of it, or send it hours late.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from grids import datum
from grids.catalogue import CITY
from streams.inlets.simulator.ground import METRES_PER_DEGREE, spot
from streams.inlets.simulator.tales import tell
from streams.records import Report

if TYPE_CHECKING:
    import random
    from datetime import datetime

    from grids.city import City
    from grids.duties.selectors import Component
    from grids.settings import Channel
    from streams.inlets.simulator.habits import Habits
    from streams.inlets.simulator.tales import Tale

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

_DEVICES = {"SENSOR": ("YJ", "HB"), "VIDEO": ("CG",)}
"""The nets of events that devices notice; of other events a grid worker tells, of components anybody."""

_ON_THE_SPOT = ("GRID_WORKER", "INSPECTION", "SENSOR")
"""Channels that know which component they speak of."""


@dataclass(frozen=True)
class Arrival:
    """One line as it reaches an inlet, and when."""

    at: datetime
    line: bytes


@dataclass(frozen=True)
class Incident:
    """What really happened: when, where (degrees, WGS-84; `cell` is -1 outside), of which category, and its tale."""

    name: str
    at: datetime
    cell: int
    lon: float
    lat: float
    category: str
    component: Component | None
    severity: int
    tale: Tale


class Reporters:
    """Makes one report after another, from one stream of chance."""

    def __init__(self, city: City, rng: random.Random, habits: Habits, series: str) -> None:
        self._city = city
        self._rng = rng
        self._habits = habits
        self._foreign: dict[str, list[tuple[str, str]]] = {}
        for (scheme, code), rules in city.rules.catalogue.mappings.items():
            if len(rules) == 1 and not rules[0].when.text:
                self._foreign.setdefault(rules[0].to, []).append((scheme, code))
        self._series = series  # in every number, so that another stretch or seed is never taken for a repeat
        self._numbers: dict[str, int] = {}

    def report(self, what: Incident, at: datetime) -> Report:
        """Return what somebody who sees an incident at a moment says of it."""
        rng, catalogue = self._rng, self._city.rules.catalogue
        channel, _, deviation = rng.choices(_CHANNELS, [share for _, share, _ in _CHANNELS])[0]
        category = catalogue[what.category]
        if category.kind == "EVENT" and category.net not in _DEVICES.get(channel, (category.net,)):
            channel, _, deviation = _CHANNELS[0]
        scheme, code = CITY, what.category
        if what.category in self._foreign and rng.random() < 0.5:  # noqa: PLR2004 - every other one
            scheme, code = rng.choice(self._foreign[what.category])
        system, number = self._number(channel)
        report = Report(
            report_id=self._uuid(at),
            system=system,
            system_no=number,
            channel=channel,
            net=category.net,  # type: ignore[arg-type]
            reported_at=at,
            occurred_at=self._said_to_be_at(what.at, at),
            scheme=scheme,
            category=code,
            severity=what.severity,  # type: ignore[arg-type]
            text=tell(rng, channel, what.tale, spot(what.lon, what.lat), self._area(what.cell)),
            reporter=self._pseudonym(),
        )
        if what.component and channel in _ON_THE_SPOT:
            report.component_id = what.component.component_id
        if rng.random() < 0.01:  # noqa: PLR2004 - one in a hundred knows no position, only the old grid or nothing
            labels = self._city.cells.labels
            report.source_layer = "CG"
            report.source_grid = labels["CG"][what.cell] if "CG" in labels and what.cell >= 0 else None
        else:
            self._place(report, what, deviation)
        if channel == "GRID_WORKER" and what.severity == 4 and rng.random() < 0.04:  # noqa: PLR2004 - done on the spot
            report.self_handled = True
        return report

    def other_matter(self, at: datetime) -> Report:
        """Return an inquiry, suggestion, praise or complaint: it needs neither place nor category."""
        matter = self._rng.choices(("INQUIRY", "SUGGESTION", "PRAISE", "COMPLAINT"), (5, 2, 1, 2))[0]
        system, number = self._number("HOTLINE")
        return Report(
            report_id=self._uuid(at),
            system=system,
            system_no=number,
            channel="HOTLINE",
            reported_at=at,
            matter=matter,  # type: ignore[arg-type]
            text=f"示意诉求 illustrative {matter.lower()}",
            reporter=self._pseudonym(),
        )

    def sendings(self, report: Report, at: datetime) -> list[Arrival]:
        """Return how a report arrives: once, again, in a later state, or late."""
        rng, habits = self._rng, self._habits
        late = rng.random() < habits.late
        arrived = at + (timedelta(hours=rng.uniform(3, 60)) if late else timedelta(seconds=rng.uniform(1, 40)))
        found = [Arrival(arrived, msgspec.json.encode(report))]
        if rng.random() < habits.repeated:
            again = msgspec.structs.replace(report, report_id=self._uuid(at))
            found.append(Arrival(arrived + timedelta(minutes=rng.uniform(1, 300)), msgspec.json.encode(again)))
        elif rng.random() < habits.updated:
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

    def _said_to_be_at(self, true: datetime, at: datetime) -> datetime | None:
        """Return when somebody says it happened: now (nothing said), about then, or at the last half hour."""
        rng = self._rng
        if rng.random() < 0.3:  # noqa: PLR2004 - three in ten say nothing
            return None
        if rng.random() < 0.5:  # noqa: PLR2004 - half of the others round
            return true - timedelta(minutes=true.minute % 30, seconds=true.second)
        return min(at, true + timedelta(minutes=rng.randint(0, 20)))

    def _place(self, report: Report, what: Incident, deviation: float) -> None:
        """Set where the reporter says it is, in the datum of the channel or, now and then, in another."""
        rng, habits = self._rng, self._habits
        report.accuracy_m = deviation
        east, north = rng.gauss(0, deviation), rng.gauss(0, deviation)
        if habits.error_m is not None:
            off, bearing = rng.uniform(*habits.error_m), rng.uniform(0, 2 * math.pi)
            east, north = off * math.cos(bearing), off * math.sin(bearing)
            report.accuracy_m = round(off * rng.lognormvariate(0, 0.3))
        lon = what.lon + east / (METRES_PER_DEGREE * math.cos(math.radians(what.lat)))
        lat = what.lat + north / METRES_PER_DEGREE
        declared = self._city.rules.form.channel_datum.get(report.channel, "WGS84")
        if rng.random() < habits.wrong_datum:
            declared = rng.choice([name for name in ("WGS84", "GCJ02", "BD09") if name != declared])
            if habits.datum_named:
                report.datum = declared  # type: ignore[assignment]
        x, y = datum.from_wgs84(np.array([lon]), np.array([lat]), declared)
        report.lon, report.lat = round(float(x[0]), 6), round(float(y[0]), 6)

    def _area(self, cell: int) -> str:
        """Return what a cell's street office is called; empty outside."""
        if cell < 0:
            return ""
        area = self._city.rules.areas.get(self._city.cell_places[cell].street)
        return area.name_zh if area else ""

    def _number(self, channel: str) -> tuple[str, str]:
        system = {"HOTLINE": "12345", "GRID_WORKER": "grid-app", "SENSOR": "iot"}.get(channel, channel.lower())
        self._numbers[system] = self._numbers.get(system, 0) + 1
        return system, f"{system.upper()}-{self._series}-{self._numbers[system]:06d}"

    def _pseudonym(self) -> str:
        return f"p{self._rng.getrandbits(40):010x}"

    def _uuid(self, at: datetime) -> str:
        """Return a UUIDv7 of this moment whose random part comes from the seed."""
        value = int(at.timestamp() * 1000) << 80 | self._rng.getrandbits(80)
        value = value & ~(0xF000 << 64) | 0x7000 << 64
        value = value & ~(0xC000 << 48) | 0x8000 << 48
        return str(uuid.UUID(int=value))
