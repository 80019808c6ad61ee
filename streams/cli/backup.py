"""`onegrid backup` and `onegrid restore`: a copy of a data folder, and putting it back."""

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
    """Copy a data folder while work goes on: log, accounts, keys of persons, pictures, what waits to be sent.

    One file, for nobody else's eyes: with it persons can be read. The log's copy is audited. Exit 0: the copy is
    sound, 1: it is as the original is, and has findings.

    Example: onegrid backup --data data/chengdu --out chengdu-monday.backup
    """
    with console.progress(quiet=as_json) as step:
        copied = upkeep.backup(data, out, step)
    _end(out, copied, as_json=as_json)


def restore(
    source: Annotated[Path, typer.Argument(help="A file of onegrid backup.")],
    data: Annotated[Path, typer.Option("--data", help="The folder to put it into; it must hold no data.")],
    lists: Annotated[
        list[Path] | None,
        typer.Option(
            "--erased",
            help="Who was erased since: a list (persons.erased), a data folder or a later backup; repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Size and audit as one JSON object.")] = False,
) -> None:
    """Put a backup back as the data of a folder, and audit it; onegrid run goes on from there.

    Persons erased since the backup stay erased if a list names them: --erased, ONEGRID_ERASED_LIST, or the one in the
    folder that the backup was made of, if it is still there.

    Example: onegrid restore chengdu-monday.backup --data data/chengdu --erased /mnt/other/persons.erased
    """
    with console.progress(quiet=as_json) as step:
        copied = upkeep.restore(source, data, lists or (), step)
    if copied.persons is not None and not copied.persons.lists:
        console.err.print(
            "备份之后清除的个人信息会重新可读 persons erased since the backup can be read again: "
            "expected a list of them (--erased); restore once more with it, or add it to persons.erased",
            highlight=False,
        )
    _end(data, copied, as_json=as_json)


def _end(where: Path, copied: Copied, *, as_json: bool) -> None:
    if as_json:
        console.emit(copied)
    else:
        console.out.print(f"{where}: {copied.bytes / 1e6:,.1f} MB", highlight=False)
        if copied.persons is not None:
            text = f"再次清除的个人信息 persons erased again: {copied.persons.again:,}"
            console.out.print(text, highlight=False)
        if copied.audit is not None:
            show(copied.audit)
    clean = copied.audit is None or copied.audit.clean
    raise typer.Exit(console.DONE if clean else console.FINDINGS)
