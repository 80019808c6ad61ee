"""`onegrid deadline`: when a limit is due, and the counted time it is made of, to be checked by hand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.table import Table

from grids.rules import read_rules
from grids.tables import Problems, Row, read_rows
from grids.worktime import parse_limit
from streams.cli import console

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    Pause = tuple[datetime, datetime | None]

_COLUMNS = ("from", "to")
_TIME = "a time such as 2026-03-02T09:00 (in the city) or 2026-03-02T09:00+08:00"
_WEEKDAYS = ("周一 Mon", "周二 Tue", "周三 Wed", "周四 Thu", "周五 Fri", "周六 Sat", "周日 Sun")


def deadline(
    city: Annotated[Path, typer.Option("--city", help="The city pack: its working hours and calendar count.")],
    at: Annotated[
        str, typer.Option("--at", help="When the clock starts, as 2026-03-02T09:00; city time by default.")
    ],
    limit: Annotated[str, typer.Option("--limit", help="An amount and a clock, such as '2 WORK_DAY'.")],
    pauses: Annotated[
        Path | None,
        typer.Option("--pauses", help="When the clock stood still: CSV or NDJSON with from, to; empty = still does."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Reckon a deadline, and list the counted intervals that it is made of. 计算时限.

    Example: onegrid deadline --city config/chengdu --at 2026-09-30T16:00 --limit "2 WORK_DAY"
    """
    calendar = read_rules(city).calendar
    try:
        asked = parse_limit(limit)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--limit") from error
    try:
        start = _moment(at, calendar.zone)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from error
    stood_still = _read_pauses(pauses, calendar.zone) if pauses else []
    try:
        due, intervals = calendar.due_around(start, asked, stood_still)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{asked} from {at}: {error}; expected less or earlier") from error
    due = due and due.astimezone(calendar.zone)
    provisional = due is not None and calendar.provisional(due)
    if as_json:
        found = [{"from": one.start, "to": one.end, "minutes": one.minutes} for one in intervals]
        console.emit({"due": due, "provisional": provisional, "intervals": found})
        return
    table = Table("起 from", "止 to", "分钟 minutes")
    for one in intervals:
        table.add_row(_written(one.start), _written(one.end), f"{one.minutes:,g}")
    table.add_row("合计 in all", "", f"{sum(one.minutes for one in intervals):,g}", style="bold")
    console.out.print(table)
    if due is None:
        console.out.print("时钟停着，尚无到期时间 the clock stands still: there is no deadline yet")
    else:
        console.out.print(f"到期 due [bold]{_written(due)}[/]", highlight=False)
    if provisional:
        console.out.print(
            f"{calendar.last_known.year} 年之后的节假日尚未公布，结果为暂定 "
            f"provisional: holidays after {calendar.last_known.year} are not known yet"
        )


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """Read a moment, in the city's time unless it has an offset. Raises ValueError that says what was expected."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not set(text) & {"T", " "}:  # a date alone leaves open when the clock starts
        raise ValueError(f"{text!r}; expected {_TIME}")
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _read_pauses(path: Path, zone: ZoneInfo) -> list[Pause]:
    """Read a file of pauses. Raises PackError with every fault: file, row, field, expectation."""
    problems = Problems()
    found: list[Pause] = []
    lines = path.suffix.lower() in {".ndjson", ".jsonl"}
    for row in _json_rows(path, problems) if lines else read_rows(path, _COLUMNS, problems):
        begins, ends = (_cell(row, field, zone) for field in _COLUMNS)
        if begins and ends and ends < begins:
            row.fault("to", f"a time after {row.cells['from']}, or nothing while it lasts")
        if begins:
            found.append((begins, ends))
    problems.raise_if_any()
    return found


def _cell(row: Row, field: str, zone: ZoneInfo) -> datetime | None:
    text = row.text(field, needed=field == "from")
    try:
        return _moment(text, zone) if text else None
    except ValueError:
        row.fault(field, _TIME)
        return None


def _json_rows(path: Path, problems: Problems) -> Iterator[Row]:
    """Read one JSON object a line, as rows of text; null is an empty cell."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        problems.note(path.name, 0, "", "no such file", "a JSON object a line, with from, to")
        return
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            read = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = line[:40].decode(errors="replace")
            problems.note(
                path.name, number, "", repr(found), 'an object such as {"from": "2026-03-02T09:00", "to": null}'
            )
            continue
        yield Row(
            path.name, number, {key: "" if value is None else str(value) for key, value in read.items()}, problems
        )


def _written(moment: datetime) -> str:
    """Write a moment in city time, seconds only where there are some."""
    exact = "auto" if moment.second or moment.microsecond else "minutes"
    return f"{moment.date()} {_WEEKDAYS[moment.weekday()]} {moment.time().isoformat(exact)}"
