"""A worker as it is started: what it does with what lies in its topics, how it stops, when it refuses to go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from packs import change, write_pack
from pydantic import SecretStr
from scenes import BELLTOWER, DESK, EASTGATE, make_report
from servers import clean_topics, free_port
from typer.testing import CliRunner

from grids.city import open_city
from streams.cli import commands
from streams.cli.places import cache_dir
from streams.envelope import Entry, seal
from streams.hosts.kafka.admin import create_topics
from streams.hosts.kafka.audit import audit
from streams.hosts.kafka.packs import Bundles
from streams.hosts.kafka.worker import Worker
from streams.ledger.fold import counted
from streams.ledger.kafka import KafkaLog, KafkaSnapshots, Reader, Writer
from streams.ledger.snapshots import manifests
from streams.records import DeadLetter
from streams.settings import ClusterSettings
from streams.topics import DEAD_LETTERS, REPORTS, partition_of
from streams.topics import DESK as INBOX
from tests.conformance.clusters import ROOT, Workers, wait

pytestmark = pytest.mark.cluster

PARTITIONS = 3


def put(settings, reports, at=None):
    """Let an inlet accept reports."""
    writer = Writer(settings.client())
    entries = [
        Entry(at or datetime.now(UTC), msgspec.Raw(msgspec.json.encode(report)), report.report_id)
        for report in reports
    ]
    for number, message in enumerate(seal(entries)):
        writer.deliver(REPORTS, number % PARTITIONS, message, "grid-app-0")
    writer.close()


def some(count, **fields):
    return [make_report(datetime.now(UTC), street=(BELLTOWER, EASTGATE)[n % 2], **fields) for n in range(count)]


def settled(settings, count):
    """Wait until so many reports have come to something, and return the audit."""

    def done():
        found = audit(settings)
        return found if (found.accepted, found.waiting, found.missing) == (count, 0, []) else None

    return wait(done)


def inside(worker, work):
    """Run a worker in this process while `work` is done beside it; then end it as a supervisor would."""
    failed = []

    def beside():
        try:
            wait(lambda: len(worker._health()["held"]) == PARTITIONS)
            work()
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=beside)
    thread.start()
    code = worker.run()
    thread.join()
    if failed:
        raise failed[0]
    return code


def test_reports_become_cases_and_a_worker_that_is_told_to_stop_leaves_snapshots(kafka, city):
    settings = clean_topics(kafka, PARTITIONS)
    worker = Worker(settings, Bundles([city]))

    def work():
        put(settings, some(30))
        found = settled(settings, 30)
        assert found.clean
        assert found.cases == 30
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.health.port}/healthz", timeout=5) as answer:
            said = json.load(answer)
        assert said["healthy"]
        assert said["held"] == said["desk"] == said["intake"] == list(range(PARTITIONS))
        assert said["packs"] == [city.digest]
        assert b"onegrid_routed_total 30.0" in worker.metrics.page()

    assert inside(worker, work) == 0
    client = settings.client()
    number = partition_of(DESK, PARTITIONS)
    log = KafkaLog(client, Writer(client), number)
    store = KafkaSnapshots(client, Writer(client), number)
    ((_, manifest),) = manifests(store)
    assert manifest.offset == log.last()
    store.close()


def test_the_next_worker_goes_on_where_the_last_one_stopped_and_clocks_fire_without_inputs(kafka, city):
    settings = clean_topics(kafka, PARTITIONS)
    put(settings, some(10))
    assert inside(Worker(settings, Bundles([city])), lambda: settled(settings, 10)) == 0
    later = Worker(settings, Bundles([city]), clock=lambda: datetime.now(UTC) + timedelta(days=5))

    def work():
        put(settings, some(5))
        settled(settings, 15)
        wait(lambda: any("REMIND" in verbs or "SUPERVISE" in verbs for verbs in _verbs(settings).values()))

    assert inside(later, work) == 0
    found = audit(settings)
    assert found.clean
    assert found.cases == 15
    assert b"onegrid_ticks_total 0.0" not in later.metrics.page()


def _verbs(settings):
    found = {}
    for number in range(PARTITIONS):
        for _, record in counted(KafkaLog(settings.client(), Writer(settings.client()), number).read()):
            for step in record.effects.transitions:
                found.setdefault(step.case_no, []).append(step.verb)
    return found


def test_poison_in_either_topic_is_put_aside_and_hinders_nothing(kafka, city):
    settings = clean_topics(kafka, PARTITIONS)
    writer = Writer(settings.client())
    for topic in (REPORTS, INBOX):
        for number in range(PARTITIONS):
            writer.deliver(topic, number, b"{not json")
            writer.deliver(topic, number, None, "990101")
            writer.deliver(topic, number, os.urandom(2 << 20), "990101")
    writer.close()
    put(settings, some(10))

    def work():
        found = wait(lambda: _cases(settings, 10))
        assert not {"TAKEN_TWICE", "STEP_GAP", "SERIAL_GAP"} & set(found.counts)

    assert inside(Worker(settings, Bundles([city])), work) == 0
    with Reader(settings.client(), DEAD_LETTERS, 0) as reader:
        letters = [msgspec.json.decode(one.value, type=DeadLetter) for one in reader.read(*reader.bounds())]
    found = {(one.stage, one.reason, len(one.original)) for one in letters}
    assert found >= {("intake", "NOT_AN_ENVELOPE", size) for size in (9, 0, 2 << 20)}
    assert {stage for stage, _, _ in found} == {"intake", "inbox"}
    assert len({one.id for one in letters}) == 2 * 3 * PARTITIONS


def _cases(settings, count):
    found = audit(settings)
    return found if found.cases == count and not found.waiting else None


def test_a_worker_that_gets_nowhere_ends_itself(kafka, tmp_path, small_pack):
    settings = clean_topics(kafka, PARTITIONS)
    put(settings, some(3))
    stuck = """
