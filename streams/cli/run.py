"""`onegrid run`: the embedded host as a service."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from grids.city import open_city
from streams.cli import console
from streams.cli.places import cache_dir
from streams.hosts.embedded.service import HOST, Service, bind


def run(
    city: Annotated[Path, typer.Option("--city", help="The city pack.")],
    data: Annotated[Path, typer.Option("--data", help="The folder that holds everything; made if it isn't there.")],
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 8311,
    as_json: Annotated[bool, typer.Option("--json", help="Say where it listens as one JSON object.")] = False,
) -> None:
    """Serve one city from one process and one SQLite file: gateway, stages, live page, /metrics.

    Stop it with Ctrl-C or SIGTERM; killed at any moment it goes on from where its file says.

    Example: onegrid run --city config/chengdu --data data/chengdu --port 8311
    """
    bound = bind(port)
    gc.disable()  # a city stays: looking for garbage in it would take a fifth of the start, and halt desks later on
    with console.progress(quiet=as_json) as step:
        opened = open_city(city, cache_dir(), step)
    assert opened.cell_places  # made here, so that the first report doesn't wait for it
    gc.freeze()
    gc.enable()
    service = Service(opened, data)
    service.start()
    url = f"http://{HOST}:{bound.getsockname()[1]}"
    if as_json:
        console.emit({"url": url, "port": bound.getsockname()[1], "pack": opened.digest})
    else:
        console.err.print(f"[bold]{opened.rules.form.name_zh} {opened.rules.form.name_en}[/] → {url}", soft_wrap=True)
        console.err.print("未配置密钥，仅本机可访问 · no key is configured: only this machine may call")
    try:
        service.serve(bound)
    finally:
        service.stop()
        service.close()
