"""What each role may see and do: by the kind of doing (else 403), and by area and unit (else 404).

    may(user, "ACT")                      # by role alone
    Sight(rules).sees(user, case)         # by area and unit
    Sight(rules).acts(user, "SIGN", "510104-WT")

Whether a verb suits a case, and whether a unit has the say in it, is the desk's to decide
(`streams/stages/desk/authority.py`); here is only who may ask in whose name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from grids.rules import Rules
    from streams.identity.principals import Principal
    from streams.records import Alert, Case

Doing = Literal[
    "REPORT", "READ", "ACT", "ALERTS", "ACK", "PLACES", "METRICS", "PERSONS", "ERASE", "TRAIL", "SOURCES", "MEDIA",
    "MEASURES",
]  # fmt: skip

_MAY: dict[str, frozenset[str]] = {
    "worker": frozenset({"REPORT", "READ", "ACT", "PLACES", "MEDIA", "PERSONS"}),
    "unit": frozenset({"REPORT", "READ", "ACT", "ALERTS", "ACK", "PLACES", "MEDIA", "PERSONS"}),
    "street": frozenset({"REPORT", "READ", "ACT", "ALERTS", "ACK", "PLACES", "MEDIA", "PERSONS"}),
    "district": frozenset(
        {
            "REPORT", "READ", "ACT", "ALERTS", "ACK", "PLACES", "MEDIA", "PERSONS", "ERASE", "SOURCES",
            "MEASURES",
        }
    ),
    "city": frozenset(
        {
            "REPORT", "READ", "ACT", "ALERTS", "ACK", "PLACES", "METRICS", "PERSONS", "ERASE", "TRAIL", "SOURCES",
            "MEDIA", "MEASURES",
        }
    ),
    "auditor": frozenset({"READ", "ALERTS", "PLACES", "METRICS", "TRAIL", "SOURCES", "MEDIA", "MEASURES"}),
    "system": frozenset({"REPORT", "READ", "ACT", "PLACES", "METRICS", "MEDIA"}),
}  # fmt: skip
"""An auditor sees everything but who reported, and does nothing; a worker sees what is theirs."""

_WORKER = frozenset(
    {"VERIFY_TRUE", "VERIFY_FALSE", "CHECK_PASS", "CHECK_FAIL", "SIGN", "START", "FINISH", "APPEND", "REPLY_HELP"}
)
_SYSTEM = frozenset({"URGE", "APPEND", "WITHDRAW", "CONTACT", "SATISFACTION"})


def may(user: Principal, doing: Doing) -> bool:
    """Say whether a role ever does such a thing."""
    return doing in _MAY[user.role]


class Sight:
    """What a city's rules let each see."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def sees(self, user: Principal, case: Case) -> bool:
        """Say whether a case may be seen."""
        match user.role:
            case "city" | "auditor":
                return True
            case "district":
                return case.desk == user.area
            case "street":
                return case.placement.street == user.area or self._handles(user.unit, case)
            case "unit":
                return self._handles(user.unit, case) or self._checks(user.unit, case)
            case "worker":
                mine = case.task is not None and case.task.worker == user.name
                told = any(source.reporter == user.name for source in case.sources)
                return mine or told or case.unit == user.unit or bool(user.area and case.placement.grid == user.area)
            case "system":
                return any(source.system in user.systems for source in case.sources)

    def hears(self, user: Principal, alert: Alert) -> bool:
        """Say whether an alert may be seen."""
        match user.role:
            case "city" | "auditor":
                return True
            case "district":
                return alert.desk == user.area or self._in_line(user.unit, alert.unit)
            case "street":
                return alert.street == user.area or self._in_line(user.unit, alert.unit)
            case "unit":
                return self._in_line(user.unit, alert.unit)
            case _:
                return False

    def acts(self, user: Principal, verb: str, unit: str) -> bool:
        """Say whether a verb may be asked in the name of a unit."""
        match user.role:
            case "city":
                return True
            case "auditor":
                return False
            case "worker":
                return verb in _WORKER and unit == user.unit
            case "system":
                return verb in _SYSTEM and (unit in user.systems or not unit)
            case _:
                return self._in_line(user.unit, unit)

    def acks(self, user: Principal, by: str) -> bool:
        """Say whether an alert may be confirmed in the name of a unit, or `unit/person`."""
        return user.role == "city" or self._in_line(user.unit, by.partition("/")[0])

    def narrowing(self, user: Principal) -> dict[str, str]:
        """Return fields whose values every case that may be seen has, so that a list needs no look at others."""
        return {"desk": user.area} if user.role == "district" else {}

    def _in_line(self, unit: str, other: str) -> bool:
        """Say whether a unit is another one, or above it."""
        return bool(unit) and unit in self._rules.units.line(other)

    def _handles(self, unit: str, case: Case) -> bool:
        receipt = case.receipt
        helpers = (clock.unit for clock in case.clocks if clock.name == "HELP")
        named = (case.unit, case.first_unit, *receipt.cooperate, *receipt.supervise, *receipt.enforce, *helpers)
        return any(one and self._in_line(unit, one) for one in named)

    def _checks(self, unit: str, case: Case) -> bool:
        """Say whether a unit supervises where a case is, or has the task of checking it."""
        known = self._rules.units.by_code.get(unit)
        if known is None or known.kind != "SUPERVISION":
            return False
        place = case.placement
        here = known.area_code in (*place.zones, place.district, place.street)
        return (
            here
            or known.area_code in self._rules.units.city_areas
            or (case.task is not None and case.task.unit == unit)
        )
