"""How long a report takes through a whole cluster, from the POST at the gateway to its step in the public feed.

    .venv/bin/python -m benchmarks.cluster_latency [--rate 300] [--seconds 60] [--workers 1]

A real Kafka, Redis, one gateway and workers, each a process of its own, as `onegrid cluster up` starts them. Reports
come one a request; `routed` is when the step REPORT of its case has arrived at a consumer of `onegrid.transitions`,
or its dead letter at one of those.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import threading
import time
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, TopicPartition

from benchmarks.embedded import offer, reports
from grids.city import demo_pack, open_city
from streams.cli.places import cache_dir
from streams.hosts.kafka.local import down, up
from streams.topics import DEAD_LETTERS, TRANSITIONS

PARTITIONS = 12


class _Said(msgspec.Struct):
    """What is read of a step, or of a dead letter: reports that can't be routed end there."""

    cause: str = ""
    id: str = ""

    @property
    def report_id(self) -> str:
        """The report that it is about; empty for a step that another input caused."""
        return self.id or self.cause.removeprefix("report:") * self.cause.startswith("report:")


class Ear(threading.Thread):
    """Notes when the first step of each report arrives from the feed, from the moment at which it is made."""

    def __init__(self, broker: str) -> None:
        super().__init__(daemon=True)
        self._heard: dict[str, float] = {}
        self._over = threading.Event()
        self._consumer = Consumer({"bootstrap.servers": broker, "group.id": "bench", "fetch.wait.max.ms": 10})
        known = self._consumer.list_topics().topics
        ends = [
            TopicPartition(topic, one) for topic in (TRANSITIONS, DEAD_LETTERS) for one in known[topic].partitions
        ]
        self._consumer.assign(
            [TopicPartition(one.topic, one.partition, self._consumer.get_watermark_offsets(one)[1]) for one in ends]
        )
        self.start()

    def run(self) -> None:
        """Listen until told to stop."""
        while not self._over.is_set():
            for message in self._consumer.consume(500, 0.05):
                if message.error() is None:
                    name = msgspec.json.decode(message.value(), type=_Said).report_id
                    if name:
                        self._heard.setdefault(name, time.perf_counter())

    def stop(self) -> None:
        """Listen no more."""
        self._over.set()
        self.join()
        self._consumer.close()

    def tell(self, seen: dict[str, float], wanted: int) -> None:
        """Hand over what was heard since the last time, once it is so many."""
        while len(self._heard) < wanted:
            time.sleep(0.05)
        heard, self._heard = self._heard, {}
        seen.update(heard)

    async def watch(self, seen: dict[str, float], wanted: int) -> None:
        """Do so while other things go on."""
        await asyncio.to_thread(self.tell, seen, wanted)


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
            ear = Ear(cluster.broker)
            asyncio.run(offer(port, ear.watch, batch[: said.rate * 5], said.rate // 2))  # connections, caches
            print(f"{'over HTTP, through the cluster':<34}{'median':>11}{'95 %':>11}{'99 %':>11}")
            asyncio.run(offer(port, ear.watch, batch[said.rate * 5 :], said.rate))
            ear.stop()
        finally:
            down(Path(folder))


if __name__ == "__main__":
    main()
