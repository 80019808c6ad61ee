"""`onegrid adapt`: other systems' files, looked at before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import typer

from grids.rules import read_rules
from streams.cli import clustered, console
from streams.inlets.adapters import ADAPTERS, hotline, name_of
from streams.inlets.adapters.reading import Adapter, Context, header
from streams.inlets.adapters.trying import Tried, attempt, convert

app = typer.Typer(help="Other systems' files: what is understood of them, and as reports.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The file as it was exported.")]
Name = Annotated[str, typer.Option("--adapter", help=f"{' '.join(ADAPTERS)}; if not said, by the file's looks.")]
City = Annotated[
    Path | None, typer.Option("--city", help="The city pack: names of categories, thresholds of sensors, time zone.")
]
Map = Annotated[Path | None, typer.Option("--map", exists=True, dir_okay=False, help="A hotline's mapping file.")]
System = Annotated[
    str, typer.Option("--system", help="What the source is called; the format's own name if not said.")
]


def chosen(
    file: Path, name: str, city: Path | None, mapping: Path | None, system: str
) -> tuple[str, Adapter, Context]:
    """Return the adapter for a file and what it is told; a wrong name or an unknown file ends the command."""
    found = name or name_of(file)
    if found not in ADAPTERS:
        text = f"{file.name}: {name or 'no format that is known'}; expected one of {' '.join(ADAPTERS)}"
        raise typer.BadParameter(text, param_hint="--adapter")
    context = Context(mapping=mapping, system=system)
    if city is not None:
        rules = read_rules(city)
        context = Context(
            ZoneInfo(rules.form.timezone), rules.catalogue, rules.inlets.sensor, system=system, mapping=mapping
        )
    return found, ADAPTERS[found], context


@app.command("try")
def try_file(
    file: File, adapter: Name = "", city: City = None, mapping: Map = None, system: System = "",
    as_json: clustered.Json = False,
) -> None:  # fmt: skip
    """Show what is understood of a file and what not, row by row; nothing is sent. Exit 1 if any row is not.

    Example: onegrid adapt try export.xlsx --city config/chengdu
    """
    name, one, context = chosen(file, adapter, city, mapping, system)
    found = attempt(one, file, context)
    if as_json:
        console.emit({"adapter": name, **msgspec.to_builtins(found)})
    else:
        _show(name, found)
    raise typer.Exit(console.FINDINGS if found.not_understood else console.DONE)


@app.command("convert")
def convert_file(
    file: File,
    out: Annotated[Path, typer.Option("--out", help="Where the reports go, one JSON object a line.")],
    adapter: Name = "", city: City = None, mapping: Map = None, system: System = "",
    as_json: clustered.Json = False,
) -> None:  # fmt: skip
    """Write the reports of a file as lines, and beside them what was not understood.

    Example: onegrid adapt convert export.xlsx --city config/chengdu --out reports.ndjson
    """
    name, one, context = chosen(file, adapter, city, mapping, system)
    taken, left = convert(one, file, context, out)
    if as_json:
        console.emit({"adapter": name, "reports": taken, "not_understood": left, "out": str(out)})
    else:
        console.out.print(f"{name}: 上报 reports {taken:,} · 未识别 not understood {left:,} → {out}", highlight=False)
    raise typer.Exit(console.FINDINGS if left else console.DONE)


@app.command("mapping")
def mapping_of(
    file: File, out: Annotated[Path, typer.Option("--out", help="The mapping file, to edit in a spreadsheet.")]
) -> None:
    """Draft the mapping file of a hotline's export from the columns that are known by name.

    Example: onegrid adapt mapping hotline.xlsx --out hotline.map.csv
    """
    columns = header(file)
    lines = hotline.draft(columns)
    hotline.write_mapping(out, lines)
    used = {name for line in lines for name in line.columns}
    left = [name for name in columns if name not in used]
    console.out.print(
        f"{out}: {len(lines)} 行 lines · 未用列 unused columns: {' '.join(left) or '–'}", highlight=False
    )


def _show(name: str, found: Tried) -> None:
    console.out.print(
        f"{name}: 行 rows {found.rows:,} → 上报 reports {found.reports:,} (有地点 with a place {found.placed:,}, "
        f"缺字段 lacking a field {found.without:,}) · 无需上报 quiet {found.quiet:,} · "
        f"未识别 not understood {found.not_understood:,}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for title, counts in (
        ("事项 matter", found.matters), ("渠道 channel", found.channels), ("字段 fields", found.fields),
        ("类别 category", found.categories), ("问题 faults", found.faults),
    ):  # fmt: skip
        if counts:
            said = " · ".join(f"{key} {count:,}" for key, count in list(counts.items())[:30])
            console.out.print(f"{title}: {said}", highlight=False, soft_wrap=True, markup=False)
    for one in found.examples:
        mark = "~" if one["taken"] else "✗"
        text = f"{mark} 行 row {one['row']}: {'; '.join(one['faults'])}"
        console.out.print(text, highlight=False, soft_wrap=True, markup=False)
