"""`onegrid measures`, `publish` and `history`: figures over the log, months that are frozen, and Parquet by month."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.table import Table

from grids.rules import read_rules
from streams.cli import clustered, console
from streams.hosts.embedded.engine import wall_clock
from streams.hosts.embedded.store import FILE
from streams.outlets.board.sqlite import SqliteBoard
from streams.outlets.history import FILE as HISTORY
from streams.outlets.history import read_history, stand_of, write_history
from streams.outlets.measures.asking import DIMENSIONS, WINDOWS, Asker, Figure, Question
from streams.outlets.measures.facts import Facts, Maker
from streams.outlets.measures.folding import facts_at, names_in
from streams.outlets.measures.names import Names, names_of
from streams.outlets.measures.published import corrected, figures_of, publish, with_published
from streams.outlets.measures.report import write_report, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.outlets.gathering import Gathered
    from streams.outlets.history import Written

Data = Annotated[
    Path | None, typer.Option("--data", help="A data folder of `onegrid run`, or one that `onegrid history` wrote.")
]
Broker = Annotated[
    str | None,
    typer.Option(
        "--broker", help="Kafka of a cluster, host:port: the history in --data is brought up to its logs first."
    ),
]
City = Annotated[
    Path | None, typer.Option("--city", help="The pack, for names and working hours; else what the folder says.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


class _Opened(NamedTuple):
    """The facts of a folder, and what its codes are called."""

    facts: Facts
    names: Names


def measures(  # noqa: PLR0913, PLR0917 - one for each thing that may be asked
    data: Data = None,
    broker: Broker = None,
    first: Annotated[str, typer.Option("--from", help="First day, as 2026-03-02; else the log's first.")] = "",
    last: Annotated[str, typer.Option("--to", help="The day after the last; else the log's last.")] = "",
    by: Annotated[str, typer.Option("--by", help=f"Some of {','.join(DIMENSIONS)}, together.")] = "city",
    window: Annotated[str, typer.Option("--window", help=f"One of {', '.join(WINDOWS)}.")] = "",
    measure: Annotated[str, typer.Option("--measure", help="Only these, by id, separated by commas.")] = "",
    as_of: Annotated[
        int | None, typer.Option("--as-of", help="As the log stood at this offset of its records.", min=0)
    ] = None,
    cases: Annotated[str, typer.Option("--cases", help="List the cases behind this measure's figure.")] = "",
    where: Annotated[
        list[str] | None, typer.Option("--where", help="Whose figure, as desk=510104; may be given again.")
    ] = None,
    city: City = None,
    as_json: Json = False,
) -> None:
    """Work out the measures of the registry over a log: value, formula, numerator, denominator 指标.

    A published month stands as it was published, with what it has become since beside it.

    Examples: onegrid measures --data data/chengdu --from 2026-03-02 --to 2026-03-09 --by desk --window day;
    onegrid measures --data data/chengdu --cases on_time_handling_rate --where desk=510104;
    onegrid measures --broker 127.0.0.1:9092 --city config/chengdu --data history
    """
    with _folder(data, broker, city, quiet=as_json) as folder:
        _measure(folder, first, last, by, window, measure, as_of, cases, where, city, as_json=as_json)


def _measure(  # noqa: PLR0913, PLR0917 - what was asked
    data: Path,
    first: str,
    last: str,
    by: str,
    window: str,
    measure: str,
    as_of: int | None,
    cases: str,
    where: list[str] | None,
    city: Path | None,
    *,
    as_json: bool,
) -> None:
    opened = _open(data, city, as_of)
    asker = Asker(opened.facts, opened.names.city)
    start, end = _days(opened.facts, first, last)
    if cases:
        found = asker.cases(cases, start, end, _where(where))
        if as_json:
            console.emit({"measure": cases, "cases": found})
        else:
            _show_cases(found)
        return
    question = Question(start, end, _some(by), window, _some(measure))  # type: ignore[arg-type]
    figures = asker.ask(question)
    if as_of is None:
        figures = with_published(data, figures)
    if as_json:
        console.emit({"rows": figures, "position": opened.facts.position, "now": opened.facts.now.isoformat()})
    else:
        _show(figures, opened.names)


def publish_month(
    month: Annotated[str, typer.Option("--month", help="Which, as 2026-03; it has to be over.")],
    out: Annotated[Path, typer.Option("--out", help="The folder for the HTML page and the workbook.")],
    link: Annotated[
        str, typer.Option("--console", help="Where the console is, for links from figures to their cases.")
    ] = "",
    data: Data = None,
    broker: Broker = None,
    city: City = None,
    as_json: Json = False,
) -> None:
    """Freeze a month's figures and print its report, as a page and as a workbook with charts 发布月报.

    The first time the figures are frozen with the log's position; later corrections are listed beside them. Exit 1
    where there are any.

    Example: onegrid publish --data data/chengdu --month 2026-03 --out reports
    """
    if data is None:
        raise typer.BadParameter("expected a folder, in which the month is kept", param_hint="--data")
    with _folder(data, broker, city, quiet=as_json):
        opened = _open(data, city, None)
    asker = Asker(opened.facts, opened.names.city)
    frozen = publish(data, asker, month, wall_clock())
    figures = corrected(frozen, figures_of(asker, month))
    out.mkdir(parents=True, exist_ok=True)
    written = write_report(out, frozen, figures, asker, opened.names, link)
    later = [one for one in figures if one.correction is not None]
    if as_json:
        console.emit(
            {
                "month": month, "position": frozen.position, "published_at": frozen.published_at,
                "figures": len(figures), "corrections": later, "files": [str(path) for path in written],
            }
        )  # fmt: skip
    else:
        console.out.print(
            f"{month} 发布于位置 published at position {frozen.position}，"
            f"其后更正 corrections since {len(later)} → {', '.join(map(str, written))}"
        )
    if later:
        raise typer.Exit(console.FINDINGS)


def history(
    out: Annotated[Path, typer.Option("--out", help="The folder for the Parquet files; written on if it is there.")],
    data: Annotated[Path | None, typer.Option("--data", help="The data folder of `onegrid run`.")] = None,
    broker: Annotated[
        str | None, typer.Option("--broker", help="Instead: Kafka of a cluster, host:port. It may be at work.")
    ] = None,
    city: City = None,
    as_json: Json = False,
) -> None:
    """Write the log as Parquet by month: every step, and cases and clocks as flat tables 历史导出.

    Of a cluster only what its logs have gained is read; a new folder needs --city.

    Examples: onegrid history --data data/chengdu --out history;
    onegrid history --broker 127.0.0.1:9092 --city config/chengdu --out history
    """
    if (data is None) == (broker is None):
        raise typer.BadParameter("expected a data folder or a broker, one of them", param_hint="--data, --broker")
    if data is None:
        made = _gathered(broker or "", city, out, quiet=as_json)
        _show_history(made.written, made.cases, out, as_json=as_json, records=made.read)
        return
    board = _board(data)
    names = names_of(read_rules(city)) if city else names_in(board)
    written = write_history(board, names, out)
    rows = board.count("cases")
    board.close()
    _show_history(written, rows, out, as_json=as_json)


def _show_history(written: Written, rows: int, out: Path, *, as_json: bool, **more: int) -> None:
    if as_json:
        console.emit({"position": written.position, "now": written.now, "cases": rows, "out": str(out), **more})
    else:
        console.out.print(f"{rows} 件案件 cases，日志位置 log position {written.position} → {out}")


@contextmanager
def _folder(data: Path | None, broker: str | None, city: Path | None, *, quiet: bool) -> Iterator[Path]:
    """Yield the folder that is asked: with a broker a history that is brought up first, for this once if need be."""
    if broker is None:
        if data is None:
            raise typer.BadParameter("expected a data folder or a broker", param_hint="--data, --broker")
        yield data
    elif data is not None:
        _gathered(broker, city, data, quiet=quiet)
        yield data
    else:
        with TemporaryDirectory(prefix="onegrid-history-") as scratch:
            _gathered(broker, city, Path(scratch), quiet=quiet)
            yield Path(scratch)


def _gathered(broker: str, city: Path | None, folder: Path, *, quiet: bool) -> Gathered:
    settings = clustered.settings(broker)
    with clustered.extra():
        from streams.hosts.kafka.histories import bring_up  # noqa: PLC0415 - an extra
    names = names_of(read_rules(city)) if city else None
    with console.progress(quiet=quiet) as step:
        return bring_up(settings, names, folder, step)


def _open(data: Path, city: Path | None, as_of: int | None) -> _Opened:
    """Open a data folder or a history. Raises MeasureError or typer's error for what is neither."""
    said = names_of(read_rules(city)) if city else None
    if (data / HISTORY).is_file():
        facts, names = read_history(data)
        names = said or names
        if as_of is not None and as_of < facts.position:
            stand, maker = stand_of(data, as_of), Maker(names)
            facts = maker.facts(
                (maker.row(case, stand.now) for case in stand.cases.values()), stand.now, stand.position
            )
        return _Opened(facts, names)
    with _opened(data) as board:
        names = said or names_in(board)
        return _Opened(facts_at(board, names, as_of), names)


