"""A real `onegrid run` on a port of its own, killed and started again by the tests that ask for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
from packs import write_pack


class Server:
    """One data folder, one port; stopped by its own pid."""

    def __init__(self, pack, data, cache) -> None:
        self.data, self.log = data, data.with_suffix(".log")
        self.environment = {**os.environ, "ONEGRID_CACHE": str(cache)}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.arguments = ["run", "--city", str(pack), "--data", str(data), "--json", "--port", str(self.port)]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments):
        """Run another command to its end."""
        return subprocess.run(
            [sys.executable, "-c", "from streams.cli import main; main()", *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            timeout=300,
            check=False,
        )

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from streams.cli import main; main()", *self.arguments],
                env=self.environment,
                stdout=log,
            )
        for _ in range(600):
            assert self.process.poll() is None, "the server ended by itself"
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the server did not get ready within 30 s")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        ended = self.process.wait(timeout=60)
        self.process = None
        assert ended == (-signal.SIGKILL if how == signal.SIGKILL else 0), "told to end, it does so cleanly"


@pytest.fixture
def serve(tmp_path):
    """Make a server on a folder; whatever still runs at the end is killed."""
    pack, servers = write_pack(tmp_path / "city"), []

    def make(data=None):
        servers.append(Server(pack, data or tmp_path / "data", tmp_path / "cache"))
        return servers[-1]

    yield make
    for server in servers:
        if server.process is not None:
            server.end(signal.SIGKILL)
