"""Ten thousand alerts to webhooks that fail, hang, break off and drop, from a process that is killed twice."""

from __future__ import annotations

import http.server
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from alertlog import UNITS, write

from streams.hosts.embedded.store import Store

pytestmark = pytest.mark.crash

ALERTS = 10_000


class Centres(http.server.ThreadingHTTPServer):
    """The ends of all ways. Each misbehaves in its own manner, one time in ten, and remembers what it took."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.chance, self.lock = random.Random(1), threading.Lock()
        self.taken = {unit: [] for unit in UNITS}
        self.refused = Counter()

    def handle_error(self, request, client_address):
        """Broken connections are what this is about."""


class _Hook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        unit = self.path[1:]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        with server.lock:
            bad = server.chance.random() < (0.01 if unit.startswith("HANGS") else 0.1)
            server.refused[unit] += bad
        if bad and unit.startswith("HANGS"):
            time.sleep(1.0)
            return
        if bad and unit.startswith("FAILS"):
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if bad and unit.startswith("DROPS"):
            self.close_connection = True
            return
        with server.lock:
            server.taken[unit] += [alert["alert_id"] for alert in json.loads(body)["alerts"]]
        if bad:  # it has taken the message, but its answer breaks off
            self.wfile.write(b"HTTP/1.1 2")
            self.close_connection = True
            return
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def centres():
    server = Centres()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def start(folder, port):
    script = Path(__file__).with_name("delivering.py")
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_ten_thousand_alerts_arrive_in_order_of_their_cases_whatever_the_ways_and_the_process_do(tmp_path, centres):
    store = Store(tmp_path)
    told = write(store.log, ALERTS)
    began, port = time.monotonic(), centres.server_address[1]
    process, kills = start(tmp_path, port), 0
    try:
        while not all(set(told[unit]) <= set(centres.taken[unit]) for unit in UNITS):
            assert process.poll() is None, "the process ended by itself"
            assert time.monotonic() < began + 240, {unit: len(set(taken)) for unit, taken in centres.taken.items()}
            time.sleep(0.2)
            if kills < 2 and sum(map(len, centres.taken.values())) > ALERTS * (kills + 1) / 3:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                process = start(tmp_path, port)
    finally:
        process.kill()
        process.wait()
        store.close()
    repeats = 0
    for unit in UNITS:
        first = list(dict.fromkeys(centres.taken[unit]))
        repeats += len(centres.taken[unit]) - len(first)
        assert sorted(first) == sorted(told[unit])
        by_case = {}
        for alert in first:
            by_case.setdefault(alert[7:26], []).append(alert)
        assert all(alerts == sorted(alerts) for alerts in by_case.values()), "in order within each case"
        assert len(by_case) == 500
    assert kills == 2
    assert min(centres.refused[unit] for unit in UNITS) > 0
    print(
        f"\n{ALERTS} alerts in {time.monotonic() - began:.0f} s, {kills} kills, "
        f"{sum(centres.refused.values())} times a way failed, {repeats} alerts told again under their ids"
    )
