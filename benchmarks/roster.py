"""How fast the nearest worker on duty is found: `python benchmarks/roster.py [--workers 2000]`.

On the demo pack's base layer, which its grids are made of: its own workers, and as many more on the same grids as
asked for. The peer in the same run is a plain search over the workers on duty. Figures of a shared machine scatter:
quote the best run.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from grids.city import City, demo_pack, fuse_pack
from grids.rules import Worker, read_rules
from streams.stages.desk.authority import independent
from streams.stages.desk.roster import Roster

if TYPE_CHECKING:
    from collections.abc import Callable

QUESTIONS = 3000


def quartiles(ask: Callable[[int], object], count: int) -> str:
    """Time questions one by one; return median and 99th percentile."""
    took = []
    for number in range(count):
        started = time.perf_counter()
        ask(number)
        took.append(time.perf_counter() - started)
    median, slow = np.quantile(took, [0.5, 0.99]) * 1e6
    return f"median {median:7.1f} us, p99 {slow:7.1f} us"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2000)
    count = parser.parse_args().workers
    rules = read_rules(demo_pack())
    base = tuple(form for form in rules.layers if form.net == rules.form.base)
    cells = fuse_pack(demo_pack(), dataclasses.replace(rules, layers=base)).cells
    own = rules.workers
    workers = tuple(dataclasses.replace(own[n % len(own)], worker=f"W{n:06d}") for n in range(count))
    city = City(dataclasses.replace(rules, workers=workers), cells)
    started = time.perf_counter()
    roster = Roster(city)
    print(f"{len(roster):,} workers, built in {1e3 * (time.perf_counter() - started):.0f} ms")

    draw, points = random.Random(1), city.inner_points()
    asked = []
    for _ in range(QUESTIONS):
        cell = draw.randrange(len(points))
        moment = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=draw.randrange(7 * 1440))
        grid = str(cells.grids[cell])
        asked.append((*points[cell].tolist(), grid, moment, f"{grid[:9]}-OF"))
    for question in asked:  # once, so that every office's line is known
        roster.nearest(*question)

    def plainly(number: int) -> Worker | None:
        lon, lat, _, at, outside = asked[number]
        now = at.astimezone(city.zone).time()
        free = (
            ((roster._lon[n] - lon) ** 2 * 0.74 + (roster._lat[n] - lat) ** 2, n)  # noqa: SLF001 - the same positions
            for n, one in enumerate(workers)
            if one.shift_from <= now < one.shift_to and independent(rules, outside, one.unit)
        )
        found = min(free, default=None)
        return workers[found[1]] if found else None

    print(f"nearest            {quartiles(lambda n: roster.nearest(*asked[n]), QUESTIONS)}")
    print(f"peer: plain search {quartiles(plainly, 100)}")


if __name__ == "__main__":
    main()
