"""`onegrid alerts`: exercises."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from grids.city import demo_pack, open_city
from streams.cli import console
from streams.cli.places import cache_dir
from streams.hosts.embedded.drill import Drill, NoSuchDeskError

if TYPE_CHECKING:
    from streams.hosts.embedded.drill import Told

app = typer.Typer(name="alerts", help="预警 Alerts: exercises.", no_args_is_help=True)

_LEVELS = {"STREET": "街道", "DISTRICT": "区", "ZONE": "功能区", "CITY": "市", "NEAR": "邻区"}
_KINDS = {"ALERT": "告警", "UPDATE": "更新", "CANCEL": "解除"}


@app.callback()
def alerts() -> None:
    """预警 Alerts."""


@app.command()
def drill(
    desk: Annotated[str, typer.Option("--desk", help="The desk whose centre is exercised, such as 510104.")],
    city: Annotated[Path | None, typer.Option("--city", help="The city pack; the demo city by default.")] = None,
    severity: Annotated[int, typer.Option("--severity", min=1, max=3, help="How grave the exercise is.")] = 2,
    silent: Annotated[
        list[str] | None, typer.Option("--silent", help="A unit that never answers; may be given again.")
    ] = None,
    answer: Annotated[int, typer.Option("--answer", min=1, help="Seconds until a unit answers.")] = 90,
    at: Annotated[
        datetime | None, typer.Option("--at", help="When it begins, city time; 2026-03-02T09:00 by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Run an exercise end to end in virtual time, and print who was told when, and who confirmed. 预警演练.

    Exit 1 if an alert was confirmed by nobody. Example: onegrid alerts drill --desk 510104 --silent 510104-CC
    """
    with console.progress(quiet=as_json) as step:
        opened = open_city(city or demo_pack(), cache_dir(), step)
    unknown = [unit for unit in silent or [] if unit not in opened.rules.units]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r}; expected a unit of units.csv", param_hint="--silent")
    start = (at or datetime(2026, 3, 2, 9, 0)).replace(tzinfo=opened.zone)  # noqa: DTZ001 - the city's time
    grave: Any = severity  # held to 1-3 above
    done = Drill(opened, desk, start, grave, frozenset(silent or []), timedelta(seconds=answer))
    try:
        done.run()
    except NoSuchDeskError as error:
        raise typer.BadParameter(str(error), param_hint="--desk") from error
    if as_json:
        console.emit(_plain(done))
    else:
        _show(done)
    if done.unconfirmed:
        raise typer.Exit(console.FINDINGS)


def _plain(done: Drill) -> dict[str, Any]:
    asked = {row.alert.alert_id for row in done.rows if row.alert.ack_due is not None}
    return {
        "desk": done.desk,
        "case_no": done.case_no,
        "start": done.start,
        "rows": [
            {
                "at": row.at,
                "after_s": (row.at - done.start).total_seconds(),
                "alert_id": row.alert.alert_id,
                "kind": row.alert.kind,
                "status": row.alert.status,
                "level": row.alert.level,
                "unit": row.alert.unit,
                "way": row.way,
                "ack_due": row.alert.ack_due,
                "confirmed_at": row.confirmed,
                "by": row.by,
            }
            for row in done.rows
        ],
        "confirmed": len(asked) - len(done.unconfirmed),
        "unconfirmed": [row.alert.alert_id for row in done.unconfirmed],
    }


def _show(done: Drill) -> None:
    table = Table(title=f"预警演练 Exercise · {done.desk} · {done.case_no}", title_justify="left", box=None)
    for name in ("时间\nafter", "告警\nalert", "级别\nlevel", "单位\nunit", "渠道\nway", "确认\nconfirmed"):
        table.add_column(name, no_wrap=True)
    for row in done.rows:
        table.add_row(
            _after(done, row.at),
            f"{_KINDS[row.alert.kind]} {row.alert.kind} {row.alert.alert_id.rpartition('-')[2]}",
            f"{_LEVELS[row.alert.level]} {row.alert.level}" if row.alert.level else "",
            row.alert.unit,
            row.way.partition(" ")[0] or "board",
            _confirmed(done, row),
        )
    console.out.print(table)
    left = len(done.unconfirmed)
    console.out.print(f"无人确认 confirmed by nobody: {left}" if left else "全部确认 all confirmed")


def _confirmed(done: Drill, row: Told) -> str:
    if row.alert.ack_due is None:
        return "·"
    return _after(done, row.confirmed) if row.confirmed else "无人 nobody"


def _after(done: Drill, at: datetime) -> str:
    seconds = round((at - done.start).total_seconds())
    return f"+{seconds // 60}:{seconds % 60:02d}"
