"""Authority: whether somebody may ask a verb of a case, and whether a checker is independent.

Roles follow from what the acting unit is to the case. A pack may narrow who may do what; nothing may widen it
past independence: who checks is never in the line that handled (DOMAIN §1, §4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.stages.desk.clocks import HELP
from streams.stages.desk.lifecycle import (
    ACCEPTED,
    ACCEPTOR,
    APPEAL,
    APPROVER,
    BY_STATE,
    CENTRE,
    COLLECTOR,
    COOPERATOR,
    DISPATCHER,
    DUTY_OFFICER,
    HANDLED,
    HANDLER,
    REPORTER,
    REQUESTS,
    SUPERVISION,
    SYSTEM,
    VERBS,
    Rule,
    states_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime
    from typing import Any

    from grids.rules import Rules
    from streams.records import Action, Case

_CHECKS = frozenset({"CHECK_PASS", "CHECK_FAIL"})
_OF_CENTRE = frozenset({ACCEPTOR, DUTY_OFFICER, DISPATCHER, CENTRE})
_ANSWERS = frozenset({"GRANT", "DENY"})


class NotAllowedError(Exception):
    """An action that its actor may not take; `reason` is its code."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class Asked(NamedTuple):
    """A verb as it is asked of a case: when it takes effect, by whom, why and with what."""

    verb: str
    at: datetime
    actor: str = SYSTEM
    unit: str = ""
    reason: str = ""
    payload: Mapping[str, Any] = {}


def roles(rules: Rules, case: Case, asked: Asked) -> frozenset[str]:
    """Name the roles that who asks has in a case.

    The desk's command centre and the city's accept, file, dispatch and close; the unit that holds the case and
    those below it handle; a unit whose help was asked for cooperates; supervision centres of the place check;
    street offices and communities of the desk have collectors, as has whoever was given the task; the systems
    that the case's reports came from, and the reporters themselves, speak for the reporter. A unit that is not
    in being on the day has no role.
    """
    found = {REPORTER} if _reports(case, asked) else set()
    day = asked.at.astimezone(rules.calendar.zone).date()
    unit = rules.units.by_code.get(asked.unit)
    if unit is None or not unit.active(day):
        return frozenset(found)
    desks = rules.places.desks
    centres = {desks[case.desk].centre, rules.places.city_desk.centre}
    if unit.code in centres or (unit.kind == "CENTRE" and not any(centres)):
        found |= _OF_CENTRE
    line = rules.units.line(unit.code)
    if case.unit and case.unit in line:
        found.add(HANDLER)
    if any(clock.name == HELP and clock.ended is None and clock.unit in line for clock in case.clocks):
        found.add(COOPERATOR)
    tasked = case.task is not None and case.task.unit in line
    if unit.kind == "SUPERVISION" and (tasked or _supervises(rules, case, unit.area_code)):
        found.add(SUPERVISION)
    if unit.kind == "OFFICE" and unit.level in ("STREET", "COMMUNITY"):
        here = not case.placement.cell or rules.places.desk_of(unit.area_code).code == case.desk
        if tasked or here:
            found.add(COLLECTOR)
    if asked.verb in _ANSWERS and _approves(rules, case, asked, found):
        found.add(APPROVER)
    return frozenset(found)


def check_action(rules: Rules, case: Case | None, action: Action, at: datetime) -> tuple[Case, Rule, Asked]:
    """Return the case, the row of the table and what is asked; NotAllowedError if it may not be.

    `at` is when the action takes effect.
    """
    if case is None:
        raise NotAllowedError("NO_SUCH_CASE", f"case_no: {action.case_no!r} is not known at this desk")
    asked = Asked(action.verb, at, action.actor, action.actor_unit, action.reason, action.payload)
    rule = check_state(case, action.verb)
    if rule.reason and not action.reason.strip():
        raise NotAllowedError("NO_REASON", f"reason: nothing; {action.verb} needs one")
    if missing := [name for name in rule.payload if not action.payload.get(name)]:
        raise NotAllowedError("NO_PAYLOAD", f"payload.{missing[0]}: nothing; {action.verb} needs it")
    _check_authority(rules, case, rule, asked)
    return case, rule, asked


