"""What each verb does to a case besides its state: which clocks it starts, pauses and stops, what it notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grids.catalogue import URGENCIES
from grids.worktime import Limit, parse_limit
from streams.records import Task
from streams.stages.desk import clocks
from streams.stages.desk.authority import NotAllowedError, independent, supervision_of
from streams.stages.desk.clocks import ACK, ANSWER, CHECK, FILE, HANDLE, HELP, SIGN, VERIFY
from streams.stages.desk.lifecycle import APPEAL, RETURNED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from grids.rules import Rules
    from streams.records import Case, Clock, Request
    from streams.stages.desk.authority import Asked
    from streams.stages.desk.lifecycle import Rule
    from streams.stages.desk.roster import OnDuty

_ALL = "*"
_OF_UNIT = frozenset({HANDLE, SIGN})
"""Clocks that belong to the unit that holds the case; the others belong to the desk's centre, or to who is asked."""

_COUNTED = {
    "REWORK": "reworked", "CHECK_PASS": "check_passed", "CHECK_FAIL": "check_failed", "URGE": "urged",
    "SUPERVISE": "supervised", "REOPEN": "reopened", "REQUEST_HELP": "helped", "DISPUTE": "disputed",
    "RELOCATE": "relocated", "RECLASSIFY": "reclassified", "TRANSFER": "transferred", "CONTACT": "contacted",
}  # fmt: skip
"""Verbs that a case's flags count."""

_ENDING = frozenset(
    {"REFUSE", "VERIFY_FALSE", "DECLINE", "CLOSE", "FORCE_CLOSE", "CANCEL", "WITHDRAW", "MERGE"}
)  # fmt: skip

SAID = frozenset({"yes", "no", "unreached"})
"""What an answer of SATISFACTION may be."""


