"""Alerts that wait to be confirmed, as the acknowledgement clocks of cases tell: for the banner, and as a measure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from streams.stages.desk.clocks import ACK
from streams.stages.desk.lifecycle import ENDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from streams.records import Clock, Transition


class Wait(NamedTuple):
    """One confirmation that is waited for: until when, of which unit, on which case, at which desk."""

    due: datetime
    unit: str
    case_no: str
    desk: str


class Waiting:
    """All confirmations that are waited for; `by_desk` counts them."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[tuple[str, str, int], Wait]] = {}
        self.by_desk: Counter[str] = Counter()

    def hear(self, step: Transition) -> None:
        """Take in a step of a case."""
        if step.change.clocks is not UNSET:
            self.take(step.case_no, step.desk, step.change.clocks)
        if step.to in ENDS:
            for wait in self._asked.pop(step.case_no, {}).values():
                self.by_desk[wait.desk] -= 1

    def take(self, case_no: str, desk: str, clocks: Iterable[Clock]) -> None:
        """Take in the clocks of a case, or those that have changed."""
        for clock in clocks:
            if clock.name != ACK:
                continue
            asked = self._asked.setdefault(case_no, {})
            if (before := asked.pop(clock.key, None)) is not None:
                self.by_desk[before.desk] -= 1
            if clock.ended is None and clock.due is not None:
                asked[clock.key] = Wait(clock.due, clock.unit, case_no, desk)
                self.by_desk[desk] += 1
            if not asked:
                del self._asked[case_no]

    def first(self) -> Wait | None:
        """Return what was or is due first; None if nothing is waited for."""
        return min((wait for waits in self._asked.values() for wait in waits.values()), default=None)
