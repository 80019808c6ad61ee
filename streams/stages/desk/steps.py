"""What each verb does to a case besides its state: which clocks it starts, pauses and stops, what it notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grids.catalogue import URGENCIES
from grids.worktime import parse_limit
from streams.stages.desk import clocks
from streams.stages.desk.authority import NotAllowedError
from streams.stages.desk.clocks import ACCEPT, ANSWER, CHECK, DISPATCH, FILE, HANDLE, SIGN, VERIFY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from grids.rules import Rules
    from grids.worktime import Limit
    from streams.records import Case, Clock

_ALL = "*"

_ON_CLOCKS: dict[str, tuple[tuple[str, str], ...]] = {
    "REQUEST_VERIFY": (("pause", ACCEPT), ("start", VERIFY)),
    "VERIFY_TRUE": (("stop", VERIFY), ("resume", ACCEPT)),
    "VERIFY_FALSE": (("stop", _ALL),),
    "ACCEPT": (("stop", ACCEPT), ("start", FILE)),
    "REFUSE": (("stop", _ALL),),
    "FILE": (("stop", FILE), ("start", DISPATCH)),
    "DECLINE": (("stop", _ALL),),
    "DISPATCH": (("stop", DISPATCH), ("run", HANDLE), ("start", SIGN)),
    "SIGN": (("stop", SIGN),),
    "RETURN": (("stop", SIGN), ("pause", HANDLE), ("start", DISPATCH)),
    "FINISH": (("stop", HANDLE),),
    "REQUEST_CHECK": (("start", CHECK),),
    "CHECK_PASS": (("stop", CHECK),),
    "CHECK_FAIL": (("stop", CHECK),),
    "REWORK": (("run", HANDLE),),
    "CLOSE": (("stop", _ALL),),
}
"""What a verb does to which clock. `run` goes on with the unit's own clock or starts one."""

_OF_UNIT = frozenset({HANDLE, SIGN})
"""Clocks that belong to the unit that holds the case; the others belong to the desk's centre."""

_COUNTED = {"RETURN": "returned", "REWORK": "reworked", "CHECK_PASS": "check_passed", "CHECK_FAIL": "check_failed"}


