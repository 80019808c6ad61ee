"""Intake: from an accepted report to a routed one, with its place, its category and its receipt. Stateless.

Works on whole batches: positions are converted per datum and located together, each on the version of the grid in
force when the matter occurred. What can't be routed becomes a dead letter that keeps the original bytes.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from grids import datum
from grids.catalogue import CategoryError
from grids.duties.routing import INCIDENT, Question, answer
from grids.locator import METHODS
from grids.when import facts
from streams.records import DeadLetter, Placement, RoutedReport
from streams.stages.doubts import PASSED_OVER, datum_of, doubts, is_swapped, passed_over

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from grids.city import City
    from grids.places import Place
    from grids.versions import Grid
    from streams.records import Report
    from streams.stages.acceptance import Accepted

STAGE = "intake"

_COARSE = 3
"""A position with fewer decimals than this in both axes (over 100 m) is not trusted to name a cell."""


class RouteError(Exception):
    """A report that intake can't route: a reason code and a text that names the field."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


def route(city: City, batch: Sequence[Accepted]) -> list[RoutedReport | DeadLetter]:
    """Route a batch; the answer has one entry for each report, in order."""
    reports = [accepted.report for accepted in batch]
    placements = _place(city, reports)
    components = _components(city, reports, placements)
    routed: list[RoutedReport | DeadLetter] = []
    for accepted, placed, component in zip(batch, placements, components, strict=True):
        try:
            if isinstance(placed, RouteError):
                raise placed
            routed.append(_route_one(city, accepted, *placed, component))
        except RouteError as error:
            routed.append(dead_letter(accepted, error.reason, str(error)))
    return routed


def dead_letter(accepted: Accepted, reason: str, text: str) -> DeadLetter:
    """Put a report that can't be routed aside, with its bytes, under its own id."""
    report = accepted.report
    return DeadLetter(
        id=report.report_id or hashlib.sha256(accepted.original).hexdigest()[:32],
        stage=STAGE,
        reason=reason,
        text=text,
        at=accepted.at,
        original=accepted.original,
        source=f"{report.system}/{report.system_no}",
    )


def content_digest(report: Report) -> str:
    """Name what a report says, whatever id it was given: a repeat has the same digest, an update another."""
    bare = msgspec.structs.replace(report, report_id="")
    person = report.attributes.get("person")
    if isinstance(person, dict) and "sealed" in person:  # sealed anew each time: what it says is known by its mark
        bare.attributes = {**report.attributes, "person": person.get("mark")}
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()[:16]


def _components(
    city: City, reports: Sequence[Report], placements: Sequence[tuple[Place, Placement] | RouteError]
) -> list[str]:
    """Return the component that each report is about: the one it names, else the nearest of its kind, else none."""
    found = [report.component_id or "" for report in reports]
    asked: list[tuple[int, str, float, float]] = []
    for number, (report, placed) in enumerate(zip(reports, placements, strict=True)):
        if found[number] or isinstance(placed, RouteError) or report.matter != INCIDENT or not city.rules.components:
            continue
        placement = placed[1]
        if placement.lon is not None and placement.lat is not None:
            category = _component_category(city, report, placed[0])
            if category:
                asked.append((number, category, placement.lon, placement.lat))
    if asked:
        numbers, categories, lon, lat = zip(*asked, strict=True)
        within = city.rules.form.tolerances.component_m
        nearest = city.nearest_components.find(categories, lon, lat, within)
        for number, component in zip(numbers, nearest, strict=True):
            found[number] = component.component_id if component else ""
    return found


def _local(city: City, report: Report) -> datetime:
    """Return when a matter occurred, in city time."""
    return (report.occurred_at or report.reported_at).astimezone(city.zone)


def _component_category(city: City, report: Report, place: Place) -> str:
    """Return a report's city category if it is a kind of component; empty if not, or if routing will refuse it."""
    asked = facts(report.severity, report.urgency, _local(city, report), place)
    try:
        category = city.rules.catalogue.to_city(report.scheme or "", report.category or "", asked)
    except CategoryError:
        return ""
    return category if city.rules.catalogue[category].kind == "COMPONENT" else ""


def _route_one(city: City, accepted: Accepted, place: Place, placement: Placement, component: str) -> RoutedReport:
    report = accepted.report
    question = Question(
        at=report.occurred_at or report.reported_at,
        place=place,
        scheme=report.scheme or "",
        category=report.category or "",
        condition=report.condition,
        matter=report.matter,
        channel=report.channel,
        severity=report.severity,
        urgency=report.urgency,
        method=placement.method,
        confidence=placement.confidence,
        lon=report.lon,
        lat=report.lat,
        datum=datum_of(city, report),
        component=component,
    )
    try:
        receipt = answer(city.rules, placement.grid_version, question)
    except CategoryError as error:
        raise RouteError(error.reason, str(error)) from None
    return RoutedReport(report, placement, receipt, content_digest(report))


