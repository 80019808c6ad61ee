"""How fusion and locating grow with the city: a synthetic one of 5, 20 and 120 thousand micro-grids.

    python benchmarks/grid_scale.py [--grids 5000 20000 120000] [--jobs 2] [--snap 0]

Each size runs in a process of its own, so that its peak memory is its own. The exponent between two sizes is
log(ratio of times) / log(ratio of grids); 1 is linear. Three departments draw with an error of 2 m.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
import shapely

from grids.cells import Cells
from grids.fusion import fuse
from grids.locator import Locator
from grids.raster import compile_locator
from grids.testing import make_city

_SMALL = 20_000


def measure(grids: int, jobs: int, snap_m: float) -> dict[str, float]:
    """Fuse and locate on a city of one size; return the figures."""
    city = make_city(grids, noise_m=2.0)
    polygons = sum(len(layer.ids) for layer in city)
    vertices = int(sum(shapely.get_num_coordinates(layer.geometries).sum() for layer in city))
    # small cities are fused three times and the shortest counts: a busy moment would spoil the exponent
    runs = [fuse(city, base="ZZ", jobs=jobs, snap_m=snap_m) for _ in range(3 if grids <= _SMALL else 1)]
    report = (fusion := min(runs, key=lambda run: run.report.seconds)).report
    with tempfile.TemporaryDirectory() as name:
        fusion.cells.write(Path(name))
        compile_locator(fusion.cells, Path(name))
        begun = perf_counter()
        locator = Locator(Cells.read(Path(name)))
        locator.locate([0.0], [0.0])
        opened = perf_counter() - begun
        west, south, east, north = shapely.total_bounds(fusion.cells.geometry)
        rng = np.random.default_rng(1)
        x, y = rng.uniform(west, east, 1_000_000), rng.uniform(south, north, 1_000_000)
        begun = perf_counter()
        locator.locate_xy(x, y, border=False)
        first = perf_counter() - begun
        begun = perf_counter()
        locator.locate_xy(x, y, border=False)
        again = perf_counter() - begun
    return {
        "grids": len(city[0].ids), "polygons": polygons, "vertices": vertices, "faces": report.faces,
        "cells": report.cells, "seconds": report.seconds, "peak_mb": report.peak_mb, "thin": report.thin_cells,
        "kept": len(report.thin_kept), "vanished": len(report.vanished_units),
        "crossings": len(report.base_crossings), "valid": float(report.coverage_valid),
        "area_error": report.area_error, "worst": report.worst_unit.area_change,
        "open_s": round(opened, 2), "first_mps": round(1.0 / first, 2), "mps": round(1.0 / again, 2),
    }  # fmt: skip


def main() -> None:
    """Run the sizes and print the table and its exponents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grids", type=int, nargs="+", default=[5_000, 20_000, 120_000])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--snap", type=float, default=0.0)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.jobs, arguments.snap)))
        return
    rows = []
    for grids in arguments.grids:
        command = [
            sys.executable,
            __file__,
            "--one",
            str(grids),
            f"--jobs={arguments.jobs}",
            f"--snap={arguments.snap}",
        ]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        if len(rows) == 1:
            print("".join(f"{name:>11}" for name in rows[0]))
        print(
            "".join(f"{value:>11.4g}" if value < 1 else f"{value:>11,.6g}" for value in rows[-1].values()), flush=True
        )
    for small, large in pairwise(rows):
        growth = math.log(large["grids"] / small["grids"])
        time, memory = (math.log(large[name] / small[name]) / growth for name in ("seconds", "peak_mb"))
        print(f"{small['grids']:,} to {large['grids']:,}: exponent of time {time:.2f}, of memory {memory:.2f}")


if __name__ == "__main__":
    main()
