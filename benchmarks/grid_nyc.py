"""Four departments' layers of New York: fusion against geopandas.overlay, locating against sjoin and SedonaDB.

    python benchmarks/grid_nyc.py [--overlay] [--points 1000000]

Ratios are measured side by side in this one run; the absolute figures are this machine's at this moment. `--overlay`
adds the chained overlay, which takes minutes. SedonaDB is compared where it is installed (`pip install '.[bench]'`).
Needs the layers of DATA.md (ONEGRID_SHARED_DATA).
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from grids.cells import Cells
from grids.fusion import fuse
from grids.layers import read_layer
from grids.locator import Locator
from grids.projection import WGS84
from grids.raster import compile_locator

if TYPE_CHECKING:
    from collections.abc import Callable

    from grids.fusion import Fusion

DATA = Path(os.environ.get("ONEGRID_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")) / "nyc"
LAYERS = {
    "CD": ("community_districts", "BoroCD"),
    "PP": ("police_precincts", "Precinct"),
    "FB": ("fire_battalions", "FireBN"),
    "SD": ("school_districts", "SchoolDist"),
}


SQUARE_FOOT = 0.09290304


def say(what: str, figure: str) -> None:
    """Print one line of the table."""
    print(f"{what:<58}{figure}", flush=True)


def timed(work: Callable[[], Any], times: int = 1) -> tuple[Any, float]:
    """Return what `work` gives and its shortest time of several."""
    best, found = float("inf"), None
    for _ in range(times):
        begun = perf_counter()
        found = work()
        best = min(best, perf_counter() - begun)
    return found, best


def fused() -> Fusion:
    """Read and fuse the four layers."""
    layers = [
        read_layer(DATA / "layers" / f"{name}.geojson", net, field, join_parts=True)
        for net, (name, field) in LAYERS.items()
    ]
    return fuse(layers, base="CD")


def overlaid() -> gpd.GeoDataFrame:
    """What a GIS person does: read, project, mend, overlay one after the other."""
    found = None
    for net, (name, field) in LAYERS.items():
        frame = gpd.read_file(DATA / "layers" / f"{name}.geojson")[[field, "geometry"]].to_crs(32618)
        frame["geometry"] = shapely.make_valid(frame.geometry.values, method="structure", keep_collapsed=False)
        frame = frame.rename(columns={field: net}).dissolve(net).reset_index()
        found = frame if found is None else gpd.overlay(found, frame, how="union", keep_geom_type=True)
    return found


def fusing(*, overlay: bool) -> Fusion:
    """Measure the fusion."""
    fusion, seconds = timed(fused, 3)
    report = fusion.report
    say("fusion, reading included (best of 3)", f"{seconds:.2f} s")
    say("  cells, label tuples, faces", f"{report.cells}, {report.label_tuples}, {report.faces}")
    say("  area error", f"{report.area_error:.1e}")
    say("  thin cells, thin kept", f"{report.thin_cells}, {len(report.thin_kept)}")
    figures = f"{report.coverage_valid}, {len(report.vanished_units)}, {len(report.base_crossings)}"
    say("  coverage valid, vanished, base crossings", figures)
    worst = report.worst_unit
    say("  worst unit", f"{worst.net} {worst.unit} {100 * worst.area_change:.3f} %")
    if overlay:
        pieces, chained = timed(overlaid)
        width = 2.0 * pieces.area / pieces.length
        say("chained geopandas.overlay", f"{chained:.1f} s, {len(pieces)} pieces, {(width < 5).sum()} under 5 m")
        say("fusion is faster by", f"{chained / seconds:.0f} times")
    return fusion


def crosswalk(fusion: Fusion) -> None:
    """Compare the pairs of units with the city's own table."""
    known = {"fb": fusion.pairs.between("CD", "FB"), "pp": fusion.pairs.between("CD", "PP")}
    with (DATA / "crosswalk" / "cd_long_crosswalk.csv").open(encoding="utf-8-sig") as stream:
        rows = [row for row in list(csv.reader(stream))[1:] if row[2] in known]
    for kind, name in (("fb", "battalions"), ("pp", "precincts")):
        mine = [row for row in rows if row[2] == kind]
        missed = [row for row in mine if (row[1], row[3]) not in known[kind]]
        say(f"the city's pairs of districts and {name}", f"{len(mine) - len(missed)} of {len(mine)}")
        for row in missed:
            area = float(row[5]) * SQUARE_FOOT
            say(f"  not found: {row[1]} / {row[3]}, by the city's table of 2025", f"{area:,.0f} m2")


