"""Who looks at the console, and what they may do there: the one place where accounts are plugged in.

`Service(user_of=…)` takes a function from a request to a `User`; `at_console` is what accounts and keys lead to.
Without them whoever reaches this machine's loopback is LOCAL, who may do everything in the name of whichever unit it
takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from streams.stages.desk.authority import Asked, NotAllowedError, check_state, independent, roles
from streams.stages.desk.lifecycle import VERBS

if TYPE_CHECKING:
    from datetime import datetime

    from grids.rules import Rules
    from streams.identity.principals import Principal
    from streams.records import Case

WALL, INTAKE, DUTY, DUTIES, GRID, MEASURES, QUALITY = (
    "wall",
    "intake",
    "duty",
    "duties",
    "grid",
    "measures",
    "quality",
)
PAGES = (WALL, INTAKE, DUTY, DUTIES, GRID, MEASURES, QUALITY)
"""What the console has, in the order in which it offers them."""


@dataclass(frozen=True)
class User:
    """Somebody at the console.

    `unit` is in whose name they act; empty for LOCAL, who chooses. `roles` are those of DOMAIN §4 that they may use,
    None for all. `desks` are the desks whose cases they see, none named for all; `pages` what is open to them.
    """

    name: str
    unit: str = ""
    roles: frozenset[str] | None = None
    desks: tuple[str, ...] = ()
    pages: tuple[str, ...] = PAGES

    def sees(self, desk: str) -> bool:
        """Say whether a desk's cases are theirs to see."""
        return not self.desks or desk in self.desks


NOBODY = User("", roles=frozenset(), pages=())
"""Who has no page here: whoever sees single cases only, and not all of a desk's."""


def at_console(principal: Principal | None) -> User:
    """Return what an account or key is at the console.

    The city's and the districts' centres work with it, an auditor looks and does nothing. Units, streets, grid workers
    and systems see single cases (`streams/identity/sight.py`), for which they have the phone's page and HTTP.
    """
    if principal is None:
        return NOBODY
    if principal.kind == "local":
        return LOCAL
    match principal.role:
        case "city":
            return User(principal.name, principal.unit)
        case "district":
            return User(
                principal.name, principal.unit, desks=(principal.area,), pages=(WALL, INTAKE, DUTY, DUTIES, GRID)
            )
        case "auditor":
            return User(principal.name, roles=frozenset())
        case _:
            return NOBODY


_CHECKS = ("CHECK_PASS", "CHECK_FAIL")

LOCAL = User("local")
"""Who calls from this machine where no key is configured."""


class Choice(NamedTuple):
    """Something that a user may do about a case: the verb, in whose name, and what it needs."""

    verb: str
    unit: str
    reason: bool
    payload: tuple[str, ...]


def choices(rules: Rules, case: Case, user: User, at: datetime) -> list[Choice]:
    """List what a user may do about a case as it stands, in the order of the life cycle's table."""
    if not user.sees(case.desk) or user.roles == frozenset():
        return []
    units = [user.unit] if user.unit else _units(rules, case, at)
    found = []
    for verb in VERBS:
        try:
            rule = check_state(case, verb)
        except NotAllowedError:
            continue
        for unit in units:
            held = _held(rules, case, verb, unit, at)
            if user.roles is not None:
                held &= user.roles
            if held & rule.by and (verb not in _CHECKS or independent(rules, case.unit, unit)):
                found.append(Choice(verb, unit, rule.reason, rule.payload))
                break
    return found


def _held(rules: Rules, case: Case, verb: str, unit: str, at: datetime) -> frozenset[str]:
    """Return the roles in which a unit may ask a verb; for an answer, of any request that waits for one."""
    if verb not in ("GRANT", "DENY"):
        return roles(rules, case, Asked(verb, at, unit=unit))
    held: frozenset[str] = frozenset()
    for request in case.requests:
        held |= roles(rules, case, Asked(verb, at, unit=unit, payload={"request": request}))
    return held


def _units(rules: Rules, case: Case, at: datetime) -> list[str]:
    """List the units in whose name somebody may act who chooses: those that have to do with the case."""
    desks, day = rules.places.desks, at.astimezone(rules.calendar.zone).date()
    found = [desks[case.desk].centre, case.unit, *(clock.unit for clock in case.clocks if clock.ended is None)]
    if case.task is not None:
        found.append(case.task.unit)
    found += [unit.code for unit in rules.units.by_code.values() if unit.kind == "SUPERVISION" and unit.active(day)]
    found += [source.system for source in case.sources]
    return list(dict.fromkeys(unit for unit in found if unit))
