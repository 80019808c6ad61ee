"""Taking over a partition that holds many open cases, and draining a long backlog, on a real Kafka.

    .venv/bin/python -m benchmarks.cluster_recovery [--cases 50000] [--backlog 1000000] [--only takeover]

Takeover: one partition, filled by a worker until so many cases are open; then reports flow on, the worker is killed,
and another one takes the partition over from snapshot and tail. Its own metric says how long that took.

Backlog: so many reports wait before the worker starts. What is drained must not stay in memory, so these are reports
that leave no open case: seen to on the spot, over five years, so that the desk forgets the old ones. The resident
memory of the worker is looked at as it drains.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.cluster_throughput import Watch, counter
from grids.city import demo_pack, open_city
from streams.cli.places import cache_dir
from streams.envelope import Entry, seal
from streams.hosts.kafka.packs import activate
from streams.ledger.kafka import Writer, partitions_of
from streams.topics import REPORTS, partition_of, report_key
from tests.cluster.reports import lines_of
from tests.conformance.clusters import Workers
from tests.servers import Brokers, clean_topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.settings import ClusterSettings

BACKLOG_DAYS = 1825

TURN = 20_000
"""Reports after which all that wait for their message to be full are sent: so none comes much out of its time."""


def put(settings: ClusterSettings, reports: Iterable[tuple[datetime, dict[str, object]]]) -> None:
    """Put reports into the topic in their order, a hundred a message."""
    writer, partitions = Writer(settings.client()), partitions_of(settings.client(), REPORTS)
    waiting: dict[str, list[Entry]] = {}

    def send() -> None:
        flying = []
        for key, entries in waiting.items():
            flying += [writer.send(REPORTS, partition_of(key, partitions), one, key) for one in seal(entries)]
        waiting.clear()
        for one in flying:
            writer.landed(*one)

    for number, (at, report) in enumerate(reports, start=1):
        key = report_key(str(report["system"]), str(report["system_no"]))
        entries = waiting.setdefault(key, [])
        entries.append(Entry(at, msgspec.Raw(msgspec.json.encode(report))))
        if number % TURN == 0:
            send()
    send()
    writer.close()


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def takeover(brokers: Brokers, folder: Path, cases: int) -> None:
    """Print how long a worker takes to take over what another one has left."""
    settings = clean_topics(brokers.address, 1)
    city, chance = open_city(demo_pack(), cache_dir()), random.Random(1)
    spots = city.inner_points()
    leaves = [leaf for leaf in city.rules.catalogue.leaves if leaf.startswith("E")]
    wanted = round(cases * 1.02)  # a few are merged

    def reports(first: int, count: int) -> Iterable[tuple[datetime, dict[str, object]]]:
        for number in range(first, first + count):
            now = datetime.now(UTC)
            lon, lat = spots[chance.randrange(len(spots))]
            said = {"system": "bench", "system_no": f"{number}", "channel": "GRID_WORKER", "report_id": f"r{number}"}
            kind = {"scheme": "city", "category": leaves[chance.randrange(len(leaves))]}
            where = {"lon": float(lon), "lat": float(lat), "datum": "WGS84", "text": f"Bench street {number}"}
            yield now, {**said, **kind, **where, "reported_at": now.isoformat()}

    put(settings, reports(0, wanted))
    with Workers(settings, [demo_pack()], folder) as workers:
        (worker,) = workers.start(1)
        watch = Watch([workers.ports[worker.pid]], "onegrid_inputs")
        watch.start()
        watch.until(wanted)
        put(settings, reports(wanted, 4000))
        time.sleep(1.5)  # in the middle of these
        opened = round(counter(workers.ports[worker.pid], "onegrid_transitions", verb="DISPATCH"))
        worker.kill()
        worker.wait()
        workers.running.remove(worker)
        began = time.monotonic()
        (worker,) = workers.start(1)
        port = workers.ports[worker.pid]
        while not (counted := counter(port, "onegrid_takeover_seconds", "_count")):
            time.sleep(0.1)
        took = counter(port, "onegrid_takeover_seconds", "_sum") / counted
        whole = time.monotonic() - began
        print(
            f"taking over {opened:,} dispatched cases: {took:.1f} s, {whole:.1f} s after the process started",
            flush=True,
        )


def backlog(brokers: Brokers, folder: Path, count: int) -> None:
    """Print the memory of a worker as it drains a backlog: years of what was seen to on the spot, in their order.

    One partition, since from several the first one's last year would come before the second one's first.
    """
    settings = clean_topics(brokers.address, 1)
    lines = [msgspec.json.decode(line) for line in lines_of(demo_pack(), 20_000)]
    start = datetime.now(UTC) - timedelta(days=BACKLOG_DAYS)
    writer = Writer(settings.client())
    activate(settings.client(), writer, open_city(demo_pack(), cache_dir()), start)  # desks' time begins there
    writer.close()

    def reports() -> Iterable[tuple[datetime, dict[str, object]]]:
        for number in range(count):
            at = start + timedelta(days=BACKLOG_DAYS * number / count)
            said = {"report_id": f"r{number}", "system_no": f"{number}", "self_handled": True}
            moment = dict.fromkeys(("reported_at", "occurred_at", "source_updated_at"), at.isoformat())
            yield at, {**lines[number % len(lines)], **said, **moment}

    put(settings, reports())
    print(f"{count:,} reports wait", flush=True)
    with Workers(settings, [demo_pack()], folder) as workers:
        (worker,) = workers.start(1)
        port, seen, began = workers.ports[worker.pid], {}, time.monotonic()
        for share in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0):
            while counter(port, "onegrid_inputs") < share * count:
                time.sleep(0.5)
            seen[share] = resident_mb(worker.pid)
            print(f"{share:>5.0%} {seen[share]:>8,.0f} MB after {time.monotonic() - began:,.0f} s", flush=True)
    print(f"memory at the end to memory at 20 %: {seen[1.0] / seen[0.2]:.2f}", flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--backlog", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["takeover", "backlog"])
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onegrid-bench-") as folder:
        brokers = Brokers(Path(folder) / "kafka")
        try:
            if said.only != "backlog":
                takeover(brokers, Path(folder), said.cases)
            if said.only != "takeover":
                backlog(brokers, Path(folder), said.backlog)
        finally:
            brokers.down()


if __name__ == "__main__":
    main()
