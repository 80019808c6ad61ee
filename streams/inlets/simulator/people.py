"""What the simulated offices do about their cases: accept, dispatch, sign, handle, return, check, forget.

Chance is drawn per case and step from the seed, so the order in which cases are looked at changes nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from grids.worktime import parse_limit
from streams.records import Action

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grids.city import City
    from streams.records import Case, Transition

SOONEST = timedelta(minutes=2)
"""Nobody reacts faster; the player relies on it to keep actions behind what they react to."""

_NO_NEWS = frozenset({"REMIND", "SUPERVISE", "APPEND", "MERGE", "SIGN", "START", "ASSIGN"})
"""Verbs after which nobody has to plan anew: what follows was planned at the dispatch."""

RETURNED, FORGOTTEN, FAILED, ELSEWHERE = 0.035, 0.008, 0.05, 0.35
"""Shares of dispatches returned, dispatches forgotten, checks failed, and returned cases given to another unit."""


@dataclass(frozen=True)
class Planned:
    """An action and the moment at which somebody will take it."""

    at: datetime
    action: Action


class People:
    """The offices of a city."""

    def __init__(self, city: City, seed: int) -> None:
        self._city = city
        self._seed = seed

    def react(self, steps: Iterable[tuple[Transition, Case]]) -> list[Planned]:
        """Return what people will do after these transitions, each given with its case as it is by then."""
        last: dict[str, tuple[Transition, Case]] = {}
        for step, case in steps:
            if step.verb not in _NO_NEWS:
                last[case.case_no] = (step, case)
        planned = []
        for step, case in last.values():
            plan = getattr(self, f"_on_{case.state.lower()}", None)
            if plan is not None:
                rng = random.Random(f"{self._seed}:{case.case_no}:{step.seq}")  # noqa: S311 - a simulation
                planned += plan(case, step.at, rng)
        return planned

    def _plan(
        self, case: Case, at: datetime, after: timedelta, verb: str, by: str, reason: str = "", **payload: Any
    ) -> Planned:
        moment = at + max(after, SOONEST)
        action = Action(
            action_id=f"{case.case_no}-{case.seq}-{verb}",
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

    def _on_reported(self, case: Case, at: datetime, rng: random.Random) -> list[Planned]:
        after = timedelta(minutes=rng.lognormvariate(1.9, 0.5))
        if not case.placement.cell and case.matter == "INCIDENT" and rng.random() < 0.5:  # noqa: PLR2004 - one in two
            reason = "无法定位，联系不上 no place, nobody reached"
            return [self._plan(case, at, after, "REFUSE", self._centre(case), reason)]
        return [self._plan(case, at, after, "ACCEPT", self._centre(case))]

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
        return [
            self._plan(case, at, sign, "SIGN", case.unit),
            self._plan(case, at, max(start, sign + SOONEST), "START", case.unit),
            self._plan(case, at, max(finish, start + SOONEST), "FINISH", case.unit, evidence=["photo"]),
        ]

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
        """The supervision centre checks in working hours."""
        moment = self._city.rules.calendar.add(at, 60 * rng.uniform(3, 26), "WORK_MINUTE")
        unit = self._supervision(case)
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

    def _supervision(self, case: Case) -> str:
        units = self._city.rules.units
        for area in (*case.placement.zones, case.placement.district):
            for level in ("ZONE", "DISTRICT"):
                if found := units.find(level, "SUPERVISION", area):
                    return found[0].code
        return min(u.code for u in units.by_code.values() if u.kind == "SUPERVISION" and u.level == "CITY")
