"""What Prometheus scrapes: rates and latencies of the whole path. No label ever holds a case, a cell or a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from streams.outlets.deskmetrics import DeskMetrics
from streams.outlets.inputmetrics import InputMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from grids.worktime import WorkCalendar
    from streams.records import Case, Effects

disable_created_metrics()  # type: ignore[no-untyped-call]  # a creation time beside every counter doubles the page and tells nothing


_COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_WHOLE = 0
"""The one part that there is."""


class Metrics:
    """Counters and histograms fed with every batch of effects.

    By `calendar` open cases have lights. Deadlines pass by the time of what is heard, and by `clock` if there is one.
    """

    def __init__(self, calendar: WorkCalendar | None = None, clock: Callable[[], datetime] | None = None) -> None:
        self.registry = CollectorRegistry()
        self.desks = DeskMetrics(self.registry, calendar, clock)
        self.inputs = InputMetrics(self.registry)
        self.rejected = self._counter("onegrid_rejected", "Reports refused at the gateway", "reason")
        self.told = self._counter("onegrid_alert_messages", "Messages to units, sent and failed", "kind", "outcome")
        self._watched: dict[str, Gauge] = {}
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
        self.desks.enter(_WHOLE, cases)

    def hear(self, effects: Effects) -> None:
        """Count one batch of effects."""
        self.inputs.hear(effects)
        self.desks.hear(_WHOLE, effects)

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""
        self.desks.look()
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)
