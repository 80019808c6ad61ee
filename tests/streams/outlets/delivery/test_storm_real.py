"""A storm in real time: how long the gravest alerts take from the desk's step to the centre's door."""

from __future__ import annotations

import http.server
import json
import random
import shutil
import threading
import time
from datetime import UTC, datetime

import msgspec
import pytest

from grids.city import demo_pack, open_city
from streams.hosts.embedded.service import Service
from streams.records import Report
from streams.stages.acceptance import Accepted

pytestmark = pytest.mark.long

SECONDS, A_SECOND = 60, 33
"""A minute at the rate of ten thousand reports in five."""


class Doors(http.server.ThreadingHTTPServer):
    """The webhooks of all centres, which note when they hear of what."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.heard, self.messages, self.lock = {}, {}, threading.Lock()


class _Door(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        said, now = json.loads(self.rfile.read(int(self.headers["Content-Length"]))), time.time()
        with self.server.lock:
            self.server.messages[self.path] = self.server.messages.get(self.path, 0) + 1
            for alert in said["alerts"]:
                sent = datetime.fromisoformat(alert["sent_at"]).timestamp()
                self.server.heard[alert["alert_id"]] = (alert["severity"], now - sent)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def doors():
    server = Doors()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_in_a_real_storm_no_grave_alert_takes_over_a_second_to_the_centres_door(tmp_path, doors):
    shutil.copytree(demo_pack(), tmp_path / "city")
    (tmp_path / "city" / "channels.toml").write_text(
        "".join(
            f'[[channel]]\nunit = "{desk}-CC"\nkind = "webhook"\n'
            f'target = "http://127.0.0.1:{doors.server_address[1]}/{desk}"\n'
            for desk in ("510100", "510104", "510105", "510106", "510107", "510108", "5101GX")
        ),
        encoding="utf-8",
    )
    city = open_city(tmp_path / "city")
    chance, spots = random.Random(7), city.inner_points()
    leaves = [leaf for leaf in city.rules.catalogue.leaves if leaf.startswith("E")][:12]
    told = []
    service = Service(city, tmp_path / "data", heard=lambda effects: told.extend(effects.alerts))
    service.start()
    began, number = time.monotonic(), 0
    while (passed := time.monotonic() - began) < SECONDS:
        batch = []
        for _ in range(int(passed * A_SECOND) - number):
            number += 1
            lon, lat = spots[chance.randrange(len(spots))]
            at = datetime.now(UTC)
            report = Report(
                system="storm", system_no=f"{number}", channel="HOTLINE", reported_at=at, report_id=f"r{number}",
                scheme="city", category=chance.choice(leaves), lon=float(lon), lat=float(lat), datum="WGS84",
                severity=chance.choices([1, 2, 3, 4], (2, 18, 100, 880))[0], text=f"{number}",
            )  # fmt: skip
            batch.append(Accepted(report, at, msgspec.json.encode(report)))
        if batch:
            service.engine.accept(batch).result(timeout=30)
        time.sleep(0.05)
    time.sleep(2)
    service.stop()
    grave = [one for one in told if one.severity <= 2 and one.unit.endswith("-CC")]
    assert len(grave) > 20
    late = sorted(doors.heard[one.alert_id][1] for one in grave)
    print(
        f"\n{number} reports in {SECONDS} s, {len(grave)} grave alerts: median {late[len(late) // 2]:.2f} s, "
        f"longest {late[-1]:.2f} s; messages {doors.messages}"
    )
    assert late[-1] <= 1.0
