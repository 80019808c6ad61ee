"""How fast one worker routes reports and keeps desks on a real Kafka, beside a raw loop that does the same work.

    .venv/bin/python -m benchmarks.cluster_throughput [--reports 200000] [--recorded 9000]

Worker and loop are pinned to one core, the broker and this program to the others. The loop is confluent-kafka's C
client around the very function that the worker's intake calls, on the same envelopes; that both have put the same
into the inbox is held against a checksum. `Kafka alone` is the loop without that function: what no intake on this
core could exceed. Desks work on what intake has put there, and on a recorded inbox in which
actions, acknowledgements and ticks outnumber reports, as they do in a city. Rates are taken between the first tenth
and the end. `two workers` says something only where each has a core of its own besides the broker's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from grids.city import demo_pack, open_city
from streams.cli.places import cache_dir
from streams.envelope import Entry, seal, unseal
from streams.hosts.kafka.intake import Intake
from streams.hosts.kafka.metrics import WorkerMetrics
from streams.hosts.kafka.packs import Bundles, Orders, activate
from streams.ledger.kafka import Reader, Writer, partitions_of
from streams.topics import DEAD_LETTERS, DESK, REPORTS, partition_of, report_key
from tests.cluster.reports import lines_of
from tests.conformance.clusters import Workers, put
from tests.conformance.recording import START, record
from tests.servers import Brokers, clean_topics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streams.hosts.kafka.sender import Mail
    from streams.settings import ClusterSettings

CORES = sorted(os.sched_getaffinity(0))
MINE, REST = {CORES[0]}, set(CORES[1:]) or {CORES[0]}
WARM = 0.1
"""The share that is not timed: connections, caches, the first look at each cell."""

ROUNDS = 3
"""Times that one worker and two are measured in turn: a machine's speed wanders, and so does its ratio to itself."""

PARTITIONS = 12


def fill(settings: ClusterSettings, lines: Sequence[bytes], count: int) -> None:
    """Put so many reports into the topic, as gateways would: by key, a hundred a message."""
    writer, partitions = Writer(settings.client()), partitions_of(settings.client(), REPORTS)
    with_ids = [msgspec.json.decode(line) for line in lines]
    by_key: dict[str, list[Entry]] = {}
    for number in range(count):
        report = {**with_ids[number % len(with_ids)], "report_id": f"r{number}", "system_no": f"{number}"}
        entry = Entry(datetime.now(UTC), msgspec.Raw(msgspec.json.encode(report)))
        by_key.setdefault(report_key(report["system"], report["system_no"]), []).append(entry)
    flying = []
    for key, entries in by_key.items():
        flying += [writer.send(REPORTS, partition_of(key, partitions), value, key) for value in seal(entries)]
    for one in flying:
        writer.landed(*one)
    writer.close()


class Pinned:
    """Run what is started within on some cores."""

    def __init__(self, cores: Iterable[int]) -> None:
        self._cores = cores

    def __enter__(self) -> None:
        os.sched_setaffinity(0, self._cores)

    def __exit__(self, *_: object) -> None:
        os.sched_setaffinity(0, REST)


class Watch(threading.Thread):
    """Looks at counters of workers twice a second, to tell when how much was done; a look costs a worker 10 ms."""

    def __init__(self, ports: Sequence[int], name: str) -> None:
        super().__init__(daemon=True)
        self._ports, self._name = ports, name
        self.seen: list[tuple[float, float]] = []
        self.over = threading.Event()

    def run(self) -> None:
        """Look until told that it is over."""
        while not self.over.wait(0.5):
            total = sum(counter(port, self._name) for port in self._ports)
            self.seen.append((time.monotonic(), total))

    def until(self, wanted: float, patience_s: float = 900) -> float:
        """Wait until so much is done, and return how much a second between the first tenth and shortly before."""
        end = time.monotonic() + patience_s
        while not self.seen or self.seen[-1][1] < wanted:
            if time.monotonic() > end:
                raise SystemExit(f"{self._name}: {self.seen[-1:]} of {wanted:,.0f} after {patience_s} s")
            time.sleep(0.1)
        self.over.set()
        warm = next(one for one in self.seen if one[1] >= WARM * wanted)
        before = [one for one in self.seen if warm[1] < one[1] < wanted]
        last = before[-1] if before else self.seen[-1]
        return (last[1] - warm[1]) / (last[0] - warm[0])


