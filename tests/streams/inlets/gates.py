"""A gateway over a real engine, to send things to: `gate` and `old_gate` are in conftest.py."""

from __future__ import annotations

import json
import time
from datetime import UTC

import msgspec
from fastapi.testclient import TestClient
from scenes import make_report, when

from streams.hosts.embedded.service import Service
from streams.inlets.gateway.keep import make_gateway

AT = when("03-02 09:00").astimezone(UTC)


def client_of(app, host="127.0.0.1:8311", peer="127.0.0.1"):
    return TestClient(app, base_url=f"http://{host}", client=(peer, 50000), raise_server_exceptions=False)


class Gate:
    """A gateway over a real engine on a folder of its own."""

    def __init__(self, city, folder) -> None:
        self.service = Service(city, folder, clock=lambda: AT)
        self.service.start()
        engine, board = self.service.engine, self.service.board
        self.app = make_gateway(engine, board, self.service.metrics, self.service.clock, city, self.service.keep)
        self.client = client_of(self.app)

    def post(self, body, **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post("/v1/reports", content=content, headers=headers)

    def settled(self, count):
        """Wait until the desk has taken in so many reports, and return the board."""
        end = time.monotonic() + 10
        while (found := self.client.get("/v1/cases?limit=1000").json()["items"]) is not None:
            if sum(len(case["reports"]) for case in found) >= count:
                return found
            assert time.monotonic() < end, f"{len(found)} cases"
            time.sleep(0.01)
        raise AssertionError


def body(**fields):
    return msgspec.to_builtins(make_report(AT, report_id="", **fields))
