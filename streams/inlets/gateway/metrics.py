"""What Prometheus scrapes of a gateway of a cluster. No label ever holds a case, a cell or a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class GatewayMetrics:
    """Counters of one gateway; `spooling` and the rest are asked for whenever somebody looks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rejected = self._counter("onegrid_rejected", "Reports refused at the gateway", "reason")
        self.accepted = self._counter("onegrid_gateway_accepted", "Inputs that were taken in", "kind", "by")
        self.refused = self._counter("onegrid_gateway_refused", "Calls that could not be taken in", "reason")
        self.drained = self._counter("onegrid_gateway_drained", "Spooled inputs that have reached Kafka")
        self.stamped = self._counter("onegrid_gateway_stamped", "Reports sent to the desk that has their case")
        self.seconds = Histogram(
            "onegrid_gateway_commit_seconds", "From a call to its answer", buckets=_SECONDS, registry=self.registry
        )

    def watch(self, name: str, text: str, ask: Callable[[], float]) -> None:
        """Show a figure that is asked for when somebody looks."""
        Gauge(name, text, registry=self.registry).set_function(ask)

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)
