"""Workers of a cluster as processes, what is put before them, and how far they are.

with Workers(settings, folders, clock=START) as workers:
    workers.start(2)
    settled(settings)
"""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from streams.envelope import Entry, offset_of, seal
from streams.hosts.kafka.packs import tell
from streams.ledger.fold import Fold
from streams.ledger.kafka import KafkaLog, Reader, Writer, partitions_of
from streams.records import PackActivated
from streams.topics import DESK, partition_of
from tests.conformance.outcomes import Outcome, outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from streams.records import Item
    from streams.settings import ClusterSettings

ROOT = Path(__file__).parents[2]

_encode = msgspec.json.Encoder().encode


class Workers:
    """Processes of `onegrid worker`, or of the same with a clock that stands, which are ended with the context."""

    def __init__(
        self, settings: ClusterSettings, packs: Sequence[Path], folder: Path, *, clock: datetime | None = None
    ) -> None:
        self.settings, self.packs, self.folder, self.clock = settings, packs, folder, clock
        self.running: list[subprocess.Popen[str]] = []
        self.ports: dict[int, int] = {}
        self._count = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.running:
            if one.poll() is None:
                one.kill()
            one.wait()

    def start(self, count: int = 1, *more: str) -> list[subprocess.Popen[str]]:
        """Start some more; return when each has said where it listens."""
        started = []
        for _ in range(count):
            number = next(self._count)
            log = (self.folder / f"worker-{number}.log").open("w")
            cities = [word for pack in self.packs for word in ("--city", str(pack))]
            module = [sys.executable, "-m", "tests.conformance.worker"]
            clock = ["--clock", self.clock.isoformat()] if self.clock else []
            started.append(
                subprocess.Popen(
                    [*module, *clock, "worker", "--broker", self.settings.broker, *cities, *more],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            )
        for one in started:
            assert one.stdout is not None
            said = one.stdout.readline()
            assert said, f"a worker ended with {one.wait()}: {self.logs()}"
            self.ports[one.pid] = json.loads(said)["port"]
        self.running += started
        return started

    def stop(self, one: subprocess.Popen[str], number: int = signal.SIGTERM, within: float = 60) -> int:
        """Send a signal to one, and return its exit code."""
        one.send_signal(number)
        code = one.wait(within)
        self.running.remove(one)
        return code

    def health(self, one: subprocess.Popen[str]) -> dict[str, Any]:
        """Ask one how it is."""
        with (
            contextlib.suppress(urllib.error.HTTPError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.ports[one.pid]}/healthz", timeout=5) as answer,
        ):
            found: dict[str, Any] = json.load(answer)
            return found
        return {"healthy": False, "held": []}

    def logs(self) -> str:
        """Return what all have logged."""
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("worker-*.log")))


def put(settings: ClusterSettings, items: Sequence[Item]) -> None:
    """Put inputs into the inboxes of their desks, each desk's in order, as envelopes."""
    writer, partitions = Writer(settings.client()), partitions_of(settings.client(), DESK)
    desks: dict[str, list[Item]] = {}
    for item in items:
        desks.setdefault(item.desk, []).append(item)
    flying = []
    for desk, many in desks.items():
        messages = seal(Entry(item.at, msgspec.Raw(_encode(item.body))) for item in many)
        flying += [writer.send(DESK, partition_of(desk, partitions), message, desk) for message in messages]
    # As `city activate` would have: without it the first worker would put its own first pack in force.
    for digest, at in {one.body.digest: one.at for one in items if isinstance(one.body, PackActivated)}.items():
        tell(writer, digest, at)
    for one in flying:
        writer.landed(*one)
    writer.close()


def wait(until: Any, within: float = 60, every: float = 0.2) -> Any:
    """Return the first true answer. Raises AssertionError if none comes."""
    end = time.monotonic() + within
    while not (found := until()):
        assert time.monotonic() < end, f"not within {within} s"
        time.sleep(every)
    return found


def settled(settings: ClusterSettings, workers: Workers, within: float = 120) -> None:
    """Wait until every message of the inbox has been applied, what desks send each other included."""
    client = settings.client()
    partitions = partitions_of(client, DESK)
    folds = {number: (Fold(), [-1]) for number in range(partitions)}

    def reached() -> bool:
        behind = False
        for number, (fold, after) in folds.items():
            for offset, record in KafkaLog(client, None, number).read(after[0]):  # type: ignore[arg-type]
                fold.counts(offset, record)
                after[0] = offset
            with Reader(client, DESK, number) as reader:
                behind |= offset_of(fold.applied) < reader.bounds()[1] - 1
        assert all(one.poll() is None for one in workers.running), workers.logs()
        return not behind

    wait(reached, within, 0.5)


def told(settings: ClusterSettings) -> tuple[dict[str, Outcome], int]:
    """Return what the logs say by desk, and how many records were turned down."""
    found: dict[str, Outcome] = {}
    rejected = 0
    for number in range(partitions_of(settings.client(), DESK)):
        fold = Fold()
        outcomes(KafkaLog(settings.client(), None, number).read(), found, fold)  # type: ignore[arg-type]
        rejected += fold.rejected
    return found, rejected
