"""What Prometheus scrapes: rates and latencies of the whole path. No label ever holds a case, a cell or a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from streams.outlets.waiting import Waiting
from streams.stages.desk.clocks import ACK
from streams.stages.desk.lifecycle import ENDS, MERGED, OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.records import Case, Effects, Transition

_MINUTES = (0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360)

_INPUTS = {"RoutedReport": "report", "Action": "action", "Tick": "tick", "Ack": "ack", "PackActivated": "pack"}


disable_created_metrics()  # type: ignore[no-untyped-call]  # a creation time beside every counter doubles the page and tells nothing


class Metrics:
    """Counters and histograms fed with every batch of effects."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
        self.open = Gauge("onegrid_open_cases", "Open cases", ["desk"], registry=self.registry)
        self.to_dispatch = self._histogram("onegrid_report_to_dispatch_minutes", "From report to dispatch")
        self.to_close = self._histogram("onegrid_report_to_close_minutes", "From report to close")
        self._reported: dict[str, float] = {}

    def restore(self, cases: Iterable[Case]) -> None:
        """Take up the gauges from the cases as they stand when a host starts."""
        for case in cases:
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
        for step in effects.transitions:
            self._hear_step(step)
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
        if step.verb == "ACK":
            self._confirmed(step)
        reported = self._reported.get(step.case_no)
        if step.verb == "DISPATCH" and reported is not None:
            self.to_dispatch.labels(step.desk).observe((step.at.timestamp() - reported) / 60)
        if step.to in ENDS and step.from_ not in ENDS:
            self._reported.pop(step.case_no, None)
            if step.to != MERGED and reported is not None:
                self.to_close.labels(step.desk).observe((step.at.timestamp() - reported) / 60)

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
