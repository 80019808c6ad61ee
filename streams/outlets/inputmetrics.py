"""What Prometheus is told of inputs: how many desks have applied, what became of them, what was put aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.records import DeadLetter, Effects

_KINDS = {
    "RoutedReport": "report",
    "Action": "action",
    "Tick": "tick",
    "Ack": "ack",
    "PackActivated": "pack",
    "Attendance": "attendance",
}


class InputMetrics:
    """Counters fed with the effects of desks, the same for every host."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._inputs = Counter("onegrid_inputs", "Inputs applied by desks", ["kind"], registry=registry)
        self._outcomes = Counter("onegrid_routing_outcomes", "Routing outcomes", ["outcome"], registry=registry)
        self._repeated = Counter("onegrid_duplicates", "Reports that opened no case", ["kind"], registry=registry)
        self._dead = Counter("onegrid_dead_letters", "Dead letters", ["stage", "reason"], registry=registry)

    def hear(self, effects: Effects) -> None:
        """Count what came of some inputs."""
        for name, count in effects.counters.items():
            head, _, tail = name.partition("_")
            if head == "items":
                self._inputs.labels(_KINDS.get(tail, tail)).inc(count)
            elif head == "outcome":
                self._outcomes.labels(tail).inc(count)
            elif name in ("repeats", "updates", "merged"):
                self._repeated.labels(name).inc(count)
        self.put_aside(effects.dead_letters)

    def put_aside(self, letters: Iterable[DeadLetter]) -> None:
        """Count dead letters."""
        for letter in letters:
            self._dead.labels(letter.stage, letter.reason).inc()
