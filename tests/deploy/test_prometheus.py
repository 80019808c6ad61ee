"""What deploy/ gives Prometheus, Alertmanager and Grafana: rules by their own tools, queries on the demo."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_server import DEPLOY, Prometheus
from servers import need

from grids.city import demo_pack
from grids.rules import read_rules

if TYPE_CHECKING:
    from pathlib import Path

RULES = [DEPLOY / "prometheus" / name for name in ("recording.yml", "alerts.yml")]
DASHBOARDS = ("city", "district", "pipeline")


def module(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = made
    spec.loader.exec_module(made)
    return made


def tool(*command) -> str:
    need("prometheus")
    run = subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def alerts() -> dict[str, str]:
    """The text of each alert's rule by its name."""
    text = RULES[1].read_text(encoding="utf-8")
    return {part.split("\n", 1)[0].strip(): part for part in text.split("- alert:")[1:]}


# What needs no server


def test_the_committed_dashboards_are_what_the_code_writes():
    made = module(DEPLOY / "grafana" / "dashboards.py")
    for name, one in made.dashboards().items():
        assert (DEPLOY / "grafana" / f"{name}.json").read_text(encoding="utf-8") == made.written(one), name


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_read_back_by_the_sdk_and_its_panels_do_not_overlap(name):
    from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: PLC0415 - slow to import

    raw = json.loads((DEPLOY / "grafana" / f"{name}.json").read_text(encoding="utf-8"))
    read = Dashboard.from_json(raw)
    assert read.uid == f"onegrid-{name}"
    taken = set()
    for panel in raw["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        assert " · " in panel["title"], "zh and en"
        taken |= cells


def test_the_committed_routes_are_what_the_demo_pack_gives():
    made = module(DEPLOY / "alertmanager" / "routes.py")
    assert (DEPLOY / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8") == made.routes(
        read_rules(demo_pack())
    )


def test_every_alert_links_to_a_heading_that_says_what_to_do():
    page = (DEPLOY.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    headings = {line.lstrip("# ").strip().lower() for line in page.splitlines() if line.startswith("#")}
    for name, rule in alerts().items():
        link = re.search(r"runbook_url: (\S+)", rule)[1]
        assert link == f"docs/operations.md#{name.lower()}"
        assert name.lower() in headings, name


def test_every_alert_has_a_test_that_fires_it_and_one_that_does_not():
    text = (DEPLOY / "prometheus" / "tests.yml").read_text(encoding="utf-8")
    for name in alerts():
        assert len(re.findall(rf"alertname: {name}\b", text)) == 2, name


# With the real tools


@pytest.mark.prometheus
def test_the_rules_pass_their_own_tests():
    tool("promtool", "check", "rules", *RULES)
    tool("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    assert "SUCCESS" in tool("promtool", "test", "rules", DEPLOY / "prometheus" / "tests.yml")


@pytest.mark.prometheus
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (("desk=510104", "severity=page"), "centre-510100,centre-510104"),
        (("desk=510104", "severity=ticket"), "centre-510104"),
        (("desk=5101GX", "severity=page"), "centre-510100,centre-5101GX"),
        (("severity=page", "alertname=OnegridDown"), "operations"),
    ],
)
def test_an_alert_of_a_desk_goes_to_its_centre(labels, receivers):
    config = DEPLOY / "alertmanager" / "alertmanager.yml"
    tool("amtool", "check-config", config)
    assert tool("amtool", "config", "routes", "test", f"--config.file={config}", *labels).strip() == receivers


_DEMO = "from streams.cli import demo, main; demo.SPEED = 1200.0; main()"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo as it serves after one day, twenty minutes a second, and a Prometheus that scrapes it by our rules."""
    need("prometheus")
    folder = tmp_path_factory.mktemp("demo")
    environment = {**os.environ, "ONEGRID_CACHE": str(folder / "cache")}
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", _DEMO, "demo", "--days", "1", "--json"], stdout=said, stderr=said, env=environment
        )
        until = time.monotonic() + 240
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", (folder / "said").read_text())):
            assert process.poll() is None, (folder / "said").read_text()
            assert time.monotonic() < until
            time.sleep(0.2)
        target = f"127.0.0.1:{found[1]}"
        with Prometheus(folder / "prometheus", [target], RULES) as prometheus:
            prometheus.wait_for("up == 1")
            for number in range(3):  # one that is refused, and one that turns out to be no matter of the city's
                httpx.post(f"http://{target}/v1/reports", content=b'{"system": "x"}')
                now = httpx.get(f"http://{target}/console/state").json()["now"]
                strange = {"system": "x", "system_no": f"{number}", "channel": "HOTLINE", "reported_at": now,
                           "scheme": "city", "category": "X-99"}  # fmt: skip
                assert httpx.post(f"http://{target}/v1/reports", json=strange).status_code == 202
                time.sleep(1)
            prometheus.wait_for('sum(increase(onegrid_deadlines_total{in_time="yes"}[1m])) > 0', 120)
            prometheus.wait_for("onegrid:on_time:ratio1d > 0", 60)
            prometheus.wait_for("sum(rate(onegrid_report_to_close_minutes_bucket[1m])) > 0", 60)
            prometheus.wait_for("sum(increase(onegrid_alert_acks_total[1m])) > 0", 60)
            prometheus.wait_for("onegrid_alert_messages_total", 60)
            prometheus.target = target
            yield prometheus
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def queries(name: str) -> list[tuple[str, str]]:
    """Title and query of each target of a dashboard, its variables filled in as Grafana would."""
    raw = json.loads((DEPLOY / "grafana" / f"{name}.json").read_text(encoding="utf-8"))
    filled = {"$__range": "2m", "$__rate_interval": "1m", "$desk": ".*"}
    found = []
    for panel in raw["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in filled.items():
                expression = expression.replace(variable, value)
            assert "$" not in expression, expression
            found.append((panel["title"], expression))
    return found


@pytest.mark.prometheus
@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_query_of_every_panel_returns_data_from_the_demo(demo, name):
    empty = []
    for title, expression in queries(name):
        found = demo.query(expression)
        if not [value for _, value in found if value == value]:  # noqa: PLR0124 - NaN is no data
            empty.append((title, expression))
    print(f"\n{name}: {len(queries(name))} queries")
    assert empty == []


@pytest.mark.prometheus
def test_no_metric_of_the_demo_has_more_series_than_its_labels_allow_a_city_of_twenty_districts(demo):
    """Seven desks here; 20 districts, a city and 4 zones there: what has a desk grows by 25/7, nothing else does."""
    counts = {}
    for labels, value in demo.query('count by (__name__) ({__name__=~"onegrid.*"})'):
        has_desk = bool(demo.query(f'{labels["__name__"]}{{desk!=""}}')[:1])
        counts[labels["__name__"]] = value * (25 / 7 if has_desk else 1)
    most = max(counts, key=counts.get)
    print(f"\n{len(counts)} names; the largest would be {most} with {counts[most]:.0f} series")
    assert counts[most] <= 5000
    forbidden = ("case", "case_no", "cell", "grid", "street", "unit", "actor", "reporter", "worker")
    for name in forbidden:
        assert demo.query(f'count({{{name}!="", __name__=~"onegrid.*"}})') == [], name


@pytest.mark.prometheus
def test_the_alerts_are_evaluated_and_nothing_of_the_service_is_wrong_in_the_demo(demo):
    firing = {labels["alertname"] for labels, _ in demo.query('ALERTS{alertstate="firing"}')}
    assert not firing & {"OnegridDown", "OnegridLagGrows", "OnegridCommitSlow"}, firing
