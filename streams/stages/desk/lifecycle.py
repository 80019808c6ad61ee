"""The life cycle as one table: which verb, by whom, leads from which states to which (DOMAIN §4)."""

from __future__ import annotations

from dataclasses import dataclass

REPORTED, VERIFYING, ACCEPTED, FILED = "REPORTED", "VERIFYING", "ACCEPTED", "FILED"
DISPATCHED, SIGNED, HANDLING, HANDLED = "DISPATCHED", "SIGNED", "HANDLING", "HANDLED"
CHECKING, CLOSED, REWORK, RETURNED = "CHECKING", "CLOSED", "REWORK", "RETURNED"
NOT_ACCEPTED, NOT_FILED = "NOT_ACCEPTED", "NOT_FILED"

OPEN = frozenset(
    {REPORTED, VERIFYING, ACCEPTED, FILED, DISPATCHED, SIGNED, HANDLING, HANDLED, CHECKING, REWORK, RETURNED}
)
"""States in which somebody still has to do something."""

ENDS = frozenset({CLOSED, NOT_ACCEPTED, NOT_FILED})

SYSTEM, ACCEPTOR, DUTY_OFFICER, DISPATCHER = "SYSTEM", "ACCEPTOR", "DUTY_OFFICER", "DISPATCHER"
HANDLER, CENTRE, COLLECTOR, SUPERVISION = "HANDLER", "CENTRE", "COLLECTOR", "SUPERVISION"

SAME = ""
"""The target of a verb that changes no state."""


@dataclass(frozen=True)
class Rule:
    """One verb: the states it starts from, the one it leads to, the roles that may, whether a reason is due."""

    verb: str
    starts: frozenset[str]
    to: str
    by: frozenset[str]
    reason: bool = False
    payload: tuple[str, ...] = ()


def _rule(verb: str, starts: str, to: str, by: str, *, reason: bool = False, payload: str = "") -> Rule:
    states = OPEN if starts == "OPEN" else frozenset(starts.split())
    return Rule(verb, states, to, frozenset(by.split()), reason, tuple(payload.split()))


_RULES = (
    _rule("REQUEST_VERIFY", "REPORTED", VERIFYING, "ACCEPTOR SYSTEM"),
    _rule("VERIFY_TRUE", "VERIFYING", REPORTED, "COLLECTOR SUPERVISION"),
    _rule("VERIFY_FALSE", "VERIFYING", NOT_ACCEPTED, "COLLECTOR SUPERVISION", reason=True),
    _rule("ACCEPT", "REPORTED", ACCEPTED, "ACCEPTOR SYSTEM"),
    _rule("REFUSE", "REPORTED", NOT_ACCEPTED, "ACCEPTOR SYSTEM", reason=True),
    _rule("FILE", "ACCEPTED", FILED, "DUTY_OFFICER SYSTEM"),
    _rule("DECLINE", "ACCEPTED", NOT_FILED, "DUTY_OFFICER SYSTEM", reason=True),
    _rule("DISPATCH", "FILED", DISPATCHED, "DISPATCHER CENTRE SYSTEM"),
    _rule("REDISPATCH", "RETURNED DISPATCHED SIGNED", DISPATCHED, "DISPATCHER CENTRE SYSTEM", payload="unit"),
    _rule("SIGN", "DISPATCHED", SIGNED, "HANDLER"),
    _rule("ASSIGN", "SIGNED HANDLING", SAME, "HANDLER", payload="team"),
    _rule("UNASSIGN", "SIGNED HANDLING", SAME, "HANDLER"),
    _rule("START", "SIGNED", HANDLING, "HANDLER"),
    _rule("FINISH", "HANDLING", HANDLED, "HANDLER", payload="evidence"),
    _rule("RETURN", "DISPATCHED SIGNED", RETURNED, "HANDLER", reason=True, payload="relies_on"),
    _rule("REQUEST_CHECK", "HANDLED", CHECKING, "DISPATCHER SYSTEM"),
    _rule("CHECK_PASS", "CHECKING", HANDLED, "COLLECTOR SUPERVISION"),
    _rule("CHECK_FAIL", "CHECKING", REWORK, "COLLECTOR SUPERVISION", reason=True),
    _rule("REWORK", "REWORK", HANDLING, "DISPATCHER SYSTEM"),
    _rule("CLOSE", "HANDLED ACCEPTED", CLOSED, "DUTY_OFFICER SYSTEM"),
)

RULES: dict[str, Rule] = {rule.verb: rule for rule in _RULES}
"""Every verb that an Action may ask for."""

SYSTEM_VERBS = frozenset({"REPORT", "MERGE", "APPEND", "REMIND", "SUPERVISE"})
"""Verbs that only reports and clocks cause."""
