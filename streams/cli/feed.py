"""`onegrid feed`: a file of reports into a gateway or a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from grids.city import open_city
from streams.cli import clustered, console
from streams.cli.adapt import City, Map, Name, System, chosen
from streams.cli.places import cache_dir
from streams.identity.persons import Persons
from streams.inlets.adapters.trying import convert
from streams.inlets.feeding import Fed, OtherFileError, feed
from streams.inlets.posting import HttpSender

if TYPE_CHECKING:
    from collections.abc import Callable


def feed_file(  # noqa: PLR0913, PLR0917 - each an option
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Reports, one JSON object a line.")],
    to: Annotated[str, typer.Option("--to", help="http://HOST:PORT of a gateway, or kafka://HOST:PORT[,…].")],
    rate: Annotated[float, typer.Option(min=0, help="Reports a second at most; 0: as fast as they are taken.")] = 0,
    state: Annotated[
        Path | None, typer.Option(help="Where it is kept how far the feed has come. FILE.feed.json if not said.")
    ] = None,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Old reports, over 400 days, are meant to come (kafka:// only).")
    ] = False,
    adapter: Name = "",
    city: City = None,
    mapping: Map = None,
    system: System = "",
    key: Annotated[
        str, typer.Option("--key", envvar="ONEGRID_KEY", help="A key of the gateway, better by the environment.")
    ] = "",
    as_json: clustered.Json = False,
) -> None:
    """Send a file of reports and count what was acknowledged; run it again to go on where it was broken off.

    With --adapter the file may be another system's: see `onegrid adapt try`. What is refused goes to
    STATE.refused.ndjson, and on a cluster to the dead letters. Exit 1 if anything was.

    Example: onegrid feed out/week/reports.ndjson --to kafka://127.0.0.1:9092 --rate 300
    """
    place = state or file.with_name(f"{file.name}.feed.json")
    unread = 0
    if adapter not in ("", "reports"):
        _, one, context = chosen(file, adapter, city, mapping, system)
        lines = place.with_name(f"{place.name}.reports.ndjson")
        _, unread = convert(one, file, context, lines)
        file = lines
    kind = urlsplit(to).scheme
    try:
        with console.progress(quiet=as_json) as step:
            if kind == "kafka":
                fed = _to_kafka(file, to, place, rate, step, city, backfill=backfill)
            elif kind in ("http", "https") and not backfill:
                with HttpSender(to, key=key) as sender:
                    fed = feed(file, sender, place, rate=rate, step=step)
            else:
                text = f"{to!r}; expected http://…, https://… or kafka://…" + " without --backfill" * backfill
                raise typer.BadParameter(text, param_hint="--to")
    except OtherFileError as error:
        raise typer.BadParameter(str(error), param_hint="--state") from None
    if as_json:
        counts = {"lines": fed.lines, "accepted": fed.accepted, "refused": fed.refused, "not_understood": unread}
        console.emit({**counts, "state": str(place)})
    else:
        console.out.print(
            f"行 lines {fed.lines:,} · 已受 accepted {fed.accepted:,} · 拒收 refused {fed.refused:,}"
            + (f" · 未识别 not understood {unread:,}" if unread else ""),
            highlight=False,
        )
    raise typer.Exit(console.FINDINGS if fed.refused or unread else console.DONE)


def _to_kafka(
    file: Path,
    to: str,
    state: Path,
    rate: float,
    step: Callable[[str, float], None],
    city: Path | None,
    *,
    backfill: bool,
) -> Fed:
    with clustered.extra():
        from streams.hosts.kafka.sending import ReportSender  # noqa: PLC0415
    settings = clustered.settings(urlsplit(to).netloc)
    fields = open_city(city, cache_dir()).rules.inlets.persons.fields if city else ()
    persons = Persons(state.parent, fields)  # what people are known by stays beside the feed, and out of every log
    with ReportSender(settings, source=file.name, backfill=backfill, persons=persons) as sender:
        return feed(file, sender, state, rate=rate, step=step)
