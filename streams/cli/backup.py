"""`onegrid backup` and `onegrid restore`: a copy of a data folder's file, and putting it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli import console
from streams.cli.verify import show
from streams.hosts.embedded import upkeep

if TYPE_CHECKING:
    from streams.hosts.embedded.upkeep import Copied


def backup(
    data: Annotated[Path, typer.Option("--data", help="The folder of onegrid run. It may be running.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write; it must not be there.")],
    as_json: Annotated[bool, typer.Option("--json", help="Size and audit as one JSON object.")] = False,
) -> None:
    """Copy the data as they are at one moment, while work goes on, and audit the copy.

    Exit 0: the copy is sound, 1: it is as the original is, and has findings.

    Example: onegrid backup --data data/chengdu --out chengdu-monday.sqlite
    """
    with console.progress(quiet=as_json) as step:
        copied = upkeep.backup(data, out, step)
    _end(out, copied, as_json=as_json)


def restore(
    source: Annotated[Path, typer.Argument(help="A file of onegrid backup.")],
    data: Annotated[Path, typer.Option("--data", help="The folder to put it into; it must hold no data.")],
    as_json: Annotated[bool, typer.Option("--json", help="Size and audit as one JSON object.")] = False,
) -> None:
    """Put a copy back as the data of a folder, and audit it; onegrid run goes on from there.

    Example: onegrid restore chengdu-monday.sqlite --data data/chengdu
    """
    with console.progress(quiet=as_json) as step:
        copied = upkeep.restore(source, data, step)
    _end(data, copied, as_json=as_json)


def _end(where: Path, copied: Copied, *, as_json: bool) -> None:
    if as_json:
        console.emit(copied)
    else:
        console.out.print(f"{where}: {copied.bytes / 1e6:,.1f} MB", highlight=False)
        show(copied.audit)
    raise typer.Exit(console.DONE if copied.audit.clean else console.FINDINGS)
