"""deploy/kafka: up when it answers, down by its own process id, on loopback, with all it held."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from servers import BROKER, need

pytestmark = pytest.mark.cluster

TOPIC = "onegrid.test"


@pytest.fixture
def folder(tmp_path):
    need("kafka")
    yield tmp_path / "kafka"
    _do("down", "--dir", tmp_path / "kafka")


def _do(*arguments):
    command = [sys.executable, str(BROKER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _write(address, count):
    admin = KafkaAdminClient(bootstrap_servers=address)
    if TOPIC not in admin.list_topics():
        admin.create_topics([NewTopic(TOPIC, 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=address, acks="all")
    for number in range(count):
        producer.send(TOPIC, str(number).encode(), partition=0)
    producer.flush()
    producer.close()


def _read(address):
    consumer = KafkaConsumer(
        TOPIC, bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=3000, group_id=None
    )
    found = [int(message.value) for message in consumer]
    consumer.close()
    return found


def test_it_answers_once_up_and_is_gone_once_down_and_comes_up_again_with_what_it_held(folder):
    told = json.loads(_do("up", "--dir", folder).stdout)
    (pid,) = told["pids"]
    assert told["broker"].startswith("127.0.0.1:")
    _write(told["broker"], 10)
    down = json.loads(_do("down", "--dir", folder).stdout)
    assert down["stopped"] == 1
    assert down["killed"] == []
    assert not _runs(pid)
    again = json.loads(_do("up", "--dir", folder).stdout)
    assert again["broker"] == told["broker"]
    assert json.loads(_do("up", "--dir", folder).stdout)["pids"] == again["pids"], (
        "what runs already is left as it is"
    )
    assert _read(again["broker"]) == list(range(10))
    print({"up_s": told["seconds"], "down_s": down["seconds"], "again_s": again["seconds"]})


def test_a_process_that_is_not_the_node_is_never_ended(folder):
    _do("up", "--dir", folder)
    mark = folder / "node-1" / "kafka.pid"
    ours = mark.read_text()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        mark.write_text(f"{bystander.pid}\n")
        _do("down", "--dir", folder)
        spared = bystander.poll() is None
        bystander.kill()
    mark.write_text(ours)
    assert spared


def test_a_folder_without_a_cluster_gets_one_clear_line(tmp_path):
    found = _do("down", "--dir", tmp_path)
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    assert "no cluster here" in found.stderr
