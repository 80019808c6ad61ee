"""`onegrid grid`: fuse departments' layers into one grid, and locate points on it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
import typer
from rich.table import Table

from grids import lineage
from grids.cells import Cells
from grids.datum import DATUMS, to_wgs84
from grids.errors import LayerError, Problem
from grids.fusion import FusionReport, fuse
from grids.lineage import Lineage
from grids.locator import METHODS, NONE, POINT, SNAP, Located, Locator
from grids.pointfiles import read_points, write_points
from streams.cli import console
from streams.cli.layerspecs import LayerSpecs, amounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

app = typer.Typer(help="Fuse layers into one grid, and locate points on it. 融合网格与定位", no_args_is_help=True)

KIND_NAMES = {"same": "不变", "split": "拆分", "merged": "合并", "moved": "移动", "gone": "撤销", "new": "新设"}

_PIECES = 100_000
"""Points located between two movements of the progress bar."""


@app.command("fuse")
def fuse_layers(  # noqa: PLR0913, PLR0917 - a command's options
    layer: Annotated[
        list[str], typer.Option("--layer", help="NET=FILE:IDFIELD; repeat for each department's layer.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for cells, crosswalk and reports.")],
    base: Annotated[str | None, typer.Option(help="Administrative net; the first layer by default.")] = None,
    crs: Annotated[str | None, typer.Option(help="Metric CRS to work in, such as EPSG:4544.")] = None,
    sliver: Annotated[
        float, typer.Option("--sliver", min=0.0, help="Merge cells thinner than this many metres.")
    ] = 5.0,
    snap: Annotated[
        float, typer.Option("--snap", min=0.0, help="Borders this many metres from a base border become it.")
    ] = 0.0,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Processes; all cores from 50,000 polygons on by default.")
    ] = None,
    special: Annotated[
        str | None, typer.Option(help="Net whose units are special-purpose grids, kept whole.")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option(help="Folder of the version before: untouched cells keep its codes.")
    ] = None,
    parent: Annotated[str | None, typer.Option(help="Field of the base layer with the 12-digit community.")] = None,
    name: Annotated[str | None, typer.Option(help="Field of the base layer with the grid's Chinese name.")] = None,
    name_en: Annotated[str | None, typer.Option(help="Field of the base layer with the grid's English name.")] = None,
    datum: Annotated[list[str] | None, typer.Option("--datum", help="NET=DATUM for a layer not on WGS84.")] = None,
    encoding: Annotated[
        list[str] | None, typer.Option("--encoding", help="NET=ENCODING of a shapefile's texts, such as GB18030.")
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", help="NAME=FILE:LON:LAT[:COLUMN] of people or households, for the crosswalk."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Fuse layers; writes cells, grids, adjacency, crosswalk and pairs (.parquet), report.json and report.html.

    Rows of one id are taken as parts of one unit, and listed; on the same ground they are an error. Exit 0: the
    grid keeps every promise; 1: the report lists exceptions; 2: bad input.

    Example: onegrid grid fuse --layer CD=districts.geojson:BoroCD --layer PP=precincts.geojson:Precinct --out out/
    """
    started = perf_counter()
    with console.progress(quiet=as_json) as step:
        specs = LayerSpecs(layer, base, {"parent": parent, "name": name, "name_en": name_en})
        specs.say_datums(datum or [])
        specs.say_encodings(encoding or [])
        layers = specs.read(step)
        before = None if previous is None else Cells.read(previous)
        fusion = fuse(
            layers, base=base, crs=crs, sliver_m=sliver, snap_m=snap, special=special, previous=before,
            jobs=jobs or os.cpu_count() or 1, step=step,
        )  # fmt: skip
        crosswalk = fusion.crosswalk
        for text in weights or []:
            called, amount = amounts(text, fusion.cells)
            crosswalk = crosswalk.weighted(called, fusion.cells, amount)
        if fusion.lineage is not None and previous is not None and (earlier := previous / lineage.FILE).is_file():
            fusion = replace(fusion, lineage=fusion.lineage.after(Lineage.read(earlier)))
        report = msgspec.structs.replace(fusion.report, seconds=round(perf_counter() - started, 3))
        replace(fusion, crosswalk=crosswalk, report=report).write(out)
    _warn(report)
    if as_json:
        console.emit(report)
    else:
        _show(report, out)
    raise typer.Exit(console.DONE if report.clean else console.FINDINGS)