@contextmanager
def _opened(data: Path) -> Iterator[SqliteBoard]:
    board = _board(data)
    try:
        yield board
    finally:
        board.close()


def _board(data: Path) -> SqliteBoard:
    if not (data / FILE).is_file():
        raise typer.BadParameter(f"{data}: no {FILE} in it; expected a data folder", param_hint="--data")
    return SqliteBoard(data / FILE)


def _days(facts: Facts, first: str, last: str) -> tuple[date, date]:
    opened = facts.cases["opened_at"].to_pylist()
    start = _day(first, "--from") if first else min(opened, default=facts.now).date()
    return start, _day(last, "--to") if last else facts.now.date() + timedelta(days=1)


def _day(text: str, hint: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a city day
    except ValueError:
        raise typer.BadParameter(f"{text!r}; expected a day such as 2026-03-02", param_hint=hint) from None


def _some(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _where(said: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in said or ():
        name, equals, value = one.partition("=")
        if not equals or name not in DIMENSIONS:
            raise typer.BadParameter(f"{one!r}; expected {'=…, '.join(DIMENSIONS)}=…", param_hint="--where")
        found[name] = value
    return found


def _show(figures: list[Figure], names: Names) -> None:
    table = Table(box=None)
    for name in ("时段 window", "范围 by", "指标 measure", "值 value", "分子/分母 parts"):
        table.add_column(name, overflow="fold", no_wrap=name.startswith("值"))
    told: dict[str, Figure] = {}
    for one in figures:
        told.setdefault(one.measure, one)
        place = " ".join(names.of(key, code)[0] for key, code in one.by.items())
        value = written(one.value, one.unit)
        if one.correction is not None:
            value += f" → {written(one.correction.value, one.unit)} @{one.correction.position}"
        parts = f"{one.numerator:g}/{one.denominator:g}" if one.unit == "ratio" and one.numerator is not None else (
            f"n={one.denominator:g}"
        )  # fmt: skip
        table.add_row(one.window, place, one.zh, value, parts)
    console.out.print(table)
    for one in told.values():
        console.out.print(
            f"[bold]{one.zh}[/] {one.en} (v{one.version}): {one.formula}；{one.cohort}",
            soft_wrap=True,
            highlight=False,
        )


def _show_cases(found: list[dict[str, Any]]) -> None:
    table = Table(box=None)
    for name in ("案号 case", "时刻 at", "单位 unit", "分子 part", "分母 whole"):
        table.add_column(name, no_wrap=True)
    for one in found:
        table.add_row(
            one["case_no"], f"{one['at']:%Y-%m-%d %H:%M}", one["unit"], f"{one['part']:g}", f"{one['whole']:g}"
        )
    console.out.print(table)
    console.out.print(f"{len(found)} 件 cases")
