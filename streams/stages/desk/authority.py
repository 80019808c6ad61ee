"""Authority: whether a unit may ask a verb of a case, and whether a checker is independent.

Roles follow from what the acting unit is to the case. A pack may narrow who may do what; nothing may widen it
past independence: who checks is never in the line that handled (DOMAIN §1, §4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.stages.desk.lifecycle import (
    ACCEPTED,
    ACCEPTOR,
    CENTRE,
    COLLECTOR,
    DISPATCHER,
    DUTY_OFFICER,
    HANDLED,
    HANDLER,
    RULES,
    SUPERVISION,
    Rule,
)

if TYPE_CHECKING:
    from grids.rules import Rules
    from streams.records import Action, Case

_CHECKS = frozenset({"CHECK_PASS", "CHECK_FAIL"})
_OF_CENTRE = frozenset({ACCEPTOR, DUTY_OFFICER, DISPATCHER, CENTRE})


class NotAllowedError(Exception):
    """An action that its actor may not take; `reason` is its code."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


def roles(rules: Rules, case: Case, unit: str) -> frozenset[str]:
    """Name the roles that a unit has in a case.

    The desk's command centre and the city's accept, file, dispatch and close; the unit that holds the case and
    those below it handle; supervision centres check; street offices and communities have collectors.
    """
    if unit not in rules.units:
        return frozenset()
    found: set[str] = set()
    desks = rules.places.desks
    centres = {desks[case.desk].centre, rules.places.city_desk.centre}
    who = rules.units[unit]
    if unit in centres or (who.kind == "CENTRE" and not any(centres)):
        found |= _OF_CENTRE
    if case.unit and case.unit in rules.units.line(unit):
        found.add(HANDLER)
    if who.kind == "SUPERVISION":
        found.add(SUPERVISION)
    if who.kind == "OFFICE" and who.level in ("STREET", "COMMUNITY"):
        found.add(COLLECTOR)
    return frozenset(found)


def check_action(rules: Rules, case: Case | None, action: Action) -> Case:
    """Return the case if the action is legal in its state and its actor may take it; else raise NotAllowedError."""
    if case is None:
        raise NotAllowedError("NO_SUCH_CASE", f"case_no: {action.case_no!r} is not known at this desk")
    rule = RULES.get(action.verb)
    if rule is None:
        raise NotAllowedError("UNKNOWN_VERB", f"verb: {action.verb!r}; expected one of {' '.join(sorted(RULES))}")
    if case.state not in _starts(rule, case):
        expected = " ".join(sorted(_starts(rule, case))) or "another verb for this matter"
        raise NotAllowedError("ILLEGAL_TRANSITION", f"verb: {action.verb} in {case.state}; expected {expected}")
    if rule.reason and not action.reason.strip():
        raise NotAllowedError("NO_REASON", f"reason: nothing; {action.verb} needs one")
    if missing := [name for name in rule.payload if not action.payload.get(name)]:
        raise NotAllowedError("NO_PAYLOAD", f"payload.{missing[0]}: nothing; {action.verb} needs it")
    check_authority(rules, case, rule, action.actor_unit)
    return case


def _starts(rule: Rule, case: Case) -> frozenset[str]:
    """An incident closes once handled; anything else is answered and closes once accepted, and is never filed."""
    if rule.verb == "CLOSE":
        return frozenset({HANDLED if case.matter == "INCIDENT" else ACCEPTED})
    if rule.verb in ("FILE", "DECLINE") and case.matter != "INCIDENT":
        return frozenset()
    return rule.starts


def check_authority(rules: Rules, case: Case, rule: Rule, unit: str) -> None:
    """Raise NotAllowedError unless a unit has one of the rule's roles, and for a check is independent."""
    held = roles(rules, case, unit)
    if not held & rule.by:
        raise NotAllowedError(
            "NOT_ALLOWED",
            f"actor_unit: {unit!r} is {' '.join(sorted(held)) or 'nothing'} in {case.case_no}; "
            f"expected {' or '.join(sorted(rule.by))}",
        )
    if rule.verb in _CHECKS and not independent(rules, case.unit, unit):
        raise NotAllowedError(
            "NOT_INDEPENDENT", f"actor_unit: {unit!r} is in the line of {case.unit!r}, which handled it"
        )


def independent(rules: Rules, handler: str, checker: str) -> bool:
    """Say whether a checker is outside the handling line; SUPERVISION is by definition."""
    if checker in rules.units and rules.units[checker].kind == "SUPERVISION":
        return True
    return checker not in rules.units.line(handler) and handler not in rules.units.line(checker)
