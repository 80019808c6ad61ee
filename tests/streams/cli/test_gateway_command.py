"""`onegrid gateway` as a process: it keeps what it has answered 202 to, whatever becomes of it and of Kafka."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from scenes import BELLTOWER, make_report
from servers import Brokers, clean_topics, free_port, need

from streams.envelope import unseal
from streams.hosts.kafka.admin import Start, tail
from streams.topics import REPORTS

pytestmark = pytest.mark.cluster


class Process:
    """A gateway of its own, on a port of its own."""

    def __init__(self, broker, pack, folder) -> None:
        self.port = free_port()
        given = {"--broker": broker, "--city": pack, "--data": folder / "spool", "--port": self.port}
        words = [str(word) for pair in given.items() for word in pair]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from streams.cli import main; main()", "gateway", *words, "--json"],
            stdout=subprocess.PIPE,
            stderr=(folder / f"{self.port}.log").open("wb"),
        )
        assert json.loads(self.process.stdout.readline())["port"] == self.port
        self.until(ready=True)

    def call(self, verb, path, sent=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        link.request(verb, path, None if sent is None else json.dumps(sent))
        answer = link.getresponse()
        return answer.status, json.loads(answer.read())

    def until(self, **wanted):
        end = time.monotonic() + 60
        while True:
            try:
                said = self.call("GET", "/readyz")[1]
            except OSError:
                said = {}
            if wanted.items() <= said.items():
                return
            assert time.monotonic() < end, said
            time.sleep(0.05)

    def report(self, number):
        report = {"system": "app", "system_no": f"{number}", "channel": "GRID_WORKER", "scheme": "city"}
        placed = make_report(datetime.now(UTC), street=BELLTOWER)
        report |= {"category": "E-01-10", "lon": placed.lon, "lat": placed.lat}
        status, said = self.call("POST", "/v1/reports", report | {"reported_at": placed.reported_at.isoformat()})
        assert status == 202
        return said["results"][0]["report_id"]

    def end(self, number):
        os.kill(self.process.pid, number)
        return self.process.wait(timeout=30)


@pytest.fixture
def brokers(tmp_path):
    need("kafka")
    brokers = Brokers(tmp_path / "kafka")
    yield brokers
    brokers.down()


def test_killed_while_kafka_is_away_it_loses_nothing_and_sends_it_in_order(brokers, small_pack, tmp_path):
    settings = clean_topics(brokers.address, 2)
    first = Process(brokers.address, small_pack, tmp_path)
    first.until(kafka=True)
    told = [first.report("same") for _ in range(3)]
    brokers.stop(1, kill=True)
    told += [first.report("same") for _ in range(30)]
    assert first.call("GET", "/readyz")[1] == {"ready": True, "spooling": 30, "kafka": False, "board": False}
    first.end(signal.SIGKILL)
    second = Process(brokers.address, small_pack, tmp_path)
    assert second.call("GET", "/readyz")[1]["spooling"] == 30
    told += [second.report("same") for _ in range(3)]
    brokers.start(1)
    second.until(spooling=0, kafka=True)
    told.append(second.report("same"))
    found = [entry.id for message in tail(settings, REPORTS, Start(offset=0)) for entry in unseal(message.value)]
    assert list(dict.fromkeys(found)) == told
    assert second.end(signal.SIGTERM) == 0


def test_a_folder_that_another_gateway_uses_is_refused_on_one_line(onegrid, small_pack, tmp_path):
    running = Process("127.0.0.1:9", small_pack, tmp_path)
    code, said, told = onegrid(
        "gateway", "--broker", "127.0.0.1:9", "--city", small_pack, "--data", tmp_path / "spool", "--port", 0
    )
    assert (code, said) == (2, "")
    assert "expected a folder that no other gateway uses" in told
    assert running.end(signal.SIGINT) == 0
