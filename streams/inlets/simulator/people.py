"""What the simulated offices do about their cases: accept, dispatch, sign, handle, return, check, forget.

Chance is drawn per case and step from the seed, so the order in which cases are looked at changes nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from grids.worktime import parse_limit
from streams.records import Ack, Action
from streams.stages.desk.authority import independent, supervision_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grids.city import City
    from streams.records import Alert, Case, Deed, Transition

SOONEST = timedelta(minutes=2)
"""Nobody reacts faster; the player relies on it to keep actions behind what they react to."""

_NO_NEWS = frozenset(
    {
        "REMIND", "SUPERVISE", "APPEND", "ABSORB", "RELEASE", "ACK", "CORRECT", "FOLLOW", "SIGN", "START", "ASSIGN",
        "ASK_EXTENSION", "GRANT", "DENY", "REQUEST_HELP", "REPLY_HELP",
    }
)  # fmt: skip
"""Verbs after which nobody has to plan anew: what follows was planned at the dispatch."""

UNANSWERED = 0.02
"""Share of alerts that nobody confirms."""

GRANTED, EXTENDED, HELPED = 0.8, 0.25, 0.06
"""Shares of extensions granted, of long jobs for which one is asked, and of jobs for which help is."""

LONG, ALIKE = 0.75, 0.8
"""Share of its limit from which a job is long; score from which an acceptor takes two reports for one incident."""

RETURNED, FORGOTTEN, FAILED, ELSEWHERE = 0.035, 0.008, 0.05, 0.35
"""Shares of dispatches returned, dispatches forgotten, checks failed, and returned cases given to another unit."""


@dataclass(frozen=True)
class Planned:
    """What somebody will do, and when."""

    at: datetime
    deed: Deed

    @property
    def name(self) -> str:
        """What tells it from everything else that is planned."""
        return self.deed.action_id if isinstance(self.deed, Action) else self.deed.alert_id


class People:
    """The offices of a city."""

    def __init__(self, city: City, seed: int) -> None:
        self._city = city
        self._seed = seed
        self._answers = {"ASK_EXTENSION": self._on_asked, "REQUEST_HELP": self._on_help}

    def react(self, steps: Iterable[tuple[Transition, Case]]) -> list[Planned]:
        """Return what people will do after these transitions, each given with its case as it is by then."""
        last: dict[str, tuple[Transition, Case]] = {}
        planned: list[Planned] = []
        for step, case in steps:
            if step.verb not in _NO_NEWS:
                last[case.case_no] = (step, case)
            if (answer := self._answers.get(step.verb)) is not None:
                rng = random.Random(f"{self._seed}:{case.case_no}:{step.seq}")  # noqa: S311 - a simulation
                planned.append(answer(step, case, rng))
        for step, case in last.values():
            plan = getattr(self, f"_on_{case.state.lower()}", None)
            if plan is not None:
                rng = random.Random(f"{self._seed}:{case.case_no}:{step.seq}")  # noqa: S311 - a simulation
                planned += plan(case, step.at, rng)
        return planned

    def confirm(self, alerts: Iterable[Alert]) -> list[Planned]:
        """Return the acknowledgements of alerts by the centres that are told; a few never come."""
        planned = []
        for alert in alerts:
            rng = random.Random(f"{self._seed}:{alert.alert_id}")  # noqa: S311 - a simulation
            if alert.ack_due is not None and rng.random() >= UNANSWERED:
                at = alert.sent_at + max(timedelta(minutes=rng.lognormvariate(0.9, 0.5)), SOONEST)
                planned.append(Planned(at, Ack(alert.alert_id, alert.desk, f"{alert.unit}/watch", at)))
        return planned

    def _plan(
        self, case: Case, at: datetime, after: timedelta, verb: str, by: str, reason: str = "", /, **payload: Any
    ) -> Planned:
        moment = at + max(after, SOONEST)
        about = f"-{payload['case']}" if "case" in payload else ""  # one may say the same of several cases
        action = Action(
            action_id=f"{case.case_no}-{case.seq}-{verb}{about}",
            case_no=case.case_no,
            verb=verb,
            actor=f"u-{by}",
            actor_unit=by,
            at=moment,
            reason=reason,
            payload=payload,
        )
        return Planned(moment, action)

    def _centre(self, case: Case) -> str:
        return self._city.rules.places.desks[case.desk].centre

    def _on_asked(self, step: Transition, case: Case, rng: random.Random) -> Planned:
        """The centre grants most extensions."""
        verb = "GRANT" if rng.random() < GRANTED else "DENY"
        after = timedelta(minutes=rng.lognormvariate(2.5, 0.5))
        return self._plan(case, step.at, after, verb, self._centre(case), "已核 looked into", request="EXTENSION")

    def _on_help(self, step: Transition, case: Case, rng: random.Random) -> Planned:
        after = timedelta(minutes=rng.lognormvariate(4.0, 0.6))
        return self._plan(case, step.at, after, "REPLY_HELP", str(step.payload["unit"]), "已到场 on the spot")

    def _on_disputed(self, case: Case, at: datetime, rng: random.Random) -> list[Planned]:
        """The district's centre rules for the street of the case."""
        moment = self._city.rules.calendar.add(at, 60 * rng.lognormvariate(4.0, 0.6), "WORK_MINUTE")
        unit, scope = self._somebody(case, rng), "STREET" if case.placement.street else "CITY"
        reason = "按属地裁定 ruled by the place"
        return [self._plan(case, at, moment - at, "RULE", self._centre(case), reason, unit=unit, scope_type=scope)]

    def _on_reported(self, case: Case, at: datetime, rng: random.Random) -> list[Planned]:
        after = timedelta(minutes=rng.lognormvariate(1.9, 0.5))
        if case.suggested:
            return self._on_suggested(case, at, after)
        if not case.placement.cell and case.matter == "INCIDENT" and rng.random() < 0.5:  # noqa: PLR2004 - one in two
            reason = "无法定位，联系不上 no place, nobody reached"
            return [self._plan(case, at, after, "REFUSE", self._centre(case), reason)]
        return [self._plan(case, at, after, "ACCEPT", self._centre(case))]

    def _on_suggested(self, case: Case, at: datetime, after: timedelta) -> list[Planned]:
        """The acceptor merges what is very much alike, and keeps the rest apart."""
        best = case.suggested[0]
        if best.score >= ALIKE:
            return [
                self._plan(case, at, after, "MERGE", self._centre(case), "同一事件 one incident", master=best.case_no)
            ]
        apart = [
            self._plan(case, at, after, "KEEP_APART", self._centre(case), "两件事 two matters", case=one.case_no)
            for one in case.suggested
        ]
        if case.receipt.automation["ACCEPT"] == "auto":
            return apart
        return [*apart, self._plan(case, at, after + SOONEST, "ACCEPT", self._centre(case))]

    def _on_accepted(self, case: Case, at: datetime, rng: random.Random) -> list[Planned]:
        if case.matter == "INCIDENT":
            return [self._plan(case, at, timedelta(minutes=rng.lognormvariate(1.5, 0.5)), "FILE", self._centre(case))]
        after = timedelta(hours=rng.lognormvariate(1.5, 0.8))
        return [self._plan(case, at, after, "CLOSE", self._centre(case), "已答复 answered")]

    def _on_filed(self, case: Case, at: datetime, rng: random.Random) -> list[Planned]:
        unit = case.receipt.lead or self._somebody(case, rng)
        after = timedelta(minutes=rng.lognormvariate(1.8, 0.6))
        return [self._plan(case, at, after, "DISPATCH", self._centre(case), unit=unit)]

    def _on_dispatched(self, case: Case, at: datetime, rng: random.Random) -> list[Planned]:
        """Sign and handle, or return, or forget. The moment of finishing is a share of the limit."""
        if rng.random() < FORGOTTEN:
            return []
        calendar = self._city.rules.calendar
        soon = self._city.rules.form.limits.of("sign", case.urgency)
        sign = calendar.add(at, calendar.seconds(soon) * rng.lognormvariate(-1.6, 0.6), soon.clock) - at
        if rng.random() < RETURNED and case.flags.get("returned", 0) < 2:  # noqa: PLR2004 - then it is taken
            reason = "非本单位职责 not our duty"
            return [self._plan(case, at, sign, "RETURN", case.unit, reason, relies_on="list")]
        limit = parse_limit(case.limit)
        share = rng.lognormvariate(-0.9, 0.55)
        done = calendar.add(at + sign, calendar.seconds(limit) * share, limit.clock)
        start = min(sign + timedelta(minutes=rng.uniform(3, 40)), done - at)
        finish = max(done - at, sign + 3 * SOONEST)
        plans = [
            self._plan(case, at, sign, "SIGN", case.unit),
            self._plan(case, at, max(start, sign + SOONEST), "START", case.unit),
            self._plan(case, at, max(finish, start + SOONEST), "FINISH", case.unit, evidence=["photo"]),
        ]
        amid = max(start, sign + SOONEST) + SOONEST
        left = finish - amid
        if share > LONG and left > timedelta(hours=1) and rng.random() < EXTENDED:
            reason = "需要更多时间 more time is needed"
            plans.insert(2, self._plan(case, at, amid, "ASK_EXTENSION", case.unit, reason))
        rules = self._city.rules
        helper = next((unit for unit in case.receipt.cooperate if independent(rules, case.unit, unit)), "")
        if helper and left > timedelta(hours=6) and rng.random() < HELPED:
            plans.insert(2, self._plan(case, at, amid, "REQUEST_HELP", case.unit, "请支援 help needed", unit=helper))
        return plans

    def _on_handling(self, case: Case, at: datetime, rng: random.Random) -> list[Planned]:
        """After a failed check the same unit does it again; the ordinary way was planned at the dispatch."""
        if not case.flags.get("reworked"):
            return []
        return [self._plan(case, at, timedelta(hours=rng.uniform(1, 8)), "FINISH", case.unit, evidence=["photo"])]

    def _on_returned(self, case: Case, at: datetime, rng: random.Random) -> list[Planned]:
        unit = self._somebody(case, rng) if rng.random() < ELSEWHERE else case.receipt.lead or case.first_unit
        after = timedelta(minutes=rng.lognormvariate(2.3, 0.5))
        return [self._plan(case, at, after, "REDISPATCH", self._centre(case), "复核后派遣 after review", unit=unit)]

    def _on_checking(self, case: Case, at: datetime, rng: random.Random) -> list[Planned]:
        """Who was given the task checks in working hours."""
        moment = self._city.rules.calendar.add(at, 60 * rng.uniform(3, 26), "WORK_MINUTE")
        rules = self._city.rules
        day = at.astimezone(rules.calendar.zone).date()
        unit = case.task.unit if case.task else supervision_of(rules, case, day)
        if rng.random() < FAILED:
            return [self._plan(case, at, moment - at, "CHECK_FAIL", unit, "现场未达标 not as it should be")]
        return [self._plan(case, at, moment - at, "CHECK_PASS", unit)]

    def _on_handled(self, case: Case, at: datetime, rng: random.Random) -> list[Planned]:
        verb = "CLOSE" if case.flags.get("check_passed") else "REQUEST_CHECK"
        return [self._plan(case, at, timedelta(minutes=rng.lognormvariate(2.5, 0.6)), verb, self._centre(case))]

    def _somebody(self, case: Case, rng: random.Random) -> str:
        """Pick a unit for what the duty list didn't settle: the street's office, else a department of the city."""
        units = self._city.rules.units
        offices = units.find("STREET", "OFFICE", case.placement.street)
        if offices:
            return offices[0].code
        return rng.choice(
            sorted(u.code for u in units.by_code.values() if u.level == "CITY" and u.kind == "DEPARTMENT")
        )
