"""`onegrid dead-letters`: what could not be processed on a cluster; listed, shown, sent again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from streams.cli import clustered, console

if TYPE_CHECKING:
    from streams.records import DeadLetter

app = typer.Typer(help="退信 · Dead letters of a cluster: list, show, retry.", no_args_is_help=True)

_Stage = Annotated[str, typer.Option(help="Of this stage alone: inlet, intake, desk.")]
_Reason = Annotated[str, typer.Option(help="With this reason code alone.")]
_Since = Annotated[str | None, typer.Option("--from-time", help="Put down from then on.")]


@app.command("list")
def list_letters(
    broker: clustered.Broker,
    stage: _Stage = "",
    reason: _Reason = "",
    from_time: _Since = None,
    as_json: clustered.Json = False,
) -> None:
    """List dead letters, and count them by stage and reason.

    Example: onegrid dead-letters list --broker 127.0.0.1:9092 --reason BAD_FIELD
    """
    with clustered.extra():
        from streams.hosts.kafka import letters  # noqa: PLC0415
    since = clustered.moment(from_time, "--from-time")
    found = list(letters.letters(clustered.settings(broker), letters.Wanted((), stage, reason), since))
    counts: dict[str, int] = {}
    for letter in found:
        name = f"{letter.stage}/{letter.reason}"
        counts[name] = counts.get(name, 0) + 1
    if as_json:
        brief = [
            {name: getattr(letter, name) for name in ("id", "stage", "reason", "text", "at", "source")}
            for letter in found
        ]
        console.emit({"letters": brief, "counts": dict(sorted(counts.items()))})
        return
    table = Table("id", "阶段 stage", "原因 reason", "text", "时间 at", "来源 source")
    for letter in found:
        at = letter.at.isoformat(timespec="seconds")
        table.add_row(
            *(escape(said) for said in (letter.id, letter.stage, letter.reason, letter.text, at, letter.source))
        )
    console.out.print(table)
    console.out.print(" · ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "没有退信 none")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="The letter's id.")],
    broker: clustered.Broker,
    as_json: clustered.Json = False,
) -> None:
    """Show one dead letter whole, with its original. In --json `original` is base64, as on the wire.

    Example: onegrid dead-letters show 0198c2a1-… --broker 127.0.0.1:9092
    """
    with clustered.extra():
        from streams.hosts.kafka import letters  # noqa: PLC0415
    found = list(letters.letters(clustered.settings(broker), letters.Wanted([name])))
    _all_there([name], found)
    for letter in found:
        if as_json:
            console.emit(letter)
            continue
        for key in ("id", "stage", "reason", "text", "at", "source"):
            console.out.print(f"[bold]{key}[/] {escape(str(getattr(letter, key)))}", highlight=False)
        console.out.print(letter.original.decode(errors="replace"), markup=False, highlight=False, soft_wrap=True)


@app.command()
def retry(
    broker: clustered.Broker,
    names: Annotated[list[str] | None, typer.Argument(metavar="ID…", help="These letters.")] = None,
    stage: _Stage = "",
    reason: _Reason = "",
    from_time: _Since = None,
    repaired: Annotated[
        Path | None, typer.Option("--with", help="Send what this file holds in place of the original; for one ID.")
    ] = None,
    as_json: clustered.Json = False,
) -> None:
    """Send the originals of dead letters to the reports again, marked with where they come from.

    Say which: IDs, a stage, or a reason. Exit 1 if one can't be sent again, because it holds no report.

    Example: onegrid dead-letters retry --reason UNKNOWN_CATEGORY --broker 127.0.0.1:9092
    """
    wanted_ids = names or []
    if not (wanted_ids or stage or reason):
        raise typer.BadParameter("nothing says which letters; expected an ID, --stage or --reason")
    if repaired and len(wanted_ids) != 1:
        raise typer.BadParameter("a repaired report stands for one letter; expected one ID", param_hint="--with")
    with clustered.extra():
        from streams.hosts.kafka import letters  # noqa: PLC0415
    settings, since = clustered.settings(broker), clustered.moment(from_time, "--from-time")
    found = list(letters.letters(settings, letters.Wanted(wanted_ids, stage, reason), since))
    _all_there(wanted_ids, found)
    body = repaired.read_bytes().strip() if repaired else None
    again, refused = letters.retry(settings, found, datetime.now(UTC), body)
    if as_json:
        console.emit({"sent": again, "refused": refused})
    else:
        console.out.print(f"重发 sent again {len(again):,} · 未发 not sent {len(refused):,}", highlight=False)
        for one in refused:
            console.err.print(f"{escape(one.id)}: {one.reason}: {escape(one.text)}", highlight=False, soft_wrap=True)
    raise typer.Exit(console.FINDINGS if refused else console.DONE)


def _all_there(names: list[str], found: list[DeadLetter]) -> None:
    if missing := sorted(set(names) - {letter.id for letter in found}):
        raise typer.BadParameter(f"{', '.join(missing)}: no such dead letter", param_hint="ID")
