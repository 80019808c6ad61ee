"""Relative names of units, such as `@street-office`: what they mean at a place.

Real duty lists say "the street office it belongs to". A selector says the same so that it can be resolved, at
compile time for every place, and so that the proof covers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from grids.places import Place
    from grids.units import Unit, Units


class Component(NamedTuple):
    """A thing the city owns: a manhole, a lamp. `owner` and `maintainer` are unit codes, empty if unknown."""

    component_id: str
    category: str
    lon: float
    lat: float
    owner: str
    maintainer: str


def _street_office(units: Units, place: Place, _: str) -> tuple[Unit, ...]:
    return units.find("STREET", "OFFICE", place.street)


def _community(units: Units, place: Place, _: str) -> tuple[Unit, ...]:
    return units.find("COMMUNITY", "OFFICE", place.community)


def _district(units: Units, place: Place, function: str) -> tuple[Unit, ...]:
    kind = "ENFORCEMENT" if function == "enforcement" else "DEPARTMENT"
    return units.find("DISTRICT", kind, place.district, function)


def _city(units: Units, _: Place, function: str) -> tuple[Unit, ...]:
    kind = "ENFORCEMENT" if function == "enforcement" else "DEPARTMENT"
    return tuple(unit for area in units.city_areas for unit in units.find("CITY", kind, area, function))


def _zone_committee(units: Units, place: Place, _: str) -> tuple[Unit, ...]:
    return tuple(
        unit
        for zone in place.zones
        for kind in ("OFFICE", "DEPARTMENT", "CENTRE")
        for unit in units.find("ZONE", kind, zone, "committee")
    )


_PLAIN: dict[str, Callable[[Units, Place, str], tuple[Unit, ...]]] = {
    "@street-office": _street_office,
    "@community": _community,
    "@zone-committee": _zone_committee,
}
_OF_FUNCTION: dict[str, Callable[[Units, Place, str], tuple[Unit, ...]]] = {"@district": _district, "@city": _city}
_OF_COMPONENT = frozenset({"@owner", "@maintainer"})


def is_selector(name: str) -> bool:
    """Say whether a unit name is relative."""
    return name.startswith("@")


def selector_fault(name: str, units: Units) -> str | None:
    """Return what was expected if `name` is no selector, or asks for a function that no unit has, else None."""
    head, _, function = name.partition(":")
    if name in _PLAIN or name in _OF_COMPONENT:
        return None
    if head in _OF_FUNCTION and function:
        level = head[1:].upper()
        found = (u for u in units.by_code.values() if u.level == level and u.kind in ("DEPARTMENT", "ENFORCEMENT"))
        known = {unit.function for unit in found if unit.function}
        expected = f"the function of a {level} department of units.csv: {' '.join(sorted(known))}"
        return None if function in known else expected
    return "a selector: " + " ".join(
        [*_PLAIN, *(f"{head}:<function>" for head in _OF_FUNCTION), *sorted(_OF_COMPONENT)]
    )


def select(name: str, units: Units, place: Place, day: date, component: Component | None = None) -> tuple[str, ...]:
    """Return the codes of the units that a name (absolute or relative) means at a place on a city date.

    Exactly one is as it should be; none or several are a finding of the lint and are never guessed here.
    """
    if not is_selector(name):
        return (name,) if name in units and units[name].active(day) else ()
    if name in _OF_COMPONENT:
        code = "" if component is None else component.owner if name == "@owner" else component.maintainer
        return (code,) if code in units and units[code].active(day) else ()
    head, _, function = name.partition(":")
    found = (_PLAIN.get(name) or _OF_FUNCTION[head])(units, place, function)
    return tuple(unit.code for unit in found if unit.active(day))
