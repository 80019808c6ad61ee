"""What Prometheus is told of desks: cases, steps, latencies, deadlines, lights. No label holds a case or a person.

A host holds parts, one for each partition that is its own; what a desk has open is shown as long as its part is held.
"""

from __future__ import annotations

import threading
from collections import Counter as Counts
from typing import TYPE_CHECKING

from msgspec import UNSET
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.outlets.standing import Standing
from streams.outlets.waiting import Waiting
from streams.stages.desk.clocks import ACK, GREEN, HANDLE, RED, YELLOW
from streams.stages.desk.lifecycle import ENDS, MERGED, OPEN
from streams.stages.measures import VOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from grids.worktime import WorkCalendar
    from streams.records import Case, Effects, Transition

_MINUTES = (0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360)

_NOBODYS = VOID | {MERGED}

_STAGE_MINUTES = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 960, 1920, 3840, 7680)
"""Buckets of the histograms that have two labels: fewer, so that no name has over 5,000 series."""


class _Part:
    """What has to be known of the cases of one partition."""

    def __init__(self, calendar: WorkCalendar | None) -> None:
        self.standing, self.waiting = Standing(calendar), Waiting()
        self.reported: dict[str, float] = {}
        self.open: Counts[str] = Counts()
        self.now: datetime | None = None