import streams.hosts.kafka.owner as module
def stuck(*_):
    raise OSError("no way")
module.Owner.work = stuck
from streams.cli import main
main()
"""
    words = ["worker", "--broker", kafka, "--city", str(small_pack), "--patience", "5"]
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-c", stuck, *words]
        worker = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        assert worker.wait(90) == 1
    said = (tmp_path / "log").read_text()
    assert "stands still" in said
    assert "stands at 0 of" in said


@pytest.mark.parametrize("kind", ["SSL", "SCRAM-SHA-512", "PLAIN"])
def test_a_worker_reaches_brokers_over_tls_and_with_a_password(secure_kafka, city, kind):
    told = secure_kafka
    given = {"kafka_user": told["user"], "kafka_password": SecretStr(told["password"]), "kafka_mechanism": kind}
    security = "SSL" if kind == "SSL" else "SASL_SSL"
    settings = ClusterSettings(
        broker=told[security.lower()],
        kafka_security=security,
        kafka_ca=told["ca"],
        **({} if kind == "SSL" else given),
    )
    clean_topics(told["broker"], PARTITIONS)
    assert create_topics(settings, PARTITIONS) == []

    def work():
        put(settings, some(5))
        settled(settings, 5)

    assert inside(Worker(settings, Bundles([city])), work) == 0


def test_a_worker_without_the_pack_in_force_ends_and_one_that_has_it_goes_on(kafka, tmp_path):
    settings = clean_topics(kafka, PARTITIONS)
    old, new = write_pack(tmp_path / "old"), write_pack(tmp_path / "new")
    change(new, "city.toml", 'mode = "auto"', 'mode = "manual"')
    secret = "nobody's business"
    with Workers(settings, [old], tmp_path) as workers:
        (one,) = workers.start(1)
        put(settings, some(4, text=secret))
        settled(settings, 4)
        run = CliRunner().invoke(commands(), ["city", "activate", str(new), "--broker", kafka, "--json"])
        assert json.loads(run.stdout)["desks"] == 4
        assert one.wait(60) == 2, workers.logs()
        digest = open_city(new, cache_dir()).digest
        lines = [json.loads(line) for line in workers.logs().splitlines()]
        assert [line for line in lines if line["event"] == "refused to go on" and digest[:16] in line["error"]]
        assert secret not in workers.logs()
        workers.running.remove(one)
        workers.packs = [old, new]
        workers.start(1)
        put(settings, some(4, text=secret))
        found = settled(settings, 8)
        assert found.clean
        dispatched = ["DISPATCH" in verbs for verbs in _verbs(settings).values()]
        assert (dispatched.count(True), dispatched.count(False)) == (4, 4)


def test_a_worker_waits_for_kafka_and_may_be_told_to_stop_meanwhile(city, monkeypatch):
    monkeypatch.setattr("streams.ledger.kafka._SILENCE_MS", 300)
    worker = Worker(ClusterSettings(broker=f"127.0.0.1:{free_port()}"), Bundles([city]))
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert worker.run() == 0
    assert not worker._health()["healthy"]


def test_an_order_must_not_begin_later_than_now(small_pack, kafka):
    words = ["city", "activate", str(small_pack), "--broker", kafka, "--from", "2999-01-01T00:00:00Z"]
    run = CliRunner().invoke(commands(), words)
    assert run.exit_code == 2
    assert "has come" in run.output.replace("\n", " ").replace("│", "")


def test_an_order_of_an_earlier_moment_than_the_last_is_refused_as_desks_would_pass_it_over(small_pack, kafka):
    clean_topics(kafka, PARTITIONS)
    words = ["city", "activate", str(small_pack), "--broker", kafka]
    assert CliRunner().invoke(commands(), [*words, "--from", "2026-03-02T00:00:00Z"]).exit_code == 0
    run = CliRunner().invoke(commands(), [*words, "--from", "2026-03-01T00:00:00Z"])
    assert run.exit_code == 2
    assert "2026-03-02T00:00:00" in run.output.replace("\n", " ").replace("│", "")
    assert CliRunner().invoke(commands(), [*words, "--from", "2026-03-02T00:00:00Z"]).exit_code == 0, "done again"


def test_halves_of_the_work_may_be_other_workers(kafka, tmp_path, small_pack):
    settings = clean_topics(kafka, PARTITIONS)
    with Workers(settings, [small_pack], tmp_path) as workers:
        (intake,) = workers.start(1, "--only", "intake")
        desks = workers.start(2, "--only", "desk")
        put(settings, some(20))
        assert settled(settings, 20).clean
        held = [workers.health(one)["held"] for one in desks]
        assert sorted(held[0] + held[1]) == list(range(PARTITIONS))
        assert all(held)
        said = workers.health(intake)
        assert (said["held"], said["intake"]) == ([], list(range(PARTITIONS)))
        assert {workers.stop(one) for one in (intake, *desks)} == {0}


def test_a_killed_workers_desks_are_served_again(kafka, tmp_path, small_pack, monkeypatch):
    monkeypatch.setenv("ONEGRID_SESSION_TIMEOUT_S", "6")
    settings = clean_topics(kafka, PARTITIONS)
    with Workers(settings, [small_pack], tmp_path) as workers:
        first, second = workers.start(2)
        put(settings, some(20))
        settled(settings, 20)
        wait(lambda: len(workers.health(first)["held"]) + len(workers.health(second)["held"]) == PARTITIONS)
        workers.stop(first, signal.SIGKILL)
        put(settings, some(20))
        began = datetime.now(UTC)
        wait(lambda: len(workers.health(second)["held"]) == PARTITIONS)
        took = (datetime.now(UTC) - began).total_seconds()
        print(f"served again after {took:.1f} s, session timeout 6 s")
        assert took < 6 + 5
        assert settled(settings, 40).clean
