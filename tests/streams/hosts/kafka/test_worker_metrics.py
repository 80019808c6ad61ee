"""What a worker says of itself over HTTP."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from scenes import DESK, Scene, when
from servers import free_port

from streams.hosts.kafka.health import HealthServer
from streams.hosts.kafka.metrics import DeliveryMetrics, WorkerMetrics
from streams.hosts.partition import Applied
from streams.inlets.gateway.metrics import GatewayMetrics
from streams.ledger.records import EffectsRecord


def test_counters_are_those_of_the_desks_and_name_no_case(city):
    scene, metrics = Scene(city), WorkerMetrics()
    number = scene.report("03-02 09:00", severity=1)
    scene.act(number, "START", "03-02 09:01")
    for offset, part in enumerate(scene.parts):
        metrics.hear(2, Applied(offset, EffectsRecord(0, offset + 1, offset + 1), part, [], []))
    page = metrics.page().decode()
    assert 'onegrid_inputs_total{kind="report"} 1.0' in page
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


def values(page, name):
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name)
    }


def test_what_a_desk_has_open_is_shown_by_light_by_the_worker_that_holds_it_and_by_no_other(city):
    scene = Scene(city)
    scene.report("03-02 09:00", severity=3)
    scene.report("03-02 09:01", severity=3)
    now = when("03-02 09:05")
    one, other = (WorkerMetrics(city.rules.calendar, lambda: now) for _ in range(2))
    for offset, part in enumerate(scene.parts):
        one.hear(2, Applied(offset, EffectsRecord(0, offset + 1, offset + 1), part, [], []))
    lights = values(one.page().decode(), "onegrid_cases_by_light{")
    assert lights[f'onegrid_cases_by_light{{desk="{DESK}",light="GREEN"}}'] == 2
    assert values(one.page().decode(), "onegrid_open_cases{") == {f'onegrid_open_cases{{desk="{DESK}"}}': 2}
    one.leave(2)
    for name in ("onegrid_cases_by_light{", "onegrid_open_cases{"):
        assert values(one.page().decode(), name) == {}
    other.enter(2, scene.cases)
    assert values(other.page().decode(), "onegrid_cases_by_light{") == lights
    now = when("03-20 09:00")
    page = other.page().decode()
    assert values(page, "onegrid_cases_by_light{")[f'onegrid_cases_by_light{{desk="{DESK}",light="RED"}}'] == 2
    assert values(page, "onegrid_deadlines_total{") == {f'onegrid_deadlines_total{{desk="{DESK}",in_time="no"}}': 2}
    assert values(one.page().decode(), "onegrid_deadlines_total{") == {}


def test_processes_of_a_cluster_show_every_name_that_rules_and_dashboards_use():
    root = Path(__file__).parents[4]
    used = set()
    for path in (*root.glob("deploy/prometheus/*.yml"), *root.glob("deploy/grafana/*.json")):
        used |= set(re.findall(r"onegrid_[a-z_]+[a-z]", path.read_text(encoding="utf-8")))
    pages = [WorkerMetrics(), DeliveryMetrics(), GatewayMetrics()]
    shown = {family.name for page in pages for family in page.registry.collect()}
    gateways = {"onegrid_gateway_spooling", "onegrid_gateway_spool_bytes", "onegrid_gateway_spool_limit_bytes",
                "onegrid_gateway_board_up"}  # fmt: skip
    bare = {re.sub("_(total|bucket|sum|count)$", "", name) for name in used}
    assert len(bare) > 20
    assert bare - shown - gateways == set()


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
