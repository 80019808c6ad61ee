"""How fast deadlines are reckoned: `python benchmarks/deadlines.py [--count 1000000]`.

On the demo pack's calendar, at random moments of 2025 and 2026: `add` gives a deadline, `elapsed` what a clock has
used. One by one, many at once, and, as a peer in the same run, numpy's own busday_offset, which knows whole working
days but no hours, no make-up days and no microseconds. Figures of a shared machine scatter: quote the best run.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from grids.city import demo_pack
from grids.rules import read_rules
from grids.worktime import HOLIDAY

if TYPE_CHECKING:
    from collections.abc import Callable

SINGLE = 20_000


def best(run: Callable[[], object], times: int = 5) -> float:
    """Return the seconds of the quickest of several runs."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        took.append(time.perf_counter() - started)
    return min(took)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    count = parser.parse_args().count
    calendar = read_rules(demo_pack()).calendar
    started = time.perf_counter()
    calendar.add(datetime(2026, 3, 2, tzinfo=UTC), 1.0, "WORK_HOUR")
    print(f"table of {calendar.days:,} days built in {1e3 * (time.perf_counter() - started):.0f} ms")

    chance = np.random.default_rng(1)
    starts = np.datetime64("2025-01-01", "us") + chance.integers(0, 700 * 86_400 * 10**6, count)
    ends = starts + chance.integers(0, 30 * 86_400 * 10**6, count)
    limits = chance.integers(1, 15 * 8 * 3600, count) * 10**6
    seconds = (limits[:SINGLE] // 10**6).tolist()
    pairs = [
        (a.replace(tzinfo=UTC), b.replace(tzinfo=UTC))
        for a, b in zip(starts[:SINGLE].tolist(), ends[:SINGLE].tolist(), strict=True)
    ]
    for clock in ("WORK_DAY", "NATURAL_DAY"):
        one = best(lambda c=clock: [calendar.add(a, n, c) for (a, _), n in zip(pairs, seconds, strict=True)])
        print(f"{clock:12} add           {1e6 * one / SINGLE:6.2f} us each")
        one = best(lambda c=clock: [calendar.elapsed(a, b, c) for a, b in pairs])
        print(f"{clock:12} elapsed       {1e6 * one / SINGLE:6.2f} us each")
        many = best(lambda c=clock: calendar.add_many(starts, limits, c))
        print(f"{clock:12} add_many      {count / many / 1e6:6.1f} million/s")
        many = best(lambda c=clock: calendar.elapsed_many(starts, ends, c))
        print(f"{clock:12} elapsed_many  {count / many / 1e6:6.1f} million/s")

    same = calendar.add_many(starts[:SINGLE], limits[:SINGLE], "WORK_DAY").tolist()
    single = [calendar.add(start, n, "WORK_DAY") for (start, _), n in zip(pairs, seconds, strict=True)]
    print(f"many at once and one by one give the same: {[one.replace(tzinfo=UTC) for one in same] == single}")
    holidays = [np.datetime64(day) for day, kind in calendar.exceptions.items() if kind == HOLIDAY]
    days, whole_days = starts.astype("M8[D]"), limits // (8 * 3600 * 10**6)
    peer = best(lambda: np.busday_offset(days, whole_days, roll="forward", holidays=holidays))
    print(f"peer: numpy.busday_offset  {count / peer / 1e6:6.1f} million/s, whole days only")


if __name__ == "__main__":
    main()
