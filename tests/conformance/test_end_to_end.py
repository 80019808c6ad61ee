"""A whole cluster as `cluster up` leaves it: what goes in over HTTP and what comes out, counted at every place."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime

import msgspec
import pytest
from packs import write_pack
from scenes import BELLTOWER, CENTRE, EASTGATE, PARK, make_report
from servers import need

from streams.hosts.kafka.audit import audit
from streams.ledger.fold import counted
from streams.ledger.kafka import KafkaLog, Reader, Writer
from streams.records import Transition
from streams.settings import ClusterSettings
from streams.topics import PARTITIONS, TRANSITIONS
from tests.conformance.clusters import wait

pytestmark = pytest.mark.cluster

REPORTS, REPEATED, BROKEN = 300, 20, 5
"""How many different reports are sent, how many of them twice, and how many lines are none."""


def onegrid(*words):
    command = [sys.executable, "-c", "from streams.cli import main; main()", *map(str, words)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    need("kafka")
    need("redis")
    folder = tmp_path_factory.mktemp("whole")
    pack = write_pack(folder / "city")
    told = onegrid("cluster", "up", "--dir", folder / "cluster", "--city", pack, "--workers", 2, "--json")
    yield told
    onegrid("cluster", "down", "--dir", folder / "cluster", "--json")


class Gateway:
    def __init__(self, address) -> None:
        self.address = address

    def ask(self, path, body=None, kind="application/json"):
        data = None if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        asked = urllib.request.Request(f"http://{self.address}{path}", data, {"Content-Type": kind})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)

    def cases(self):
        found, after = [], ""
        while after is not None:
            page = self.ask(f"/v1/cases?limit=100&after={after}")
            found, after = found + page["items"], page["next"]
        return found


def test_what_goes_in_comes_out_and_is_counted_alike_at_every_place(cluster):
    gateway, settings = Gateway(cluster["gateway"]), ClusterSettings(broker=cluster["broker"])
    now = datetime.now(UTC)
    streets = (BELLTOWER, EASTGATE, PARK)
    reports = [make_report(now, report_id="", street=streets[number % 3]) for number in range(REPORTS)]
    lines = [msgspec.json.encode(report) for report in (*reports, *reports[:REPEATED])]
    body = b"\n".join([*lines, *[b'{"system":"x"}'] * BROKEN])
    results = gateway.ask("/v1/reports", body, "application/x-ndjson")["results"]
    taken = [one["report_id"] for one in results if "report_id" in one]
    assert (len(taken), len(results) - len(taken)) == (REPORTS + REPEATED, BROKEN)

    found = wait(lambda: _settled(settings, len(taken)))
    assert found.clean, found.findings
    assert (found.accepted, found.applied, found.missing) == (REPORTS + REPEATED, REPORTS + REPEATED, [])
    assert (found.cases, found.chain_ok, found.applied_twice, found.repeated) == (REPORTS, True, 0, [])

    cases = wait(lambda: len(them := gateway.cases()) == REPORTS and them)
    open_case = next(case for case in cases if case["state"] == "DISPATCHED" and case["desk"] == CENTRE[:6])
    path = f"/v1/cases/{open_case['case_no']}"
    urge = {"verb": "URGE", "actor": "somebody", "actor_unit": "grid-app", "reason": "because"}
    gateway.ask(f"{path}/actions", urge)
    wait(lambda: gateway.ask(path)["flags"].get("urged"))

    # A clock may fire meanwhile; then it is looked once more.
    wait(lambda: _alike(gateway, settings))


def _alike(gateway, settings):
    """Say whether logs, feed and board tell of the same steps."""
    steps, told = _steps(settings)
    last = {}
    for number, seq in steps:
        last[number] = max(seq, last.get(number, 0))
    return told == steps and {case["case_no"]: case["seq"] for case in gateway.cases()} == last


def _settled(settings, count):
    """Return an audit once nothing waits any more."""
    found = audit(settings)
    return found if found.accepted == count and not found.waiting and not found.missing else None


def _steps(settings):
    """Return (case, seq) of every step as the logs have it, and as the feed tells it."""
    logged, told = set(), set()
    for number in range(PARTITIONS):
        log = KafkaLog(settings.client(), Writer(settings.client()), number)
        for _, record in counted(log.read()):
            logged |= {(step.case_no, step.seq) for step in record.effects.transitions}
        with Reader(settings.client(), TRANSITIONS, number) as reader:
            for message in reader.read(*reader.bounds()):
                step = msgspec.json.decode(message.value, type=Transition)
                told.add((step.case_no, step.seq))
    return logged, told
