"""Another place, another category, another desk: what re-routing sets in a case. Number and history stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from grids import datum
from grids.catalogue import CITY, URGENCIES, CategoryError
from grids.duties import rulings
from grids.duties.routing import Question, answer
from grids.locator import METHODS
from grids.places import Place
from streams.stages.desk.authority import NotAllowedError
from streams.stages.desk.lifecycle import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grids.city import City
    from grids.duties.receipts import Receipt, Ruling
    from streams.records import Case, Placement
    from streams.stages.desk.authority import Asked

VERBS = frozenset({"RELOCATE", "RECLASSIFY", "TRANSFER"})
"""The verbs of this module."""

AFRESH: dict[str, Any] = {"unit": "", "team": "", "requests": {}, "task": None}
"""What a case that is routed anew forgets: who held it, and what they had asked for."""

_SEVERITIES = (1, 2, 3, 4)


def change(city: City, known: Iterable[Ruling], case: Case, asked: Asked) -> dict[str, Any]:
    """Return the fields that a verb of this module sets, the new receipt among them.

    A case that was filed is filed and dispatched anew; the unit that had it resumes its clock if it gets it back.
    Raises NotAllowedError where the place, category or desk is none.
    """
    if asked.verb == "TRANSFER":
        return {**AFRESH, "desk": _other_desk(city, case, asked)}
    placement = _place(city, case, asked) if asked.verb == "RELOCATE" else case.placement
    place = place_of(placement)
    scheme, category = case.receipt.category.scheme, case.receipt.category.category
    condition: str | None = case.receipt.category.condition or None
    severity, urgency = case.severity, case.urgency
    if asked.verb == "RECLASSIFY":
        scheme, category = str(asked.payload.get("scheme", CITY)), str(asked.payload["category"])
        condition = asked.payload.get("condition")
        severity, urgency = asked.payload.get("severity", severity), asked.payload.get("urgency", urgency)
        if severity not in _SEVERITIES or urgency not in URGENCIES:
            text = f"payload.severity, payload.urgency: {severity}, {urgency}; expected 1-4 and {' '.join(URGENCIES)}"
            raise NotAllowedError("BAD_PAYLOAD", text)
    said = case.receipt.facts
    question = Question(
        at=case.receipt.at,
        place=place,
        scheme=scheme,
        category=category,
        condition=condition,
        matter=case.matter,
        channel=str(said["channel"]),
        severity=severity,
        urgency=str(urgency) if asked.verb == "RECLASSIFY" else str(said["urgency"]),
        method=placement.method,
        confidence=placement.confidence,
        lon=placement.lon,
        lat=placement.lat,
        datum="WGS84" if placement.lon is not None else "",
        component="" if asked.verb == "RELOCATE" else case.receipt.place.component,
    )
    try:
        receipt = answer(city.rules, placement.grid_version, question)
    except CategoryError as error:
        raise NotAllowedError(error.reason, f"payload.{error}") from None
    receipt = ruled(city, known, receipt, place)
    moved = {
        "placement": placement,
        "receipt": receipt,
        "category": receipt.category.city_category,
        "severity": severity,
        "urgency": urgency,
    }
    if asked.verb == "RELOCATE":
        moved["component_id"] = None
    return {**moved, **AFRESH} if case.unit else moved


def ruled(city: City, known: Iterable[Ruling], receipt: Receipt, place: Place) -> Receipt:
    """Return a receipt as the desk's rulings have it: with the one that decides, if there is one."""
    found = rulings.find(city.rules, known, receipt, place)
    return rulings.apply(city.rules, receipt, found) if found else receipt


def place_of(placement: Placement) -> Place:
    """Return a placement as rules see it."""
    return Place(
        cell=placement.cell,
        grid=placement.grid,
        community=placement.community,
        street=placement.street,
        district=placement.district,
        desk=placement.desk,
        zones=placement.zones,
        area_class=placement.area_class,
        factor=placement.factor,
    )


def placed(placement: Placement, place: Place, **more: Any) -> Placement:
    """Return a placement moved to another place."""
    return msgspec.structs.replace(
        placement,
        desk=place.desk,
        cell=place.cell,
        grid=place.grid,
        community=place.community,
        street=place.street,
        district=place.district,
        zones=place.zones,
        area_class=place.area_class,
        factor=place.factor,
        **more,
    )


def _place(city: City, case: Case, asked: Asked) -> Placement:
    """Read where a person says it is: a cell, or a position in WGS-84 or the datum stated."""
    payload = asked.payload
    if cell := payload.get("cell"):
        if cell not in city.cell_index:
            raise NotAllowedError("UNKNOWN_CELL", f"payload.cell: {cell!r} is no cell of {city.cells.version}")
        place = city.cell_places[city.cell_index[cell]]
        return placed(
            case.placement, place, method="MANUAL", confidence=1.0, grid_version=city.cells.version,
            border_m=None, flags=(),
        )  # fmt: skip
    lon, lat, name = payload.get("lon"), payload.get("lat"), payload.get("datum", "WGS84")
    if not isinstance(lon, int | float) or not isinstance(lat, int | float) or name not in datum.DATUMS:
        text = "payload.lon, payload.lat: nothing; expected degrees, or payload.cell"
        raise NotAllowedError("NO_PAYLOAD", text)
    x, y = datum.to_wgs84(np.array([float(lon)]), np.array([float(lat)]), name)
    index, method, border = city.locator.locate_one(float(x[0]), float(y[0]))
    if index < 0:
        raise NotAllowedError("OUTSIDE", f"payload.lon, payload.lat: {lon}, {lat} is in no cell of the city")
    return placed(
        case.placement,
        city.cell_places[index],
        method=METHODS[method],
        confidence=1.0,
        grid_version=city.cells.version,
        border_m=None if np.isnan(border) else round(float(border), 2),
        lon=round(float(x[0]), 7),
        lat=round(float(y[0]), 7),
        flags=("BY_HAND",),
    )


def _other_desk(city: City, case: Case, asked: Asked) -> str:
    desk = str(asked.payload["desk"])
    if desk not in city.rules.places.desks or desk == case.desk:
        others = " ".join(sorted(set(city.rules.places.desks) - {case.desk}))
        raise NotAllowedError("UNKNOWN_DESK", f"payload.desk: {desk!r}; expected one of {others}")
    return desk


def begins(case: Case) -> str:
    """Return the clock that a desk starts for a case that it takes over."""
    return "FILE" if case.state == ACCEPTED else "ACCEPT"
