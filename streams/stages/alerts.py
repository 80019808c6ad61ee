"""Alerts: what a command centre must be told of a case, and when (DOMAIN §6).

A case of severity 1-3 alerts its desk once it is filed, 1-2 the city's desk too, 1 the street as well; neighbouring
desks near its cell and those that a rule of the pack names are told with them. A dispute alerts the desk that has to
rule; escalation orders go to whom their tier names; when the case ends, what was alerted is cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from streams.records import Alert
from streams.stages.desk.lifecycle import DISPUTED, ENDS, EVALUATED, FILED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from grids.city import City
    from grids.settings import Tier
    from streams.records import Case

_DISTRICT_FROM, _CITY_FROM, _STREET_FROM = 3, 2, 1
"""Severities from which the district's, the city's and the street's centres are told at once."""

_TOLD = frozenset({"STREET", "DISTRICT", "CITY"})

_DESK = 6
"""Length of the desk code that an alert's id begins with."""

NEAR = "NEAR"
"""The level of a neighbour, who is told and has nothing to confirm."""


class To(NamedTuple):
    """Somebody who is told: the desk that the alert is filed under, the unit, and in which capacity."""

    desk: str
    unit: str
    level: str


def on_step(city: City, case: Case, verb: str, to: str, at: datetime, *, severity: int = 4) -> list[Alert]:
    """Return the alerts that a step causes; `case` is as it was before it, `severity` as it is afterwards."""
    if to == case.state and verb != "ABSORB":
        return []
    if to in ENDS and to != EVALUATED:
        return _alerts(city, case, _all_told(case), "CANCEL", at, to, severity) if case.told else []
    if verb == "ABSORB" and severity < case.severity and case.limit:
        return _alerts(city, case, told(city, case, severity, at), "ALERT", at, f"severity {severity}", severity)
    if to == FILED or verb == "REOPEN":
        reason = f"severity {severity}" if to == FILED else verb
        return _alerts(city, case, told(city, case, severity, at), "ALERT", at, reason, severity)
    if to == DISPUTED:
        return _alerts(city, case, [_centre(city, case.desk, "DISTRICT")], "ALERT", at, DISPUTED, severity)
    return []


def on_tier(city: City, case: Case, tier: Tier, clock: str, at: datetime) -> list[Alert]:
    """Return the alerts of an escalation tier: an update where the case is known already, else an alert."""
    if tier.notify not in _TOLD:
        return []
    return _alerts(city, case, [_of_level(city, case, tier)], "ALERT", at, f"{clock} {tier.share:.0%}", case.severity)


def on_correction(city: City, case: Case, tiers: Iterable[Tier], clock: str, at: datetime) -> list[Alert]:
    """Return the updates that take back what tiers said that should not have fired."""
    wrong = dict.fromkeys(_of_level(city, case, tier) for tier in tiers if tier.notify in _TOLD)
    known = {one.unit for one in case.told}
    told = [to for to in wrong if to.unit in known]
    return _alerts(city, case, told, "UPDATE", at, f"{clock} WITHDRAWN", case.severity)


def told(city: City, case: Case, severity: int, at: datetime) -> list[To]:
    """List who is told of a case at once: by its severity, by its neighbours, and by the pack's rules."""
    rules, place = city.rules, case.placement
    found: list[To] = []
    if severity <= _DISTRICT_FROM:
        found.append(_centre(city, case.desk, "DISTRICT"))
    if severity <= _CITY_FROM:
        found.append(_centre(city, rules.places.city_desk.code, "CITY"))
    if severity <= _STREET_FROM and (office := street_office(city, case)):
        found.append(To(case.desk, office, "STREET"))
    form = rules.alerting.form
    day = at.astimezone(rules.calendar.zone).date()
    areas = (place.district, place.street, place.community)
    for rule in form.tell:
        if rule.holds(severity=severity, category=case.category, areas=areas, zones=place.zones, day=day):
            found += [_centre(city, desk, rules.places.desks[desk].level) for desk in rule.desks]
    grid = city.grid_of(place.grid_version) if severity <= _DISTRICT_FROM and form.near_m else None
    if grid is not None and place.cell in grid.index:
        found += [_centre(city, desk, NEAR) for desk in grid.desks_near(place.cell, form.near_m)]
    first: dict[tuple[str, str], To] = {}
    for to in found:
        first.setdefault((to.desk, to.unit), to)
    return list(first.values())


def street_office(city: City, case: Case) -> str:
    """Return the office of a case's street; empty where there is none."""
    return next((unit.code for unit in city.rules.units.find("STREET", "OFFICE", case.placement.street)), "")


def _centre(city: City, desk: str, level: str) -> To:
    return To(desk, city.rules.places.desks[desk].centre, level)


def _of_level(city: City, case: Case, tier: Tier) -> To:
    """Return who a tier speaks to: a street without an office leaves it to the desk."""
    if tier.notify == "CITY":
        return _centre(city, city.rules.places.city_desk.code, "CITY")
    if tier.notify == "STREET" and (office := street_office(city, case)):
        return To(case.desk, office, "STREET")
    return _centre(city, case.desk, tier.notify)


def _all_told(case: Case) -> list[To]:
    return list(dict.fromkeys(To(one.alert_id[:_DESK], one.unit, "") for one in case.told))


def _status(case: Case) -> Literal["Actual", "Exercise", "Test"]:
    """Return as what the alerts of a case are meant: in earnest, to be rehearsed by people, or to try the ways."""
    if case.flags.get("test"):
        return "Test"
    return "Exercise" if case.flags.get("exercise") else "Actual"


def _alerts(
    city: City, case: Case, told: Sequence[To], kind: str, at: datetime, reason: str, severity: int
) -> list[Alert]:
    """Make alerts: who knows of the case already gets an UPDATE in place of an ALERT. Neighbours confirm nothing."""
    rules = city.rules
    due = rules.calendar.due(at, rules.form.limits.of("ack_urgent" if severity <= _CITY_FROM else "ack"))
    made = []
    for number, to in enumerate(told, start=1):
        earlier = [one.alert_id for one in case.told if one.unit == to.unit]
        told_as = "UPDATE" if kind == "ALERT" and earlier else kind
        made.append(
            Alert(
                alert_id=f"{to.desk}-{case.case_no}-{len(case.alerts) + number}",
                desk=to.desk,
                level=to.level,
                case_no=case.case_no,
                kind=told_as,  # type: ignore[arg-type]
                severity=severity,
                sent_at=at,
                reason=reason,
                ack_due=due if told_as == "ALERT" and to.level != NEAR else None,
                references=earlier,
                unit=to.unit,
                status=_status(case),
                category=case.category,
                cell=case.placement.cell,
                street=case.placement.street,
            )
        )
    return made
