"""How long `onegrid run` takes from nothing to answering /readyz, once its pack is compiled.

    python benchmarks/start.py [--grids 120000] [--times 5] [--keep DIR]

For config/chengdu and for a synthetic city of so many micro-grids (and the rest of Chengdu's pack). Compiling the
large city takes about two minutes; with --keep it is done once, and found again in DIR.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep
from urllib.error import URLError
from urllib.request import urlopen

import geopandas as gpd

from grids.city import demo_pack, open_city
from grids.testing import make_city

ONEGRID = Path(sys.executable).with_name("onegrid")


def write_large(directory: Path, grids: int) -> Path:
    """Write Chengdu's pack with the layers of a synthetic city instead of its own."""
    shutil.copytree(demo_pack(), directory, ignore=shutil.ignore_patterns("layers", "layers.toml"))
    (directory / "layers").mkdir()
    tables = []
    for layer in make_city(grids):
        name = f"layers/{layer.net.lower()}.parquet"
        frame = gpd.GeoDataFrame({"code": layer.ids, "community": layer.parents}, geometry=layer.geometries)
        frame.set_crs(layer.crs).to_parquet(directory / name)
        parent = 'parent = "community"\n' if layer.net == "ZZ" else ""
        tables.append(f'[[layer]]\nnet = "{layer.net}"\nfile = "{name}"\nid = "code"\ndatum = "CGCS2000"\n{parent}')
    (directory / "layers.toml").write_text("\n".join(tables), encoding="utf-8")
    return directory


def started(pack: Path, cache: Path) -> float:
    """Start the service on a new data folder; return the seconds until it is ready, and stop it."""
    with tempfile.TemporaryDirectory() as data:
        command = [ONEGRID, "run", "--city", pack, "--data", data, "--port", "0", "--json"]
        begun = perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, "ONEGRID_CACHE": str(cache)}
        ) as service:
            assert service.stdout is not None
            try:
                url = json.loads(service.stdout.readline())["url"]
                while not ready(url):
                    sleep(0.005)
                return perf_counter() - begun
            finally:
                service.send_signal(signal.SIGTERM)


def ready(url: str) -> bool:
    """Ask whether the service takes reports in."""
    try:
        with urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except URLError:
        return False


def main() -> None:
    """Compile both packs, start each several times, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grids", type=int, default=120_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="onegrid-start-"))
    try:
        large = folder / f"city-{arguments.grids}"
        if not large.is_dir():
            write_large(large, arguments.grids)
        print(f"to /readyz, {arguments.times} starts")
        print(f"{'pack':<16}{'cells':>10}{'median s':>10}{'least':>8}{'most':>8}")
        for pack in (demo_pack(), large):
            cells = len(open_city(pack, folder / "cache").cells)
            took = [started(pack, folder / "cache") for _ in range(arguments.times)]
            figures = f"{statistics.median(took):>10.2f}{min(took):>8.2f}{max(took):>8.2f}"
            print(f"{pack.name:<16}{cells:>10,}{figures}", flush=True)
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
