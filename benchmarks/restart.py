"""How long an embedded host takes to open a folder, by what lies in it.

    .venv/bin/python benchmarks/restart.py [CASES]

Fills a folder with open cases of the demo city (100,000 by default), and opens it with the snapshot that a clean
stop leaves, with a snapshot and a tail of 2,000 reports as after a kill, and from the whole log alone. Opening must
cost what is open and the tail, not the length of the log: so the same is done behind twice as many cases that were
closed a hundred days before. The city is open already.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import msgspec

from grids.city import City, demo_pack, open_city
from streams.cli.places import cache_dir
from streams.cli.simulate import MONDAY, arrivals_of, first_moment
from streams.hosts.embedded import EmbeddedHost
from streams.inlets.lines import read_line
from streams.inlets.simulator import simulate
from streams.records import DeadLetter
from streams.stages.acceptance import Accepted

TAIL = 2000
BATCH = 500


def reports(city: City, count: int, *, closed: bool = False) -> list[Accepted]:
    """Make a busy hour: reports of a simulated day, accepted a millisecond apart, under numbers of their own.

    `closed` makes them self-handled, a hundred days earlier.
    """
    start = first_moment(city, MONDAY)
    arrivals = arrivals_of(simulate(city, start=start, days=1, seed=1, rate=5000))
    good = [one for one in (read_line(a.line, a.at) for a in arrivals) if not isinstance(one, DeadLetter)]
    found = []
    for number in range(count):
        report = good[number % len(good)].report
        name = f"{'closed' if closed else 'open'}-{number}"
        report = msgspec.structs.replace(report, report_id=name, system_no=name, self_handled=closed)
        at = start + timedelta(days=1 - 100 * closed, milliseconds=number)
        found.append(Accepted(report, at, msgspec.json.encode(report)))
    return found


def feed(host: EmbeddedHost, batch: list[Accepted]) -> None:
    """Let reports through both stages."""
    for first in range(0, len(batch), BATCH):
        host.accept(batch[first : first + BATCH])
        host.drain()


def opened(city: City, folder: Path, at: Accepted) -> tuple[float, EmbeddedHost]:
    """Open a folder; return the seconds that it took."""
    started = time.perf_counter()
    host = EmbeddedHost(city, folder, at.at)
    return time.perf_counter() - started, host


def main(count: int) -> None:
    """Print the table."""
    city = open_city(demo_pack(), cache_dir())
    city.locator.locate([0.0], [0.0])
    batch, past = reports(city, count + TAIL), reports(city, 2 * count, closed=True)
    print(f"{'log':<28}{'log MB':>8}{'snapshot MB':>13}{'snapshot':>10}{'and tail':>10}{'whole log':>11}")
    for name, history in (("open cases", []), ("behind closed ones", past)):
        folder = Path(tempfile.mkdtemp(prefix="onegrid-restart-"))
        try:
            _, host = opened(city, folder, past[0])
            feed(host, history)
            feed(host, batch[:count])
            host.snapshot()
            host.close()
            alone, host = opened(city, folder, batch[0])
            feed(host, batch[count:])
            sizes = [
                host.store.db.execute(f"SELECT SUM(LENGTH(body)) / 1e6 FROM {table}").fetchone()[0]
                for table in ("effects", "snapshots")
            ]
            host.close()
            tail, host = opened(city, folder, batch[0])
            host.store.db.execute("DELETE FROM snapshots")
            host.close()
            whole, host = opened(city, folder, batch[0])
            host.close()
        finally:
            shutil.rmtree(folder)
        print(f"{name:<28}{sizes[0]:>8.0f}{sizes[1]:>13.0f}{alone:>8.2f} s{tail:>8.2f} s{whole:>9.2f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
