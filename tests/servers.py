"""Real servers for tests: Kafka and Redis, each on a free port of the loopback, ended by its own process id.

    def test_x(kafka, redis): ...          # "127.0.0.1:port" of one broker, of one Redis, for the whole session
    def test_y(secure_kafka): ...          # a broker that also has SSL and SASL_SSL listeners; what `up` says of it
    def test_w(kafka): clean_topics(kafka)   # all topics anew and empty
    def test_z(three_brokers): ...         # Brokers of three nodes, of this test alone: stop one, start it again

Where one is not installed the test skips with the reason, unless ONEGRID_REQUIRE names it: then it fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from streams.settings import ClusterSettings

BROKER = Path(__file__).parents[1] / "deploy" / "kafka" / "broker.py"

_NEEDS = {
    "kafka": ("java", "mvn"),
    "redis": ("redis-server",),
    "prometheus": ("prometheus", "promtool", "amtool"),
}


def need(name: str) -> None:
    """Skip or fail where a server is not installed."""
    missing = [program for program in _NEEDS[name] if shutil.which(program) is None]
    if missing:
        required = name in os.environ.get("ONEGRID_REQUIRE", "").split(",")
        (pytest.fail if required else pytest.skip)(f"no {name} here: {', '.join(missing)} not found")


def free_port() -> int:
    """Return a port that nobody listens at, below those that outgoing connections get.

    A client that calls a server which is down could otherwise get that server's port, and keep it from coming back.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


class Brokers:
    """A Kafka cluster in a folder, through deploy/kafka. `told` is what it said when it came up."""

    def __init__(self, folder: Path, nodes: int = 1, *, secure: bool = False) -> None:
        self.folder = folder
        self.told = self._do("up", "--nodes", nodes, *(["--secure"] if secure else []))
        self.address: str = self.told["broker"]

    def start(self, node: int) -> dict:
        return self._do("start", "--node", node)

    def stop(self, node: int, *, kill: bool = False) -> dict:
        return self._do("stop", "--node", node, *(["--kill"] if kill else []))

    def down(self) -> dict:
        return self._do("down")

    def _do(self, verb, *arguments) -> dict:
        command = [sys.executable, str(BROKER), verb, "--dir", str(self.folder), *map(str, arguments)]
        found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)


class Redis:
    """A redis-server in a folder, with an append-only file. It keeps its port when it is started again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        given = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "appendonly": "yes",
            "save": "",
        }
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", *(word for name, value in given.items() for word in (f"--{name}", value))],
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 30
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "redis.log").read_text()
            assert time.monotonic() < until, "redis-server does not answer after 30 s"
            time.sleep(0.02)

    def stop(self, *, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(timeout=30)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as link:
                link.sendall(b"PING\r\n")
                return link.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """The address of one real broker."""
    need("kafka")
    brokers = Brokers(tmp_path_factory.mktemp("kafka"))
    yield brokers.address
    brokers.down()


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """The address of one real Redis."""
    need("redis")
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server.address
    server.stop()


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory):
    """What `up` says of a broker with SSL and SASL_SSL listeners: broker, ssl, sasl_ssl, ca, user, password."""
    need("kafka")
    brokers = Brokers(tmp_path_factory.mktemp("secure"), secure=True)
    yield brokers.told
    brokers.down()


@pytest.fixture
def three_brokers(tmp_path):
    """Three nodes with replication 3 and min.insync.replicas 2."""
    need("kafka")
    brokers = Brokers(tmp_path / "kafka", nodes=3)
    yield brokers
    brokers.down()


def clean_topics(address: str, partitions: int = 12) -> ClusterSettings:
    """Make all topics of a cluster anew and empty, and return the settings of a client without Redis."""
    # A machine without the cluster extra runs all other tests.
    from kafka import KafkaAdminClient  # noqa: PLC0415

    from streams.hosts.kafka.admin import create_topics  # noqa: PLC0415
    from streams.settings import ClusterSettings  # noqa: PLC0415
    from streams.topics import TOPICS  # noqa: PLC0415

    settings = ClusterSettings(broker=address)
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.delete_topics([name for name in admin.list_topics() if name in TOPICS])
    until = time.monotonic() + 30
    while set(admin.list_topics()) & set(TOPICS):  # the broker learns of it a moment after its controller
        assert time.monotonic() < until, "topics that were deleted are still there after 30 s"
        time.sleep(0.05)
    admin.close()
    create_topics(settings, partitions)
    return settings
