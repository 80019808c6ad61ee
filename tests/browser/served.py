"""A service in a process of its own, and a Chromium to look at it with.

from tests.browser.served import NOW, Served, browser
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from packs import STREETS, point
from scenes import when

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
SERVING = Path(__file__).with_name("serving.py")
NOW = when("03-02 09:00")


class Served:
    """A service in a process of its own."""

    def __init__(self, city: Path, data: Path, now, cache: Path | None = None, ready: str = "og-main") -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        environment |= {"ONEGRID_CACHE": str(cache)} if cache else {}
        self.process = subprocess.Popen(
            [sys.executable, str(SERVING), str(city), str(data), now.isoformat()],
            stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the service did not start"
        until = time.monotonic() + 60
        while ready not in self._front():
            assert time.monotonic() < until, "no console after 60 s"
            time.sleep(0.2)

    def _front(self) -> str:
        """The front page; empty while nobody listens."""
        try:
            answer = httpx.get(self.url, headers={"Accept": "text/html"})
            return answer.text + answer.headers.get("location", "")
        except httpx.TransportError:
            return ""

    def report(self, number: str, street: str = STREETS[0], who=None, **fields) -> None:
        """Send a report, as whoever has signed in with cookies and a token if `who` gives them."""
        lon, lat = point(street)
        body = {
            "system": "browser", "system_no": number, "channel": "GRID_WORKER", "reported_at": NOW.isoformat(),
            "scheme": "city", "category": "E-01-10", "lon": lon, "lat": lat, "text": "路边垃圾 <b>litter</b>",
        }  # fmt: skip
        cookies, token = who or ({}, "")
        answer = httpx.post(
            f"{self.url}/v1/reports", json={**body, **fields}, cookies=cookies, headers={"X-CSRF-Token": token}
        )
        assert answer.status_code == 202, answer.text

    def settled(self, count: int) -> list[dict]:
        until = time.monotonic() + 10
        while len(found := httpx.get(f"{self.url}/v1/cases?limit=100").json()["items"]) < count:
            assert time.monotonic() < until
            time.sleep(0.05)
        return found

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
