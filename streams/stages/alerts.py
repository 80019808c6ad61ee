"""Alerts: what a command centre must be told of a case, and when (DOMAIN §6).

A case of severity 1-3 alerts its desk once it is filed, 1-2 the city's desk too; escalation orders go to whom
their tier names; when the case ends, what was alerted is cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.records import Alert
from streams.stages.desk.lifecycle import ENDS, FILED

if TYPE_CHECKING:
    from datetime import datetime

    from grids.rules import Rules
    from grids.settings import Tier
    from streams.records import Case

_DISTRICT_FROM, _CITY_FROM = 3, 2
"""Severities from which the district's and the city's centres are told at once."""

_TOLD = frozenset({"STREET", "DISTRICT", "CITY"})


def on_step(rules: Rules, case: Case, to: str, at: datetime) -> list[Alert]:
    """Return the alerts that a case's step into a state causes; `case` is as it was before the step."""
    if to == FILED and case.severity <= _DISTRICT_FROM:
        told = [(case.desk, "DISTRICT")]
        if case.severity <= _CITY_FROM:
            told.append((rules.places.city_desk.code, "CITY"))
        return _alerts(rules, case, told, "ALERT", at, f"severity {case.severity}")
    if to in ENDS and case.alerts:
        desks = dict.fromkeys(alert[:6] for alert in case.alerts)
        return _alerts(rules, case, [(desk, "") for desk in desks], "CANCEL", at, to)
    return []


def on_tier(rules: Rules, case: Case, tier: Tier, clock: str, at: datetime) -> list[Alert]:
    """Return the alerts of an escalation tier: an update where the case is known already, else an alert."""
    if tier.notify not in _TOLD:
        return []
    desk = rules.places.city_desk.code if tier.notify == "CITY" else case.desk
    kind = "UPDATE" if any(alert.startswith(desk) for alert in case.alerts) else "ALERT"
    return _alerts(rules, case, [(desk, tier.notify)], kind, at, f"{clock} {tier.share:.0%}")


def _alerts(
    rules: Rules, case: Case, told: list[tuple[str, str]], kind: str, at: datetime, reason: str
) -> list[Alert]:
    limit = rules.form.limits.of("ack_urgent" if case.severity <= _CITY_FROM else "ack")
    due = None if kind == "CANCEL" else rules.calendar.due(at, limit)
    return [
        Alert(
            alert_id=f"{desk}-{case.case_no}-{len(case.alerts) + number}",
            desk=desk,
            level=level,
            case_no=case.case_no,
            kind=kind,  # type: ignore[arg-type]
            severity=case.severity,
            sent_at=at,
            reason=reason,
            ack_due=due,
            references=[alert for alert in case.alerts if alert.startswith(desk)],
        )
        for number, (desk, level) in enumerate(told, start=1)
    ]
