"""`onegrid board`: the tables that people read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grids.rules import read_rules
from streams.cli import clustered, console
from streams.hosts.embedded.upkeep import rebuild_board

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.hosts.kafka.rebuilding import Remade

app = typer.Typer(help="看板 · The board: cases, steps, alerts and counters, as the log says.", no_args_is_help=True)


@app.callback()
def board() -> None:
    """Keep `rebuild` a command of its own, although it is the only one."""


@app.command()
def rebuild(
    data: Annotated[
        Path | None, typer.Option("--data", help="The folder of onegrid run, which must have stopped.")
    ] = None,
    broker: Annotated[
        str | None, typer.Option("--broker", help="Instead: Kafka of a cluster, host:port. It may be at work.")
    ] = None,
    redis: Annotated[
        str, typer.Option("--redis", envvar="ONEGRID_REDIS", help="With --broker: Redis, host:port.")
    ] = "",
    city: Annotated[
        Path | None,
        typer.Option("--city", help="With --broker: the city pack, whose days end where its time zone says."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say what was read as one JSON object.")] = False,
) -> None:
    """Make cases, steps, alerts and counters anew from the effects log, as they were kept.

    In a cluster nobody has to stop; without --city the heads of past days are made anew only as further days end.

    Example: onegrid board rebuild --broker 127.0.0.1:9092 --redis 127.0.0.1:6379 --city config/chengdu
    """
    if (data is None) == (broker is None):
        raise typer.BadParameter("expected a data folder or a broker, one of them", param_hint="--data, --broker")
    if broker is not None and not redis:
        raise typer.BadParameter("expected the Redis that the board lies in", param_hint="--redis")
    with console.progress(quiet=as_json) as step:
        made = rebuild_board(data, step) if data is not None else _cluster(broker or "", redis, city, step)
    if as_json:
        console.emit(made)
    else:
        console.out.print(
            f"由 {made.records:,} 条记录重建 made anew from {made.records:,} records: {made.cases:,} 案件 cases"
        )


def _cluster(broker: str, redis: str, city: Path | None, step: Callable[[str, float], None]) -> Remade:
    settings = clustered.settings(broker, redis)
    with clustered.extra():
        from streams.hosts.kafka import ClusterError  # noqa: PLC0415 - an extra
        from streams.hosts.kafka.rebuilding import rebuild as rebuild_in_redis  # noqa: PLC0415
        from streams.outlets.board import BoardAwayError  # noqa: PLC0415
    zone = read_rules(city).calendar.zone if city else None
    try:
        return rebuild_in_redis(settings, zone, step)
    except BoardAwayError as error:
        raise ClusterError(str(error)) from error
