"""What Prometheus scrapes of a worker. No label ever holds a case, a cell or a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from streams.outlets.deskmetrics import DeskMetrics
from streams.outlets.inputmetrics import InputMetrics
from streams.records import together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from grids.worktime import WorkCalendar
    from streams.hosts.partition import Applied
    from streams.records import Case

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class WorkerMetrics:
    """Counters of one worker. By `calendar` the open cases of its desks have lights, which `clock` changes."""

    def __init__(self, calendar: WorkCalendar | None = None, clock: Callable[[], datetime] | None = None) -> None:
        self.registry = CollectorRegistry()
        self.desks = DeskMetrics(self.registry, calendar, clock)
        self.inputs = InputMetrics(self.registry)
        self.records = self._counter("onegrid_records", "Effects records written that count")
        self.routed = self._counter("onegrid_routed", "Reports that intake has routed")
        self.ticks = self._counter("onegrid_ticks", "Ticks sent to desks")
        self.overtaken = self._counter("onegrid_overtaken", "Times that somebody else had written to a log")
        self.retries = self._counter("onegrid_retries", "Times that something failed and was tried again")
        self.apply_seconds = self._histogram("onegrid_apply_seconds", "Applying the messages of one partition")
        self.takeover_seconds = self._histogram("onegrid_takeover_seconds", "Taking a partition over")
        self.intake_seconds = self._histogram("onegrid_intake_seconds", "Routing a batch and writing it")
        self.held = Gauge("onegrid_partitions_held", "Partitions whose books are known", registry=self.registry)
        self.behind = Gauge(
            "onegrid_board_behind", "Partitions that the board lacks records of", registry=self.registry
        )
        self.applied = Gauge(
            "onegrid_applied_position", "Last applied inbox position", ["partition"], registry=self.registry
        )
        self.lag = Gauge("onegrid_lag_messages", "Messages waiting", ["topic", "partition"], registry=self.registry)

    def enter(self, partition: int, cases: Iterable[Case]) -> None:
        """Take up the cases of a partition that is held from now on."""
        self.desks.enter(partition, cases)

    def hear(self, partition: int, done: Applied) -> None:
        """Count what came of one record."""
        self.records.inc()
        self.applied.labels(str(partition)).set(done.record.last)
        effects = together(done.effects.values())
        self.inputs.hear(effects)
        self.desks.hear(partition, effects)

    def leave(self, partition: int) -> None:
        """Show nothing of a partition that is somebody else's."""
        self.applied.remove(str(partition))
        self.desks.leave(partition)

    def show_lag(self, lag: Mapping[tuple[str, int], int]) -> None:
        """Show how many messages wait in each partition of this worker."""
        self.lag.clear()
        for (topic, partition), waiting in lag.items():
            self.lag.labels(topic, str(partition)).set(waiting)

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""
        self.desks.look()
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, buckets=_SECONDS, registry=self.registry)


class DeliveryMetrics:
    """Counters of `onegrid deliver`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.told = Counter(
            "onegrid_alert_messages",
            "Messages to units, sent and failed",
            ["kind", "outcome"],
            registry=self.registry,
        )

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)
