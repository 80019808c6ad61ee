"""A whole cluster on one machine: Kafka, Redis, the gateway and workers, each a process on a free port of loopback.

    found = up(folder, city, workers=2, partitions=12, step=step)      # cluster.json, once all are ready
    down(folder)

For developers and tests. In a city each part is run by whoever runs such parts there.
"""

from __future__ import annotations

import http.client
import random
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import streams
from streams.hosts.kafka import ClusterError
from streams.hosts.kafka.admin import create_topics
from streams.hosts.kafka.processes import Process, end, known, runs, spawn
from streams.settings import ClusterSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BROKER = Path(streams.__file__).resolve().parents[1] / "deploy" / "kafka" / "broker.py"
"""The program that runs Kafka; a part of the source tree, not of the wheel."""

FILE = "cluster.json"

READY_S = 180.0
"""Seconds that the parts may take together until all partitions are held."""

_STOP_S = 40.0
_POLL_S = 0.1

_PORTS = range(20_000, 32_000)
"""Below what systems hand to outgoing connections."""


class Pids(msgspec.Struct):
    """The ids of the real processes."""

    kafka: int
    redis: int
    gateway: int
    workers: list[int]


class Cluster(msgspec.Struct):
    """cluster.json: addresses as host:port; `workers` are those of /healthz and /metrics."""

    broker: str
    redis: str
    gateway: str
    workers: list[str]
    city: str
    pids: Pids
    processes: list[Process]


def up(folder: Path, city: Path, *, workers: int, partitions: int, step: Callable[[str, float], None]) -> Cluster:
    """Start a cluster, anew or with what the folder holds of an earlier one, and return once it is ready.

    Raises ClusterError; then nothing of it is left running.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / FILE).exists() and any(runs(process) for process in read(folder).processes):
        raise ClusterError(f"{folder}: a cluster is running here; expected `onegrid cluster down` first")
    _need()
    started: list[Process] = []
    try:
        step("Kafka", 0.0)
        told = _broker("up", folder)
        broker = told["broker"]
        started.append(known("kafka", told["pids"][0]))
        create_topics(ClusterSettings(broker=broker), partitions)
        step("Kafka", 1.0)
        redis = f"127.0.0.1:{free_port()}"
        started.append(start_redis(folder, redis))
        gateway = f"127.0.0.1:{free_port()}"
        started.append(start_gateway(folder, city, broker, redis, gateway))
        started += [start_worker(folder, city, broker, redis, f"worker-{number + 1}") for number in range(workers)]
        addresses = wait_ready(folder, started, gateway, partitions, step)
    except BaseException:
        end(started[1:], _STOP_S)
        if (folder / "kafka" / "kafka.json").exists():
            _broker("down", folder)
        raise
    kafka, redis_process, gateway_process, *rest = started
    pids = Pids(kafka.pid, redis_process.pid, gateway_process.pid, [one.pid for one in rest])
    made = Cluster(broker, redis, gateway, addresses, str(city.resolve()), pids, started)
    (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    return made


def down(folder: Path) -> list[str]:
    """Stop a folder's cluster: workers first, Kafka last. Returns the names of those that had to be killed.

    Its data stay, for the next `up`. Raises ClusterError if the folder has no cluster.
    """
    folder = folder.resolve()
    processes = {process.name: process for process in read(folder).processes}
    kafka, redis = processes.pop("kafka"), processes.pop("redis")
    killed = end(processes.values(), _STOP_S) + end([redis], _STOP_S)
    if runs(kafka):
        killed += ["kafka"] * len(_broker("down", folder)["killed"])
    (folder / FILE).unlink()
    return killed


def read(folder: Path) -> Cluster:
    """Read cluster.json. Raises ClusterError."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Cluster)
    except FileNotFoundError:
        raise ClusterError(f"{folder}: no {FILE}; expected the folder of `onegrid cluster up`") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ClusterError(f"{folder / FILE}: {error}; expected what `onegrid cluster up` writes") from error


