"""`onegrid city`: check a pack, and compile it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from grids.city import open_city
from grids.rules import read_rules
from grids.tables import OPEN_START
from streams.cli import clustered, console
from streams.cli.places import cache_dir

app = typer.Typer(help="Check and compile city packs. 城市包", no_args_is_help=True)

_Pack = Annotated[Path, typer.Argument(help="The city pack.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command()
def check(directory: _Pack, as_json: _Json = False) -> None:
    """Check every file of a pack; all faults at once, each with file, row, field and what was expected.

    Example: onegrid city check config/chengdu
    """
    rules = read_rules(directory)
    found = {
        "digest": rules.digest,
        "layers": len(rules.layers),
        "versions": len(rules.grid_days),
        "units": len(rules.units),
        "categories": len(rules.catalogue.leaves),
        "duties": len(rules.duties.rows),
        "components": len(rules.components),
    }
    if as_json:
        console.emit(found)
    else:
        console.out.print("没有问题 no problems · " + " · ".join(f"{name} {value}" for name, value in found.items()))


@app.command()
def build(directory: _Pack, as_json: _Json = False) -> None:
    """Compile a pack into the cache, where `onegrid run` finds it; say which versions of the grid it holds.

    Example: onegrid city build config/chengdu
    """
    with console.progress(quiet=as_json) as step:
        city = open_city(directory, cache_dir(), step)
    versions = [
        {
            "from": None if grid.first == OPEN_START else grid.first.isoformat(),
            "version": grid.version,
            "cells": len(grid.cells),
            "folder": str(grid.cells.folder),
        }
        for grid in city.versions
    ]
    if as_json:
        console.emit({"digest": city.digest, "versions": versions})
        return
    console.out.print(city.digest)
    for one in versions:
        began = f"自 from {one['from']}" if one["from"] else "一直 ever since"
        text = f"网格 grid {one['version']} · {began} · {one['cells']:,} 单元格 cells · {one['folder']}"
        console.out.print(text, highlight=False, soft_wrap=True)


@app.command()
def activate(
    directory: _Pack,
    broker: clustered.Broker,
    begins: Annotated[
        str | None, typer.Option("--from", help="Since when it holds for intake; now, if it isn't said.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Put a pack in force: an order in the inbox of each of its desks, then word to intake.

    Give every worker the pack first, as another --city: one that lacks it stops where the order stands.

    Example: onegrid city activate config/chengdu --broker 127.0.0.1:9092
    """
    settings = clustered.settings(broker)
    with clustered.extra():
        from streams.hosts.kafka import packs  # noqa: PLC0415 - an extra
        from streams.ledger.kafka import Writer  # noqa: PLC0415
    now = datetime.now(UTC)
    from_ = clustered.moment(begins, "--from") or now
    if from_ > now:
        text = f"{from_.isoformat()}; expected a moment that has come: desks change where the order stands"
        raise typer.BadParameter(text, param_hint="--from")
    orders = packs.Orders(settings.client())
    orders.refresh()
    if orders.told and (newest := orders.told[-1]).from_ > from_:
        text = f"{from_.isoformat()}; expected a moment after {newest.from_.isoformat()}, since when pack "
        text += f"{newest.digest[:16]} holds: desks would pass an older order over"
        raise typer.BadParameter(text, param_hint="--from")
    with console.progress(quiet=as_json) as step:
        city = open_city(directory, cache_dir(), step)
    writer = Writer(settings.client())
    try:
        desks = packs.activate(settings.client(), writer, city, from_)
    finally:
        writer.close()
    if as_json:
        console.emit({"digest": city.digest, "from": from_, "desks": desks})
    else:
        text = f"已生效 in force: {city.digest[:16]} · {desks} 个指挥台 desks · 自 from {from_.isoformat()}"
        console.out.print(text, highlight=False)
