"""What Prometheus scrapes: rates and latencies of the whole path. No label ever holds a case, a cell or a person."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from msgspec import UNSET
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

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

_INPUTS = {
    "RoutedReport": "report",
    "Action": "action",
    "Tick": "tick",
    "Ack": "ack",
    "PackActivated": "pack",
    "Attendance": "attendance",
}


disable_created_metrics()  # type: ignore[no-untyped-call]  # a creation time beside every counter doubles the page and tells nothing


_STAGE_MINUTES = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 960, 1920, 3840, 7680)
"""Buckets of the histograms that have two labels: fewer, so that no name has over 5,000 series."""

_COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counters and histograms fed with every batch of effects.

    By `calendar` open cases have lights. Deadlines pass by the time of what is heard, and by `clock` if there is one.
    """

    def __init__(self, calendar: WorkCalendar | None = None, clock: Callable[[], datetime] | None = None) -> None:
        self.registry = CollectorRegistry()
        self._clock, self._lock = clock, threading.Lock()
        self._now: datetime | None = None
        self._standing = Standing(calendar)
        self._lit: set[str] = set()
        self.inputs = self._counter("onegrid_inputs", "Inputs applied by desks", "kind")
        self.cases = self._counter("onegrid_cases", "Cases opened", "desk", "matter")
        self.outcomes = self._counter("onegrid_routing_outcomes", "Routing outcomes", "outcome")
        self.duplicates = self._counter("onegrid_duplicates", "Reports that opened no case", "kind")
        self.steps = self._counter("onegrid_transitions", "Transitions", "desk", "verb")
        self.alerts = self._counter("onegrid_alerts", "Alerts", "desk", "kind")
        self.dead = self._counter("onegrid_dead_letters", "Dead letters", "stage", "reason")
        self.rejected = self._counter("onegrid_rejected", "Reports refused at the gateway", "reason")
        self.told = self._counter("onegrid_alert_messages", "Messages to units, sent and failed", "kind", "outcome")
        self.acks = self._counter("onegrid_alert_acks", "Alerts confirmed", "desk", "in_time")
        self.to_ack = self._histogram("onegrid_alert_to_ack_minutes", "From alert to confirmation")
        self.unconfirmed = Gauge(
            "onegrid_alerts_unconfirmed", "Alerts that wait to be confirmed", ["desk"], registry=self.registry
        )
        self._waiting = Waiting()
        self._watched: dict[str, Gauge] = {}
        self.open = Gauge("onegrid_open_cases", "Open cases", ["desk"], registry=self.registry)
        self.to_dispatch = self._histogram("onegrid_report_to_dispatch_minutes", "From report to dispatch")
        self.to_close = self._histogram("onegrid_report_to_close_minutes", "From report to close")
        self._reported: dict[str, float] = {}
        self.stages = Histogram(
            "onegrid_stage_minutes", "From the start of a clock to its end", ["clock", "kind"],
            buckets=_STAGE_MINUTES, registry=self.registry,
        )  # fmt: skip
        self.handling = Histogram(
            "onegrid_handling_minutes", "From the dispatch to a unit until it has finished", ["desk", "kind"],
            buckets=_STAGE_MINUTES, registry=self.registry,
        )  # fmt: skip
        self.stages_done = self._counter("onegrid_stages", "Clocks that ended", "desk", "clock", "in_time")
        self.deadlines = self._counter("onegrid_deadlines", "Handling deadlines that have passed", "desk", "in_time")
        self.escalations = self._counter("onegrid_escalations", "Escalation tiers that fired", "desk", "tier")
        self.lights = Gauge(
            "onegrid_cases_by_light", "Cases that are being handled", ["desk", "light"], registry=self.registry
        )
        self.seconds = Histogram(
            "onegrid_gateway_commit_seconds", "From a call until it is on disk", buckets=_COMMIT_SECONDS,
            registry=self.registry,
        )  # fmt: skip

    def watch(self, name: str, text: str, ask: Callable[[], float], **labels: str) -> None:
        """Show a figure that is asked for when somebody looks."""
        gauge = self._watched.get(name)
        if gauge is None:
            gauge = self._watched[name] = Gauge(name, text, list(labels), registry=self.registry)
        (gauge.labels(*labels.values()) if labels else gauge).set_function(ask)

    def restore(self, cases: Iterable[Case]) -> None:
        """Take up the gauges from the cases as they stand when a host starts."""
        for case in cases:
            self._standing.take(case, self._clock() if self._clock else case.opened_at)
            if case.state not in ENDS:
                self.open.labels(case.desk).inc()
                if case.reported_at:
                    self._reported[case.case_no] = case.reported_at.timestamp()
                self._waiting.take(case.case_no, case.desk, case.clocks)
        self._show_waiting()

    def hear(self, effects: Effects) -> None:
        """Count one batch of effects."""
        for name, count in effects.counters.items():
            head, _, tail = name.partition("_")
            if head == "items":
                self.inputs.labels(_INPUTS.get(tail, tail)).inc(count)
            elif head == "outcome":
                self.outcomes.labels(tail).inc(count)
            elif name in ("repeats", "updates", "merged"):
                self.duplicates.labels(name).inc(count)
        with self._lock:
            for step in effects.transitions:
                self._hear_step(step)
            self._pass(max((step.heard_at or step.at for step in effects.transitions), default=None))
        self._show_waiting()
        for alert in effects.alerts:
            self.alerts.labels(alert.desk, alert.kind).inc()
        for letter in effects.dead_letters:
            self.dead.labels(letter.stage, letter.reason).inc()

    def _hear_step(self, step: Transition) -> None:
        self.steps.labels(step.desk, step.verb).inc()
        self.open.labels(step.desk).inc(_opened(step))
        if step.verb == "REPORT":
            self.cases.labels(step.desk, str(step.change.matter)).inc()
            self._reported[step.case_no] = getattr(step.change.reported_at, "timestamp", step.at.timestamp)()
        self._waiting.hear(step)
        self._standing.hear(step)
        self._ended(step)
        if step.cause.startswith("clock:") and "tier" in step.payload:
            self.escalations.labels(step.desk, str(step.payload["tier"])).inc()
        if step.verb == "ACK":
            self._confirmed(step)
        reported = self._reported.get(step.case_no)
        if step.verb == "DISPATCH" and reported is not None:
            self.to_dispatch.labels(step.desk).observe((step.at.timestamp() - reported) / 60)
        if step.to in ENDS and step.from_ not in ENDS:
            self._reported.pop(step.case_no, None)
            if step.to != MERGED and reported is not None:
                self.to_close.labels(step.desk).observe((step.at.timestamp() - reported) / 60)

    def _ended(self, step: Transition) -> None:
        """Count the clocks that end with a step, with the minutes on the wall that they took."""
        change = step.change
        for clock in () if change.clocks is UNSET else change.clocks:
            if clock.ended is None or clock.ended != step.at or step.to in _NOBODYS:
                continue
            minutes = (clock.ended - clock.started).total_seconds() / 60
            if clock.name == HANDLE:
                if step.verb != "FINISH" or (clock.unit and clock.unit != self._unit_of(step, clock.unit)):
                    continue
                self.handling.labels(step.desk, clock.clock).observe(minutes)
            self.stages.labels(clock.name, clock.clock).observe(minutes)
            self.stages_done.labels(step.desk, clock.name, "no" if clock.overdue else "yes").inc()

    def _unit_of(self, step: Transition, default: str) -> str:
        """Return the unit that holds a case as far as it is known here."""
        return self._standing.unit(step.case_no) or default

    def _pass(self, now: datetime | None) -> None:
        """Count the deadlines that have passed; time never falls."""
        if now is not None and (self._now is None or now > self._now):
            self._now = now
        if self._now is not None:
            for passed in self._standing.passed(self._now):
                self.deadlines.labels(passed.desk, "yes" if passed.in_time else "no").inc()

    def _show_waiting(self) -> None:
        for desk, count in self._waiting.by_desk.items():
            self.unconfirmed.labels(desk).set(count)

    def _confirmed(self, step: Transition) -> None:
        assert step.change.clocks is not UNSET
        for clock in step.change.clocks:
            if clock.name == ACK and clock.ended is not None:
                self.acks.labels(step.desk, "no" if clock.overdue else "yes").inc()
                self.to_ack.labels(step.desk).observe((clock.ended - clock.started).total_seconds() / 60)

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""
        with self._lock:
            self._pass(self._clock() if self._clock else None)
            lights = self._standing.lights(self._now) if self._now is not None else {}
            for desk in {desk for desk, _ in lights} | self._lit:
                self._lit.add(desk)
                for light in (GREEN, YELLOW, RED):
                    self.lights.labels(desk, light).set(lights.get((desk, light), 0))
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, ["desk"], buckets=_MINUTES, registry=self.registry)


def _opened(step: Transition) -> int:
    """Return by how many a desk's open cases grow with a step: 1, 0 or -1."""
    if step.verb in ("TRANSFER", "RECEIVE"):
        return 1 if step.verb == "RECEIVE" else -1
    return (step.to in OPEN) - (step.from_ in OPEN)
