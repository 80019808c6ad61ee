"""What a unit asks for and others grant or deny: more time, a suspension, an appeal against an overdue mark.

An extension adds up to one original limit to the current deadline, at most twice, and not once overdue; a denial
uses none up. A suspension pauses the clocks until a stated date at most a year away, once. An appeal needs two
reviewers; the overdue fact stays, the score leaves it out (DOMAIN §4).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from grids.worktime import parse_limit
from streams.records import Request
from streams.stages.desk import clocks
from streams.stages.desk.authority import NotAllowedError
from streams.stages.desk.clocks import ACK, HANDLE
from streams.stages.desk.lifecycle import APPEAL, EXTENSION, SUSPENDED, SUSPENSION, states_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from grids.rules import Rules
    from streams.records import Case, Clock
    from streams.stages.desk.authority import Asked

EXTENSIONS = 2
"""Extensions that one case may be granted."""

LONGEST = timedelta(days=366)
"""How far away a suspension may end."""

_WORKING = states_of("ASK_SUSPENSION")

REVIEWERS = 2
"""How many people have to agree to an appeal."""


def change(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    """Return the fields that a verb about a request sets; `state` among them where it leads to another state.

    Raises NotAllowedError where the case's own facts forbid it.
    """
    return _VERBS[asked.verb](rules, case, asked)


def _ask_extension(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    clock = _handling(case)
    _not_overdue(rules, clock, asked.at)
    if case.flags.get("extended", 0) >= EXTENSIONS:
        raise NotAllowedError("EXTENDED_ENOUGH", f"{case.case_no} was extended {EXTENSIONS} times; expected fewer")
    seconds = clock.limit_s
    if said := asked.payload.get("limit"):
        try:
            limit = parse_limit(str(said))
        except ValueError as error:
            raise NotAllowedError("BAD_PAYLOAD", f"payload.limit: {error}") from None
        seconds = rules.calendar.seconds(limit)
        if limit.clock != parse_limit(case.limit).clock or seconds > clock.limit_s:
            text = f"payload.limit: {said}; expected at most {case.limit}, in the same kind of time"
            raise NotAllowedError("BAD_PAYLOAD", text)
    return _asked(case, EXTENSION, Request(asked.unit, asked.at, asked.reason, seconds=seconds))


def _ask_suspension(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    if case.flags.get("suspended"):
        raise NotAllowedError("SUSPENDED_ONCE", f"{case.case_no} was suspended before; expected at most once")
    until = _until(rules, asked)
    return _asked(case, SUSPENSION, Request(asked.unit, asked.at, asked.reason, until=until))


def _appeal(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    own = [
        clock
        for clock in case.clocks
        if clock.unit == case.unit and not clock.excused and clocks.is_overdue(rules.calendar, clock, asked.at)
    ]
    named = asked.payload.get("clock", HANDLE)
    wanted = [clock for clock in own if clock.name == named]
    if not wanted:
        overdue = " ".join(sorted({clock.name for clock in own})) or "none"
        raise NotAllowedError("NOT_OVERDUE", f"payload.clock: {named!r}; overdue clocks of {case.unit}: {overdue}")
    made = _asked(case, APPEAL, Request(asked.unit, asked.at, asked.reason, clock=wanted[-1].key))
    return {**made, "flags": {**case.flags, "appealed": case.flags.get("appealed", 0) + 1}}


def _grant(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    name, request = _pending(case, asked)
    left = {other: one for other, one in case.requests.items() if other != name}
    if name == EXTENSION:
        clock = _handling(case)
        _not_overdue(rules, clock, asked.at)
        longer = clocks.limited(rules.calendar, clock, extra_s=request.seconds)
        tiers = rules.tiers_of(longer.name, longer.unit)
        longer = msgspec.structs.replace(longer, tiers=clocks.passed(rules.calendar, tiers, longer, asked.at))
        return {"requests": left, "clocks": [longer], "flags": _counted(case, "extended")}
    if name == SUSPENSION:
        assert request.until is not None
        if request.until <= asked.at:
            text = f"at: {asked.at.isoformat()} is after {request.until.isoformat()}, the end that was asked for"
            raise NotAllowedError("TOO_LATE", text)
        if case.state not in _WORKING:
            raise NotAllowedError(
                "TOO_LATE", f"{case.case_no} is {case.state}; expected {' '.join(sorted(_WORKING))}"
            )
        halted = [
            clocks.pause(rules.calendar, clock, asked.at)
            for clock in case.clocks
            if clock.since is not None and clock.name != ACK
        ]
        return {
            "requests": left,
            "clocks": halted,
            "flags": _counted(case, "suspended"),
            "state": SUSPENDED,
            "back": case.state,
            "halted_at": asked.at,
            "until": request.until,
        }
    if not asked.actor or asked.actor in request.granted:
        raise NotAllowedError("SAME_REVIEWER", f"actor: {asked.actor!r} agreed already; expected another reviewer")
    agreed = [*request.granted, asked.actor]
    if len(agreed) < REVIEWERS:
        return {"requests": {**left, name: msgspec.structs.replace(request, granted=agreed)}}
    excused = [msgspec.structs.replace(clock, excused=True) for clock in case.clocks if clock.key == request.clock]
    return {"requests": left, "clocks": excused, "flags": _counted(case, "excused")}


def _deny(_: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    name, __ = _pending(case, asked)
    return {
        "requests": {other: one for other, one in case.requests.items() if other != name},
        "flags": _counted(case, "denied"),
    }


def _resume(rules: Rules, case: Case, asked: Asked) -> dict[str, Any]:
    """What the suspension paused goes on, in the state in which it was."""
    again = [
        clocks.resume(rules.calendar, clock, asked.at)
        for clock in case.clocks
        if clock.ended is None and clock.spans and clock.spans[-1][1] == case.halted_at
    ]
    return {"state": case.back, "back": "", "halted_at": None, "until": None, "clocks": again}


def _asked(case: Case, name: str, request: Request) -> dict[str, Any]:
    if name in case.requests:
        raise NotAllowedError("ASKED_ALREADY", f"{case.case_no} has asked for {name} and has no answer yet")
    return {"requests": {**case.requests, name: request}}


def _pending(case: Case, asked: Asked) -> tuple[str, Request]:
    name = str(asked.payload["request"])
    request = case.requests.get(name)
    if request is None:
        waiting = " ".join(sorted(case.requests)) or "none"
        raise NotAllowedError("NOTHING_ASKED", f"payload.request: {name!r}; waiting: {waiting}")
    return name, request


def _handling(case: Case) -> Clock:
    """Return the handling clock of the unit that holds the case."""
    own = [clock for clock in case.clocks if clock.name == HANDLE and clock.unit == case.unit]
    if not own:
        raise NotAllowedError("NO_CLOCK", f"{case.case_no} has no handling clock; expected one that runs")
    return own[-1]


def _not_overdue(rules: Rules, clock: Clock, at: datetime) -> None:
    if clocks.is_overdue(rules.calendar, clock, at):
        due = clock.due.astimezone(rules.calendar.zone).isoformat() if clock.due else ""
        raise NotAllowedError("OVERDUE", f"at: after the deadline {due}; expected before it")


def _until(rules: Rules, asked: Asked) -> datetime:
    """Read the end of a suspension: a date, whose first moment in the city it is, or a time with offset."""
    said = str(asked.payload["until"])
    try:
        if "T" in said:
            until = datetime.fromisoformat(said)
            if until.tzinfo is None:
                raise ValueError(said)  # noqa: TRY301 - told like any other time that can't be read
        else:
            until = datetime.combine(date.fromisoformat(said), time(), rules.calendar.zone)
    except ValueError:
        text = f"payload.until: {said!r}; expected 2026-05-01 or 2026-05-01T08:00:00+08:00"
        raise NotAllowedError("BAD_PAYLOAD", text) from None
    if not asked.at < until <= asked.at + LONGEST:
        raise NotAllowedError("BAD_PAYLOAD", f"payload.until: {said}; expected a moment within a year from now")
    return until


def _counted(case: Case, name: str) -> dict[str, int]:
    return {**case.flags, name: case.flags.get(name, 0) + 1}


_VERBS: dict[str, Callable[[Rules, Case, Asked], dict[str, Any]]] = {
    "ASK_EXTENSION": _ask_extension,
    "ASK_SUSPENSION": _ask_suspension,
    "APPEAL": _appeal,
    "GRANT": _grant,
    "DENY": _deny,
    "RESUME": _resume,
}

VERBS = frozenset(_VERBS)
"""The verbs of this module."""
