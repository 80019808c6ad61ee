"""From a question about a matter at a place to its receipt, and the re-check of a receipt anybody holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec import UNSET

from grids import datum
from grids.catalogue import CITY, CategoryError
from grids.duties import rulings
from grids.duties.receipts import CategoryStep, Receipt, ReceiptPlace, RowVerdict, intact, sealed
from grids.duties.resolution import Decision
from grids.locator import METHODS
from grids.when import facts

if TYPE_CHECKING:
    from datetime import datetime

    from grids.city import City
    from grids.places import Place
    from grids.rules import Rules
    from grids.versions import Grid

INCIDENT = "INCIDENT"
NO_GRID, NOT_AN_INCIDENT = "NO_GRID", "NOT_AN_INCIDENT"

_LEVELS = {4: "STREET", 3: "DISTRICT", 2: "DISTRICT", 1: "CITY"}
"""Who commands at each severity (DOMAIN §4)."""

_NO_DECISION = Decision("", "", (), (), (), (), ())

_BY_POSITION = frozenset({"POINT", "SNAP"})


class Question(NamedTuple):
    """What a decision depends on besides the pack.

    `at` is when the matter occurred; `lon` and `lat` are as reported, in `datum`; `method` and `confidence` say how
    the place was found; `component` is an id of the register, or empty.
    """

    at: datetime
    place: Place
    scheme: str
    category: str
    condition: str | None = None
    matter: str = INCIDENT
    channel: str = ""
    severity: int = 4
    urgency: str = "NORMAL"
    method: str = "POINT"
    confidence: float = 1.0
    lon: float | None = None
    lat: float | None = None
    datum: str = ""
    component: str = ""


class Difference(NamedTuple):
    """One field in which a receipt and its re-derivation differ."""

    field: str
    said: str
    derived: str


def answer(rules: Rules, grid_version: str, question: Question) -> Receipt:
    """Decide, and return the sealed receipt.

    Raises CategoryError, whose `reason` is a code and whose text names the field, if the category or condition can't
    be placed in the city's catalogue.
    """
    local, place = question.at.astimezone(rules.calendar.zone), question.place
    category = condition = ""
    decision, outcome = _NO_DECISION, NOT_AN_INCIDENT
    if question.matter == INCIDENT:
        asked = facts(question.severity, question.urgency, local, place)
        category = rules.catalogue.to_city(question.scheme, question.category, asked)
        filing = rules.catalogue.condition(category, question.condition, local.date())
        if filing is None and question.condition is not None:
            named = ", ".join(c.condition for c in rules.catalogue.conditions.get(category, ()))
            raise CategoryError("UNKNOWN_CONDITION", f"condition: {question.condition!r}; expected one of {named}")
        condition = filing.condition if filing else ""
        outcome = NO_GRID
        if place.cell or place.street:
            component = rules.components.get(question.component)
            decision = rules.duties.resolve(category, place, asked, local.date(), component)
            outcome = decision.outcome
    return sealed(
        Receipt(
            at=question.at,
            place=ReceiptPlace(
                cell=place.cell,
                district=place.district,
                street=place.street,
                community=place.community,
                desk=place.desk,
                zones=place.zones,
                area_class=place.area_class,
                grid_version=grid_version,
                method=question.method,
                confidence=question.confidence,
                lon=question.lon,
                lat=question.lat,
                datum=question.datum,
                component=question.component,
            ),
            category=CategoryStep(question.scheme, question.category, category, condition),
            duty_version=rules.version,
            lead=decision.lead,
            cooperate=decision.cooperate,
            supervise=decision.supervise,
            approve=decision.approve,
            enforce=decision.enforce,
            outcome=outcome,
            automation=rules.automation_of(
                outcome, question.channel, question.severity, question.matter, question.confidence
            ),
            level=_LEVELS[question.severity],
            facts={
                "matter": question.matter,
                "channel": question.channel,
                "severity": question.severity,
                "urgency": question.urgency,
                "hour": local.hour,
            },
            rows=decision.verdicts,
        )
    )


def ask(city: City, position: tuple[float, float], category: str, at: datetime, severity: int = 4) -> Receipt:
    """Answer for a WGS-84 position (longitude, latitude) and a city leaf or `SCHEME:CODE`, as for a report there.

    The grid is the one in force at `at`. Raises CategoryError if the category is unknown.
    """
    grid = city.grid_at(at.astimezone(city.zone).date())
    index, method, _ = grid.locator.locate_one(*position)
    scheme, _, code = category.rpartition(":")
    question = Question(
        at=at,
        place=grid.places[index] if index >= 0 else city.rules.places.nowhere,
        scheme=scheme or CITY,
        category=code,
        severity=severity,
        method=METHODS[method],
        lon=position[0],
        lat=position[1],
        datum="WGS84",
    )
    return answer(city.rules, grid.version, question)


def recheck(city: City, receipt: Receipt) -> list[Difference]:
    """Derive a receipt's decision anew from a pack, and list every field that comes out differently.

    An empty list means: this receipt is what this pack says of this matter. A receipt that was changed, or that
    another pack gave, is told by what differs. It is derived on the version of the grid that it names; that may be
    a later one than was in force at the time (a case follows the grid), but not an earlier one.
    """
    found = []
    grid = _grid_of(city, receipt)
    if not intact(receipt):
        found.append(Difference("receipt_id", receipt.receipt_id, sealed(receipt).receipt_id))
    if (cell := receipt.place.cell) and cell not in grid.index:
        if grid.version != receipt.place.grid_version:
            found.append(Difference("place.grid_version", receipt.place.grid_version, grid.version))
        return [*found, Difference("place.cell", cell, "no cell of this grid")]
    if receipt.place.method in _BY_POSITION and (where := _located(grid, receipt)) != cell:
        found.append(Difference("place.cell", cell, where))
    place = grid.places[grid.index[cell]] if cell else _by_area(city, receipt)
    said = receipt.facts
    question = Question(
        at=receipt.at,
        place=place,
        scheme=receipt.category.scheme,
        category=receipt.category.category,
        condition=receipt.category.condition or None,
        matter=str(said["matter"]),
        channel=str(said["channel"]),
        severity=int(said["severity"]),
        urgency=str(said["urgency"]),
        method=receipt.place.method,
        confidence=receipt.place.confidence,
        lon=receipt.place.lon,
        lat=receipt.place.lat,
        datum=receipt.place.datum,
        component=receipt.place.component,
    )
    try:
        derived = answer(city.rules, grid.version, question)
    except CategoryError as error:
        return [*found, Difference("category", f"{question.scheme}:{question.category}", str(error))]
    if receipt.ruling is not UNSET:
        # A ruling is not the pack's: it is taken as given, and must fit the matter as the pack alone decides it.
        ruling = rulings.find(city.rules, [receipt.ruling], derived, place)
        derived = rulings.apply(city.rules, derived, ruling) if ruling else derived
    return found + _differences(receipt, derived)


def _by_area(city: City, receipt: Receipt) -> Place:
    """Return the place of a receipt that names no cell: the area that an address meant, or nowhere."""
    area = receipt.place.community or receipt.place.street or receipt.place.district
    return city.rules.places.at(area) if area else city.rules.places.nowhere


def _grid_of(city: City, receipt: Receipt) -> Grid:
    """Return the grid that a receipt names if it may; else the one in force when the matter occurred."""
    due = city.grid_at(receipt.at.astimezone(city.zone).date())
    named = city.grid_of(receipt.place.grid_version)
    return due if named is None or named.first < due.first else named


def _located(grid: Grid, receipt: Receipt) -> str:
    """Return the cell that a receipt's reported position lies in."""
    place = receipt.place
    if place.lon is None or place.lat is None:
        return ""
    lon, lat = datum.to_wgs84(np.array([place.lon]), np.array([place.lat]), place.datum or "WGS84")
    index = grid.locator.locate_one(float(lon[0]), float(lat[0]))[0]
    return str(grid.cells.codes[index]) if index >= 0 else ""


def _differences(said: Receipt, derived: Receipt) -> list[Difference]:
    found = []
    for name in Receipt.__struct_fields__:
        if name in ("receipt_id", "at"):
            continue
        one, other = getattr(said, name), getattr(derived, name)
        if one == other:
            continue
        if name in ("place", "category"):
            found += [
                Difference(f"{name}.{field}", str(getattr(one, field)), str(getattr(other, field)))
                for field in type(one).__struct_fields__
                if getattr(one, field) != getattr(other, field)
            ]
        elif name == "rows":
            found += _row_differences(one, other)
        else:
            found.append(Difference(name, str(one), str(other)))
    return found


def _row_differences(said: tuple[RowVerdict, ...], derived: tuple[RowVerdict, ...]) -> list[Difference]:
    one, other = {row.row: row for row in said}, {row.row: row for row in derived}
    return [
        Difference(f"rows.{name}", str(one.get(name, "not there")), str(other.get(name, "not there")))
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name)
    ]