def change(rules: Rules, case: Case, verb: str, at: datetime, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a legal verb sets. Raises NotAllowedError where the case's own facts forbid it."""
    fields = _FIELDS[verb](rules, case, at, payload) if verb in _FIELDS else {}
    if verb in _COUNTED:
        name = _COUNTED[verb]
        fields["flags"] = {**case.flags, name: case.flags.get(name, 0) + 1}
        if verb == "CHECK_FAIL":
            fields["flags"].pop("check_passed", None)  # an earlier pass says nothing of the work done anew
    ticking = _redispatched if verb == "REDISPATCH" else _ticking
    changed = ticking(rules, case, verb, at, fields)
    if changed:
        fields["clocks"] = changed
    return fields


def limit_of(rules: Rules, case: Case, name: str, fields: Mapping[str, Any]) -> Limit:
    """Return the limit of a clock: the filing condition's for HANDLE, the pack's for the desk's own steps."""
    if name == HANDLE:
        return parse_limit(fields.get("limit", case.limit))
    if name == SIGN:
        return rules.form.limits.of("sign", case.urgency)
    return rules.form.limits.of("accept" if name == FILE else name.lower())


def _owner(rules: Rules, case: Case, name: str, unit: str) -> str:
    return unit if name in _OF_UNIT else rules.places.desks[case.desk].centre


def _find(case: Case, name: str, unit: str) -> Clock | None:
    return next((clock for clock in case.clocks if clock.name == name and clock.unit == unit), None)


def _ticking(rules: Rules, case: Case, verb: str, at: datetime, fields: Mapping[str, Any]) -> list[Clock]:
    calendar, changed = rules.calendar, []
    holder = fields.get("unit") or case.unit
    for what, name in _ON_CLOCKS.get(verb, ()):
        if name == FILE and case.matter != "INCIDENT":
            name = ANSWER  # noqa: PLW2901 - what is no incident is answered instead of filed
        if name == _ALL:
            changed += [clocks.stop(calendar, clock, at) for clock in case.clocks if clock.ended is None]
            continue
        owner = _owner(rules, case, name, holder)
        clock = _find(case, name, owner)
        if what == "start" or (what == "run" and clock is None):
            changed.append(clocks.start(calendar, name, limit_of(rules, case, name, fields), at, unit=owner))
        elif clock is not None:
            act = {"pause": clocks.pause, "stop": clocks.stop, "resume": clocks.resume, "run": clocks.resume}[what]
            changed.append(act(calendar, clock, at))
    return changed


def _redispatched(rules: Rules, case: Case, _: str, at: datetime, fields: Mapping[str, Any]) -> list[Clock]:
    """The same unit resumes its clock, a new one starts its own; the one that gives the case up stops."""
    calendar, unit = rules.calendar, fields["unit"]
    changed = [
        clocks.stop(calendar, clock, at) if clock.name != HANDLE else clocks.pause(calendar, clock, at)
        for clock in case.clocks
        if clock.since is not None and (clock.unit != unit or clock.name not in _OF_UNIT)
    ]
    sign = _find(case, SIGN, unit)
    if sign is None or sign.since is None:
        limit = limit_of(rules, case, SIGN, fields)
        changed.append(clocks.start(calendar, SIGN, limit, at, unit=unit))
    handle = _find(case, HANDLE, unit)
    limit = limit_of(rules, case, HANDLE, fields)
    changed.append(
        clocks.resume(calendar, handle, at) if handle else clocks.start(calendar, HANDLE, limit, at, unit=unit)
    )
    return changed


def _file(rules: Rules, case: Case, _: datetime, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The filing condition fixes limit, clock and closing test; the area class stretches the limit."""
    day = case.receipt.at.astimezone(rules.calendar.zone).date()
    name = payload.get("condition") or case.receipt.category.condition or None
    condition = rules.catalogue.condition(case.category, name, day)
    if condition is None:
        raise NotAllowedError(
            "NO_FILING_CONDITION", f"payload.condition: {name!r} is none of {case.category} on {day}"
        )
    return {
        "limit": str(condition.limit.times(case.placement.factor)),
        "closing_test": condition.closing_test,
        "urgency": max(case.urgency, condition.urgency, key=URGENCIES.index),
    }


def _dispatch(rules: Rules, case: Case, at: datetime, payload: Mapping[str, Any]) -> dict[str, Any]:
    unit = payload.get("unit") or case.receipt.lead
    day = at.astimezone(rules.calendar.zone).date()
    if not isinstance(unit, str) or unit not in rules.units or not rules.units[unit].active(day):
        raise NotAllowedError(
            "UNKNOWN_UNIT", f"payload.unit: {unit!r}; expected a unit of units.csv in being on {day}"
        )
    return {
        "unit": unit,
        "first_unit": case.first_unit or unit,
        "dispatched_at": case.dispatched_at or at,
    }


def _return(rules: Rules, case: Case, at: datetime, _: Mapping[str, Any]) -> dict[str, Any]:
    """Within the return window; the case goes back one stage, to who dispatched it."""
    sign = _find(case, SIGN, case.unit)
    limit = rules.form.limits.of("return_window")
    if sign is None or rules.calendar.elapsed(sign.started, at, limit.clock) > rules.calendar.seconds(limit):
        raise NotAllowedError("RETURN_WINDOW_OVER", f"at: {at.isoformat()} is over {limit} after the dispatch")
    return {"unit": "", "team": ""}


def _close(_: Rules, case: Case, at: datetime, __: Mapping[str, Any]) -> dict[str, Any]:
    if case.matter == "INCIDENT" and not case.flags.get("check_passed"):
        raise NotAllowedError("NOT_CHECKED", f"{case.case_no} has no passed check; expected CHECK_PASS before CLOSE")
    return {"closed_at": at}


def _ended(_: Rules, __: Case, at: datetime, ___: Mapping[str, Any]) -> dict[str, Any]:
    return {"closed_at": at}


def _assign(_: Rules, __: Case, ___: datetime, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"team": str(payload["team"])}


def _unassign(_: Rules, __: Case, ___: datetime, ____: Mapping[str, Any]) -> dict[str, Any]:
    return {"team": ""}


def _finish(_: Rules, __: Case, at: datetime, ___: Mapping[str, Any]) -> dict[str, Any]:
    return {"finished_at": at}


_FIELDS: dict[str, Callable[[Rules, Case, datetime, Mapping[str, Any]], dict[str, Any]]] = {
    "FILE": _file,
    "DISPATCH": _dispatch,
    "REDISPATCH": _dispatch,
    "RETURN": _return,
    "CLOSE": _close,
    "REFUSE": _ended,
    "DECLINE": _ended,
    "VERIFY_FALSE": _ended,
    "ASSIGN": _assign,
    "UNASSIGN": _unassign,
    "FINISH": _finish,
}
