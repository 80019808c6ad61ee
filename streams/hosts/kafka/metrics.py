"""What Prometheus scrapes of a worker. No label ever holds a case, a cell or a person."""

from __future__ import annotations

from collections import Counter as Counts
from typing import TYPE_CHECKING

from msgspec import UNSET
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from streams.outlets.waiting import Waiting
from streams.stages.desk.clocks import ACK
from streams.stages.desk.lifecycle import ENDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.hosts.partition import Applied
    from streams.records import Case, Transition

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class WorkerMetrics:
    """Counters of one worker; those of desks are summed over a record before they are counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.inputs = self._counter("onegrid_inputs", "Inputs applied by desks", "kind")
        self.outcomes = self._counter("onegrid_routing_outcomes", "Routing outcomes", "outcome")
        self.duplicates = self._counter("onegrid_duplicates", "Reports that opened no case", "kind")
        self.steps = self._counter("onegrid_transitions", "Transitions", "desk", "verb")
        self.alerts = self._counter("onegrid_alerts", "Alerts", "desk", "kind")
        self.acks = self._counter("onegrid_alert_acks", "Alerts confirmed", "desk", "in_time")
        self.unconfirmed = Gauge(
            "onegrid_alerts_unconfirmed", "Alerts that wait to be confirmed", ["desk"], registry=self.registry
        )
        self._waiting: dict[int, Waiting] = {}
        self.dead = self._counter("onegrid_dead_letters", "Dead letters", "stage", "reason")
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
        waiting = self._waiting[partition] = Waiting()
        for case in cases:
            if case.state not in ENDS:
                waiting.take(case.case_no, case.desk, case.clocks)
        self._show_waiting()

    def hear(self, partition: int, done: Applied) -> None:
        """Count what came of one record."""
        self.records.inc()
        self.applied.labels(str(partition)).set(done.record.last)
        for desk, effects in done.effects.items():
            for name, count in effects.counters.items():
                head, _, tail = name.partition("_")
                if head == "items":
                    self.inputs.labels(tail).inc(count)
                elif head == "outcome":
                    self.outcomes.labels(tail).inc(count)
                elif name in ("repeats", "updates", "merged"):
                    self.duplicates.labels(name).inc(count)
            self._follow(partition, desk, effects.transitions)
            for verb, count in Counts(step.verb for step in effects.transitions).items():
                self.steps.labels(desk, verb).inc(count)
            for kind, count in Counts(alert.kind for alert in effects.alerts).items():
                self.alerts.labels(desk, kind).inc(count)
            for letter in effects.dead_letters:
                self.dead.labels(letter.stage, letter.reason).inc()

        self._show_waiting()

    def leave(self, partition: int) -> None:
        """Show nothing of a partition that is somebody else's."""
        self.applied.remove(str(partition))
        self._waiting.pop(partition, None)
        self._show_waiting()

    def _follow(self, partition: int, desk: str, steps: Iterable[Transition]) -> None:
        """Follow what is to be confirmed, and count what was."""
        waiting = self._waiting.setdefault(partition, Waiting())
        for step in steps:
            waiting.hear(step)
            for clock in [] if step.verb != ACK or step.change.clocks is UNSET else step.change.clocks:
                if clock.name == ACK and clock.ended is not None:
                    self.acks.labels(desk, "no" if clock.overdue else "yes").inc()

    def _show_waiting(self) -> None:
        """Show by desk what is waited for; a desk that another worker holds is not shown."""
        found: Counts[str] = Counts()
        for waiting in list(self._waiting.values()):
            found.update(waiting.by_desk)
        self.unconfirmed.clear()
        for desk, count in found.items():
            self.unconfirmed.labels(desk).set(count)

    def show_lag(self, lag: Mapping[tuple[str, int], int]) -> None:
        """Show how many messages wait in each partition of this worker."""
        self.lag.clear()
        for (topic, partition), waiting in lag.items():
            self.lag.labels(topic, str(partition)).set(waiting)

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, buckets=_SECONDS, registry=self.registry)
