"""`onegrid topics`: make them, see how far readers are behind, and look into them."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from streams.cli import clustered, console

app = typer.Typer(help="主题 · A cluster's topics: create, lag, tail.", no_args_is_help=True)


@app.command()
def create(
    broker: clustered.Broker,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Of inbox, effects and snapshots; fixed for good. 12 if not said."),
    ] = None,
    replication: Annotated[int, typer.Option(min=-1, help="Copies of each partition; -1: as the brokers say.")] = -1,
    as_json: clustered.Json = False,
) -> None:
    """Make the topics that are not there yet, with the retention and compaction that their table says.

    Example: onegrid topics create --broker 127.0.0.1:9092 --partitions 12 --replication 3
    """
    with clustered.extra():
        from streams.hosts.kafka import admin  # noqa: PLC0415
        from streams.topics import PARTITIONS, TOPICS  # noqa: PLC0415
    made = admin.create_topics(clustered.settings(broker), partitions or PARTITIONS, replication)
    if as_json:
        console.emit({"created": made, "partitions": partitions or PARTITIONS})
        return
    table = Table("topic", "键 key", "内容 holds", "分区 partitions", "设置 settings", "")
    for topic in TOPICS.values():
        said = "\n".join(f"{name}={value}" for name, value in topic.config.items())
        count = (partitions or PARTITIONS) if topic.shared else topic.partitions
        new = "新建 created" if topic.name in made else "已有 there"
        table.add_row(topic.name, topic.key, topic.holds, str(count), said, new)
    console.out.print(table)


@app.command()
def lag(broker: clustered.Broker, as_json: clustered.Json = False) -> None:
    """Show how far each consumer group is behind, the furthest first.

    Example: onegrid topics lag --broker 127.0.0.1:9092
    """
    with clustered.extra():
        from streams.hosts.kafka import admin  # noqa: PLC0415
    found = admin.lag(clustered.settings(broker))
    if as_json:
        console.emit({"groups": found, "lag": sum(one.lag for one in found)})
        return
    table = Table("组 group", "topic", "分区 part", "已读 read", "末尾 end", "落后 lag")
    for column in table.columns:
        column.no_wrap = True
    for one in found:
        table.add_row(one.group, one.topic, *(f"{n:,}" for n in (one.partition, one.committed, one.end, one.lag)))
    console.out.print(table)


@app.command()
def tail(
    topic: Annotated[str, typer.Argument(help="A topic, as onegrid.desk; `desk` is enough.")],
    broker: clustered.Broker,
    partition: Annotated[int | None, typer.Option(min=0, help="This partition alone.")] = None,
    from_offset: Annotated[int | None, typer.Option(min=0, help="Begin at this offset of each partition.")] = None,
    from_time: Annotated[
        str | None, typer.Option(help="Begin with what came from then on, as 2026-03-02T08:00:00+08:00.")
    ] = None,
    last: Annotated[int, typer.Option(min=0, help="Else begin so many messages before each partition's end.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until interrupted.")] = False,
    as_json: clustered.Json = False,
) -> None:
    """Print a topic's messages; an envelope's entries with their positions. With --json one object a line.

    Example: onegrid topics tail dead-letters --broker 127.0.0.1:9092 --from-time 2026-03-02T08:00:00+08:00
    """
    if from_offset is not None and from_time is not None:
        raise typer.BadParameter("both are given; expected --from-offset or --from-time")
    with clustered.extra():
        from streams.hosts.kafka import admin  # noqa: PLC0415
    start = admin.Start(from_offset, clustered.moment(from_time, "--from-time"), last)
    name = topic if "." in topic else f"onegrid.{topic}"
    messages = admin.tail(clustered.settings(broker), name, start, partition, follow=follow)
    try:
        for message in messages:
            _show(message, admin.contents(message), as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(console.DONE) from None


def _show(message: Any, said: Any, *, as_json: bool) -> None:
    if as_json:
        whole = {name: getattr(message, name) for name in ("topic", "partition", "offset", "at", "key", "headers")}
        console.emit(whole | {"value": said})
        sys.stdout.flush()
        return
    where = f"{message.partition}/{message.offset} {message.at.isoformat(timespec='milliseconds')} {message.key}"
    marks = "".join(f" {name}={value}" for name, value in message.headers.items())
    console.out.print(f"[bold]{escape(where + marks)}[/]", highlight=False)
    for one in said if isinstance(said, list) else [said]:
        text = one if isinstance(one, str) else msgspec.json.encode(one).decode()
        console.out.print(text, markup=False, highlight=False, soft_wrap=True)