class DeskMetrics:
    """Counters and histograms fed with the effects of desks.

    By `calendar` open cases have lights. Deadlines pass by the time of what is heard, and by `clock` if there is one.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        calendar: WorkCalendar | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._registry, self._calendar, self._clock = registry, calendar, clock
        self._lock = threading.Lock()
        self._parts: dict[int, _Part] = {}
        self._shown: dict[Gauge, set[tuple[str, ...]]] = {}
        self.cases = self._counter("onegrid_cases", "Cases opened", "desk", "matter")
        self.steps = self._counter("onegrid_transitions", "Transitions", "desk", "verb")
        self.alerts = self._counter("onegrid_alerts", "Alerts", "desk", "kind")
        self.acks = self._counter("onegrid_alert_acks", "Alerts confirmed", "desk", "in_time")
        self.to_ack = self._histogram("onegrid_alert_to_ack_minutes", "From alert to confirmation")
        self.unconfirmed = self._gauge("onegrid_alerts_unconfirmed", "Alerts that wait to be confirmed", "desk")
        self.open = self._gauge("onegrid_open_cases", "Open cases", "desk")
        self.to_dispatch = self._histogram("onegrid_report_to_dispatch_minutes", "From report to dispatch")
        self.to_close = self._histogram("onegrid_report_to_close_minutes", "From report to close")
        self.stages = Histogram(
            "onegrid_stage_minutes", "From the start of a clock to its end", ["clock", "kind"],
            buckets=_STAGE_MINUTES, registry=registry,
        )  # fmt: skip
        self.handling = Histogram(
            "onegrid_handling_minutes", "From the dispatch to a unit until it has finished", ["desk", "kind"],
            buckets=_STAGE_MINUTES, registry=registry,
        )  # fmt: skip
        self.stages_done = self._counter("onegrid_stages", "Clocks that ended", "desk", "clock", "in_time")
        self.deadlines = self._counter("onegrid_deadlines", "Handling deadlines that have passed", "desk", "in_time")
        self.escalations = self._counter("onegrid_escalations", "Escalation tiers that fired", "desk", "tier")
        self.lights = self._gauge("onegrid_cases_by_light", "Cases that are being handled", "desk", "light")

    def enter(self, number: int, cases: Iterable[Case]) -> None:
        """Take up a part with its cases as they stand."""
        part = _Part(self._calendar)
        for case in cases:
            part.standing.take(case, self._clock() if self._clock else case.opened_at)
            if case.state not in ENDS:
                part.open[case.desk] += 1
                if case.reported_at:
                    part.reported[case.case_no] = case.reported_at.timestamp()
                part.waiting.take(case.case_no, case.desk, case.clocks)
        with self._lock:
            self._parts[number] = part
            self._show()

    def leave(self, number: int) -> None:
        """Show nothing of a part that is somebody else's."""
        with self._lock:
            self._parts.pop(number, None)
            self._show()
            self._shine()

    def hear(self, number: int, effects: Effects) -> None:
        """Count what came of some inputs of a part."""
        with self._lock:
            part = self._parts.get(number)
            if part is None:
                part = self._parts[number] = _Part(self._calendar)
            for (desk, verb), count in Counts((step.desk, step.verb) for step in effects.transitions).items():
                self.steps.labels(desk, verb).inc(count)
            for step in effects.transitions:
                self._hear_step(part, step)
            self._pass(part, max((step.heard_at or step.at for step in effects.transitions), default=None))
            self._show()
        for alert in effects.alerts:
            self.alerts.labels(alert.desk, alert.kind).inc()

    def look(self, now: datetime | None = None) -> None:
        """Bring what changes with time alone up to a moment, for None to now, for somebody who looks."""
        now = now or (self._clock() if self._clock else None)
        with self._lock:
            for part in self._parts.values():
                self._pass(part, now)
            self._shine()

    def _hear_step(self, part: _Part, step: Transition) -> None:
        part.open[step.desk] += _opened(step)
        if step.verb == "REPORT":
            self.cases.labels(step.desk, str(step.change.matter)).inc()
            part.reported[step.case_no] = getattr(step.change.reported_at, "timestamp", step.at.timestamp)()
        part.waiting.hear(step)
        part.standing.hear(step)
        self._ended(part, step)
        if step.cause.startswith("clock:") and "tier" in step.payload:
            self.escalations.labels(step.desk, str(step.payload["tier"])).inc()
        if step.verb == "ACK":
            self._confirmed(step)
        reported = part.reported.get(step.case_no)
        if step.verb == "DISPATCH" and reported is not None:
            self.to_dispatch.labels(step.desk).observe((step.at.timestamp() - reported) / 60)
        if step.to in ENDS and step.from_ not in ENDS:
            part.reported.pop(step.case_no, None)
            if step.to != MERGED and reported is not None:
                self.to_close.labels(step.desk).observe((step.at.timestamp() - reported) / 60)

    def _ended(self, part: _Part, step: Transition) -> None:
        """Count the clocks that end with a step, with the minutes on the wall that they took."""
        change = step.change
        for clock in () if change.clocks is UNSET else change.clocks:
            if clock.ended is None or clock.ended != step.at or step.to in _NOBODYS:
                continue
            minutes = (clock.ended - clock.started).total_seconds() / 60
            if clock.name == HANDLE:
                if step.verb != "FINISH" or (
                    clock.unit and clock.unit != (part.standing.unit(step.case_no) or clock.unit)
                ):
                    continue
                self.handling.labels(step.desk, clock.clock).observe(minutes)
            self.stages.labels(clock.name, clock.clock).observe(minutes)
            self.stages_done.labels(step.desk, clock.name, "no" if clock.overdue else "yes").inc()

    def _pass(self, part: _Part, now: datetime | None) -> None:
        """Count the deadlines that have passed; time never falls."""
        if now is not None and (part.now is None or now > part.now):
            part.now = now
        if part.now is not None:
            for passed in part.standing.passed(part.now):
                self.deadlines.labels(passed.desk, "yes" if passed.in_time else "no").inc()

    def _show(self) -> None:
        """Show by desk what is open and what is waited for."""
        opened: Counts[tuple[str, ...]] = Counts()
        waited: Counts[tuple[str, ...]] = Counts()
        for part in self._parts.values():
            for desk, count in part.open.items():
                opened[desk,] += count
            for desk, count in part.waiting.by_desk.items():
                waited[desk,] += count
        self._set(self.open, opened)
        self._set(self.unconfirmed, waited)

    def _shine(self) -> None:
        """Show the lights; a desk that had any goes on with none as long as its part is held."""
        found: Counts[tuple[str, ...]] = Counts()
        for part in self._parts.values():
            lights = part.standing.lights(part.now) if part.now is not None else Counts()
            for desk in {desk for desk, _ in lights} | set(part.open):
                for light in (GREEN, YELLOW, RED):
                    found[desk, light] += lights.get((desk, light), 0)
        self._set(self.lights, found)

    def _set(self, gauge: Gauge, values: Counts[tuple[str, ...]]) -> None:
        """Set a gauge, and take away what is no more."""
        shown = self._shown.setdefault(gauge, set())
        for labels in shown - set(values):
            gauge.remove(*labels)
        for labels, value in values.items():
            gauge.labels(*labels).set(value)
        self._shown[gauge] = set(values)

    def _confirmed(self, step: Transition) -> None:
        assert step.change.clocks is not UNSET
        for clock in step.change.clocks:
            if clock.name == ACK and clock.ended is not None:
                self.acks.labels(step.desk, "no" if clock.overdue else "yes").inc()
                self.to_ack.labels(step.desk).observe((clock.ended - clock.started).total_seconds() / 60)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, ["desk"], buckets=_MINUTES, registry=self._registry)


def _opened(step: Transition) -> int:
    """Return by how many a desk's open cases grow with a step: 1, 0 or -1."""
    if step.verb in ("TRANSFER", "RECEIVE"):
        return 1 if step.verb == "RECEIVE" else -1
    return (step.to in OPEN) - (step.from_ in OPEN)
