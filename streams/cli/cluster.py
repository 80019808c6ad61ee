"""`onegrid cluster`: a whole cluster on one machine, for developers and tests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from grids.city import open_city
from streams.cli import clustered, console
from streams.cli.places import cache_dir

app = typer.Typer(help="集群 · A whole cluster on this machine's free ports: up, down.", no_args_is_help=True)

_Dir = Annotated[Path, typer.Option("--dir", help="The folder of its data, logs and cluster.json.")]


@app.command()
def up(
    directory: _Dir,
    city: Annotated[Path, typer.Option("--city", help="The city pack.", exists=True, file_okay=False)],
    workers: Annotated[int, typer.Option(min=1, max=64)] = 2,
    partitions: Annotated[int, typer.Option(min=1, max=1000, help="Fixed for the life of the folder's data.")] = 12,
    as_json: clustered.Json = False,
) -> None:
    """Start Kafka, Redis, the gateway and workers; return when all partitions are held, and leave them running.

    Example: onegrid cluster up --dir /tmp/cluster --city config/chengdu --workers 2
    """
    with clustered.extra():
        from streams.hosts.kafka import local  # noqa: PLC0415 - an extra
    began = time.monotonic()
    with console.progress(quiet=as_json) as step:
        open_city(city, cache_dir(), step)  # once, into the cache, and not by every worker at the same time
        made = local.up(directory, city, workers=workers, partitions=partitions, step=step)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        console.emit(msgspec.to_builtins(made) | {"seconds": seconds})
        return
    console.out.print(
        f"就绪 ready after {seconds} s · {workers} 个 workers · {directory / local.FILE}\n"
        f"网关 gateway http://{made.gateway} · Kafka {made.broker} · Redis {made.redis}",
        highlight=False,
    )


@app.command()
def down(directory: _Dir, as_json: clustered.Json = False) -> None:
    """Stop a cluster, workers first and Kafka last; its data stay for the next `up`. Exit 1 if one had to be killed.

    Example: onegrid cluster down --dir /tmp/cluster
    """
    with clustered.extra():
        from streams.hosts.kafka import local  # noqa: PLC0415 - an extra
    killed = local.down(directory)
    if as_json:
        console.emit({"killed": killed})
    else:
        console.out.print("已停止 stopped" + f", 强制 killed: {', '.join(killed)}" * bool(killed))
    raise typer.Exit(console.FINDINGS if killed else console.DONE)
