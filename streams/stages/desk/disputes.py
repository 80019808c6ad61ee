"""Disputes: what a district centre's ruling sets in a case, and the dated duty row that it lays down."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from grids.duties import rulings
from grids.duties.receipts import Ruling
from grids.duties.rows import EVERY, SCOPES
from streams.stages.desk.authority import NotAllowedError
from streams.stages.desk.moves import place_of
from streams.stages.desk.steps import unit_in

if TYPE_CHECKING:
    from grids.places import Place
    from grids.rules import Rules
    from streams.records import Case
    from streams.stages.desk.authority import Asked

_NAMED = "R-{case_no}-{seq}"


def rule(rules: Rules, case: Case, asked: Asked) -> tuple[Ruling, dict[str, Any]]:
    """Return the duty row that a ruling lays down and the fields that it sets in its case.

    `payload` names `unit` and `scope_type`, and may name `scope_code` (else the case's own), `category` (a group
    above the case's own, else that) and `effective_to`. Raises NotAllowedError where the row would not cover the
    case itself: a ruling that doesn't settle its own dispute is a slip.
    """
    unit = unit_in(rules, asked.payload, asked.at)
    day = asked.at.astimezone(rules.calendar.zone).date()
    place, kind = place_of(case.placement), asked.payload["scope_type"]
    if kind not in SCOPES:
        raise NotAllowedError("BAD_PAYLOAD", f"payload.scope_type: {kind!r}; expected one of {' '.join(SCOPES)}")
    component = case.receipt.place.component
    ruling = Ruling(
        row=_NAMED.format(case_no=case.case_no, seq=case.seq + 1),
        category=str(asked.payload.get("category", case.category)),
        scope_type=kind,
        scope_code=str(asked.payload.get("scope_code") or _own(rules, place, kind, component)),
        unit=unit,
        case_no=case.case_no,
        decided_by=asked.unit,
        basis=f"{case.case_no}: {asked.reason}",
        effective_from=min(day, case.receipt.at.astimezone(rules.calendar.zone).date()),
        effective_to=_end(asked, day),
        overrules=case.receipt.lead,
        supersedes=rulings.superseded(rules, case.receipt, kind),
    )
    row = rulings.as_row(ruling)
    if ruling.category == EVERY or not row.covers(case.category) or not row.in_scope(place, component):
        text = f"payload: {ruling.category} in {kind} {ruling.scope_code!r}; expected to cover {case.case_no} itself"
        raise NotAllowedError("BAD_PAYLOAD", text)
    return ruling, {
        "receipt": rulings.apply(rules, case.receipt, ruling),
        "unit": unit,
        "first_unit": case.first_unit or unit,
        "dispatched_at": case.dispatched_at or asked.at,
    }


def _own(rules: Rules, place: Place, kind: str, component: str) -> str:
    """Return the code of the scope of a type that holds the case's place; empty if there is none."""
    match kind:
        case "CITY":
            return rules.form.adcode
        case "ZONE":
            return place.zones[0] if place.zones else ""
        case "COMPONENT":
            return component
        case _:
            return str(getattr(place, kind.lower()))


def _end(asked: Asked, day: date) -> date | None:
    said = asked.payload.get("effective_to")
    if not said:
        return None
    try:
        end = date.fromisoformat(str(said))
    except ValueError:
        end = day
    if end <= day:
        raise NotAllowedError("BAD_PAYLOAD", f"payload.effective_to: {said!r}; expected a date after {day}")
    return end
