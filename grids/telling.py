"""Who is told of a case, and on which ways: the forms of alerts.toml and channels.toml.

An alert that nobody confirms climbs a ladder: at the end of each acknowledgement limit the next of the centre's ways
is tried, and after the last one the next level is told (DOMAIN §6).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec

from grids.settings import Counted, Form, NotNegative, Tier, convert
from grids.tables import read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from grids.places import Places
    from grids.tables import Problems
    from grids.units import Units

CapCategory = Literal[
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"
]
"""What CAP 1.2 knows as categories."""


class Way(Form, frozen=True):
    """One way to a unit, `[[channel]]` of channels.toml; those of a unit are tried by `order`.

    `target` is a web address for webhook, a stream for redis, an address for smtp, a desk for the console. The secret
    that signs what a webhook is sent, and what it confirms, is in the environment variable `secret_env`.
    """

    unit: str
    kind: Literal["console", "webhook", "redis", "smtp"]
    target: str
    order: int = 1
    secret_env: str = ""


class ChannelsForm(Form, frozen=True):
    """channels.toml."""

    channel: tuple[Way, ...] = ()


class Tell(Form, frozen=True):
    """One more rule of who is told, `[[tell]]` of alerts.toml: where all it states holds, these desks' centres are.

    `categories` are beginnings of city categories; `areas` and `zones` hold the place. A campaign states its dates,
    the last exclusive.
    """

    desks: tuple[str, ...]
    severities: tuple[Literal[1, 2, 3, 4], ...] = ()
    categories: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    effective_from: date | None = None
    effective_to: date | None = None
    name_zh: str = ""
    name_en: str = ""

    def holds(self, *, severity: int, category: str, areas: Iterable[str], zones: Iterable[str], day: date) -> bool:
        """Say whether the rule speaks of a case, by its severity, city category, the areas around it, and its day."""
        return (
            (not self.severities or severity in self.severities)
            and (not self.categories or category.startswith(tuple(self.categories)))
            and (not self.areas or not set(self.areas).isdisjoint(areas))
            and (not self.zones or not set(self.zones).isdisjoint(zones))
            and (self.effective_from is None or self.effective_from <= day)
            and (self.effective_to is None or day < self.effective_to)
        )


class Storm(Form, frozen=True):
    """When many alerts are told together: one message in `minutes` for each cell and category.

    Where that would be more than `street_from` messages to one unit in that time it is one for each street, and where
    that would be more than `desk_from` one for all. Severity 1 and 2 are not among these: so many as `grave_alone` of
    them in that time go at once, each by itself, and beyond that those of `grave_s` seconds together.
    """

    minutes: NotNegative = 5
    street_from: Counted = 5
    desk_from: Counted = 8
    grave_alone: Annotated[int, msgspec.Meta(ge=0)] = 3
    grave_s: Annotated[float, msgspec.Meta(ge=0, le=0.8)] = 0.7


class AlertsForm(Form, frozen=True):
    """alerts.toml. `sender` names the system in CAP documents.

    Documents are Private to whom they are addressed; with a `restriction` they are Restricted, and say it.
    A neighbour is told of what happens within `near_m` metres of its ground; 0 tells none. `category` gives the CAP
    category of city categories by their beginnings, the longest first.
    """

    sender: str = ""
    restriction: str = ""
    near_m: NotNegative = 200
    tell: tuple[Tell, ...] = ()
    category: dict[str, CapCategory] = msgspec.field(default_factory=dict)
    storm: Storm = Storm()

    def cap_category(self, category: str) -> str:
        """Return the CAP category of a city category."""
        fitting = [beginning for beginning in self.category if category.startswith(beginning)]
        return self.category[max(fitting, key=len)] if fitting else "Other"


class Alerting(NamedTuple):
    """What a pack says of alerts: its rules, and each unit's ways in their order."""

    form: AlertsForm
    ways: Mapping[str, tuple[Way, ...]]


def read_alerting(directory: Path, units: Units, problems: Problems) -> Alerting:
    """Read alerts.toml and channels.toml; both may be missing. Notes units that are not known."""
    path = directory / "alerts.toml"
    form = convert(AlertsForm, read_toml(path, problems, optional=True), path, problems)
    path = directory / "channels.toml"
    channels = convert(ChannelsForm, read_toml(path, problems, optional=True), path, problems)
    found: defaultdict[str, list[Way]] = defaultdict(list)
    for number, way in enumerate(channels.channel if channels else ()):
        if way.unit not in units:
            problems.note(path.name, 0, f"channel[{number}].unit", repr(way.unit), "a unit of units.csv")
        found[way.unit].append(way)
    ways = {unit: tuple(sorted(many, key=lambda way: way.order)) for unit, many in found.items()}
    return Alerting(form or AlertsForm(), ways)


def check_alerting(alerting: Alerting, places: Places, problems: Problems) -> None:
    """Note what a rule names that is not known, and a campaign that ends before it begins: it would never apply."""
    zones = {zone.code for zone in places.zones}
    for number, tell in enumerate(alerting.form.tell):
        for key, named, known, expected in (
            ("desks", tell.desks, places.desks, "a desk of city.toml"),
            ("areas", tell.areas, places.areas, "an area of areas.csv"),
            ("zones", tell.zones, zones, "a zone of city.toml"),
        ):
            for one in named:
                if one not in known:
                    problems.note("alerts.toml", 0, f"tell[{number}].{key}", repr(one), expected)
        if tell.effective_from and tell.effective_to and tell.effective_to <= tell.effective_from:
            where = f"tell[{number}].effective_to"
            problems.note("alerts.toml", 0, where, tell.effective_to.isoformat(), f"after {tell.effective_from}")


def ladder(ways: int, following: str) -> tuple[Tier, ...]:
    """Return the tiers of an acknowledgement clock: the other ways one after another, then the next level.

    `following` is that level, DISTRICT or CITY, or empty where there is none.
    """
    tries = tuple(
        Tier(share=number, notify="CHANNEL", name_zh=f"第{number + 1}渠道", name_en=f"way {number + 1}")
        for number in range(1, ways)
    )
    if following == "DISTRICT":
        return (*tries, Tier(share=max(1, ways), notify="DISTRICT", name_zh="区级", name_en="the district"))
    if following == "CITY":
        return (*tries, Tier(share=max(1, ways), notify="CITY", name_zh="市级", name_en="the city"))
    return tries


def level_above(places: Places, unit: str) -> str:
    """Return who is told when a unit doesn't confirm: a street's district, a desk's city; empty above that."""
    if unit == places.city_desk.centre:
        return ""
    return "CITY" if any(desk.centre == unit for desk in places.desks.values()) else "DISTRICT"