def check_state(case: Case, verb: str) -> Rule:
    """Return the row of the table for a verb in the case's state; NotAllowedError if there is none."""
    if verb not in VERBS:
        raise NotAllowedError("UNKNOWN_VERB", f"verb: {verb!r}; expected one of {' '.join(sorted(VERBS))}")
    rule = BY_STATE.get((case.state, verb))
    if rule is None or not _suits(case, verb):
        expected = " ".join(sorted(states_of(verb))) if _suits(case, verb) else "another verb for this matter"
        raise NotAllowedError("ILLEGAL_TRANSITION", f"verb: {verb} in {case.state}; expected {expected}")
    return rule


def _suits(case: Case, verb: str) -> bool:
    """An incident closes once handled; anything else is answered and closes once accepted, and is never filed."""
    if case.matter == "INCIDENT":
        return verb != "CLOSE" or case.state != ACCEPTED
    if verb in ("FILE", "DECLINE", "RELOCATE", "RECLASSIFY", "MERGE", "KEEP_APART", "REOPEN"):
        return False
    return verb != "CLOSE" or case.state != HANDLED


def _check_authority(rules: Rules, case: Case, rule: Rule, asked: Asked) -> None:
    """Raise NotAllowedError unless who asks has one of the rule's roles, and for a check is independent."""
    held = roles(rules, case, asked)
    if not held & rule.by:
        raise NotAllowedError(
            "NOT_ALLOWED",
            f"actor_unit: {asked.unit!r} is {' '.join(sorted(held)) or 'nothing'} in {case.case_no}; "
            f"expected {' or '.join(sorted(rule.by))}",
        )
    if asked.verb in _CHECKS and not independent(rules, case.unit, asked.unit):
        raise NotAllowedError(
            "NOT_INDEPENDENT", f"actor_unit: {asked.unit!r} is in the line of {case.unit!r}, which handled it"
        )


def independent(rules: Rules, handler: str, checker: str) -> bool:
    """Say whether a checker is outside the handling line; SUPERVISION is by definition."""
    if checker in rules.units and rules.units[checker].kind == "SUPERVISION":
        return True
    return checker not in rules.units.line(handler) and handler not in rules.units.line(checker)


def supervision_of(rules: Rules, case: Case, day: date) -> str:
    """Return the supervision centre of a case's place: the zone's, the district's, else the city's; empty if none."""
    units, place = rules.units, case.placement
    wanted = [("ZONE", zone) for zone in place.zones] + [("DISTRICT", place.district)]
    wanted += [("CITY", area) for area in units.city_areas]
    for level, area in wanted:
        for unit in units.find(level, "SUPERVISION", area):
            if unit.active(day):
                return unit.code
    return ""


def _reports(case: Case, asked: Asked) -> bool:
    if asked.unit:
        return any(source.system == asked.unit for source in case.sources)
    return bool(asked.actor) and any(source.reporter == asked.actor for source in case.sources)


def _supervises(rules: Rules, case: Case, area: str) -> bool:
    """Say whether a supervision centre's area holds the case's place; the city's holds every place."""
    if area in rules.units.city_areas or not case.placement.cell:
        return True
    place = case.placement
    return area in (*place.zones, place.district, place.street, place.community)


def _approves(rules: Rules, case: Case, asked: Asked, held: set[str]) -> bool:
    """Say whether the pack lets who asks answer this request; nobody reviews an appeal of the line they are in."""
    request = str(asked.payload.get("request"))
    if request not in REQUESTS:
        return False
    said = [role for name, role in rules.form.approvers.items() if name == request]
    role = said[0] if said else SUPERVISION if request == APPEAL else CENTRE
    return role in held and (request != APPEAL or independent(rules, case.unit, asked.unit))
