"""`onegrid duties import`, `worksheet` and `matrix`: from a published list to a decided one, and to paper."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from grids.duties.importing.draft import Draft, Report, make_draft, with_aliases
from grids.duties.importing.form import FORMATS, built_in, read_map
from grids.duties.importing.lists import read_list
from grids.duties.matrix import make_matrix, write_matrix
from grids.duties.worksheet import read_draft, read_worksheet, write_decided
from grids.duties.worksheetfile import write_worksheet
from grids.errors import PackError
from grids.rules import read_rules
from grids.spreadsheets import read_workbook
from grids.tables import Problems
from grids.units import read_units
from streams.cli import console

_Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def import_list(
    file: Annotated[Path, typer.Argument(help="The duty list: XLSX or CSV.")],
    out: Annotated[Path, typer.Option(help="Where the draft goes: its tables and report.json.")],
    list_format: Annotated[str, typer.Option("--format", help="A format that is known: yuncheng.")] = "",
    map_file: Annotated[Path | None, typer.Option("--map", help="A map file, docs/duty-lists.md.")] = None,
    city: Annotated[Path | None, typer.Option("--city", help="A pack whose units the list must mean.")] = None,
    as_json: _Json = False,
) -> None:
    """Make a draft of catalogue, conditions, units and candidate duties from a published duty list.

    Every candidate is UNDECIDED, which no pack is loaded with; `duties worksheet` asks the offices.

    Example: onegrid duties import list.xlsx --map map.toml --out draft
    """
    if bool(list_format) == (map_file is not None):
        raise typer.BadParameter("expected one of --format and --map", param_hint="--format")
    if list_format and list_format not in FORMATS:
        raise typer.BadParameter(f"{list_format!r}; expected one of {' '.join(FORMATS)}", param_hint="--format")
    form = read_map(map_file or built_in(list_format, file))
    matters, assumed = read_list(read_workbook(file, form.encoding), form)
    units = None
    if city is not None:
        problems = Problems()
        units = read_units(city, problems)
        problems.raise_if_any()
    draft = make_draft(matters, assumed, form, units)
    if city is not None:
        with (city / "units.csv").open(encoding="utf-8-sig", newline="") as lines:
            known = with_aliases(list(csv.DictReader(lines)), draft.report.offices)
        draft = Draft({**draft.tables, "units.csv": known}, draft.report)
    draft.write(out)
    if as_json:
        console.emit(draft.report)
    else:
        _show(draft.report, out)


def _show(report: Report, out: Path) -> None:
    console.out.print(
        f"{report.categories} 类别 categories · {report.conditions} 立案条件 conditions · "
        + " · ".join(f"{clock} {number}" for clock, number in report.limits.items())
    )
    console.out.print(
        f"多个单位 several units {report.multiple_units} · 相对名称 relative {report.relative_units} · "
        f"无具体单位 no concrete unit {report.no_concrete_unit} · 单位写法 spellings {report.unit_spellings}"
    )
    for title, limits in (("时限另有文字 limits with words", report.with_text), ("无法读取 unread", report.unparsed)):
        for one in limits:
            console.out.print(f"  {title}: {one.row} {one.category} {one.limit}", markup=False, soft_wrap=True)
    if report.unmatched:
        table = Table("写法 spelling", "次 times", "原因 why", "最接近 nearest")
        for unmatched in report.unmatched:
            table.add_row(unmatched.spelling, str(unmatched.times), unmatched.why, "; ".join(unmatched.nearest))
        console.out.print(table)
    console.out.print(f"{report.undecided} 待定 undecided rows → {out}", markup=False, soft_wrap=True)


def worksheet(
    city: Annotated[Path, typer.Option("--city", help="A draft of duties import, or a pack with undecided rows.")],
    out: Annotated[Path, typer.Option(help="The XLSX to write; with --read, the folder of the decided pack.")],
    read: Annotated[Path | None, typer.Option("--read", help="A worksheet that was filled in.")] = None,
    as_json: _Json = False,
) -> None:
    """Write the undecided duties as an XLSX for the offices; with --read, take it back and decide them.

    Exit 2 names every wrong cell, as `sheet!cell: found; expected`, and writes nothing.

    Example: onegrid duties worksheet --city draft --out worksheet.xlsx
    """
    if read is None:
        if out.suffix.lower() != ".xlsx":
            raise typer.BadParameter(f"{str(out)!r}; expected a file that ends in .xlsx", param_hint="--out")
        draft = read_draft(city)
        write_worksheet(draft, out)
        said = {"asks": len(draft.asks), "undecided": len(draft.lines) - len(draft.decided), "out": str(out)}
    else:
        try:
            rows = read_worksheet(read, city)
        except PackError as error:
            if as_json:
                console.emit({"errors": [str(problem) for problem in error.problems]})
            raise
        write_decided(city, rows, out)
        said = {"rows": len(rows), "out": str(out)}
    if as_json:
        console.emit(said)
    else:
        console.out.print(" · ".join(f"{name} {value}" for name, value in said.items()), markup=False, soft_wrap=True)


def matrix(
    city: Annotated[Path, typer.Option("--city", help="The city pack.")],
    out: Annotated[Path, typer.Option(help="The file to write: .html or .xlsx.")],
    at: Annotated[str, typer.Option(help="The day whose rows are shown, as 2026-03-02; today by default.")] = "",
    as_json: _Json = False,
) -> None:
    """Write units × categories, coloured by role, for an official to print and sign.

    Example: onegrid duties matrix --city config/chengdu --out matrix.html
    """
    if out.suffix.lower() not in (".html", ".xlsx"):
        raise typer.BadParameter(f"{str(out)!r}; expected a file that ends in .html or .xlsx", param_hint="--out")
    rules = read_rules(city)
    try:
        day = date.fromisoformat(at) if at else datetime.now(rules.calendar.zone).date()
    except ValueError as error:
        raise typer.BadParameter(f"{at!r}; expected a date as 2026-03-02", param_hint="--at") from error
    made = make_matrix(rules, day)
    write_matrix(made, out)
    categories = sum(not line.is_group for line in made.lines)
    if as_json:
        console.emit({"parties": len(made.parties), "categories": categories, "day": day, "out": str(out)})
    else:
        console.out.print(
            f"{len(made.parties)} 责任主体 parties × {categories} 类别 categories → {out}",
            markup=False,
            soft_wrap=True,
        )
