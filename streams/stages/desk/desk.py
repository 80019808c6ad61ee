"""The desk itself: `receive(items) -> Effects`, a deterministic function of its book and its inbox.

A desk's time is the highest it has seen. Before an input of time t it fires every clock due at or before t, in
the order due, case, clock. Every change is a transition that the book folds at once, so what the log says and
what the book knows can't differ.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from grids.codes import case_number
from grids.errors import CodeError
from streams.records import (
    Action,
    Case,
    Change,
    DeadLetter,
    Effects,
    Item,
    RoutedReport,
    Source,
    Transition,
)
from streams.stages import alerts
from streams.stages.desk import clocks, steps
from streams.stages.desk.authority import NotAllowedError, check_action
from streams.stages.desk.lifecycle import CLOSED, REPORTED, RULES, SAME, SYSTEM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from grids.city import City
    from streams.stages.desk.casebook import CaseBook

STAGE = "desk"

_encode = msgspec.json.Encoder().encode

_REMEMBERED_ACTIONS = 20
"""Actions of a case by which one sent twice is recognised; the life cycle refuses older ones anyway."""


class Desk:
    """All desks of one partition at work on one book under one city pack."""

    def __init__(self, city: City, book: CaseBook) -> None:
        self.city = city
        self.book = book
        self._effects = Effects()
        self._counts: Counter[str] = Counter()

    def receive(self, items: Sequence[Item]) -> Effects:
        """Apply a batch of inputs in order and return everything that came of them."""
        self._effects, self._counts = Effects([], [], [], {}), Counter()
        for item in items:
            at = max(item.at, self.book.now.get(item.desk, item.at))
            self._fire(item.desk, at)
            self.book.now[item.desk] = at
            self._counts[f"items_{type(item.body).__name__}"] += 1
            try:
                self._take(item, at)
            except Exception as error:  # noqa: BLE001 - an input that nobody foresaw must not stop all others
                self._counts["failed_items"] += 1
                text = f"{type(item.body).__name__}: {type(error).__name__}; a fault of the program, please report it"
                self._dead(f"{item.desk}-{item.position}", "INTERNAL_ERROR", text, at, _encode(item.body), item.desk)
        for desk in {item.desk: None for item in items}:
            self.book.forget(desk)
        self._effects.counters = dict(sorted(self._counts.items()))
        return self._effects

    def _take(self, item: Item, at: datetime) -> None:
        if isinstance(item.body, RoutedReport):
            self._report(item, item.body, at)
        elif isinstance(item.body, Action):
            self._act(item, item.body, at)

    def _fire(self, desk: str, until: datetime) -> None:
        rules = self.book.rules
        while (found := self.book.pop_due(desk, until)) is not None:
            case, due = found
            tier = rules.tiers[due.tier]
            ticking = next(clock for clock in case.clocks if (clock.name, clock.unit) == (due.clock, due.unit))
            flags = {**case.flags, "escalated": case.flags.get("escalated", 0) + 1}
            if tier.order:
                flags["supervised"] = flags.get("supervised", 0) + 1
            self._step(
                case,
                tier.verb,
                due.at,
                cause=f"clock:{case.case_no}:{due.clock}:{due.at.isoformat()}",
                reason=f"{due.clock} {tier.share:.0%}",
                payload={"tier": due.tier + 1, "notify": tier.notify, "order": tier.order, "clock": due.clock},
                fields={"clocks": [msgspec.structs.replace(ticking, tiers=due.tier + 1)], "flags": flags},
                sent=alerts.on_tier(rules, case, tier, due.clock, due.at),
            )

    def _report(self, item: Item, routed: RoutedReport, at: datetime) -> None:
        report, cause = routed.report, f"report:{routed.report.report_id}"
        updated = report.source_updated_at or report.reported_at
        source = Source(report.system, report.system_no, routed.digest, updated, at)
        known = self.book.known(item.desk, report.system, report.system_no, at)
        if known is not None:
            self._known(known, routed, source, at)
            return
        category = routed.receipt.category.city_category
        master = self.book.open_case_of(item.desk, report.component_id, category)
        if master is not None and report.matter == "INCIDENT":
            self._counts["merged"] += 1
            fields = {"reports": [*master.reports, report.report_id], "sources": [*master.sources, source]}
            self._step(master, "MERGE", at, cause=cause, reason="D1 component", payload={}, fields=fields)
            return
        try:
            case = self._open(item, routed, source, at)
        except CodeError as error:
            text = f"case_no: {error}"
            self._dead(report.report_id, "NO_NUMBER_LEFT", text, at, msgspec.json.encode(report), report.system)
            return
        self._counts["cases" if case.matter == "INCIDENT" else "not_incidents"] += 1
        self._counts[f"outcome_{routed.receipt.outcome}"] += 1
        self._proceed(case, at, cause)

    def _known(self, known: tuple[Case | None, Source], routed: RoutedReport, source: Source, at: datetime) -> None:
        """Take a number that was seen before: the same content is a repeat, another an update (D0)."""
        case, before = known
        report = routed.report
        if before.digest == source.digest:
            self._counts["repeats"] += 1
            return
        self._counts["updates"] += 1
        if case is None:
            text = f"system_no: an update of {report.system}/{report.system_no}, whose case has left the desk"
            self._dead(report.report_id, "LATE_UPDATE", text, at, msgspec.json.encode(report), report.system)
            return
        newer = source.updated_at > before.updated_at
        kept = [source if (s.system, s.system_no) == (source.system, source.system_no) else s for s in case.sources]
        self._step(
            case,
            "APPEND",
            at,
            cause=f"report:{report.report_id}",
            reason="update" if newer else "older update",
            payload={"source_status": report.source_status or "", "text": report.text},
            fields={"sources": kept, "reports": [*case.reports, report.report_id]} if newer else {},
        )

    def _open(self, item: Item, routed: RoutedReport, source: Source, at: datetime) -> Case:
        report, receipt, rules = routed.report, routed.receipt, self.book.rules
        day = at.astimezone(rules.calendar.zone).date()
        number = case_number(item.desk, day, self.book.serial(item.desk, day))
        centre = rules.places.desks[item.desk].centre
        accept = clocks.start(rules.calendar, clocks.ACCEPT, rules.form.limits.of("accept"), at, unit=centre)
        change: dict[str, Any] = {
            "desk": item.desk,
            "matter": report.matter,
            "category": receipt.category.city_category,
            "severity": report.severity,
            "urgency": report.urgency,
            "placement": routed.placement,
            "receipt": receipt,
            "reports": [report.report_id],
            "sources": [source],
            "text": report.text,
            "reported_at": report.reported_at,
        }
        if report.component_id:
            change["component_id"] = report.component_id
        if report.self_handled:
            change |= {"flags": {"self_handled": 1}, "closed_at": at}
        else:
            change["clocks"] = [accept]
        return self._write(
            Transition(
                case_no=number,
                seq=1,
                desk=item.desk,
                cause=f"report:{report.report_id}",
                from_="",
                to=CLOSED if report.self_handled else REPORTED,
                verb="REPORT",
                actor=report.reporter or "",
                actor_unit=report.system,
                at=at,
                change=Change(**change),
                versions=self._versions(),
            )
        )

    def _act(self, item: Item, action: Action, at: datetime) -> None:
        case = self.book.case(item.desk, action.case_no, at)
        if case is not None and action.action_id in case.actions:
            self._counts["repeated_actions"] += 1
            return
        try:
            case = check_action(self.book.rules, case, action)
            fields = steps.change(self.book.rules, case, action.verb, at, action.payload)
        except NotAllowedError as error:
            self._counts["refused_actions"] += 1
            self._dead(action.action_id, error.reason, str(error), at, msgspec.json.encode(action), action.actor_unit)
            return
        fields["actions"] = [*case.actions[-_REMEMBERED_ACTIONS + 1 :], action.action_id]
        cause = f"action:{action.action_id}"
        case = self._step(
            case,
            action.verb,
            at,
            cause=cause,
            reason=action.reason,
            payload=action.payload,
            fields=fields,
            actor=(action.actor, action.actor_unit),
        )
        self._proceed(case, at, cause)

    def _proceed(self, case: Case, at: datetime, cause: str) -> None:
        """Take the steps that the pack lets the system take, as far as they go."""
        while (verb := _automatic(case)) is not None:
            try:
                fields = steps.change(self.book.rules, case, verb, at, {})
            except NotAllowedError:
                return  # a person has to decide: no filing condition, or a lead that has ceased to be
            case = self._step(case, verb, at, cause=cause, reason="", payload={}, fields=fields)

    def _step(
        self,
        case: Case,
        verb: str,
        at: datetime,
        *,
        cause: str,
        reason: str,
        payload: Mapping[str, Any],
        fields: Mapping[str, Any],
        sent: Sequence[Any] = (),
        actor: tuple[str, str] = (SYSTEM, ""),
    ) -> Case:
        to = RULES[verb].to if verb in RULES else SAME
        sent = [*sent, *alerts.on_step(self.book.rules, case, to, at)]
        change = dict(fields)
        if sent:
            change["alerts"] = [*case.alerts, *(alert.alert_id for alert in sent)]
            self._effects.alerts.extend(sent)
        return self._write(
            Transition(
                case_no=case.case_no,
                seq=case.seq + 1,
                desk=case.desk,
                cause=cause,
                from_=case.state,
                to=to or case.state,
                verb=verb,
                actor=actor[0],
                actor_unit=actor[1],
                at=at,
                reason=reason,
                payload=dict(payload),
                change=Change(**change),
                versions=self._versions(),
            )
        )

    def _write(self, transition: Transition) -> Case:
        self._effects.transitions.append(transition)
        self._counts[f"verb_{transition.verb}"] += 1
        return self.book.apply(transition)

    def _versions(self) -> dict[str, str]:
        return {"pack": self.city.version, "grid": self.city.cells.version}

    def _dead(self, name: str, reason: str, text: str, at: datetime, original: bytes, source: str) -> None:
        self._effects.dead_letters.append(DeadLetter(name, STAGE, reason, text, at, original, source))


def _automatic(case: Case) -> str | None:
    """Return the verb that the system takes next by itself, by the modes in the case's receipt."""
    modes, incident = case.receipt.automation, case.matter == "INCIDENT"
    match case.state:
        case "REPORTED":
            verb = "ACCEPT"
        case "ACCEPTED" if incident:
            verb = "FILE"
        case "FILED" if case.receipt.lead:
            verb = "DISPATCH"
        case "HANDLED":
            verb = "CLOSE" if case.flags.get("check_passed") else "REQUEST_CHECK"
        case "REWORK":
            return "REWORK"  # the unit goes on where it failed the check; nobody has to decide that
        case _:
            return None
    return verb if modes.get(verb) == "auto" else None