@app.command("diff")
def compare(
    old: Annotated[Path, typer.Argument(help="Folder that `grid fuse` wrote: the earlier version.")],
    new: Annotated[Path, typer.Argument(help="Folder of the later version.")],
    out: Annotated[Path, typer.Option("--out", help="Parquet or CSV file to write.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Say what became of every cell between two versions: same, split, merged, moved, gone, new, with weights.

    Example: onegrid grid diff grid-2025/ grid-2026/ --out lineage.parquet
    """
    found = lineage.diff(before := Cells.read(old), after := Cells.read(new))
    found.write(out)
    same_code = int(((found.kind == "same") & (found.old == found.new)).sum())
    result = {
        "old": {"version": before.version, "cells": len(before)},
        "new": {"version": after.version, "cells": len(after)},
        "counts": found.counts,
        "same_code": same_code,
        "recoded": found.counts["same"] - same_code,
        "out": str(out),
    }
    if as_json:
        console.emit(result)
    else:
        table = Table(*(f"{words} {kind}" for kind, words in KIND_NAMES.items()))
        table.add_row(*(f"{found.counts[kind]:,}" for kind in KIND_NAMES))
        console.out.print(table)
        console.out.print(f"{out}", highlight=False)


@app.command()
def locate(
    grid: Annotated[Path, typer.Option("--grid", help="Folder that `grid fuse` wrote.")],
    points: Annotated[Path, typer.Option("--points", help="CSV or Parquet file.")],
    lon: Annotated[str, typer.Option("--lon", help="Column with the longitude.")],
    lat: Annotated[str, typer.Option("--lat", help="Column with the latitude.")],
    out: Annotated[Path, typer.Option("--out", help="CSV or Parquet file to write.")],
    datum: Annotated[str, typer.Option("--datum", help="Datum of the points.")] = "WGS84",
    snap: Annotated[
        float, typer.Option("--snap", min=0.0, help="Take the nearest cell up to this many metres away.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Add cell, one column per net, method and border_m to every row; no row is added or lost.

    Example: onegrid grid locate --grid out/ --points requests.csv --lon longitude --lat latitude --out located.csv
    """
    started = perf_counter()
    if datum not in DATUMS:
        expected = f"one of {', '.join(sorted(DATUMS))}"
        raise LayerError([Problem("", 0, "--datum", repr(datum), expected)])
    with console.progress(quiet=as_json) as step:
        cells = Cells.read(grid)
        table = read_points(points)
        x, y = table.numbers(lon), table.numbers(lat)
        locator = Locator(cells, snap_m=snap)
        located, placing, measuring = _locate(locator, *to_wgs84(x, y, datum), step)
        write_points(table.with_columns(_columns(cells, located)), out)
    count = np.bincount(located.method, minlength=len(METHODS))
    result = {
        "rows": len(x),
        "located": int(count[POINT]),
        "snapped": int(count[SNAP]),
        "none": int(count[NONE]),
        "seconds": round(perf_counter() - started, 3),
        "points_per_second": round(len(x) / placing) if len(x) else 0,
        "points_per_second_with_border": round(len(x) / measuring) if len(x) else 0,
        "version": cells.version,
    }
    if as_json:
        console.emit(result)
    else:
        summary = Table(
            "行 rows", "命中 located", "吸附 snapped", "无 none", "秒 seconds", "点/秒 points/s", "含边距 with border"
        )
        summary.add_row(*(f"{value:,}" for key, value in result.items() if key != "version"))
        console.out.print(summary)


def _locate(
    locator: Locator, lon: Floats, lat: Floats, step: Callable[[str, float], None]
) -> tuple[Located, float, float]:
    """Locate in pieces, so that the bar moves; also say how long finding the cells took, alone and with distances."""
    parts = []
    placing = measuring = 0.0
    for start in range(0, max(len(lon), 1), _PIECES):
        piece = slice(start, start + _PIECES)
        begun = perf_counter()
        locator.locate(lon[piece], lat[piece], border=False)
        placed = perf_counter()
        parts.append(locator.locate(lon[piece], lat[piece]))
        placing, measuring = placing + placed - begun, measuring + perf_counter() - placed
        step("定位 locate", min((start + _PIECES) / max(len(lon), 1), 1.0))
    located = Located(
        np.concatenate([part.index for part in parts]),
        np.concatenate([part.method for part in parts]),
        np.concatenate([part.border_m for part in parts]),
    )
    return located, placing, measuring


def _columns(cells: Cells, located: Located) -> dict[str, pa.Array]:
    """Make the columns that locating adds; absent values are null."""
    found = located.index >= 0

    def column(values: NDArray[Any]) -> pa.Array:
        return pa.array([values[i] if i >= 0 else None for i in located.index.tolist()], pa.string())

    return {
        "cell": column(cells.codes),
        **{net: column(cells.labels[net]) for net in cells.nets},
        "method": pa.array(np.array(METHODS)[located.method], pa.string()),
        "border_m": pa.array(np.round(located.border_m, 3), pa.float64(), mask=~found),
    }


def _warn(report: FusionReport) -> None:
    """Say on standard error what was repaired or joined on the way in."""
    for repair in report.repairs:
        place = "" if repair.lon is None else f" at {repair.lon:.6f}, {repair.lat:.6f}"
        reason = f"{repair.unit!r} {repair.reason}{place}"
        text = f"{repair.file}, row {repair.row}, geometry: {reason}; expected a valid polygon"
        console.err.print(f"[yellow]已修复 repaired:[/] {text}", highlight=False)
    for text in report.joined:
        console.err.print(f"[yellow]已合并 joined:[/] {text}", highlight=False)


def _show(report: FusionReport, out: Path) -> None:
    table = Table("图层 layer", "单位 units", "缺口 gaps", "重叠 overlaps", "修复 repaired")
    for net, layer in report.layers.items():
        table.add_row(net, *(f"{value:,}" for value in (layer.units, layer.gaps, layer.overlaps, layer.repaired)))
    console.out.print(table)
    worst = report.worst_unit
    figures = (
        f"{report.cells:,} 单元格 cells",
        f"{report.grids:,} 网格 grids",
        f"面积误差 area error {report.area_error:.1e}",
        f"细条 thin {report.thin_cells} (保留 kept {len(report.thin_kept)})",
        f"消失 vanished {len(report.vanished_units)}",
        f"越界 crossings {len(report.base_crossings)}",
        f"最大变化 worst {worst.net} {worst.unit} {100 * worst.area_change:.3f} %",
        f"{report.seconds:.1f} s",
    )
    console.out.print(" · ".join(figures), highlight=False)
    console.out.print(f"{out / 'report.html'}", highlight=False)