def _place(city: City, reports: Sequence[Report]) -> list[tuple[Place, Placement] | RouteError]:
    """Place every report: by its position, else by the old grid it names, else nowhere."""
    east, north, declared = _to_wgs84(city, reports)
    located, grids = city.versions.locate(east, north, [_local(city, report).date() for report in reports])
    columns = (located.index, located.method, located.border_m, east, north)
    found: list[tuple[Place, Placement] | RouteError] = []
    for report, grid, said, cell, how, border, lon, lat in zip(
        reports, grids, declared, *(column.tolist() for column in columns), strict=True
    ):
        if cell >= 0:
            method, confidence, flags = _certainty(city, report, METHODS[how], said)
            if passed := passed_over(city, report):
                flags, confidence = (*flags, passed), min(confidence, PASSED_OVER)
            for doubt in () if passed else doubts(city, grid, report, lon, lat):
                flags, confidence = (*flags, doubt.flag), min(confidence, doubt.at_most)
            place = grid.places[cell]
            accuracy = None if report.lon is None else report.accuracy_m
            found.append((place, _placement(grid, place, method, confidence, flags, border, lon, lat, accuracy)))
        elif report.lon is not None and not passed_over(city, report) and _elsewhere(city, lon, lat):
            found.append(_swapped_or_far(city, report))
        else:
            found.append(_by_old_grid(city, grid, report, lon, lat))
    return found


def _to_wgs84(city: City, reports: Sequence[Report]) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Convert positions to WGS-84 (CGCS2000 equals it within decimetres), all of one datum together."""
    components = city.rules.components
    lon, lat = np.full(len(reports), np.nan), np.full(len(reports), np.nan)
    declared = []
    for number, report in enumerate(reports):
        if report.lon is not None and report.lat is not None and not passed_over(city, report):
            lon[number], lat[number] = report.lon, report.lat
            declared.append(datum_of(city, report))
        else:
            if (known := components.get(report.component_id or "")) is not None:
                lon[number], lat[number] = known.lon, known.lat
            declared.append("CGCS2000")
    names = np.array(declared, dtype=object)
    for name in sorted(set(declared) - {"WGS84", "CGCS2000"}):
        chosen = names == name
        lon[chosen], lat[chosen] = datum.to_wgs84(lon[chosen], lat[chosen], name)
    return lon, lat, declared


def _certainty(city: City, report: Report, method: str, declared: str) -> tuple[str, float, tuple[str, ...]]:
    """Say how sure a position is: a snapped or coarse one less, one whose datum is in doubt less."""
    flags: list[str] = []
    if report.component_id and report.component_id not in city.rules.components:
        flags.append("UNKNOWN_COMPONENT")
    if report.lon is None or passed_over(city, report):
        return "COMPONENT", 1.0, tuple(flags)
    confidence = 1.0 if method == "POINT" else 0.9
    expected = city.rules.inlets.source_datum.get(report.system) or city.rules.form.channel_datum.get(report.channel)
    if report.datum and expected and report.datum != expected and {declared, expected} != {"WGS84", "CGCS2000"}:
        flags.append("DATUM_CONFLICT")
        confidence = min(confidence, 0.9)
    if _coarse(report.lon) and _coarse(report.lat):
        flags.append("COARSE_POSITION")
        confidence = min(confidence, 0.5)
    return method, confidence, tuple(flags)


def _coarse(degrees: float | None) -> bool:
    return degrees is not None and round(degrees, _COARSE - 1) == degrees


def _elsewhere(city: City, lon: float, lat: float) -> bool:
    """Say whether a position is so far off that it is a mistake and not a place at the city's edge (about 0.5°)."""
    west, south, east, north = city.bounds
    margin = 0.5
    return not (west - margin <= lon <= east + margin and south - margin <= lat <= north + margin)


def _swapped_or_far(city: City, report: Report) -> RouteError:
    west, south, east, north = city.bounds
    lon, lat = report.lon or 0.0, report.lat or 0.0
    inside = f"lon {west:.2f} to {east:.2f} and lat {south:.2f} to {north:.2f}"
    if is_swapped(city, lon, lat):
        return RouteError("SWAPPED_COORDINATES", f"lon, lat: {lon}, {lat} are swapped; expected {inside}")
    return RouteError("OUT_OF_CITY", f"lon, lat: {lon}, {lat} is over 0.5° outside the city; expected {inside}")


def _by_old_grid(city: City, grid: Grid, report: Report, lon: float, lat: float) -> tuple[Place, Placement]:
    """Place by an old grid's code, as surely as its heaviest cell weighs; else nowhere, for a person to place."""
    passed = passed_over(city, report)
    if report.source_layer and report.source_grid:
        cells = city.versions.cells_of(report.source_layer, report.source_grid, grid)
        if cells:
            index, weight = cells[0]
            place, sure = grid.places[index], min(round(weight, 3), PASSED_OVER) if passed else round(weight, 3)
            return place, _placement(grid, place, "CROSSWALK", sure, (passed,) if passed else (), math.nan, lon, lat)
    flags = (passed or ("NO_POSITION" if math.isnan(lon) else "OUTSIDE"),)
    if report.address and (found := city.gazetteer.find(report.address)):
        place = city.rules.places.at(found.area)
        return place, _placement(grid, place, "ADDRESS", found.confidence, flags, math.nan, lon, lat)
    place = city.rules.places.nowhere
    return place, _placement(grid, place, "NONE", 0.0, flags, math.nan, lon, lat)


def _placement(
    grid: Grid,
    place: Place,
    method: str,
    confidence: float,
    flags: tuple[str, ...],
    border: float,
    lon: float,
    lat: float,
    accuracy: float | None = None,
) -> Placement:
    return Placement(
        desk=place.desk,
        method=method,  # type: ignore[arg-type]
        confidence=confidence,
        grid_version=grid.version,
        cell=place.cell,
        grid=place.grid,
        community=place.community,
        street=place.street,
        district=place.district,
        zones=place.zones,
        area_class=place.area_class,
        factor=place.factor,
        border_m=None if math.isnan(border) else round(border, 2),
        accuracy_m=accuracy,
        lon=None if math.isnan(lon) else round(lon, 7),
        lat=None if math.isnan(lat) else round(lat, 7),
        flags=flags,
    )
