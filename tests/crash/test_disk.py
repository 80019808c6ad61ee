"""A disk that fills up under a running server, and a write that a power cut tore."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from packs import STREETS, point

from streams.hosts.embedded import EmbeddedHost
from streams.hosts.embedded.audit import audit
from streams.hosts.embedded.store import FILE
from streams.inlets.lines import accept_line

pytestmark = pytest.mark.crash

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own of 12 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def report(number, text="", at=None):
    lon, lat = point(STREETS[number % len(STREETS)])
    made = {
        "system": "s", "system_no": f"{number}", "channel": "GRID_WORKER", "scheme": "city", "category": "E-01-10",
        "reported_at": (at or datetime.now(UTC)).isoformat(), "lon": lon, "lat": lat, "text": text,
    }  # fmt: skip
    return json.dumps(made)


def until(true, seconds=30.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.1)


def test_a_full_disk_is_said_clearly_loses_nothing_and_work_goes_on_when_space_is_freed(serve, small_disk):
    server = serve(small_disk / "data")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(6_000_000))
    server.start()
    taken, number = [], 0
    with httpx.Client(base_url=server.url, timeout=30) as client:
        while True:
            answer = client.post("/v1/reports", content=report(number, "x" * 20_000))
            number += 1
            if answer.status_code != 202:
                break
            taken.append(answer.json()["results"][0]["report_id"])
            assert number < 2000, "the disk never filled up"
        problem = answer.json()
        assert (answer.status_code, problem["reason"]) == (507, "NO_SPACE")
        assert "磁盘空间不足" in problem["detail_zh"]
        until(lambda: client.get("/readyz").status_code == 503)
        assert len(client.get("/v1/cases", params={"limit": 1000}).json()["items"]) > 0

        ballast.unlink()
        until(lambda: client.get("/readyz").status_code == 200)
        answer = client.post("/v1/reports", content=report(number))
        assert answer.status_code == 202
        taken.append(answer.json()["results"][0]["report_id"])
    server.end(signal.SIGTERM)
    verified = server.command("verify", "--data", server.data, "--json")
    found = json.loads(verified.stdout)
    print(f"\n{len(taken)} taken in before and after; verify says {found['counts'] or 'nothing'}")
    assert verified.returncode == 0
    assert (found["accepted"], found["applied"], found["missing"]) == (len(taken), len(taken), [])


def test_a_server_killed_on_a_full_disk_goes_on_once_there_is_space(serve, small_disk):
    server = serve(small_disk / "data")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(6_000_000))
    server.start()
    taken = 0
    while httpx.post(f"{server.url}/v1/reports", content=report(taken, "x" * 20_000)).status_code == 202:
        taken += 1
    server.end(signal.SIGKILL)
    ballast.unlink()
    server.start()
    until(lambda: httpx.get(f"{server.url}/readyz").status_code == 200)
    server.end(signal.SIGTERM)
    found = audit(server.data / FILE)
    assert (found.findings, found.accepted, found.applied) == ([], taken, taken)


@pytest.mark.parametrize("seed", range(12))
def test_a_torn_last_write_is_as_if_it_had_never_been_and_nothing_before_it_is_lost(small_city, tmp_path, seed):
    """The log of writes is cut, or its end overwritten, anywhere behind what was told to be on disk."""
    chance = random.Random(seed)
    folder, torn = tmp_path / "whole", tmp_path / "torn"
    host = EmbeddedHost(small_city, folder, AT)
    wal = folder / f"{FILE}-wal"
    for number in range(5):
        host.accept([accept_line(report(number, at=AT).encode(), AT)])
        if number < 4:
            host.drain()
    on_disk = wal.stat().st_size
    if seed % 2:
        host.drain()
    else:
        host.accept([accept_line(report(5, at=AT).encode(), AT)])
    size = wal.stat().st_size
    assert size > on_disk
    shutil.copytree(folder, torn)
    host.close()

    (torn / f"{FILE}-shm").unlink()
    with (torn / f"{FILE}-wal").open("r+b") as file:
        cut = chance.randrange(on_disk, size)
        if chance.random() < 0.5:
            file.truncate(cut)
        else:
            file.seek(cut)
            file.write(chance.randbytes(size - cut))
    host = EmbeddedHost(small_city, torn, AT + timedelta(minutes=1))
    assert len(host.store.reports_after(0, 99)) == 5
    host.drain()
    assert len(list(host.store.cases())) == 5
    host.close()
    found = audit(torn / FILE)
    assert (found.findings, found.accepted, found.applied) == ([], 5, 5)
