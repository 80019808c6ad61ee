"""`onegrid gateway`: the way into a cluster."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from grids.city import open_city
from streams.cli import clustered, console
from streams.cli.places import cache_dir
from streams.cli.serving import Cert, Key, Proxies, serving
from streams.inlets.gateway.guard import is_loopback

_MB = 1 << 20


def gateway(  # noqa: PLR0913, PLR0917 - each an option
    broker: clustered.Broker,
    city: Annotated[Path, typer.Option("--city", help="The city pack.")],
    redis: Annotated[
        str, typer.Option("--redis", envvar="ONEGRID_REDIS", help="Redis, host:port; without it nothing can be read.")
    ] = "",
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 8311,
    data: Annotated[
        Path, typer.Option("--data", help="The folder of what waits for Kafka, of this gateway alone.")
    ] = Path("data/gateway"),
    host: Annotated[
        str, typer.Option("--host", help="Where to listen; elsewhere only once keys are configured.")
    ] = "",
    tls_cert: Cert = None,
    tls_key: Key = None,
    trusted_proxy: Proxies = None,
    outbox: Annotated[
        bool, typer.Option("--outbox", help="Tell source systems what became of theirs; one gateway of a city.")
    ] = False,
    spool_mb: Annotated[int, typer.Option("--spool-mb", help="How much may wait there.", min=1)] = 1024,
    as_json: clustered.Json = False,
) -> None:
    """Take reports and actions in for a cluster, and answer from its board: HTTP as `onegrid run` has it.

    An answer 202 says that all replicas have what was sent. While Kafka is away it says that it is on this machine's
    disk: /readyz tells how much waits, and all of it is sent, the oldest first, as soon as Kafka is back.

    With --outbox it is the one that tells source systems 办结回传: always start it on the same --data.

    Example: onegrid gateway --broker 127.0.0.1:9092 --redis 127.0.0.1:6379 --city config/chengdu --port 8311
    """
    with clustered.extra():
        from streams.hosts.embedded.engine import wall_clock  # noqa: PLC0415
        from streams.hosts.embedded.service import HOST, bind  # noqa: PLC0415
        from streams.hosts.kafka.gateway import Gateway  # noqa: PLC0415 - an extra
    settings = clustered.settings(broker, redis)
    host = host or HOST
    how = serving(tls_cert, tls_key, trusted_proxy)
    bound = bind(port, host)
    gc.disable()  # a city stays: looking for garbage in it would take a fifth of the start
    with console.progress(quiet=as_json) as step:
        opened = open_city(city, cache_dir(), step)
    gc.freeze()
    gc.enable()
    service = Gateway(settings, opened, data, wall_clock, limit=spool_mb * _MB, outbox=outbox)
    service.how = how
    configured = service.keep.accounts.configured
    if not (configured or is_loopback(host)):
        text = f"{host!r} without keys; expected {HOST}, or `onegrid keys add` or `accounts add` first"
        raise typer.BadParameter(text, param_hint="--host")
    service.start()
    number = bound.getsockname()[1]
    kind = "https" if tls_cert else "http"
    if as_json:
        console.emit({"url": f"{kind}://{host}:{number}", "port": number, "pack": opened.digest})
    else:
        name = f"{opened.rules.form.name_zh} {opened.rules.form.name_en}"
        console.err.print(f"[bold]{name}[/] → {kind}://{host}:{number}", soft_wrap=True)
        if not configured:
            console.err.print("未配置密钥，仅本机可访问 · no key is configured: only this machine may call")
    try:
        service.serve(bound)
    finally:
        service.stop()
        service.close()
