"""`onegrid sources` and `onegrid reconcile`: source systems, and whether both sides say the same."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from grids.city import open_city
from grids.inlets import InletsForm
from streams.cli import clustered, console
from streams.cli.adapt import City, Map, chosen
from streams.cli.places import cache_dir
from streams.identity.persons import Persons
from streams.identity.retention import expired
from streams.outlets.board.sqlite import SqliteBoard
from streams.outlets.delivery.deliverer import one_log
from streams.outlets.sources.datums import datum_report
from streams.outlets.sources.following import Follower
from streams.outlets.sources.index import FILE, Index
from streams.outlets.sources.reconciling import reconcile as compared

app = typer.Typer(
    help="Source systems: what they are owed, and whether their positions are believed.", no_args_is_help=True
)

Data = Annotated[Path, typer.Option("--data", exists=True, file_okay=False, help="The data folder of `onegrid run`.")]


def _index(data: Path) -> Index:
    """Open the index of a data folder, brought up to its log; of a gateway of a cluster as it keeps it."""
    index = Index(data)
    if not (data / "onegrid.sqlite").is_file():
        return index
    board = SqliteBoard(data / "onegrid.sqlite", shared=True)
    Follower(index, one_log(board.log.read), InletsForm(), lambda: datetime.now(UTC)).read()
    board.close()
    return index


@app.command("list")
def list_sources(data: Data, as_json: clustered.Json = False) -> None:
    """List source systems, and how many of their reports they have still to be told of.

    Example: onegrid sources list --data data/chengdu
    """
    index = _index(data)
    waiting = index.count_waiting()
    rows = [{"system": name, "waiting": waiting.get(name, 0)} for name in index.systems()]
    if as_json:
        console.emit({"items": rows})
        return
    for row in rows:
        console.out.print(f"{row['system']:<24} 待回传 waiting {row['waiting']:,}", highlight=False)


@app.command("datum")
def datum(
    data: Data,
    city: Annotated[Path, typer.Option("--city", help="The city pack.")],
    as_json: clustered.Json = False,
) -> None:
    """Say of each source whether its positions are in the datum that they are declared in. Exit 1 if any is not.

    Example: onegrid sources datum --data data/chengdu --city config/chengdu
    """
    opened = open_city(city, cache_dir())
    rows = datum_report(opened, data / "onegrid.sqlite")
    if as_json:
        console.emit({"items": rows})
    else:
        for row in rows:
            mark = "✗" if row["verdict"] == "WRONG" else "✓" if row["verdict"] == "RIGHT" else "?"
            miss = row["miss_m"] if row["miss_m"] is not None else "–"
            judged = f"有据 with evidence {row['judged']:,}/{row['reports']:,}"
            text = f"{mark} {row['source']:<28} {row['declared']:<8} {judged} 偏离 miss {miss} m"
            better = f" → {row['better']} ({row['better_miss_m']} m)" if row["better"] else ""
            flags = " · ".join(f"{name} {count}" for name, count in row["flags"].items())
            console.out.print(f"{text}{better}  {flags}".rstrip(), highlight=False, soft_wrap=True)
    raise typer.Exit(console.FINDINGS if any(row["verdict"] == "WRONG" for row in rows) else console.DONE)


@app.command("forget")
def forget(
    data: Data,
    city: Annotated[Path, typer.Option("--city", help="The city pack, which says for how long persons are kept.")],
    as_json: clustered.Json = False,
) -> None:
    """Erase what is known of people whose cases ended longer ago than the pack keeps it. The service does so daily.

    Example: onegrid sources forget --data data/chengdu --city config/chengdu
    """
    rules = open_city(city, cache_dir()).rules
    persons, board = Persons(data, rules.inlets.persons.fields), SqliteBoard(data / "onegrid.sqlite")
    count = persons.erase(expired(persons, board, rules.inlets.persons.retention_days, datetime.now(UTC)))
    if as_json:
        console.emit({"erased": count})
    else:
        console.out.print(f"已清除 erased {count:,}", highlight=False)


def reconcile(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The source's own list, as it exports it.")
    ],
    data: Data,
    adapter: Annotated[str, typer.Option("--adapter", help="Its format; if not said, by the file's looks.")] = "",
    city: City = None,
    mapping: Map = None,
    system: Annotated[str, typer.Option("--system", help="The source's name, if not the format's.")] = "",
    as_json: clustered.Json = False,
) -> None:
    """Hold a source's list against what we know of its numbers, and list what differs. Exit 1 if anything does.

    Example: onegrid reconcile hotline-week.xlsx --data data/chengdu --map hotline.map.csv
    """
    if not any((data / name).is_file() for name in ("onegrid.sqlite", FILE)):
        text = f"{data}: no onegrid.sqlite; expected a data folder, or a gateway's"
        raise typer.BadParameter(text, param_hint="--data")
    _, one, context = chosen(file, adapter, city, mapping, system)
    theirs: dict[str, str] = {}
    unread = 0
    for reading in one.read(file, context):
        if reading.report is None:
            unread += not reading.quiet
        else:
            theirs[str(reading.report["system_no"])] = str(reading.report.get("source_status", ""))
    index = _index(data)
    ours, after = [], ""
    while page := index.of_system(system or one.system, after=after):
        ours += page
        after = page[-1].system_no
    found = compared(theirs, ours)
    counts = Counter(differs.kind for differs in found)
    if as_json:
        console.emit(
            {
                "theirs": len(theirs), "ours": len(ours), "unread": unread, "counts": dict(counts),
                "differs": [differs._asdict() for differs in found],
            }
        )  # fmt: skip
    else:
        for differs in found:
            both = f"对方 theirs {differs.theirs or '–'} · 本方 ours {differs.ours or '–'} {differs.case_no}"
            text = f"{differs.kind:<14} {differs.system_no:<24} {both}"
            console.out.print(text.rstrip(), highlight=False, soft_wrap=True, markup=False)
        said = " · ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "一致 no difference"
        said += f" · 未识别 not understood {unread:,}" if unread else ""
        console.out.print(f"对方 theirs {len(theirs):,} · 本方 ours {len(ours):,} · {said}", highlight=False)
    raise typer.Exit(console.FINDINGS if found or unread else console.DONE)
