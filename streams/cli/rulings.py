"""`onegrid duties rulings`: what district centres have decided, as rows for the duty list."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from grids.duties.rulings import EXPORTED, exported
from streams.cli import console
from streams.hosts.embedded.store import FILE
from streams.ledger.fold import counted
from streams.outlets.board.sqlite import SqliteBoard

if TYPE_CHECKING:
    from grids.duties.receipts import Ruling


def rulings(
    data: Annotated[Path, typer.Option("--data", help="The data folder of `onegrid run` or `demo`.")],
    out: Annotated[Path | None, typer.Option(help="A CSV file; without it the rows go to standard output.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Print every ruling as a row of duties.csv, with the rows that have to end where it begins.

    Example: onegrid duties rulings --data data/chengdu --out rulings.csv
    """
    if not (data / FILE).is_file():
        raise typer.BadParameter(f"{data}: no {FILE} in it; expected a data folder", param_hint="--data")
    found = read_rulings(data / FILE)
    if as_json:
        console.emit({"rulings": found})
        return
    if out is None:
        _write(sys.stdout, found)
        return
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        _write(file, found)
    console.out.print(f"裁定 rulings: {len(found)} → {out}")


def read_rulings(path: Path) -> list[Ruling]:
    """Return the rulings of an embedded host's file, in the order in which they were made."""
    board = SqliteBoard(path)
    try:
        found = []
        for _, record in counted(board.log.read()):
            for desk, body in record.desks.items():
                if b'"ruling"' in bytes(body):  # few are: the others need not be read
                    found += [step.ruling for step in record.of(desk).transitions if step.ruling is not None]
        return found
    finally:
        board.close()


def _write(file: TextIO, found: list[Ruling]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(EXPORTED)
    writer.writerows(exported(found))
