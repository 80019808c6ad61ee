"""What the gateway of the embedded host takes: single reports, lines, and slow callers beside quick ones.

    .venv/bin/python benchmarks/gateway.py [--seconds N] [--lines N] [--only single|lines|slow]

A server of its own, on its own port and folder, with the demo city. `single` offers 500 reports a second, one a
request on 64 connections; `lines` sends NDJSON in one request, and in four at once; `slow` lets 200 callers send a
byte now and then while `single` goes on. Times are of the caller, a process of its own on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from grids.city import City, demo_pack, open_city
from streams.cli.places import cache_dir
from streams.cli.simulate import MONDAY, arrivals_of, first_moment
from streams.inlets.lines import read_line
from streams.inlets.simulator import simulate
from streams.records import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE, CALLERS, SLOW = 500, 64, 200


def bodies(city: City, count: int) -> list[bytes]:
    """Make reports of a simulated day, each with a number of its own, as made now."""
    start = first_moment(city, MONDAY)
    arrivals = arrivals_of(simulate(city, start=start, days=1, seed=1, rate=min(count, 5000)))
    good = [one.report for a in arrivals if not isinstance(one := read_line(a.line, a.at), DeadLetter)]
    now, run = datetime.now(UTC), os.urandom(4).hex()
    return [
        msgspec.json.encode(
            msgspec.structs.replace(
                good[n % len(good)], report_id="", system_no=f"{run}-{n}", reported_at=now, occurred_at=now
            )
        )
        for n in range(count)
    ]


@contextmanager
def server() -> Iterator[tuple[int, int]]:
    """Run a server; yield its port and process."""
    folder = Path(tempfile.mkdtemp(prefix="onegrid-bench-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-c", "from streams.cli import main; main()", "run", "--json", "--port", str(port)]
    command += ["--city", str(demo_pack()), "--data", str(folder)]
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(120)
        shutil.rmtree(folder)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def post(link: tuple[asyncio.StreamReader, asyncio.StreamWriter], body: bytes) -> None:
    """Post one report on a connection."""
    reader, writer = link
    writer.write(b"POST /v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    said = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(said.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
    assert said.startswith(b"HTTP/1.1 202"), said


async def single(port: int, batch: list[bytes]) -> list[float]:
    """Offer reports at the rate, one a request; return how long each took from when it was due."""
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CALLERS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    took: list[float] = []

    async def one(body: bytes, due: float) -> None:
        link = await idle.get()
        await post(link, body)
        idle.put_nowait(link)
        took.append(time.perf_counter() - due)

    start, tasks = time.perf_counter(), []
    for number, body in enumerate(batch):
        await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
        tasks.append(asyncio.create_task(one(body, start + number / RATE)))
    await asyncio.gather(*tasks)
    return took


async def slowly(port: int, stop: asyncio.Event) -> int:
    """Let callers send a byte every now and then, until told to stop; return how many were still connected."""
    links = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SLOW)]
    for _, writer in links:
        writer.write(b"POST /v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n{")
    while not stop.is_set():
        await asyncio.sleep(0.5)
        for _, writer in links:
            writer.write(b" ")
    alive = sum(not reader.at_eof() for reader, _ in links)
    for _, writer in links:
        writer.close()
    return alive


def say(name: str, took: list[float]) -> None:
    """Print a row."""
    half, most, all_but = np.quantile(took, [0.5, 0.95, 0.99]) * 1000
    print(f"{name:<38}{half:>9.1f} ms{most:>9.1f} ms{all_but:>9.1f} ms   {len(took):,} reports", flush=True)


def lines(port: int, pid: int, batch: list[bytes], at_once: int) -> None:
    """Send lines in so many requests at once, and print how fast they were on disk."""
    parts = [b"\n".join(batch[part::at_once]) for part in range(at_once)]
    taken: list[int] = []

    def send(body: bytes) -> None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        link.request("POST", "/v1/reports", body, {"Content-Type": "application/x-ndjson"})
        answer = link.getresponse()
        said = msgspec.json.decode(answer.read())
        assert answer.status == 202, said
        taken.append(sum("report_id" in one for one in said["results"]))
        link.close()

    threads = [threading.Thread(target=send, args=(part,)) for part in parts]
    used, began = processor_seconds(pid), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, used = time.perf_counter() - began, processor_seconds(pid) - used
    assert sum(taken) == len(batch)
    print(
        f"{f'lines, {at_once} requests at once':<38}{len(batch) / wall:>10,.0f}/s by the clock"
        f"{len(batch) / used:>12,.0f}/s of processor time (desk's work in it)",
        flush=True,
    )


async def beside(port: int, batch: list[bytes]) -> None:
    """Print how long single reports take beside slow callers."""
    stop = asyncio.Event()
    slow = asyncio.create_task(slowly(port, stop))
    await asyncio.sleep(1)
    took = await single(port, batch)
    stop.set()
    say(f"one a request, beside {SLOW} slow callers", took)
    print(f"{await slow} of {SLOW} slow callers are still served", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--lines", type=int, default=60_000)
    parser.add_argument("--only", choices=["single", "lines", "slow"], default="")
    asked = parser.parse_args()
    city = open_city(demo_pack(), cache_dir())
    print(f"{'POST to answer':<38}{'median':>12}{'95 %':>12}{'99 %':>12}")
    if asked.only in ("", "single"):
        with server() as (port, _):
            say("one a request, 500 a second", asyncio.run(single(port, bodies(city, RATE * asked.seconds))))
    if asked.only in ("", "slow"):
        with server() as (port, _):
            asyncio.run(beside(port, bodies(city, RATE * asked.seconds)))
    if asked.only in ("", "lines"):
        for at_once in (1, 4):
            with server() as (port, pid):
                lines(port, pid, bodies(city, asked.lines), at_once)


if __name__ == "__main__":
    main()
