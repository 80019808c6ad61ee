"""`onegrid run` killed with SIGKILL at random moments under load: nothing acknowledged is lost or done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import httpx
import pytest

from streams.ledger.fold import Fold, counted
from streams.outlets.board.sqlite import SqliteBoard
from tests.packs import LEAVES, STREETS, point, write_pack

pytestmark = pytest.mark.crash

KILLS = 10
SENDERS = 3
NDJSON = {"content-type": "application/x-ndjson"}


class Server:
    """A real `onegrid run` on a port of its own, stopped by its own pid."""

    def __init__(self, pack, data, cache) -> None:
        self.arguments = [sys.executable, "-c", "from streams.cli import main; main()", "run"]
        self.arguments += ["--city", str(pack), "--data", str(data), "--json", "--port"]
        self.environment = {**os.environ, "ONEGRID_CACHE": str(cache)}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([*self.arguments, str(self.port)], env=self.environment)
        for _ in range(300):
            assert self.process.poll() is None, "the server ended by itself"
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the server did not get ready within 15 s")

    def end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(timeout=30)


class Sender(threading.Thread):
    """Posts reports as fast as answers come, and remembers what was acknowledged."""

    def __init__(self, number: int, url: str) -> None:
        super().__init__(daemon=True)
        self.number, self.url = number, url
        self.chance = random.Random(number)
        self.sent = 0
        self.acknowledged: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            body = b"\n".join(self.report() for _ in range(self.chance.randint(1, 20)))
            try:
                answer = httpx.post(
                    f"{self.url}/v1/reports",
                    content=body,
                    headers={"content-type": "application/x-ndjson"},
                    timeout=10,
                )
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            assert answer.status_code == 202, answer.text
            self.acknowledged += [result["report_id"] for result in answer.json()["results"]]

    def report(self) -> bytes:
        self.sent += 1
        lon, lat = point(self.chance.choice(STREETS), self.chance.choice((1, 2)))
        report = {
            "system": f"sender-{self.number}",
            "system_no": str(self.sent),
            "channel": "GRID_WORKER",
            "reported_at": datetime.now(UTC).isoformat(),
            "scheme": "city",
            "category": self.chance.choice([leaf for leaf in LEAVES if leaf.startswith("E")]),
            "lon": lon,
            "lat": lat,
        }
        return json.dumps(report).encode()


def test_ten_kills_under_load_lose_nothing_and_do_nothing_twice(tmp_path):
    chance = random.Random(20260302)
    data = tmp_path / "data"
    server = Server(write_pack(tmp_path / "city"), data, tmp_path / "cache")
    server.start()
    senders = [Sender(number, server.url) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.05, 1.2))
        server.end(signal.SIGKILL)
        server.start()
    time.sleep(0.5)
    for sender in senders:
        sender.enough.set()
    for sender in senders:
        sender.join(timeout=30)
    server.end(signal.SIGTERM)

    acknowledged = [name for sender in senders for name in sender.acknowledged]
    board = SqliteBoard(data / "onegrid.sqlite")
    cases = list(board.all_cases())
    held = Counter(name for case in cases for name in case.reports)
    dead = board.dead_letter_reasons()
    print(f"\n{len(acknowledged)} acknowledged, {len(cases)} cases, {KILLS} kills, dead letters {dead}")
    assert len(acknowledged) > 100
    assert set(acknowledged) <= set(held), "an acknowledged report is missing"
    assert set(held.values()) == {1}, "a report was applied twice"
    assert not dead

    fold = Fold()
    steps = [step for _, record in counted(board.log.read(), fold) for step in record.effects.transitions]
    assert fold.rejected == 0
    assert fold.applied == board.count("inbox")
    assert max(Counter((step.case_no, step.seq) for step in steps).values()) == 1
    numbers: dict[str, list[int]] = {}
    for case in cases:
        numbers.setdefault(case.case_no[:14], []).append(int(case.case_no[14:]))
    assert all(sorted(serials) == list(range(1, len(serials) + 1)) for serials in numbers.values())
    board.close()
