"""`onegrid route`: intake without a host, file to file."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from grids.city import open_city
from streams.cli import console
from streams.cli.places import cache_dir
from streams.inlets.lines import read_line
from streams.records import DeadLetter
from streams.stages.intake import route

_BATCH = 2000


def route_file(
    city: Annotated[Path, typer.Option("--city", help="The city pack.")],
    reports: Annotated[Path, typer.Option("--reports", help="Reports, one JSON object a line.")],
    out: Annotated[Path, typer.Option("--out", help="Routed reports; refused lines go to FILE.dead.ndjson.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Route reports offline: each with its place and receipt. Files of any age are taken (a backfill).

    Exit 0: all lines routed; 1: some are in FILE.dead.ndjson with reason and original.

    Example: onegrid route --city config/chengdu --reports reports.ndjson --out routed.ndjson
    """
    if out.resolve() == reports.resolve():
        raise typer.BadParameter(f"{out} is the file to read; expected another", param_hint="--out")
    with console.progress(quiet=as_json) as step:
        opened = open_city(city, cache_dir(), step)
    started, counts, outcomes = time.perf_counter(), Counter[str](), Counter[str]()
    at = datetime.now(UTC)
    with reports.open("rb") as lines, out.open("wb") as good, out.with_suffix(".dead.ndjson").open("wb") as bad:
        while batch := list(islice(lines, _BATCH)):
            read = [read_line(line.rstrip(b"\r\n"), at, backfill=True) for line in batch if line.strip()]
            taken = [one for one in read if not isinstance(one, DeadLetter)]
            counts["lines"] += len(read)
            for one in (*(letter for letter in read if isinstance(letter, DeadLetter)), *route(opened, taken)):
                file = bad if isinstance(one, DeadLetter) else good
                file.write(msgspec.json.encode(one) + b"\n")
                counts["dead" if isinstance(one, DeadLetter) else "routed"] += 1
                if not isinstance(one, DeadLetter):
                    outcomes[one.receipt.outcome] += 1
    seconds = round(time.perf_counter() - started, 3)
    if as_json:
        console.emit(
            {
                "lines": counts["lines"],
                "routed": counts["routed"],
                "dead": counts["dead"],
                "outcomes": dict(sorted(outcomes.items())),
                "seconds": seconds,
            }
        )
    else:
        console.out.print(
            f"{counts['lines']:,} 行 lines → {counts['routed']:,} 已派 routed, {counts['dead']:,} 退信 dead"
        )
    raise typer.Exit(console.FINDINGS if counts["dead"] else console.DONE)
