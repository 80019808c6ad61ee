"""`onegrid duties`: prove a duty list."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from grids.city import open_city
from grids.duties.proof import Proof, prove
from streams.cli import console
from streams.cli.places import cache_dir

app = typer.Typer(help="Prove that every place and matter has exactly one lead. 职责清单", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `prove` a subcommand."""


@app.command("prove")
def prove_duties(
    city: Annotated[Path, typer.Option("--city", help="The city pack.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Prove a pack's duty list over every cell, leaf category, date and condition.

    Exit 0: no pair is disputed, uncovered or supervises itself; 1: examples say which are.

    Example: onegrid duties prove --city config/chengdu
    """
    with console.progress(quiet=as_json) as step:
        opened = open_city(city, cache_dir(), step)
        started = time.perf_counter()
        proof = prove(opened.rules.duties, opened.rules.catalogue.leaves, opened.cell_places, step)
        seconds = round(time.perf_counter() - started, 3)
    if as_json:
        fields = {name: getattr(proof, name) for name in Proof.__struct_fields__}
        console.emit({**fields, "seconds": seconds})
    else:
        console.out.print(
            f"{proof.pairs:,} 对 pairs: 明确 explicit {proof.explicit:,} "
            f"({proof.explicit / max(proof.pairs, 1):.2%}), "
            f"兜底 backstop {proof.backstop:,}, 争议 disputed {proof.disputed:,}, 无主责 none {proof.none:,}, "
            f"自我监督 self-supervised {proof.self_supervised:,} · {proof.classes:,} classes · {seconds} s"
        )
        for example in proof.examples:
            console.out.print(
                f"  {example.fault} {example.cell} {example.category} {example.day} {example.facts} "
                f"rows {', '.join(example.rows)} ({example.pairs} pairs)"
            )
    raise typer.Exit(console.DONE if proof.holds else console.FINDINGS)