def start_redis(folder: Path, address: str) -> Process:
    """Start Redis on an address, with its data in the folder."""
    place = folder / "redis"
    place.mkdir(exist_ok=True)
    host, _, port = address.partition(":")
    command = ["redis-server", "--bind", host, "--port", port, "--dir", str(place), "--appendonly", "yes"]
    return spawn(folder, "redis", [*command, "--save", ""])


def start_gateway(folder: Path, city: Path, broker: str, redis: str, address: str) -> Process:
    """Start a gateway on an address, with its spool in the folder."""
    spool, port = str(folder / "spool"), address.rpartition(":")[2]
    parts = ["--broker", broker, "--redis", redis, "--city", str(city), "--data", spool, "--port", port]
    parts.append("--outbox")  # it is the only one
    return spawn(folder, "gateway", [*_onegrid(), "gateway", *parts])


def start_worker(folder: Path, city: Path, broker: str, redis: str, name: str) -> Process:
    """Start a worker; it says on its standard output which port it answers on."""
    parts = ["--broker", broker, "--redis", redis, "--city", str(city), "--json"]
    return spawn(folder, name, [*_onegrid(), "worker", *parts])


def wait_ready(
    folder: Path,
    processes: Iterable[Process],
    gateway: str,
    partitions: int,
    step: Callable[[str, float], None] = lambda _, __: None,
) -> list[str]:
    """Wait until the gateway takes reports in and the workers hold all partitions; return the workers' addresses.

    Raises ClusterError if one of the processes ends, or if it takes too long.
    """
    processes = list(processes)
    workers = [process.name for process in processes if process.name.startswith("worker")]
    until = time.monotonic() + READY_S
    while True:
        healths = {name: ask(found, "/healthz") for name in workers if (found := address_of(folder, name))}
        held = {number for health in healths.values() for number in health.get("held", ())}
        ready = ask(gateway, "/readyz").get("ready", False) if gateway else True
        step("集群 cluster", (len(held) + bool(ready)) / (partitions + 1))
        well = [name for name, health in healths.items() if health.get("healthy")]
        if ready and len(held) == partitions and len(well) == len(workers):
            return [address_of(folder, name) for name in workers]
        for process in processes:
            if not runs(process):
                text = (folder / f"{process.name}.log").read_text(errors="replace")[-2000:]
                raise ClusterError(f"{process.name} ended by itself; {folder / process.name}.log says:\n{text}")
        if time.monotonic() > until:
            waits = "" if ready else f", and the gateway {gateway} is not ready"
            raise ClusterError(f"{len(held)} of {partitions} partitions are held after {READY_S:.0f} s{waits}")
        time.sleep(_POLL_S)


def address_of(folder: Path, worker: str) -> str:
    """Return the address on which a worker answers; empty as long as it hasn't said."""
    try:
        said = msgspec.json.decode((folder / f"{worker}.out").read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, msgspec.DecodeError):
        return ""
    return f"127.0.0.1:{said['port']}"


def ask(address: str, path: str) -> dict[str, Any]:
    """Return what a process of the cluster says of itself; nothing if it does not answer."""
    link = http.client.HTTPConnection(address, timeout=5)
    try:
        link.request("GET", path)
        found: dict[str, Any] = msgspec.json.decode(link.getresponse().read())
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return {}
    finally:
        link.close()
    return found


def free_port() -> int:
    """Return a port that nobody listens at, and that no outgoing connection gets meanwhile."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _need() -> None:
    """Raise ClusterError for what is missing on this machine."""
    if not BROKER.exists():
        raise ClusterError(f"{BROKER}: not here; expected a checkout of the source: the wheel carries no Kafka")
    if shutil.which("redis-server") is None:
        raise ClusterError("redis-server: not found; expected Redis (Debian: redis-server)")


def _broker(verb: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, str(BROKER), verb, "--dir", str(folder / "kafka")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the command is ours
    if found.returncode:
        raise ClusterError(found.stderr.strip())
    told: dict[str, Any] = msgspec.json.decode(found.stdout)
    return told


def _onegrid() -> list[str]:
    return [sys.executable, "-c", "from streams.cli import main; main()"]