def change(
    rules: Rules,
    roster: Callable[[], OnDuty],
    case: Case,
    rule: Rule,
    asked: Asked,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the fields that a legal verb sets, `more` among them, and the clocks that go with them.

    Raises NotAllowedError where the case's own facts forbid it.
    """
    verb = asked.verb
    fields = _FIELDS[verb](rules, case, asked) if verb in _FIELDS else {}
    fields |= more or {}
    if verb in _TASKS:
        fields["task"] = task_of(rules, roster, case, _TASKS[verb], asked.at)
    if verb in _COUNTED or (verb == "RETURN" and case.state != RETURNED):
        name = _COUNTED.get(verb, "returned")
        flags = fields.get("flags", case.flags)
        fields["flags"] = {**flags, name: flags.get(name, 0) + 1}
        if verb in ("CHECK_FAIL", "REOPEN"):
            fields["flags"].pop("check_passed", None)  # an earlier pass says nothing of the work done anew
    if verb in _ENDING:
        fields.setdefault("closed_at", asked.at)
        if case.back and verb != "MERGE":
            fields |= {"back": "", "halted_at": None, "until": None}  # what is over is put aside no longer
    if changed := tick(rules, case, rule.clocks, asked, fields):
        fields["clocks"] = changed
    return fields


def limit_of(rules: Rules, case: Case, name: str, fields: Mapping[str, Any]) -> Limit:
    """Return the limit of a clock: the filing condition's for HANDLE, the pack's for the desk's own steps."""
    if name == HANDLE:
        return parse_limit(fields.get("limit", case.limit))
    if name == SIGN:
        return rules.form.limits.of("sign", fields.get("urgency", case.urgency))
    return rules.form.limits.of("accept" if name == FILE else name.lower())


def task_of(rules: Rules, roster: Callable[[], OnDuty], case: Case, verb: str, at: datetime) -> Task | None:
    """Return who is to verify or check: the nearest worker on duty outside the handling line, else SUPERVISION."""
    place, day = case.placement, at.astimezone(rules.calendar.zone).date()
    worker = roster().nearest(place.lon, place.lat, place.grid, at, outside=case.unit)
    if worker is not None and independent(rules, case.unit, worker.unit):
        return Task(verb, worker.unit, worker.worker)  # type: ignore[arg-type]
    unit = supervision_of(rules, case, day)
    return Task(verb, unit) if unit else None  # type: ignore[arg-type]


def tick(
    rules: Rules, case: Case, pairs: tuple[tuple[str, str], ...], asked: Asked, fields: Mapping[str, Any]
) -> list[Clock]:
    """Return the clocks that a row of the table changes, each once, as they are afterwards."""
    holder = fields.get("unit") or case.unit
    now = list(case.clocks)
    for what, wanted in pairs:
        name = ANSWER if wanted == FILE and case.matter != "INCIDENT" else wanted
        match what:
            case "start":
                _start(rules, case, name, asked.at, _owner(rules, case, name, holder, fields, asked), fields, now)
            case "run":
                _run(rules, case, asked.at, holder, fields, now)
            case "hand":
                _hand(rules, case, asked.at, holder, fields, now)
            case _:
                _all_of(rules, case, what, name, asked, now)
    return [
        clock for number, clock in enumerate(now) if number >= len(case.clocks) or clock is not case.clocks[number]
    ]


def _all_of(rules: Rules, case: Case, what: str, name: str, asked: Asked, now: list[Clock]) -> None:
    """Stop, pause or resume all clocks of a name that are not at their end; an acknowledgement is never put off."""
    calendar, at = rules.calendar, asked.at
    replier = _helper(rules, case, asked.unit) if asked.verb == "REPLY_HELP" else ""
    for number, clock in enumerate(now):
        if clock.ended is not None or name not in (_ALL, clock.name) or (replier and clock.unit != replier):
            continue
        if what == "stop":
            now[number] = clocks.stop(calendar, clock, at)
        elif what == "pause" and clock.name != ACK:
            now[number] = clocks.pause(calendar, clock, at)
        elif what == "resume" and (name != _ALL or (clock.spans and clock.spans[-1][1] == case.halted_at)):
            now[number] = clocks.resume(calendar, clock, at)


def _owner(rules: Rules, case: Case, name: str, holder: str, fields: Mapping[str, Any], asked: Asked) -> str:
    if name in _OF_UNIT:
        return holder
    if name == HELP:
        return str(asked.payload["unit"])
    task = fields.get("task")
    if name in (CHECK, VERIFY) and task is not None:
        return str(task.unit)
    return rules.places.desks[fields.get("desk", case.desk)].centre


def _helper(rules: Rules, case: Case, unit: str) -> str:
    """Return the unit whose help was asked for, of a unit's line."""
    asked = [clock.unit for clock in case.clocks if clock.name == HELP and clock.ended is None]
    return next((one for one in rules.units.line(unit) if one in asked), unit)


def _hand(rules: Rules, case: Case, at: datetime, unit: str, fields: Mapping[str, Any], now: list[Clock]) -> None:
    """The same unit goes on as it was, a new one starts its own clocks; the one that gives the case up stops."""
    for number, clock in enumerate(now):
        if clock.name in (SIGN, HELP) and clock.unit != unit:
            now[number] = clocks.stop(rules.calendar, clock, at)
        elif clock.name == HANDLE and clock.unit != unit:
            now[number] = clocks.pause(rules.calendar, clock, at)
    _run(rules, case, at, unit, fields, now)
    if not any(one.name == SIGN and one.unit == unit and one.since for one in now):
        _start(rules, case, SIGN, at, unit, fields, now)


def _run(rules: Rules, case: Case, at: datetime, unit: str, fields: Mapping[str, Any], now: list[Clock]) -> None:
    """A unit's handling clock goes on where it stood, under the limit that holds now, or starts."""
    own = [number for number, clock in enumerate(now) if clock.name == HANDLE and clock.unit == unit]
    if not own:
        _start(rules, case, HANDLE, at, unit, fields, now)
        return
    limit, number = limit_of(rules, case, HANDLE, fields), own[-1]
    clock, seconds = now[number], rules.calendar.seconds(limit)
    if limit.clock != clock.clock:
        now[number] = clocks.stop(rules.calendar, clock, at)
        _start(rules, case, HANDLE, at, unit, fields, now)
        return
    if seconds != clock.limit_s:
        clock = clocks.limited(rules.calendar, clock, limit_s=seconds)
    now[number] = clocks.resume(rules.calendar, clock, at)


def _start(
    rules: Rules, case: Case, name: str, at: datetime, unit: str, fields: Mapping[str, Any], now: list[Clock]
) -> None:
    number = 1 + sum(one.name == name and one.unit == unit for one in now)
    limit = limit_of(rules, case, name, fields)
    now.append(clocks.start(rules.calendar, name, limit, at, unit=unit, number=number))


def filing(rules: Rules, case: Case, named: str | None) -> dict[str, Any]:
    """The filing condition fixes limit, clock and closing test; the area class stretches the limit."""
    day = case.receipt.at.astimezone(rules.calendar.zone).date()
    name = named or case.receipt.category.condition or None
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


def _file(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    return filing(rules, case, asked.payload.get("condition"))


def unit_in(rules: Rules, payload: Mapping[str, Any], at: datetime, default: str = "") -> str:
    """Return the unit that a payload names, which must be in being; NotAllowedError otherwise."""
    unit = payload.get("unit") or default
    day = at.astimezone(rules.calendar.zone).date()
    if not isinstance(unit, str) or unit not in rules.units or not rules.units[unit].active(day):
        raise NotAllowedError(
            "UNKNOWN_UNIT", f"payload.unit: {unit!r}; expected a unit of units.csv in being on {day}"
        )
    return unit


def _dispatch(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    unit = unit_in(rules, asked.payload, asked.at, case.receipt.lead)
    return {
        "unit": unit,
        "first_unit": case.first_unit or unit,
        "dispatched_at": case.dispatched_at or asked.at,
    }


def _return(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    """A unit returns within the return window; who dispatched may send the case further back at any time."""
    if case.state == RETURNED:
        return {}
    sign = [clock for clock in case.clocks if clock.name == SIGN and clock.unit == case.unit]
    limit = rules.form.limits.of("return_window")
    spent = rules.calendar.elapsed(sign[-1].started, asked.at, limit.clock) if sign else None
    if spent is None or spent > rules.calendar.seconds(limit):
        text = f"at: {asked.at.isoformat()} is over {limit} after the dispatch"
        raise NotAllowedError("RETURN_WINDOW_OVER", text)
    return {"unit": "", "team": "", "requests": {}}


def _dispute(_: Rules, __: Case, ___: Asked) -> dict[str, Any]:
    return {"unit": "", "team": "", "requests": {}}


def _close(_: Rules, case: Case, __: Asked) -> dict[str, Any]:
    if case.matter == "INCIDENT" and not case.flags.get("check_passed"):
        raise NotAllowedError("NOT_CHECKED", f"{case.case_no} has no passed check; expected CHECK_PASS before CLOSE")
    return {"requests": _appeals(case)}


def _finish(_: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    return {"finished_at": asked.at, "requests": _appeals(case)}


def _appeals(case: Case) -> dict[str, Request]:
    """What is done needs neither more time nor a suspension."""
    return {name: one for name, one in case.requests.items() if name == APPEAL}


def _reopen(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    """The unit that handled it has it again, or the lead of the receipt; a case never filed gets its limit now."""
    fields = {} if case.limit else filing(rules, case, asked.payload.get("condition"))
    unit = unit_in(rules, asked.payload, asked.at, case.unit or case.receipt.lead)
    flags = {name: count for name, count in case.flags.items() if name != "self_handled"}
    return {
        **fields,
        "unit": unit,
        "first_unit": case.first_unit or unit,
        "dispatched_at": case.dispatched_at or asked.at,
        "finished_at": None,
        "closed_at": None,
        "flags": flags,
        **whereabouts(case),
    }


def whereabouts(case: Case) -> dict[str, Any]:
    """Return what a reader needs of a case that was over and is taken up again."""
    return {"placement": case.placement, "category": case.category}


def _help(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    unit = unit_in(rules, asked.payload, asked.at)
    if unit in rules.units.line(case.unit) or case.unit in rules.units.line(unit):
        raise NotAllowedError("OWN_LINE", f"payload.unit: {unit!r} is in the line of {case.unit!r}; expected another")
    if any(one.name == HELP and one.unit == unit and one.ended is None for one in case.clocks):
        raise NotAllowedError("ASKED_ALREADY", f"payload.unit: {unit!r} has been asked and has not replied yet")
    return {}


def _append(_: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    return {"text": f"{case.text}\n{asked.payload['text']}".strip()}


def _satisfaction(_: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    """Responded, solved, satisfied: each yes, no or unreached (DOMAIN §4)."""
    for name in ("responded", "solved", "satisfied"):
        if asked.payload[name] not in SAID:
            raise NotAllowedError(
                "BAD_PAYLOAD", f"payload.{name}: {asked.payload[name]!r}; expected yes, no, unreached"
            )
    return {"ratings": {**case.ratings, **{n: asked.payload[n] for n in ("responded", "solved", "satisfied")}}}


_TASKS = {"REQUEST_VERIFY": "VERIFY", "REQUEST_CHECK": "CHECK"}

_FIELDS: dict[str, Callable[[Rules, Case, Asked], dict[str, Any]]] = {
    "FILE": _file,
    "DISPATCH": _dispatch,
    "REDISPATCH": _dispatch,
    "RETURN": _return,
    "DISPUTE": _dispute,
    "CLOSE": _close,
    "REOPEN": _reopen,
    "REQUEST_HELP": _help,
    "APPEND": _append,
    "SATISFACTION": _satisfaction,
    "ASSIGN": lambda _, __, asked: {"team": str(asked.payload["team"])},
    "UNASSIGN": lambda _, __, ___: {"team": ""},
    "FINISH": _finish,
    "CHECK_PASS": lambda _, __, ___: {"task": None},
    "CHECK_FAIL": lambda _, __, ___: {"task": None},
    "VERIFY_TRUE": lambda _, __, ___: {"task": None},
    "VERIFY_FALSE": lambda _, __, ___: {"task": None},
}
