"""`onegrid cluster`: up when all is ready, with the ids of the real processes; down by these ids alone."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from scenes import make_report
from servers import need

from streams.hosts.kafka import local

pytestmark = pytest.mark.cluster


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _get(address, path):
    link = http.client.HTTPConnection(address, timeout=10)
    link.request("GET", path)
    answer = link.getresponse()
    return answer.status, json.loads(answer.read())


@pytest.fixture
def folder(tmp_path):
    need("kafka")
    need("redis")
    yield tmp_path / "cluster"
    if (tmp_path / "cluster" / "cluster.json").exists():
        local.down(tmp_path / "cluster")


def test_a_cluster_is_ready_when_up_returns_and_gone_when_down_returns_and_keeps_its_data(
    onegrid, folder, small_pack, tmp_path
):
    code, said, told = onegrid("cluster", "up", "--dir", folder, "--city", small_pack, "--partitions", 4, "--json")
    assert code == 0, told
    found = json.loads((folder / "cluster.json").read_text())
    print({"up_s": json.loads(said)["seconds"]})
    pids = found["pids"]
    assert len(pids["workers"]) == 2
    assert "kafka.Kafka" in _command(pids["kafka"])
    assert "redis-server" in _command(pids["redis"])
    assert " gateway " in _command(pids["gateway"])
    assert all(" worker " in _command(pid) for pid in pids["workers"])
    assert _get(found["gateway"], "/readyz")[0] == 200
    held = [_get(address, "/healthz")[1]["held"] for address in found["workers"]]
    assert sorted(number for numbers in held for number in numbers) == [0, 1, 2, 3]

    code, _, told = onegrid("cluster", "up", "--dir", folder, "--city", small_pack)
    assert code == 2
    assert "a cluster is running here" in told

    path = tmp_path / "some.ndjson"
    lines = [msgspec.json.encode(make_report(datetime.now(UTC), system_no=f"{n}", report_id="")) for n in range(50)]
    path.write_bytes(b"\n".join(lines))
    assert onegrid("feed", path, "--to", f"http://{found['gateway']}")[0] == 0

    assert onegrid("cluster", "down", "--dir", folder)[0] == 0
    assert not any(_command(pid) for pid in [pids["kafka"], pids["redis"], pids["gateway"], *pids["workers"]])
    assert not (folder / "cluster.json").exists()

    arguments = ("--city", small_pack, "--partitions", 4, "--workers", 1)
    assert onegrid("cluster", "up", "--dir", folder, *arguments)[0] == 0
    broker = json.loads((folder / "cluster.json").read_text())["broker"]
    code, said, _ = onegrid("topics", "tail", "reports", "--broker", broker, "--from-offset", 0, "--json")
    assert sum(len(json.loads(text)["value"]) for text in said.splitlines()) == 50


def test_where_a_part_ends_by_itself_its_log_is_told_and_nothing_is_left_running(onegrid, folder, small_pack):
    folder.mkdir()
    (folder / "spool").write_text("a file where the gateway wants its folder")
    code, _, told = onegrid("cluster", "up", "--dir", folder, "--city", small_pack, "--partitions", 2)
    assert code == 2
    assert "gateway ended by itself" in told
    assert not (folder / "cluster.json").exists()
    mark = (folder / "kafka" / "node-1" / "kafka.pid").read_text()
    assert not _command(int(mark))


def test_without_the_source_tree_it_says_that_the_wheel_has_no_kafka(onegrid, tmp_path, small_pack, monkeypatch):
    monkeypatch.setattr(local, "BROKER", tmp_path / "deploy" / "kafka" / "broker.py")
    code, _, told = onegrid("cluster", "up", "--dir", tmp_path / "c", "--city", small_pack)
    assert code == 2
    assert "the wheel carries no Kafka" in told


def test_a_folder_without_a_cluster_or_with_a_broken_file_is_told(onegrid, tmp_path):
    code, _, told = onegrid("cluster", "down", "--dir", tmp_path)
    assert code == 2
    assert "no cluster.json" in told
    (tmp_path / "cluster.json").write_text("{}")
    code, _, told = onegrid("cluster", "down", "--dir", tmp_path)
    assert code == 2
    assert "expected what `onegrid cluster up` writes" in told