def counter(port: int, name: str, kind: str = "_total", **labels: str) -> float:
    """Return the sum of a worker's counters of a name that have some labels; 0 if there is none yet."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    if name not in families:
        return 0
    found = (one for one in families[name].samples if one.name == name + kind)
    return sum(one.value for one in found if labels.items() <= one.labels.items())


def by_workers(
    settings: ClusterSettings,
    packs: Sequence[Path],
    half: str,
    wanted: float,
    name: str,
    count: int = 1,
    **given: Any,
) -> float:
    """Let pinned workers do one half of the work, and return how fast they did."""
    with tempfile.TemporaryDirectory(prefix="onegrid-bench-") as folder:
        cores = MINE if count == 1 else set(CORES)
        with Pinned(cores), Workers(settings, packs, Path(folder), **given) as workers:
            workers.start(count, "--only", half)
            os.sched_setaffinity(0, REST)
            watch = Watch(list(workers.ports.values()), name)
            watch.start()
            rate = watch.until(wanted)
            for one in list(workers.running):
                workers.stop(one)
            return rate


def raw(broker: str, count: int, *, prepared: bool) -> None:
    """The loop: read, route, write, with the C client, on the core that this process was started on.

    `prepared`: everything is routed before the clock starts, so that what is timed is reading and writing alone.
    """
    settings = clean_settings(broker)
    city = open_city(demo_pack(), cache_dir())
    city.locator.locate([0.0], [0.0])
    orders = Orders(settings.client())
    orders.refresh()
    partitions, letters = (partitions_of(settings.client(), topic) for topic in (DESK, DEAD_LETTERS))
    intake = Intake(
        Bundles([city]),
        orders,
        None,
        partitions,
        letters,
        WorkerMetrics(),
        lambda _: None,  # type: ignore[arg-type]
    )
    producer = Producer(
        {"bootstrap.servers": broker, "acks": "all", "enable.idempotence": True, "compression.type": "lz4",
         "linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
    )  # fmt: skip
    work: Iterable[tuple[Mail, int]] = (routed(intake, found) for found in batches(settings))
    if prepared:
        ready = list(work)
        work = beside(batches(settings), ready)
    done, warm = 0, (0.0, 0)
    for mail, some in work:
        for (to, place), many in mail.items():
            for key, value in many:
                producer.produce(to, value, key, place)
        producer.poll(0)
        done += some
        if not warm[1] and done >= WARM * count:
            warm = time.monotonic(), done
    producer.flush()
    print(json.dumps({"rate": (done - warm[1]) / (time.monotonic() - warm[0])}))


def batches(settings: ClusterSettings) -> Iterator[list[Any]]:
    """Read all messages that wait, sixteen at a time."""
    consumer = Consumer({"bootstrap.servers": settings.broker, "group.id": "raw", "enable.auto.commit": False})
    consumer.assign(
        [TopicPartition(REPORTS, number, 0) for number in range(partitions_of(settings.client(), REPORTS))]
    )
    left = sum(high for _, high in (consumer.get_watermark_offsets(one) for one in consumer.assignment()))
    while left:
        found = [one for one in consumer.consume(16, 0.5) if one.error() is None]
        left -= len(found)
        if found:
            yield found


def beside(found: Iterator[Any], ready: Iterable[tuple[Mail, int]]) -> Iterator[tuple[Mail, int]]:
    """Yield what is ready, and read as much as was read when it was made."""
    for one in ready:
        next(found, None)
        yield one


def routed(intake: Intake, found: Iterable[Any]) -> tuple[Mail, int]:
    """Route messages of the C client as a worker does."""
    messages = [
        SimpleNamespace(
            topic=one.topic(), partition=one.partition(), offset=one.offset(), key=one.key(), value=one.value(),
            timestamp=one.timestamp()[1],
        )
        for one in found
    ]  # fmt: skip
    mail, some, dead = intake.routed(messages)
    return mail, some + len(dead)


def clean_settings(broker: str) -> ClusterSettings:
    """Return how a broker without secrets is reached."""
    from streams.settings import ClusterSettings  # noqa: PLC0415 - its name is only a type elsewhere

    return ClusterSettings(broker=broker)


def checksum(settings: ClusterSettings) -> tuple[int, str]:
    """Return how many reports stand in the inbox, and a sum over them that their order does not change."""
    client, count, total = settings.client(), 0, 0
    for number in range(partitions_of(client, DESK)):
        with Reader(client, DESK, number) as reader:
            for message in reader.read(*reader.bounds()):
                for entry in unseal(message.value):
                    body = bytes(entry.body)
                    if b'"type":"RoutedReport"' in body[:40]:
                        count += 1
                        total += int.from_bytes(hashlib.sha256(body).digest()[:16])
    return count, f"{total % (1 << 128):032x}"


def intake_table(brokers: Brokers, reports: int) -> ClusterSettings:
    """Print how fast intake is, by the raw loop and by a worker; leave the worker's inbox behind."""
    pack = demo_pack()
    lines = lines_of(pack, 20_000)
    rates, sums = [], []
    for which in ("Kafka alone", "raw", "worker"):
        settings = clean_topics(brokers.address, PARTITIONS)
        writer = Writer(settings.client())
        activate(settings.client(), writer, open_city(pack, cache_dir()), datetime(2026, 1, 1, tzinfo=UTC))
        writer.close()
        fill(settings, lines, reports)
        if which == "worker":
            rates.append(by_workers(settings, [pack], "intake", reports, "onegrid_routed"))
        else:
            with Pinned(MINE):
                command = [sys.executable, "-m", "benchmarks.cluster_throughput", "--raw", brokers.address]
                more = ["--reports", str(reports), *(["--prepared"] if which == "Kafka alone" else [])]
                found = subprocess.run([*command, *more], capture_output=True, check=True)
            rates.append(json.loads(found.stdout)["rate"])
        sums.append(checksum(settings))
        print(f"{f'intake, {which}':<34}{rates[-1]:>10,.0f} reports/s, checksum {sums[-1][1]}", flush=True)
    same = "the same inbox" if len(set(sums)) == 1 else f"OTHER INBOXES: {sums}"
    print(f"{'worker to raw loop':<34}{rates[2] / rates[1]:>10.2f}   {same}", flush=True)
    return settings


