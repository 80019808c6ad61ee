"""`onegrid deliver`: the process of a cluster that sends alerts out."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from grids.rules import read_rules
from streams.cli import clustered, console
from streams.outlets.delivery.deliverer import Deliverer


def deliver(
    broker: clustered.Broker,
    city: Annotated[Path, typer.Option("--city", help="The city pack: its alerts.toml and channels.toml count.")],
    data: Annotated[Path, typer.Option("--data", help="The folder of the outbox, of this process alone.")],
    port: Annotated[
        int,
        typer.Option(help="The port of /metrics and /healthz; 0 takes a free one.", min=0, max=65535),
    ] = 0,
    as_json: clustered.Json = False,
) -> None:
    """Send the alerts of a cluster to units, on the ways of channels.toml, until stopped. 发送预警.

    One process a city; what waits lies in its folder. Secrets and servers of the ways come from the environment.

    Example: onegrid deliver --broker 127.0.0.1:9092 --city config/chengdu --data data/delivery
    """
    settings = clustered.settings(broker)
    with clustered.extra():
        from streams.hosts.kafka.delivery import EffectsReader  # noqa: PLC0415 - an extra
        from streams.hosts.kafka.health import HealthServer  # noqa: PLC0415
        from streams.hosts.kafka.logs import as_json as log_as_json  # noqa: PLC0415
        from streams.hosts.kafka.metrics import DeliveryMetrics  # noqa: PLC0415
    alerting = read_rules(city).alerting
    data.mkdir(parents=True, exist_ok=True)
    log_as_json()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with EffectsReader(settings.client()) as reader:
        metrics = DeliveryMetrics()
        deliverer = Deliverer(
            alerting, reader.read, data, lambda: datetime.now(UTC),
            told=lambda way, outcome: metrics.told.labels(way.kind, outcome).inc(),
        )  # fmt: skip
        health = HealthServer(port, metrics.page, lambda: {"healthy": deliverer.working})
        deliverer.start()
        health.start()
        if as_json:
            console.emit({"ways": sorted(deliverer.ways), "outbox": str(data), "port": health.port})
        else:
            console.err.print(f"{len(deliverer.ways)} 个渠道 ways")
        stopped.wait()
        health.stop()
        deliverer.stop()
