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
    as_json: clustered.Json = False,
) -> None:
    """Send the alerts of a cluster to units, on the ways of channels.toml, until stopped. 发送预警.

    One process a city; what waits lies in its folder. Secrets and servers of the ways come from the environment.

    Example: onegrid deliver --broker 127.0.0.1:9092 --city config/chengdu --data data/delivery
    """
    settings = clustered.settings(broker)
    with clustered.extra():
        from streams.hosts.kafka.delivery import EffectsReader  # noqa: PLC0415 - an extra
        from streams.hosts.kafka.logs import as_json as log_as_json  # noqa: PLC0415
    alerting = read_rules(city).alerting
    data.mkdir(parents=True, exist_ok=True)
    log_as_json()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with EffectsReader(settings.client()) as reader:
        deliverer = Deliverer(alerting, reader.read, data, lambda: datetime.now(UTC))
        deliverer.start()
        if as_json:
            console.emit({"ways": sorted(deliverer.ways), "outbox": str(data)})
        else:
            console.err.print(f"{len(deliverer.ways)} 个渠道 ways")
        stopped.wait()
        deliverer.stop()
