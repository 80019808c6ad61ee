"""How long a report takes through a whole cluster, from the POST at the gateway to its step in the public feed.

    .venv/bin/python -m benchmarks.cluster_latency [--rate 300] [--seconds 60] [--workers 1]

A real Kafka, Redis, one gateway and workers, each a process of its own, as `onegrid cluster up` starts them. Reports
come one a request; `routed` is when the step REPORT of its case has arrived from `onegrid.transitions` by a consumer.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from functools import partial
from pathlib import Path

import msgspec
from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from benchmarks.embedded import offer, reports
from grids.city import demo_pack, open_city
from streams.cli.places import cache_dir
from streams.hosts.kafka.local import down, up
from streams.topics import TRANSITIONS

PARTITIONS = 12


class _Step(msgspec.Struct):
    cause: str


def hear(broker: str, seen: dict[str, float], wanted: int) -> None:
    """Note when the first step of each of so many reports arrives."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "bench", "fetch.wait.max.ms": 10})
    consumer.assign([TopicPartition(TRANSITIONS, number, OFFSET_END) for number in range(PARTITIONS)])
    while len(seen) < wanted:
        for message in consumer.consume(500, 0.05):
            if message.error() is None:
                kind, _, name = msgspec.json.decode(message.value(), type=_Step).cause.partition(":")
                if kind == "report":
                    seen.setdefault(name, time.perf_counter())
    consumer.close()


async def watch(broker: str, seen: dict[str, float], wanted: int) -> None:
    """Hear on a thread, until all are there."""
    await asyncio.to_thread(hear, broker, seen, wanted)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--workers", type=int, default=1)
    said = parser.parse_args()
    batch = reports(open_city(demo_pack(), cache_dir()), said.rate * said.seconds)
    with tempfile.TemporaryDirectory(prefix="onegrid-bench-") as folder:
        cluster = up(Path(folder), demo_pack(), workers=said.workers, partitions=PARTITIONS, step=lambda _, __: None)
        try:
            port = int(cluster.gateway.rpartition(":")[2])
            watching = partial(watch, cluster.broker)
            asyncio.run(offer(port, watching, batch[: said.rate * 5], said.rate // 2))  # connections, caches
            print(f"{'over HTTP, through the cluster':<34}{'median':>11}{'95 %':>11}{'99 %':>11}")
            asyncio.run(offer(port, watching, batch[said.rate * 5 :], said.rate))
        finally:
            down(Path(folder))


if __name__ == "__main__":
    main()
