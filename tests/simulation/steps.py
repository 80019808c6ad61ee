"""The laws of single steps: legal, numbered without gaps, taken once, and clocks fired once and on time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from streams.stages.desk import clocks
from streams.stages.desk.casebook import apply
from streams.stages.desk.lifecycle import BACK, BY_STATE, ENDS, OPEN, SAME, SYSTEM, SYSTEM_VERBS
from tests.simulation.turns import BrokenError

if TYPE_CHECKING:
    from datetime import datetime

    from streams.records import Case, Clock, Transition
    from tests.simulation.world import World

_NOISE = 1e-3
"""Seconds: what working a moment out forwards and backwards may differ by."""


class Steps:
    """All cases of the city as the logs say they are, whichever desk has them."""

    def __init__(self, world: World) -> None:
        self._figures = world.figures
        self.rules = world.first.rules  # calendar and tiers are the same in all packs here
        self.cases: dict[str, Case] = {}
        self.history: dict[str, list[Transition]] = {}
        self.serials: dict[tuple[str, str], int] = {}
        self.sources: dict[tuple[str, str], str] = {}
        self.done: set[tuple[str, str]] = set()
        self.fired: Counter[tuple[str, tuple[str, str, int], int]] = Counter()

    def take(self, desk: str, step: Transition, now: datetime) -> None:
        """Hold a step against the laws and fold it in; `now` is the desk's time after the record."""
        case = self.cases.get(step.case_no)
        seq = case.seq if case else 0
        _hold(step.seq == seq + 1, step, f"follows step {seq}")
        _hold(step.desk == desk, step, f"stands among the effects of desk {desk}")
        _hold(step.at <= now, step, f"is of {step.at}, before which the desk's time {now} has not come")
        if case is None:
            self._opens(step)
        else:
            self._legal(case, step)
        self._once(step)
        if case is not None:
            self._clocks(case, step)
        after = self.cases[step.case_no] = apply(case, step)
        self.history.setdefault(step.case_no, []).append(step)
        _hold(after.state in OPEN | ENDS, step, f"leads to a state {after.state}")
        self._figures[f"step {step.verb}"] += 1

    def _opens(self, step: Transition) -> None:
        """Numbers of a desk and day have no gaps, and one number of a source opens one case."""
        _hold((step.verb, step.from_) == ("REPORT", ""), step, "opens a case")
        day, serial = (step.case_no[:6], step.case_no[6:14]), int(step.case_no[14:])
        _hold(serial == self.serials.get(day, 0) + 1, step, f"follows serial {self.serials.get(day, 0)}")
        self.serials[day] = serial
        assert isinstance(step.change.sources, list)
        source = (step.change.sources[0].system, step.change.sources[0].system_no)
        _hold(source not in self.sources, step, f"is a second case of {source}: {self.sources.get(source)}")
        self.sources[source] = step.case_no

    def _legal(self, case: Case, step: Transition) -> None:
        """A step starts where its case is, and leads where the table says."""
        _hold(step.from_ == case.state, step, f"starts from {step.from_}, the case is {case.state}")
        rule = BY_STATE.get((case.state, step.verb))
        if rule is None:
            known = step.verb in SYSTEM_VERBS or (step.verb == "APPEND" and step.actor == SYSTEM)
            _hold(known and step.to == case.state, step, f"is not legal in {case.state}")
            return
        to = {SAME: case.state, BACK: case.back}.get(rule.to, rule.to)
        legal = {to}
        if step.verb == "GRANT" and step.payload["request"] == "SUSPENSION":
            legal = {"SUSPENDED"}
        _hold(step.to in legal, step, f"leads to {step.to}; expected {' or '.join(sorted(legal))}")

    def _once(self, step: Transition) -> None:
        """An input is applied once: what it does itself, apart from what follows from it, stands once in all logs."""
        kind, _, name = step.cause.partition(":")
        own = {
            "action": step.actor != SYSTEM,
            "ack": step.actor != SYSTEM,
            "transfer": step.verb == "RECEIVE",
            "report": step.verb in ("REPORT", "APPEND"),
        }.get(kind, False)
        if own:
            _hold((kind, name) not in self.done, step, "is applied a second time")
            self.done.add((kind, name))

    def _clocks(self, case: Case, step: Transition) -> None:
        """A tier fires at the moment at which its clock has used its share, once, and in the order of the tiers."""
        before = {clock.key: clock for clock in case.clocks}
        changed = step.change.clocks if isinstance(step.change.clocks, list) else []
        if step.cause.startswith("clock:"):
            if step.verb == "RESUME":
                _hold(step.at == case.until, step, f"ends a suspension until {case.until} at {step.at}")
                return
            clock = next(one for one in changed if one.name == step.payload["clock"])
            self._fires(before[clock.key], clock, step)
            return
        for clock in changed:
            was = before.get(clock.key)
            for tier in range(clock.tiers, was.tiers if was else 0):  # taken back, or extended
                self.fired[case.case_no, clock.key, tier] -= 1

    def _fires(self, was: Clock, clock: Clock, step: Transition) -> None:
        tier = was.tiers
        _hold(
            clock.tiers == tier + 1 == step.payload["tier"], step, f"fires tier {step.payload['tier']} after {tier}"
        )
        key = (step.case_no, clock.key, tier)
        self.fired[key] += 1
        _hold(self.fired[key] == 1, step, f"fires tier {tier + 1} of {clock.key} a second time")
        _hold(was.since is not None, step, f"fires a clock that stands still: {clock.key}")
        assert was.since is not None
        share = clocks.allowed(was) * self.rules.tiers_of(clock.name, clock.unit)[tier].share
        used = clocks.used_by(self.rules.calendar, was, step.at)
        on_time = abs(used - share) < _NOISE or (used > share and step.at == was.since)
        _hold(on_time, step, f"fires at {used:.3f} s of {clock.key}; expected {share:.3f} s")


def _hold(fact: bool, step: Transition, otherwise: str) -> None:
    if not fact:
        raise BrokenError(f"{step.case_no} step {step.seq} {step.verb} ({step.cause}): {otherwise}")
