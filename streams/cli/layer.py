"""`onegrid layer`: the check of one department's layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from grids.findings import FAULT
from grids.layercheck import Inspection, inspect_layer
from streams.cli import console

app = typer.Typer(help="Check a department's map layer. 检查部门图层", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `check` a named command although it is the only one."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="GeoJSON, shapefile, GeoPackage or GeoParquet.")],
    id_field: Annotated[str | None, typer.Option("--id", help="Field with the unit's id.")] = None,
    crs: Annotated[
        str | None, typer.Option(help="CRS of the coordinates, if the file states none or a wrong one.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of a shapefile's texts, such as GB18030.")] = None,
    base: Annotated[
        Path | None, typer.Option("--base", help="A layer that lies right, to find a shifted datum or the CRS with.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Find what is wrong with a layer: shapes, gaps, overlaps, ids, CRS, datum, encoding. Nothing is changed.

    With --base it also finds a layer that lies beside its true place (GCJ-02, BD-09, another shift).

    Exit 0: no fault (notes, such as units of several parts, are none); 1: faults; 2: the file can't be read.

    Example: onegrid layer check precincts.geojson --id Precinct
    """
    inspection = inspect_layer(file, id_field, crs, encoding, base)
    if as_json:
        console.emit(inspection)
    else:
        _show(file, inspection)
    faults = any(finding.level == FAULT for finding in inspection.findings)
    raise typer.Exit(console.FINDINGS if faults else console.DONE)


def _show(file: Path, inspection: Inspection) -> None:
    console.out.print(f"{file}: {inspection.features} 要素 features · {inspection.crs or '无坐标系 no CRS'}")
    if not inspection.findings:
        console.out.print("[green]没有问题 nothing wrong[/]")
        return
    table = Table("类型 kind", "要素 feature", "位置 lon, lat", "问题 finding", "建议 suggestion")
    for finding in inspection.findings:
        where = "" if finding.where is None else ", ".join(f"{degrees:.6f}" for degrees in finding.where)
        table.add_row(finding.kind, finding.feature, where, finding.message, finding.suggestion)
    console.out.print(table)
