"""What a verb needs, asked for: codes by their names, in a list that is searched by typing; days by a calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.outlets.console.frame import Seat
    from streams.records import Case

FIELDS = {
    "unit": ("单位", "Unit"), "team": ("班组", "Team"), "evidence": ("证据（文件名，逗号分隔）", "Evidence (file names, commas)"),
    "relies_on": ("所依据的职责行", "Duty row it relies on"), "scope_type": ("裁定范围", "Scope of the ruling"),
    "until": ("截止日期", "Until"), "text": ("补充内容", "Text"), "category": ("类别", "Category"), "desk": ("接收中心", "The other centre"),
    "master": ("主案案号", "Number of the master case"), "case": ("另一案号", "The other case"), "reached": ("是否接通", "Reached"),
    "responded": ("是否响应", "Responded"), "solved": ("是否解决", "Solved"), "satisfied": ("是否满意", "Satisfied"),
    "request": ("答复哪项申请", "Which request"), "lon": ("经度", "Longitude"), "lat": ("纬度", "Latitude"),
}  # fmt: skip
"""What the fields of an action's payload are called."""

SCOPES = {
    "CITY": ("全市", "the whole city"), "DISTRICT": ("本区", "this district"), "STREET": ("本街道", "this street"),
    "COMMUNITY": ("本社区", "this community"), "CELL": ("本单元", "this cell"), "ZONE": ("本片区", "this zone"),
}  # fmt: skip
REQUESTS = {"EXTENSION": ("延期", "Extension"), "SUSPENSION": ("挂账", "Suspension"), "APPEAL": ("申诉", "Appeal")}
_YES_NO = {"yes": ("是", "yes"), "no": ("否", "no")}
_SAID = {**_YES_NO, "unreached": ("未接通", "not reached")}
_WORDS = {"scope_type": SCOPES, "reached": _YES_NO, "responded": _SAID, "solved": _SAID, "satisfied": _SAID}


def ask_for(seat: Seat, cases: Sequence[Case], name: str) -> ui.input | ui.select:
    """Draw the field in which a part of a verb's payload is filled in."""
    label = seat.t(*FIELDS.get(name, (name, name))) + " *"
    options = _options(seat, cases, name)
    field: ui.input | ui.select
    if options is None:
        field = ui.input(label).props("outlined dense" + (" type=date stack-label" if name == "until" else ""))
    else:
        field = searched(options, label)
    return field.classes("w-full").props(f'data-field="{name}"')


def searched(options: dict[str, str], label: str, value: str | None = None) -> ui.select:
    """Draw a list of codes with their names: by typing it is searched, by arrows and Enter chosen from."""
    return ui.select(
        options, value=value if value in options else None, label=label, with_input=True
    ).props("outlined dense options-dense")  # fmt: skip


def category_options(seat: Seat) -> dict[str, str]:
    """Return the city's leaves with their names."""
    return {leaf: f"{leaf} {seat.of('category', leaf)}" for leaf in seat.console.city.rules.catalogue.leaves}


def unit_options(seat: Seat, cases: Sequence[Case]) -> dict[str, str]:
    """Return the units of today with their names; those that the cases' receipts name stand first."""
    city = seat.console.city
    day = seat.console.clock().astimezone(city.zone).date()
    named = [row.unit for case in cases for row in case.receipt.rows]
    there = [unit.code for unit in city.rules.units.by_code.values() if unit.active(day)]
    known = set(there)
    ordered = [code for code in dict.fromkeys(named) if code in known] + sorted(there)
    return {code: f"{seat.of('unit', code)} {code}" for code in dict.fromkeys(ordered)}


def _options(seat: Seat, cases: Sequence[Case], name: str) -> dict[str, str] | None:
    """Return what there is to choose from, None where anything may be written."""
    desks = seat.console.city.rules.places.desks
    match name:
        case "unit":
            return unit_options(seat, cases)
        case "category":
            return category_options(seat)
        case "desk":
            held = {case.desk for case in cases}
            return {code: f"{seat.of('desk', code)} {code}" for code in desks if held != {code}}
        case "request":
            asked = {request for case in cases for request in case.requests}
            return {key: seat.t(*names) for key, names in REQUESTS.items() if key in asked}
    words = _WORDS.get(name)
    return None if words is None else {key: seat.t(*names) for key, names in words.items()}


def value_of(name: str, said: Any) -> Any:
    """Return what was filled in, as the payload has it."""
    text = str(said).strip()
    if name == "evidence":
        return [part.strip() for part in text.replace("，", ",").split(",") if part.strip()]
    if name in ("lon", "lat"):
        try:
            return float(text)
        except ValueError:
            return text
    return text
