"""What a host tells of dead letters that no effects record holds."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from packs import point

from streams.hosts.embedded import EmbeddedHost
from streams.inlets.lines import accept_line
from streams.outlets.metrics import Metrics
from streams.stages.acceptance import Accepted

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def _accepted(system_no, category):
    lon, lat = point("990101001", 1)
    report = {
        "system": "app",
        "system_no": system_no,
        "channel": "SENSOR",
        "reported_at": AT.isoformat(),
        "scheme": "city",
        "category": category,
        "lon": lon,
        "lat": lat,
    }
    found = accept_line(msgspec.json.encode(report), AT)
    assert isinstance(found, Accepted)
    return found


def test_what_intake_puts_aside_is_told_once_and_counted_in_the_metrics(small_city, tmp_path):
    host = EmbeddedHost(small_city, tmp_path, AT)
    metrics = Metrics()
    host.accept([_accepted("1", "E-99-99"), _accepted("2", "E-01-10")])
    told = host.drain()
    host.close()
    for effects in told:
        metrics.hear(effects)
    assert [letter.reason for effects in told for letter in effects.dead_letters] == ["UNKNOWN_CATEGORY"]
    assert b'onegrid_dead_letters_total{reason="UNKNOWN_CATEGORY",stage="intake"} 1.0' in metrics.page()