def desk_table(brokers: Brokers, settings: ClusterSettings, reports: int, recorded: int) -> None:
    """Print how fast desks are on what intake has left, and on a recorded inbox with one and two workers."""
    rate = by_workers(settings, [demo_pack()], "desk", reports, "onegrid_inputs")
    print(f"{'desk, reports alone':<34}{rate:>10,.0f} inputs/s", flush=True)
    with tempfile.TemporaryDirectory(prefix="onegrid-bench-") as folder:
        inbox = record(Path(folder), recorded)
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in inbox.kinds.most_common() if not kind.isupper())
        print(f"recorded: {len(inbox.items):,} inputs: {kinds}", flush=True)
        rates: dict[int, list[float]] = {1: [], 2: []}
        for count in (1, 2) * ROUNDS:
            settings = clean_topics(brokers.address, PARTITIONS)
            put(settings, inbox.items)
            wanted = len(inbox.items)
            rate = by_workers(settings, inbox.packs, "desk", wanted, "onegrid_inputs", count, clock=START)
            rates[count].append(rate)
            print(f"{f'desk, recorded inbox, {count} worker(s)':<34}{rate:>10,.0f} inputs/s", flush=True)
        ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
        each = ", ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
        print(f"{'two workers to one':<34}{median(ratios):>10.2f}   median of {each}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=200_000)
    parser.add_argument("--recorded", type=int, default=9000)
    parser.add_argument("--raw", metavar="BROKER", default="", help=argparse.SUPPRESS)
    parser.add_argument("--prepared", action="store_true", help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.raw:
        raw(said.raw, said.reports, prepared=said.prepared)
        return
    os.sched_setaffinity(0, REST)
    with tempfile.TemporaryDirectory(prefix="onegrid-bench-") as folder:
        brokers = Brokers(Path(folder) / "kafka")
        try:
            settings = intake_table(brokers, said.reports)
            desk_table(brokers, settings, said.reports, said.recorded)
        finally:
            brokers.down()


if __name__ == "__main__":
    main()
