"""What a data folder says of its city, so that figures have names, city days and working minutes without the pack."""

from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from grids.worktime import WorkCalendar

if TYPE_CHECKING:
    from grids.rules import Rules

KEY = "names"
"""Under which the embedded host keeps these in its file, those of the pack in force."""


NETS = {
    "ZZ": ("综治", "Governance"), "CG": ("城管", "Urban management"), "YJ": ("应急", "Emergency"),
    "HB": ("环保", "Environment"), "MS": ("民生", "Livelihood"),
}  # fmt: skip
"""What the nets of DOMAIN are called; a pack's other nets go by their codes."""


class Names(msgspec.Struct, frozen=True):
    """The city's code, time zone and working hours; zh and en names by code; the net of each category."""

    city: str
    timezone: str
    periods: tuple[tuple[time, time], ...]
    weekdays: tuple[int, ...]
    exceptions: dict[date, str]
    desks: dict[str, tuple[str, str]]
    areas: dict[str, tuple[str, str]]
    units: dict[str, tuple[str, str]]
    categories: dict[str, tuple[str, str]]
    states: dict[str, dict[str, str]]
    nets: dict[str, str]

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def calendar(self) -> WorkCalendar:
        """The city's working hours."""
        return WorkCalendar(self.zone, self.periods, frozenset(self.weekdays), self.exceptions)

    def of(self, dimension: str, code: str) -> tuple[str, str]:
        """Return the zh and en name of a code, the code itself where it has none."""
        known = {
            "city": self.desks, "desk": self.desks, "unit": self.units, "category": self.categories,
            "net": NETS,
        }.get(dimension, self.areas)  # fmt: skip
        zh, en = known.get(code) or self.areas.get(code) or (code, code)
        return zh or code, en or zh or code


def names_of(rules: Rules) -> Names:
    """Return what a pack says of its city."""
    calendar = rules.calendar
    return Names(
        city=rules.form.adcode,
        timezone=rules.form.timezone,
        periods=calendar.periods,
        weekdays=tuple(sorted(calendar.weekdays)),
        exceptions=dict(calendar.exceptions),
        desks={desk.code: (desk.name_zh, desk.name_en) for desk in rules.places.desks.values()},
        areas={area.code: (area.name_zh, area.name_en) for area in rules.areas.values()},
        units={unit.code: (unit.name_zh, unit.name_en) for unit in rules.units.by_code.values()},
        categories={
            category.code: (category.name_zh, category.name_en)
            for (scheme, _), category in rules.catalogue.categories.items()
            if scheme == "city"
        },
        states=rules.form.states,
        nets={
            category.code: category.net
            for (scheme, _), category in rules.catalogue.categories.items()
            if scheme == "city"
        },
    )
