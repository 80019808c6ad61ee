"""`onegrid city`: check a pack, and compile it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grids.city import bundle_of, fuse_pack, store_bundle
from grids.rules import read_rules
from streams.cli import console
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
    """Compile a pack into the cache, where `onegrid run` finds it.

    Example: onegrid city build config/chengdu
    """
    rules = read_rules(directory)
    bundle = bundle_of(cache_dir(), rules)
    with console.progress(quiet=as_json) as step:
        store_bundle(fuse_pack(directory, rules, step), bundle)
    if as_json:
        console.emit({"digest": rules.digest})
    else:
        console.out.print(f"{rules.digest}")
