"""One district with very many open cases: what an event costs inside the desk, and what the book weighs.

    python benchmarks/desk.py [--cases 100000] [--events 20000]

Cases of all categories lie all over one district of config/chengdu, reported over twenty days and in work ever since,
so clocks pass their tiers all the time. Timed are reports, steps of handling, and tiers (a tick's time by how many).
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from grids.city import demo_pack, open_city
from streams.records import Action, Item, Report, Tick
from streams.stages.acceptance import Accepted
from streams.stages.desk.desks import Desks
from streams.stages.intake import route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grids.city import City

DESK = "510104"
DAYS = 20
START = datetime(2026, 3, 2, tzinfo=UTC)
CACHE = Path.home() / ".cache" / "onegrid"


def reports(city: City, count: int, seed: int) -> Iterator[Accepted]:
    """Make incidents of one district, spread over its ground, its categories and the days."""
    rng, points = random.Random(seed), city.inner_points()
    here = np.flatnonzero([place.desk == DESK for place in city.cell_places])
    leaves = city.rules.catalogue.leaves
    for number in range(count):
        lon, lat = points[rng.choice(here)]
        at = START + timedelta(days=DAYS) * (number / count)
        report = Report(
            report_id=f"r{seed}-{number}",
            system="bench",
            system_no=f"{seed}-{number}",
            channel="GRID_WORKER",
            reported_at=at,
            scheme="city",
            category=rng.choice(leaves),
            text=f"{rng.randrange(900)}号门前",
            lon=float(lon) + rng.uniform(-0.0008, 0.0008),
            lat=float(lat) + rng.uniform(-0.0008, 0.0008),
            accuracy_m=8.0,
        )
        yield Accepted(report, at, msgspec.json.encode(report))


def main() -> None:
    """Fill the desk, time events, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=20_000)
    asked = parser.parse_args()
    city = open_city(demo_pack(), CACHE)
    desks, position = Desks(city), 0
    accepted = reports(city, asked.cases + asked.events // 2, 7)
    took: dict[str, list[float]] = {"report": [], "action": [], "tier": []}
    began, fired, weight = time.perf_counter(), 0, _megabytes()
    while batch := list(islice(accepted, 500)):
        for one, routed in zip(batch, route(city, batch), strict=True):
            if getattr(routed, "placement", None) is None or routed.placement.desk != DESK:
                continue
            timed = len(desks[DESK].book.cases) >= asked.cases
            position += 1
            before = time.perf_counter()
            ticked = desks.receive([Item(position, DESK, one.at, Tick(DESK, one.at))])[DESK]
            spent = time.perf_counter() - before
            fired += len(ticked.transitions)
            if timed and ticked.transitions:
                took["tier"].append(spent / len(ticked.transitions))
            position += 1
            before = time.perf_counter()
            effects = desks.receive([Item(position, DESK, one.at, routed)])[DESK]
            spent = time.perf_counter() - before
            opened = [step for step in effects.transitions if step.verb == "DISPATCH"]
            if timed:
                took["report"].append(spent)
            for step in opened:
                for verb in ("SIGN", "START"):
                    position += 1
                    unit = desks[DESK].book.cases[step.case_no].unit
                    fields = {"verb": verb, "actor": "x", "actor_unit": unit, "at": one.at}
                    action = Action(action_id=f"{verb}{position}", case_no=step.case_no, **fields)
                    before = time.perf_counter()
                    desks.receive([Item(position, DESK, one.at, action)])
                    if timed:
                        took["action"].append(time.perf_counter() - before)
    book = desks[DESK].book
    print(f"open cases {len(book.cases):,}; inputs {position:,} in {time.perf_counter() - began:.0f} s with intake")
    print(f"tiers fired {fired:,}; book and city {_megabytes():.0f} MB, before the first case {weight:.0f} MB")
    print("| event | timed | p50 ms | p99 ms | worst ms |\n| --- | --- | --- | --- | --- |")
    for name, spent_s in took.items():
        ms = np.array(spent_s) * 1e3
        print(f"| {name} | {len(ms):,} | {np.median(ms):.3f} | {np.quantile(ms, 0.99):.3f} | {ms.max():.1f} |")


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
