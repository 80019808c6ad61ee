"""A cluster under load, for things to be done to: real brokers, workers as processes, reports flowing.

with Storm(settings, city, lines, folder, rate=400) as storm:
    storm.start(2)
    storm.flow_until(0.3)
    storm.kill(storm.workers[0])
    storm.finish()               # all lines are acknowledged, something has come of each, everything counts
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from streams.hosts.kafka.local import ask
from streams.hosts.kafka.sending import ReportSender
from tests.cluster.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.inlets.feeding import Sender
    from streams.settings import ClusterSettings

ROOT = Path(__file__).parents[2]

SESSION_S = 10.0
"""The session timeout of workers (streams/settings.py)."""

READY_S = 120.0


class _Named(msgspec.Struct):
    report_id: str


class Worker:
    """One process of `onegrid worker`."""

    def __init__(self, storm: Storm, number: int, skew: float) -> None:
        self.name = f"worker-{number}"
        self._out = storm.folder / f"{self.name}.out"
        self.log = storm.folder / f"{self.name}.log"
        module = ["-m", "tests.cluster.skewed", "--skew", str(skew)] if skew else ["-c", _MAIN]
        parts = ["--broker", storm.settings.broker, "--city", str(storm.city)]
        parts += ["--redis", storm.redis] if storm.redis else []
        with self._out.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *module, "worker", *parts],
                cwd=ROOT,
                stdout=out,
                stderr=log,
                env={**os.environ, **storm.environment},
            )

    @property
    def health(self) -> dict[str, Any]:
        """What it says of itself; nothing before it listens, or while it is frozen or gone."""
        with contextlib.suppress(msgspec.DecodeError):
            return ask(f"127.0.0.1:{msgspec.json.decode(self._out.read_bytes())['port']}", "/healthz")
        return {}


_MAIN = "from streams.cli import main; main()"


class Storm:
    """See above. A context: at its end every worker is killed."""

    def __init__(
        self,
        settings: ClusterSettings,
        city: Path,
        lines: Sequence[bytes],
        folder: Path,
        *,
        rate: float = 0,
        redis: str = "",
        sender: Callable[[], Any] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.settings, self.city, self.lines, self.folder = settings, city, lines, folder
        self.rate, self.redis, self.environment = rate, redis, environment or {}
        self.folder.mkdir(parents=True, exist_ok=True)
        self.workers: list[Worker] = []
        self.accepted: set[str] = set()
        self.sent = self.tried_again = self.restarted = 0
        self.tally = Tally(settings)
        self._open = sender or (lambda: ReportSender(settings))
        self._numbers = itertools.count(1)
        self._over = threading.Event()
        self._trouble: list[str] = []
        self._threads = [threading.Thread(target=self._flow), threading.Thread(target=self._supervise)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for worker in self.workers:
            worker.process.kill()
            worker.process.wait()
        self.tally.close()

    def start(self, count: int = 1, *, skew: Sequence[float] = ()) -> list[Worker]:
        """Start workers and wait until all partitions are held; the first call begins the flow."""
        self.launch(count, skew=skew)
        self.held()
        if self._threads[0].ident is None:
            for thread in self._threads:
                thread.start()
        return self.workers[-count:]

    def launch(self, count: int = 1, *, skew: Sequence[float] = ()) -> None:
        """Start workers and don't wait."""
        self.workers += [
            Worker(self, next(self._numbers), ahead)
            for ahead, _ in itertools.zip_longest(skew, range(count), fillvalue=0.0)
        ]

    def held(self, patience: float = READY_S) -> float:
        """Wait until the workers hold all partitions, each one worker's; return the seconds that took."""
        began = time.monotonic()
        while True:
            held = sorted(number for worker in self.workers for number in worker.health.get("held", ()))
            if held == list(self.tally.partitions):
                return time.monotonic() - began
            assert time.monotonic() - began < patience, f"held: {held}; {self.told()}"
            time.sleep(0.1)

    def kill(self, worker: Worker) -> None:
        """SIGKILL, as when its machine dies."""
        self.workers.remove(worker)
        worker.process.kill()
        worker.process.wait()

    def stop(self, worker: Worker) -> None:
        """SIGTERM, as in an upgrade; it has to end in peace."""
        self.workers.remove(worker)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(60) == 0, worker.log.read_text()[-3000:]

    def flow_until(self, share: float) -> None:
        """Let reports flow until this share of them is acknowledged."""
        known, since = self.sent, time.monotonic()
        while self.sent < share * len(self.lines):
            if self.sent > known:
                known, since = self.sent, time.monotonic()
            assert time.monotonic() < since + 90, self.told()
            assert not self._trouble, self._trouble
            assert not self._over.is_set()
            self.tally.read(50)

    def served(self, partitions: Sequence[int], since: float, patience: float = 60) -> float:
        """Wait until each of these partitions has a record that counts, read after `since`; return how long since."""
        while any(self.tally.partitions[number].heard <= since for number in partitions):
            self.tally.read(20)
            assert time.monotonic() - since < patience, self.told()
        return max(self.tally.partitions[number].heard for number in partitions) - since

    def finish(self, patience: float = 60) -> dict[str, Any]:
        """Let all lines flow, wait until something has come of each, count, and return the figures."""
        began = time.monotonic()
        self.flow_until(1.0)
        self._threads[0].join()
        assert not self._trouble, self._trouble
        try:
            self.tally.settle(self.accepted, patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.told()}") from None
        self.tally.check(self.accepted)
        rest = {"sent": self.sent, "accepted": len(self.accepted), "chunks_again": self.tried_again}
        done = {"restarted": self.restarted, "rest_s": round(time.monotonic() - began, 1)}
        return rest | self.tally.figures() | done

    def told(self) -> str:
        """Return how the workers are, and the ends of their logs."""
        ends = (f"{log.name}:\n{log.read_text()[-1500:]}" for log in sorted(self.folder.glob("worker-*.log")))
        return "\n".join([*(f"{worker.name} {worker.health}" for worker in self.workers), *ends])

    def _flow(self) -> None:
        try:
            with contextlib.ExitStack() as stack:
                self._send(stack)
        except Exception as error:  # noqa: BLE001 - told where the test waits
            self._trouble.append(repr(error))

    def _send(self, stack: contextlib.ExitStack) -> None:
        sender: Sender | None = None
        size = max(1, min(500, int(self.rate / 5))) if self.rate else 500
        began = time.monotonic()
        while self.sent < len(self.lines) and not self._over.is_set():
            chunk = self.lines[self.sent : self.sent + size]
            if self.rate and (early := began + self.sent / self.rate - time.monotonic()) > 0:
                self._over.wait(early)
            try:
                sender = sender or stack.enter_context(self._open())
                refused = {one.index for one in sender.send(chunk, datetime.now(UTC))}
            except OSError:  # away, or not known to have landed: it goes again
                self.tried_again += 1
                stack.close()
                sender = None
                continue
            good = (line for index, line in enumerate(chunk) if index not in refused)
            self.accepted.update(msgspec.json.decode(line, type=_Named).report_id for line in good)
            self.sent += len(chunk)

    def _supervise(self) -> None:
        """Start workers again that have ended because they stood still, as whoever runs them does."""
        while not self._over.wait(0.3):
            for worker in list(self.workers):
                code = worker.process.poll()
                if code is None or worker not in self.workers:
                    continue
                self.workers.remove(worker)
                if code == 1:
                    self.restarted += 1
                    self.launch()
                else:
                    self._trouble.append(f"{worker.name} ended with {code}: {worker.log.read_text()[-2000:]}")