def locating(cells: Cells, count: int) -> None:
    """Measure the locator against others, on random points of the city's ground; those in the water are easy."""
    rng = np.random.default_rng(1)
    west, south, east, north = gpd.GeoSeries(cells.geometry, crs=cells.crs).to_crs(WGS84).total_bounds
    locator, built = timed(lambda: Locator(cells))
    lon, lat = rng.uniform(west, east, 4 * count), rng.uniform(south, north, 4 * count)
    ground = np.flatnonzero(locator.locate(lon, lat, border=False).index >= 0)[:count]
    lon, lat = lon[ground], lat[ground]
    say("locator: built", f"{built:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        cells.write(Path(folder))
        compile_locator(cells, Path(folder))
        _, opened = timed(lambda: Locator(Cells.read(Path(folder))).locate([0.0], [0.0]), 3)
        say("locator: compiled, opened", f"{opened:.3f} s")
    _, ours = timed(lambda: locator.locate(lon, lat, border=False), 5)
    say("locator, one core, projection included", f"{count / ours / 1e6:.2f} million points/s")
    _, measured = timed(lambda: locator.locate(lon, lat), 2)
    say("locator with distances to borders", f"{count / measured / 1e6:.2f} million points/s")
    single = []
    for x, y in zip(lon[:3000].tolist(), lat[:3000].tolist(), strict=True):
        begun = perf_counter()
        locator.locate_one(x, y)
        single.append(perf_counter() - begun)
    say("one point, with its distance, median", f"{1e6 * float(np.median(single)):.0f} us")
    frame = gpd.GeoDataFrame({"cell": cells.codes}, geometry=cells.geometry, crs=cells.crs).to_crs(WGS84)

    def joined() -> gpd.GeoDataFrame:
        points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat), crs=WGS84)
        return gpd.sjoin(points, frame, how="left", predicate="within")

    _, theirs = timed(joined, 2)
    say("geopandas.sjoin", f"{count / theirs / 1e6:.2f} million points/s; ours {theirs / ours:.1f} times as fast")
    sedona(lon, lat, frame, ours)
    exact(locator, cells, count)


def sedona(lon: Any, lat: Any, frame: gpd.GeoDataFrame, ours: float) -> None:
    """Measure SedonaDB on one partition, where it is installed."""
    try:
        import sedonadb  # noqa: PLC0415 - an engine to compare with, not a dependency
    except ImportError:
        say("SedonaDB", "not installed: pip install '.[bench]'")
        return
    engine = sedonadb.connect()
    engine.sql("SET datafusion.execution.target_partitions = 1")
    engine.create_data_frame(frame).to_memtable().to_view("cells")
    engine.create_data_frame(pd.DataFrame({"x": lon, "y": lat})).to_memtable().to_view("raw")
    query = (
        "SELECT count(*) AS n FROM (SELECT ST_SetSRID(ST_Point(x, y), 4326) AS p FROM raw) q "
        "JOIN cells ON ST_Intersects(cells.geometry, q.p)"
    )
    (count, seconds) = timed(lambda: int(engine.sql(query).to_pandas()["n"][0]), 3)
    rate = f"{len(lon) / seconds / 1e6:.2f} million points/s ({count} found)"
    say("SedonaDB, one partition, counting only", f"{rate}; ours {seconds / ours:.1f} times as fast")


def exact(locator: Locator, cells: Cells, count: int) -> None:
    """Compare with shapely.covers, lowest code first, on scattered points, vertices and middles of borders."""
    rng = np.random.default_rng(2)
    west, south, east, north = shapely.total_bounds(cells.geometry)
    xy = shapely.get_coordinates(cells.geometry)
    picked = rng.integers(0, len(xy) - 1, 5000)
    middles = np.round((xy[picked] + xy[picked + 1]) / 2.0, 2)
    scattered = np.column_stack((rng.uniform(west, east, count), rng.uniform(south, north, count)))
    x, y = np.concatenate((xy[rng.integers(0, len(xy), 10_000)], middles, scattered))[:count].T
    points = shapely.points(x, y)
    shapely.prepare(cells.geometry)
    cell, point = shapely.STRtree(points).query(cells.geometry, predicate="covers")
    lowest = np.full(len(points), len(cells))
    np.minimum.at(lowest, point, cell)
    expected = np.where(lowest == len(cells), -1, lowest)
    differ = int((locator.locate_xy(x, y, border=False).index != expected).sum())
    say(f"answers that differ from shapely.covers, of {len(x):,}", str(differ))


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--overlay", action="store_true", help="also the chained overlay (minutes)")
    parser.add_argument("--points", type=int, default=1_000_000)
    arguments = parser.parse_args()
    if not (DATA / "layers").is_dir():
        sys.exit(f"no layers at {DATA}; set ONEGRID_SHARED_DATA")
    fusion = fusing(overlay=arguments.overlay)
    crosswalk(fusion)
    locating(fusion.cells, arguments.points)
    say("peak memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
