"""The life cycle as one table: which verb, by whom, leads from which states to which, and what it does to clocks.

After DOMAIN §4. A verb may stand in several rows, where it leads somewhere else from another state or is another
role's there. The table is drawn into docs/lifecycle.md as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

REPORTED, VERIFYING, ACCEPTED, FILED = "REPORTED", "VERIFYING", "ACCEPTED", "FILED"
DISPATCHED, SIGNED, HANDLING, HANDLED = "DISPATCHED", "SIGNED", "HANDLING", "HANDLED"
CHECKING, REWORK, RETURNED = "CHECKING", "REWORK", "RETURNED"
SUSPENDED, DISPUTED = "SUSPENDED", "DISPUTED"
CLOSED, EVALUATED, FORCED_CLOSED, MERGED = "CLOSED", "EVALUATED", "FORCED_CLOSED", "MERGED"
NOT_ACCEPTED, NOT_FILED, CANCELLED = "NOT_ACCEPTED", "NOT_FILED", "CANCELLED"

OPEN = frozenset(
    {
        REPORTED, VERIFYING, ACCEPTED, FILED, DISPATCHED, SIGNED, HANDLING, HANDLED, CHECKING, REWORK, RETURNED,
        SUSPENDED, DISPUTED,
    }
)  # fmt: skip
"""States in which somebody still has to do something."""

ENDS = frozenset({CLOSED, EVALUATED, FORCED_CLOSED, NOT_ACCEPTED, NOT_FILED, CANCELLED, MERGED})

REHEARSALS = frozenset({"exercise", "test"})
"""Flags of cases that are not in earnest, and attributes of the reports that they are made of."""

SYSTEM, ACCEPTOR, DUTY_OFFICER, DISPATCHER = "SYSTEM", "ACCEPTOR", "DUTY_OFFICER", "DISPATCHER"
HANDLER, CENTRE, COLLECTOR, SUPERVISION = "HANDLER", "CENTRE", "COLLECTOR", "SUPERVISION"
COOPERATOR, REPORTER, APPROVER = "COOPERATOR", "REPORTER", "APPROVER"

SAME, BACK = "", "BACK"
"""The target of a verb that changes no state, and of one that returns to the state before it was put aside."""

EXTENSION, SUSPENSION, APPEAL = "EXTENSION", "SUSPENSION", "APPEAL"
REQUESTS = (EXTENSION, SUSPENSION, APPEAL)
"""What GRANT and DENY may answer: `payload.request`."""


@dataclass(frozen=True)
class Rule:
    """One row: a verb, the states it starts from, the one it leads to, who may, what it must bring.

    `clocks` says what happens to which clock: pairs such as ("start", "SIGN"); `*` is every clock that runs.
    """

    verb: str
    starts: frozenset[str]
    to: str
    by: frozenset[str]
    reason: bool
    payload: tuple[str, ...]
    clocks: tuple[tuple[str, str], ...]


_BEFORE_DISPATCH = "REPORTED VERIFYING ACCEPTED FILED"
_MOVABLE = "FILED RETURNED DISPATCHED SIGNED DISPUTED"
_HELD = "DISPATCHED SIGNED HANDLING HANDLED CHECKING"

_AFRESH = "stop SIGN, stop DISPATCH, stop DISPUTE, stop HELP, pause HANDLE, start FILE"
"""What another place, category or desk does to the clocks of a case that had been filed: it is filed anew."""

_TABLE = (
    # verb, from, to, by, needs, clocks
    ("REQUEST_VERIFY", "REPORTED", VERIFYING, "ACCEPTOR SYSTEM", "", "pause ACCEPT, start VERIFY"),
    ("VERIFY_TRUE", "VERIFYING", REPORTED, "COLLECTOR SUPERVISION", "", "stop VERIFY, resume ACCEPT"),
    ("VERIFY_FALSE", "VERIFYING", NOT_ACCEPTED, "COLLECTOR SUPERVISION", "reason", "stop *"),
    ("ACCEPT", "REPORTED", ACCEPTED, "ACCEPTOR SYSTEM", "", "stop ACCEPT, start FILE"),
    ("REFUSE", "REPORTED", NOT_ACCEPTED, "ACCEPTOR SYSTEM", "reason", "stop *"),
    ("FILE", "ACCEPTED", FILED, "DUTY_OFFICER SYSTEM", "", "stop FILE, start DISPATCH"),
    ("DECLINE", "ACCEPTED", NOT_FILED, "DUTY_OFFICER SYSTEM", "reason", "stop *"),
    ("DISPATCH", "FILED", DISPATCHED, "DISPATCHER CENTRE SYSTEM", "", "stop DISPATCH, run HANDLE, start SIGN"),
    ("REDISPATCH", "RETURNED", DISPATCHED, "DISPATCHER CENTRE SYSTEM", "unit",
     "stop DISPATCH, run HANDLE, start SIGN"),
    ("REDISPATCH", "DISPATCHED SIGNED", DISPATCHED, "DISPATCHER CENTRE SYSTEM", "unit", "hand HANDLE"),
    ("SIGN", "DISPATCHED", SIGNED, "HANDLER", "", "stop SIGN"),
    ("ASSIGN", "SIGNED HANDLING", SAME, "HANDLER", "team", ""),
    ("UNASSIGN", "SIGNED HANDLING", SAME, "HANDLER", "", ""),
    ("START", "SIGNED", HANDLING, "HANDLER", "", ""),
    ("FINISH", "HANDLING", HANDLED, "HANDLER", "evidence", "stop HANDLE, stop HELP"),
    ("REQUEST_HELP", "SIGNED HANDLING", SAME, "HANDLER", "unit", "start HELP"),
    ("REPLY_HELP", "SIGNED HANDLING", SAME, "COOPERATOR", "", "stop HELP"),
    ("RETURN", "DISPATCHED SIGNED", RETURNED, "HANDLER", "reason relies_on",
     "stop SIGN, stop HELP, pause HANDLE, start DISPATCH"),
    ("RETURN", "RETURNED", FILED, "DISPATCHER CENTRE", "reason", ""),
    ("DISPUTE", "FILED RETURNED DISPATCHED SIGNED", DISPUTED, "DISPATCHER CENTRE SYSTEM", "reason",
     "stop SIGN, stop DISPATCH, stop HELP, pause HANDLE, start DISPUTE"),
    ("RULE", "DISPUTED", DISPATCHED, "CENTRE", "reason unit scope_type", "stop DISPUTE, run HANDLE, start SIGN"),
    ("REQUEST_CHECK", "HANDLED", CHECKING, "DISPATCHER SYSTEM", "", "start CHECK"),
    ("CHECK_PASS", "CHECKING", HANDLED, "COLLECTOR SUPERVISION", "", "stop CHECK"),
    ("CHECK_FAIL", "CHECKING", REWORK, "COLLECTOR SUPERVISION", "reason", "stop CHECK"),
    ("REWORK", "REWORK", HANDLING, "DISPATCHER SYSTEM", "", "run HANDLE"),
    ("CLOSE", "HANDLED ACCEPTED", CLOSED, "DUTY_OFFICER SYSTEM", "", "stop *"),
    ("ASK_EXTENSION", "DISPATCHED SIGNED HANDLING", SAME, "HANDLER", "reason", ""),
    ("ASK_SUSPENSION", "DISPATCHED SIGNED HANDLING", SAME, "HANDLER", "reason until", ""),
    ("APPEAL", f"{_HELD} CLOSED EVALUATED FORCED_CLOSED", SAME, "HANDLER", "reason", ""),
    ("GRANT", f"{_HELD} CLOSED EVALUATED FORCED_CLOSED", SAME, "APPROVER", "request", ""),
    ("DENY", f"{_HELD} CLOSED EVALUATED FORCED_CLOSED", SAME, "APPROVER", "request reason", ""),
    ("RESUME", "SUSPENDED", BACK, "HANDLER CENTRE SYSTEM", "", "resume *"),
    ("URGE", "OPEN", SAME, "REPORTER ACCEPTOR", "", ""),
    ("APPEND", "OPEN CLOSED EVALUATED FORCED_CLOSED MERGED", SAME, "REPORTER ACCEPTOR", "text", ""),
    ("WITHDRAW", _BEFORE_DISPATCH, CANCELLED, "REPORTER", "", "stop *"),
    ("SUPERVISE", "OPEN", SAME, "CENTRE SYSTEM", "reason", ""),
    ("RELOCATE", "REPORTED VERIFYING ACCEPTED", SAME, "ACCEPTOR DISPATCHER", "", ""),
    ("RELOCATE", _MOVABLE, ACCEPTED, "ACCEPTOR DISPATCHER", "", _AFRESH),
    ("RECLASSIFY", "REPORTED VERIFYING ACCEPTED", SAME, "ACCEPTOR DISPATCHER", "category", ""),
    ("RECLASSIFY", _MOVABLE, ACCEPTED, "ACCEPTOR DISPATCHER", "category", _AFRESH),
    ("TRANSFER", "REPORTED VERIFYING", REPORTED, "ACCEPTOR DISPATCHER CENTRE SYSTEM", "reason desk", "stop *"),
    ("TRANSFER", f"ACCEPTED {_MOVABLE}", ACCEPTED, "ACCEPTOR DISPATCHER CENTRE SYSTEM", "reason desk", "stop *"),
    ("MERGE", "REPORTED VERIFYING ACCEPTED FILED DISPATCHED SIGNED RETURNED", MERGED, "ACCEPTOR SYSTEM", "master",
     "pause *, stop ACK"),
    ("UNMERGE", "MERGED", BACK, "ACCEPTOR", "reason", "resume *"),
    ("KEEP_APART", "OPEN", SAME, "ACCEPTOR", "case", ""),
    ("REOPEN", "CLOSED EVALUATED FORCED_CLOSED", DISPATCHED, "DUTY_OFFICER CENTRE", "reason",
     "run HANDLE, start SIGN"),
    ("FORCE_CLOSE", "OPEN", FORCED_CLOSED, "DUTY_OFFICER CENTRE", "reason", "stop *"),
    ("CANCEL", "OPEN", CANCELLED, "DUTY_OFFICER CENTRE", "reason", "stop *"),
    ("CONTACT", "CLOSED EVALUATED FORCED_CLOSED NOT_ACCEPTED NOT_FILED", SAME, "REPORTER ACCEPTOR", "reached", ""),
    ("SATISFACTION", "CLOSED EVALUATED FORCED_CLOSED", SAME, "REPORTER ACCEPTOR", "responded solved satisfied", ""),
    ("EVALUATE", "CLOSED", EVALUATED, "SUPERVISION", "", ""),
)  # fmt: skip


def _rule(verb: str, starts: str, to: str, by: str, needs: str, clocks: str) -> Rule:
    states = frozenset(starts.replace("OPEN", " ".join(sorted(OPEN))).split())
    payload = tuple(name for name in needs.split() if name != "reason")
    pairs = tuple((what, name) for what, name in (pair.split() for pair in clocks.split(", ") if pair))
    return Rule(verb, states, to, frozenset(by.split()), "reason" in needs.split(), payload, pairs)


RULES = tuple(_rule(*row) for row in _TABLE)
"""Every row of the table."""

BY_STATE: dict[tuple[str, str], Rule] = {(state, rule.verb): rule for rule in RULES for state in rule.starts}
"""The row of each legal (state, verb)."""

VERBS = tuple(dict.fromkeys(rule.verb for rule in RULES))
"""Every verb that an Action may ask for."""

SYSTEM_VERBS = frozenset({"REPORT", "ABSORB", "RELEASE", "RECEIVE", "REMIND", "CORRECT", "ACK", "FOLLOW"})
"""Verbs that only reports, clocks and other steps cause."""


def states_of(verb: str) -> frozenset[str]:
    """Return the states in which a verb is legal."""
    return frozenset(state for state, known in BY_STATE if known == verb)
