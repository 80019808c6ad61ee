"""How many reports the embedded host takes through both stages, on disk, and how long one takes over HTTP.

    .venv/bin/python benchmarks/embedded.py [REPORTS] [--http SECONDS]

The whole path: journal, intake, inbox, desk, effects record with its hash chain, board, in transactions with full
sync. Reports only, of the demo city, accepted within seconds of each other, in batches of 500. Beside the rate by the
clock stands that by processor time, which a busy machine does not stretch as much; below it, the same batches put
into a file alone, the floor under it all. With --http a server of its own is offered 500 reports a second, one a
request; `routed` is when its case, with its unit, can be read on the board.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from grids.city import City, demo_pack, open_city
from streams.cli.places import cache_dir
from streams.cli.simulate import MONDAY, arrivals_of, first_moment
from streams.hosts.embedded import EmbeddedHost, Store
from streams.hosts.embedded.memory import settle
from streams.hosts.embedded.store import FILE
from streams.inlets.lines import read_line
from streams.inlets.simulator import simulate
from streams.records import DeadLetter
from streams.stages.acceptance import Accepted

BATCH = 500
RATE = 500
"""Reports a second that are offered over HTTP."""

CALLERS = 64
"""Connections that they come on."""


def reports(city: City, count: int) -> list[Accepted]:
    """Make reports of a simulated day, accepted a fifth of a millisecond apart."""
    start = first_moment(city, MONDAY)
    arrivals = arrivals_of(simulate(city, start=start, days=1, seed=1, rate=min(count, 20_000)))
    good = [one for one in (read_line(a.line, a.at) for a in arrivals) if not isinstance(one, DeadLetter)]
    found = []
    for number in range(count):
        report = good[number % len(good)].report
        report = msgspec.structs.replace(report, report_id=f"r{number}", system_no=f"{number}")
        at = start + timedelta(days=1, microseconds=200 * number)
        found.append(Accepted(report, at, msgspec.json.encode(report)))
    return found


def timed(work: object, batch: list[Accepted], name: str) -> None:
    """Do something with each batch, and print how fast."""
    assert callable(work)
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(batch), BATCH):
        work(batch[first : first + BATCH])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    count = len(batch)
    print(f"{name:<34}{count / wall:>10,.0f}/s{count / cpu:>12,.0f}/s of processor time", flush=True)


def whole_path(city: City, batch: list[Accepted]) -> None:
    """Time the host, and the file alone."""
    folder = Path(tempfile.mkdtemp(prefix="onegrid-bench-"))
    try:
        host = EmbeddedHost(city, folder / "host", batch[0].at)
        host.drain()
        host.accept(batch[:BATCH])
        host.drain()

        def through(some: list[Accepted]) -> None:
            host.accept(some)
            host.drain()

        timed(through, batch[BATCH:], "whole path, batches of 500")
        size = host.store.log.last()
        bodies = [bytes(body) for (body,) in host.store.db.execute("SELECT body FROM effects LIMIT 50")]
        print(f"{size:,} records of {sum(map(len, bodies)) / len(bodies) / 1000:.0f} kB")
        host.close()

        store = Store(folder / "file")

        def written(some: list[Accepted]) -> None:
            with store.transaction():
                store.add_reports((one.report.report_id, one.at, one.original) for one in some)
            with store.transaction():
                store.db.executemany("INSERT INTO effects (body) VALUES (?)", [(body,) for body in bodies[5:10]])

        timed(written, batch[BATCH:], "journal and records written alone")
        store.close()
    finally:
        shutil.rmtree(folder)


class Caller:
    """Posts one report after another on one connection: a client light enough not to be what is measured."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def open(self) -> None:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def post(self, report: Accepted) -> str:
        """Post a report as made now; return its id once it is on disk."""
        now = datetime.now(UTC)
        body = msgspec.json.encode(
            msgspec.structs.replace(report.report, report_id="", reported_at=now, occurred_at=now)
        )
        head = f"POST /v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        said = await self.reader.readuntil(b"\r\n\r\n")
        length = int(said.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        answer = msgspec.json.decode(await self.reader.readexactly(length))
        assert said.startswith(b"HTTP/1.1 202"), answer
        return str(answer["results"][0]["report_id"])


async def watch(file: Path, seen: dict[str, float], wanted: int) -> None:
    """Note when each report is in a case on the board, or a dead letter, by looking every few milliseconds."""
    db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    last = dead = 0
    while len(seen) < wanted:
        await asyncio.sleep(0.004)
        for row, body in db.execute("SELECT rowid, body FROM cases WHERE rowid > ? ORDER BY rowid", (last,)):
            last = row
            for name in msgspec.json.decode(body, type=Routed).reports:
                seen.setdefault(name, time.perf_counter())
        for position, name in db.execute("SELECT position, id FROM dead_letters WHERE position > ?", (dead,)):
            dead = position
            seen.setdefault(name, time.perf_counter())
    db.close()


class Routed(msgspec.Struct):
    """What the watcher reads of a case."""

    reports: list[str]


Watcher = Callable[[dict[str, float], int], Coroutine[None, None, None]]
"""Notes in a dictionary when each of so many reports is routed."""


async def offer(port: int, watching: Watcher, batch: list[Accepted], rate: int) -> None:
    """Offer reports at a rate, one a request, and print how long each took to be on disk and to be routed."""
    idle: asyncio.Queue[Caller] = asyncio.Queue()
    for _ in range(CALLERS):
        caller = Caller(port)
        await caller.open()
        idle.put_nowait(caller)
    sent: dict[str, float] = {}
    seen: dict[str, float] = {}
    answered: list[float] = []
    watcher = asyncio.create_task(watching(seen, len(batch)))

    async def one(report: Accepted, begun: float) -> None:
        caller = await idle.get()
        name = await caller.post(report)
        idle.put_nowait(caller)
        sent[name] = begun
        answered.append(time.perf_counter() - begun)

    start, tasks = time.perf_counter(), []
    for number, report in enumerate(batch):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one(report, start + number / rate)))
    await asyncio.gather(*tasks)
    wall = time.perf_counter() - start
    await asyncio.wait_for(watcher, 60)
    routed = [seen[name] - begun for name, begun in sent.items()]
    for name, took in (("POST to answer", answered), ("POST to routed", routed)):
        half, most, all_but = np.quantile(took, [0.5, 0.95, 0.99]) * 1000
        print(
            f"{name:<34}{half:>8.0f} ms{most:>8.0f} ms{all_but:>8.0f} ms   at {len(batch) / wall:,.0f}/s", flush=True
        )


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def over_http(city: City, seconds: int) -> None:
    """Time a server of its own."""
    folder = Path(tempfile.mkdtemp(prefix="onegrid-bench-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-c", "from streams.cli import main; main()", "run", "--json", "--port", str(port)]
    command += ["--city", str(demo_pack()), "--data", str(folder)]
    server = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        batch = reports(city, RATE * seconds)
        print(f"{'over HTTP':<34}{'median':>11}{'95 %':>11}{'99 %':>11}")
        before = processor_seconds(server.pid)
        asyncio.run(offer(port, partial(watch, folder / FILE), batch, RATE))
        used = (processor_seconds(server.pid) - before) / len(batch)
        print(f"the server used {used * 1000:.2f} ms of processor time a report: one core takes {1 / used:,.0f}/s")
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(folder)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="?", type=int, default=20_000)
    parser.add_argument("--http", type=int, default=0, metavar="SECONDS")
    asked = parser.parse_args()
    city = open_city(demo_pack(), cache_dir())
    city.locator.locate([0.0], [0.0])
    assert city.cell_places
    if asked.http:
        over_http(city, asked.http)
    else:
        settle()
        whole_path(city, reports(city, asked.reports))


if __name__ == "__main__":
    main()
