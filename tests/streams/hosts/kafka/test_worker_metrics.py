"""What a worker says of itself over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from scenes import DESK, Scene
from servers import free_port

from streams.hosts.kafka.health import HealthServer
from streams.hosts.kafka.metrics import WorkerMetrics
from streams.hosts.partition import Applied
from streams.ledger.records import EffectsRecord


def test_counters_are_those_of_the_desks_and_name_no_case(city):
    scene, metrics = Scene(city), WorkerMetrics()
    number = scene.report("03-02 09:00", severity=1)
    scene.act(number, "START", "03-02 09:01")
    for offset, part in enumerate(scene.parts):
        metrics.hear(2, Applied(offset, EffectsRecord(0, offset + 1, offset + 1), part, [], []))
    page = metrics.page().decode()
    assert 'onegrid_inputs_total{kind="RoutedReport"} 1.0' in page
    assert f'onegrid_transitions_total{{desk="{DESK}",verb="DISPATCH"}} 1.0' in page
    assert 'onegrid_dead_letters_total{reason="ILLEGAL_TRANSITION",stage="desk"} 1.0' in page
    assert 'onegrid_routing_outcomes_total{outcome="LEAD"} 1.0' in page
    assert f'onegrid_alerts_total{{desk="{DESK}",kind="ALERT"}}' in page
    assert 'onegrid_applied_position{partition="2"} 2.0' in page
    assert number not in page
    metrics.leave(2)
    metrics.leave(2)
    assert "onegrid_applied_position{" not in metrics.page().decode()


def test_alerts_that_nobody_has_confirmed_are_shown_by_desk_as_long_as_the_partition_is_held(city):
    scene, metrics = Scene(city), WorkerMetrics()
    scene.report("03-02 09:00", severity=3)
    scene.report("03-02 09:00", severity=3)

    def hear(first=0):
        for offset, part in enumerate(scene.parts[first:], start=first):
            metrics.hear(2, Applied(offset, EffectsRecord(0, offset + 1, offset + 1), part, [], []))
        return metrics.page().decode()

    assert f'onegrid_alerts_unconfirmed{{desk="{DESK}"}} 2.0' in hear()
    done = len(scene.parts)
    scene.ack(scene.alerts[0].alert_id, "03-02 09:05")
    page = hear(done)
    assert f'onegrid_alerts_unconfirmed{{desk="{DESK}"}} 1.0' in page
    assert f'onegrid_alert_acks_total{{desk="{DESK}",in_time="yes"}} 1.0' in page
    metrics.leave(2)
    assert "onegrid_alerts_unconfirmed{" not in metrics.page().decode()
    metrics.enter(2, scene.cases)
    assert f'onegrid_alerts_unconfirmed{{desk="{DESK}"}} 1.0' in metrics.page().decode()


def test_whether_it_is_well_is_told_by_the_status_too():
    health = {"healthy": True, "held": [1, 2]}
    server = HealthServer(0, lambda: b"page\n", lambda: health)
    server.start()

    def get(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    assert get("/metrics") == (200, b"page\n")
    assert get("/healthz") == (200, json.dumps(health, separators=(",", ":")).encode())
    health["healthy"] = False
    assert get("/healthz")[0] == 503
    assert get("/else")[0] == 404
    server.stop()


def test_a_port_that_somebody_else_has_is_an_error():
    port = free_port()
    first = HealthServer(port, bytes, dict)
    with pytest.raises(OSError, match="in use"):
        HealthServer(port, bytes, dict)
    first.start()
    first.stop()
