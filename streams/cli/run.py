"""`onegrid run`: the embedded host as a service."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from grids.city import open_city
from streams.cli import console
from streams.cli.places import cache_dir
from streams.cli.serving import Cert, Key, Proxies, serving
from streams.hosts.embedded.service import HOST, Service, bind
from streams.inlets.gateway.guard import is_loopback


def run(
    city: Annotated[Path, typer.Option("--city", help="The city pack.")],
    data: Annotated[Path, typer.Option("--data", help="The folder that holds everything; made if it isn't there.")],
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 8311,
    host: Annotated[
        str, typer.Option("--host", help="Where to listen; not on this machine alone only once keys are configured.")
    ] = HOST,
    tls_cert: Cert = None,
    tls_key: Key = None,
    trusted_proxy: Proxies = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say where it listens as one JSON object.")] = False,
) -> None:
    """Serve one city from one process and one SQLite file: gateway, stages, console, /metrics.

    Stop it with Ctrl-C or SIGTERM; killed at any moment it goes on from where its file says.

    Example: onegrid run --city config/chengdu --data data/chengdu --port 8311
    """
    how = serving(tls_cert, tls_key, trusted_proxy)
    bound = bind(port, host)
    gc.disable()  # a city stays: looking for garbage in it would take a fifth of the start, and halt desks later on
    with console.progress(quiet=as_json) as step:
        opened = open_city(city, cache_dir(), step)
    assert opened.cell_places  # made here, so that the first report doesn't wait for it
    gc.freeze()
    gc.enable()
    service = Service(opened, data)
    service.how = how
    service.start()
    assert service.keep is not None
    configured = service.keep.accounts.configured
    if not (configured or is_loopback(host)):
        service.stop()
        text = f"{host!r} without keys; expected {HOST}, or `onegrid keys add` or `accounts add` first"
        raise typer.BadParameter(text, param_hint="--host")
    url = f"http{'s' if tls_cert else ''}://{host}:{bound.getsockname()[1]}"
    if as_json:
        console.emit({"url": url, "port": bound.getsockname()[1], "pack": opened.digest})
    else:
        console.err.print(f"[bold]{opened.rules.form.name_zh} {opened.rules.form.name_en}[/] → {url}", soft_wrap=True)
        if not configured:
            console.err.print("未配置密钥，仅本机可访问 · no key is configured: only this machine may call")
    try:
        service.serve(bound)
    finally:
        service.stop()
        service.close()
