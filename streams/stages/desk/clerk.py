"""The clerk: writes down what one desk does, and lets the book fold each step at once.

What the log says and what the book knows can't differ, because a step is both in one move.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from streams.cap import writing
from streams.records import Change, DeadLetter, Effects, Outgoing, Told, Transition
from streams.stages import alerts
from streams.stages.desk import clocks, steps
from streams.stages.desk.authority import Asked, NotAllowedError, check_state
from streams.stages.desk.clocks import ACK
from streams.stages.desk.lifecycle import BACK, BY_STATE, SYSTEM
from streams.stages.desk.roster import OnDuty

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from grids.city import City
    from grids.duties.receipts import Ruling
    from grids.rules import Rules
    from streams.records import Alert, Attendance, Body, Case, Clock
    from streams.stages.desk.casebook import CaseBook
    from streams.stages.desk.roster import Roster

STAGE = "desk"


class Clerk:
    """One desk's hand: its city, its book, and the effects of the batch that it works on."""

    def __init__(self, city: City, rosters: Callable[[City], Roster], book: CaseBook) -> None:
        self.city = city
        self._rosters = rosters
        self.book = book
        self.effects = Effects([], [], [], [], {})
        self.counts: Counter[str] = Counter()
        self.touched: dict[str, Case] = {}

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self.city.rules

    def roster(self) -> OnDuty:
        """Return the workers of the pack in force and who of them is on duty now; made when first asked for."""
        now, book = self.book.now, self.book
        said = [one for one in book.attendance.values() if now is not None and book.lasts(one, now)]
        on, off = ([one.worker for one in said if one.on is which] for which in (True, False))
        return OnDuty(self._rosters(self.city), on, off)

    def attend(self, said: Attendance, at: datetime) -> None:
        """Take in that a worker goes on or off duty; what is older than their last word, or lapsed, does nothing."""
        known = self.book.attendance.get(said.worker)
        if not self.book.lasts(said, at) or (known is not None and known.at >= said.at):
            self.repeat("repeated_attendance", f"attendance:{said.attendance_id}")
            return
        self.book.attend(said)
        self.effects.attendance.append(said)

    def begin(self) -> None:
        """Start a batch."""
        self.effects, self.counts, self.touched = Effects([], [], [], [], {}), Counter(), {}

    def end(self, pack: str, pack_from: datetime | None) -> Effects:
        """Finish a batch under the pack in force, and return what came of it."""
        self.effects.counters = dict(sorted(self.counts.items()))
        self.effects.now = self.book.now
        self.effects.pack, self.effects.pack_from = pack, pack_from
        return self.effects

    def step(
        self,
        case: Case,
        asked: Asked,
        *,
        cause: str,
        fields: Mapping[str, Any],
        sent: Sequence[Alert] = (),
        moves: bool = True,
        ruling: Ruling | None = None,
    ) -> Case:
        """Write one step of a case; `state` among the fields overrides where the table leads.

        A step that takes effect before the desk's own time says when the desk heard of it.
        What clocks cause, and what changes neither state nor clocks, does not move the case: what is told of later
        may still take effect before it.
        """
        change, heard = dict(fields), self.book.now
        rule = BY_STATE.get((case.state, asked.verb))
        to = change.pop("state", "") or (rule.to if rule else "") or case.state
        if to == BACK:
            to = case.back
        if moves and (to != case.state or change.get("clocks")):
            change["moved_at"] = asked.at
        severity = change.get("severity", case.severity)
        sent = [*sent, *alerts.on_step(self.city, case, asked.verb, to, asked.at, severity=severity)]
        if sent:
            change["alerts"] = [*case.alerts, *(alert.alert_id for alert in sent)]
            change["told"] = [*case.told, *(Told(one.alert_id, one.unit, one.sent_at) for one in sent)]
            self.effects.alerts.extend(sent)
            if waiting := self._to_acknowledge(case, sent, asked.at):
                change["clocks"] = [*change.get("clocks", ()), *waiting]
        after = self.write(
            change,
            Transition(
                case_no=case.case_no,
                seq=case.seq + 1,
                desk=self.book.desk,
                cause=cause,
                from_=case.state,
                to=to,
                verb=asked.verb,
                actor=asked.actor,
                actor_unit=asked.unit,
                at=asked.at,
                heard_at=heard if heard is not None and heard > asked.at else None,
                reason=asked.reason,
                payload=dict(asked.payload),
                change=Change(**change),
                ruling=ruling,
                versions=self.versions(change.get("placement", case.placement).grid_version),
            ),
        )
        for alert in sent:
            alert.cap = writing.document(self.city, after, alert)
        return after

    def write(self, change: dict[str, Any], transition: Transition) -> Case:
        """Put a transition, which sets `change`, into the log and the book, and return the case as it is now."""
        self.effects.transitions.append(transition)
        self.counts[f"verb_{transition.verb}"] += 1
        if transition.verb in _COUNTED:
            self.counts[_COUNTED[transition.verb]] += 1
        case = self.touched[transition.case_no] = self.book.apply(transition, dict(change))
        return case

    def versions(self, grid: str) -> dict[str, str]:
        """Name the rules that a step was taken under, and the version of the grid that the case's place is of."""
        return {"pack": self.city.version, "grid": grid}

    def dead(self, name: str, reason: str, text: str, at: datetime, original: bytes, source: str) -> None:
        """Put an input aside that can't be applied."""
        self.effects.dead_letters.append(DeadLetter(name, STAGE, reason, text, at, original, source))

    def repeat(self, kind: str, name: str) -> None:
        """Count an input that was taken in before and does nothing, and name it."""
        self.counts[kind] += 1
        self.effects.repeats.append(name)

    def send(self, name: str, desk: str, at: datetime, body: Body) -> None:
        """Send something to another desk."""
        self.effects.outgoing.append(Outgoing(name, desk, at, body))

    def proceed(self, case: Case, at: datetime, cause: str) -> Case:
        """Take the steps that the pack lets the system take, as far as they go."""
        while (found := self._automatic(case)) is not None:
            verb, reason = found
            asked = Asked(verb, at, SYSTEM, reason=reason)
            try:
                fields = steps.change(self.rules, self.roster, case, check_state(case, verb), asked)
            except NotAllowedError:
                break  # a person has to decide: no filing condition, or a lead that has ceased to be
            case = self.step(case, asked, cause=cause, fields=fields)
        return case

    def _automatic(self, case: Case) -> tuple[str, str] | None:
        """Return the verb that the system takes next by itself, by the modes in the case's receipt, and why."""
        modes, incident = case.receipt.automation, case.matter == "INCIDENT"
        returned = case.flags.get("returned", 0)
        match case.state:
            case "REPORTED":
                held = case.suggested and case.severity > _DISPATCHED_AT_ONCE
                verb = "" if held else "ACCEPT"
            case "ACCEPTED" if incident:
                verb = "FILE"
            case "FILED" if case.receipt.outcome == "DISPUTED":
                return "DISPUTE", "平级职责冲突 a tie in the duty list"
            case "FILED" if case.receipt.lead and not returned and case.receipt.place.desk == case.desk:
                verb = "DISPATCH"
            case "RETURNED" if returned >= self.rules.form.limits.returns:
                return "DISPUTE", f"退回{returned}次 returned {returned} times"
            case "HANDLED":
                verb = "CLOSE" if case.flags.get("check_passed") else "REQUEST_CHECK"
            case "REWORK":
                return "REWORK", ""  # the unit goes on where it failed the check; nobody has to decide that
            case _:
                return None
        return (verb, "") if modes.get(verb) == "auto" else None

    def _to_acknowledge(self, case: Case, sent: Sequence[Alert], at: datetime) -> list[Clock]:
        """Start a clock for each unit that is told of a case for the first time and has to confirm that."""
        found: list[Clock] = []
        for alert in sent:
            if alert.ack_due is not None:
                limit = self.rules.form.limits.of("ack_urgent" if alert.severity <= _DISPATCHED_AT_ONCE else "ack")
                number = 1 + sum(one.name == ACK and one.unit == alert.unit for one in (*case.clocks, *found))
                found.append(clocks.start(self.rules.calendar, ACK, limit, at, unit=alert.unit, number=number))
        return found


_COUNTED = {"MERGE": "merged", "UNMERGE": "unmerged"}
"""Steps whose numbers say how many reports are cases of their own, whoever takes them."""

_DISPATCHED_AT_ONCE = 2
"""Severities up to this one wait for nobody (DOMAIN §4)."""

encode = msgspec.json.Encoder().encode
"""Writes an input as a dead letter keeps it."""
