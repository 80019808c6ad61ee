"""Bodies that nobody would send, over real connections to a real `onegrid run`."""

from __future__ import annotations

import sqlite3

import httpx
import pytest
from storms import storm

pytestmark = pytest.mark.crash

COUNT = 2_000


def test_thousands_of_bodies_over_a_real_connection_do_no_harm(serve):
    server = serve()
    server.start()

    def send(content, kind):
        answer = client.post("/v1/reports", content=content, headers={"content-type": kind})
        return answer.status_code, answer.json()

    with httpx.Client(base_url=server.url, timeout=20) as client:
        acknowledged = storm(send, COUNT, 99)
        assert client.get("/healthz").status_code == 200
    server.end()
    db = sqlite3.connect(server.data / "onegrid.sqlite")
    kept = {name for (name,) in db.execute("SELECT report_id FROM reports")}
    db.close()
    assert acknowledged
    assert kept >= set(acknowledged)
