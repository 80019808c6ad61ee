"""`onegrid worker`: one process of a cluster on Kafka."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from grids.city import open_city
from streams.cli import clustered, console
from streams.cli.places import cache_dir

if TYPE_CHECKING:
    from datetime import tzinfo

    from streams.outlets.board.redis import RedisBoard
    from streams.settings import ClusterSettings


def worker(
    broker: clustered.Broker,
    city: Annotated[list[Path], typer.Option("--city", help="A city pack; once for each that may be in force.")],
    redis: Annotated[
        str, typer.Option("--redis", envvar="ONEGRID_REDIS", help="Redis, host:port; without it no live board.")
    ] = "",
    port: Annotated[
        int, typer.Option(help="The port of /metrics and /healthz; 0 takes a free one.", min=0, max=65535)
    ] = 0,
    only: Annotated[Literal["intake", "desk"] | None, typer.Option(help="Do only one half of the work.")] = None,
    patience: Annotated[
        float, typer.Option(help="Seconds without progress after which the worker ends itself.", min=5)
    ] = 60.0,
    as_json: clustered.Json = False,
) -> None:
    """Route reports and keep desks, as one of any number of workers; its log is JSON on standard error.

    Stop it with SIGTERM; killed at any moment, others go on from where its logs say. Exit 1: it stood still, start it
    again; 2: it can't go on as it was started.

    Example: onegrid worker --broker 127.0.0.1:9092 --redis 127.0.0.1:6379 --city config/chengdu
    """
    settings = clustered.settings(broker, redis)
    with clustered.extra():
        from streams.hosts.kafka.logs import as_json as log_as_json  # noqa: PLC0415 - an extra
        from streams.hosts.kafka.packs import Bundles  # noqa: PLC0415
        from streams.hosts.kafka.worker import Worker  # noqa: PLC0415
    gc.disable()  # a city stays: looking for garbage in it would take a fifth of the start, and halt desks later on
    with console.progress(quiet=as_json) as step:
        cities = [open_city(directory, cache_dir(), step) for directory in city]
    for opened in cities:
        opened.locator.locate([0.0], [0.0])  # built here, so that the first report doesn't wait for it
    gc.enable()
    log_as_json()
    made = Worker(
        settings,
        Bundles(cities),
        port=port,
        only=only,
        board=_board(settings, cities[0].zone) if redis and only != "intake" else None,
        patience_s=patience,
    )
    console.emit({"port": made.health.port, "worker": made.name, "packs": [opened.digest for opened in cities]})
    from streams.hosts.embedded.memory import settle  # noqa: PLC0415 - with the cities loaded

    settle()
    raise typer.Exit(made.run())


def _board(settings: ClusterSettings, zone: tzinfo) -> RedisBoard:
    with clustered.extra():
        from streams.outlets.board.link import connect  # noqa: PLC0415 - an extra
        from streams.outlets.board.redis import RedisBoard  # noqa: PLC0415
    return RedisBoard(connect(settings), zone)
