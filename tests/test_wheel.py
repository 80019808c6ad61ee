"""The wheel alone is enough for the demo: it carries the pack, the page and the templates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[1]


def test_a_day_of_the_demo_runs_from_the_wheel_and_its_sums_add_up(tmp_path):
    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path / "dist"), versions=["standard"]))
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    command = "from streams.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    found = subprocess.run(
        [sys.executable, "-P", "-c", command, "demo", "--days", "1", "--no-serve", "--json"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )
    summary = json.loads(found.stdout)
    where = subprocess.run(
        [sys.executable, "-P", "-c", "import grids.city as c; print(c.__file__, c.demo_pack())"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert where.stdout.count(str(tmp_path / "site")) == 2, "the wheel itself was run, with its own pack"
    print(
        {name: summary[name] for name in ("cells", "pairs", "reports", "cases", "closed", "on_time_rate", "seconds")}
    )
    taken = summary["cases"] + summary["duplicates"] + summary["not_incidents"]
    assert summary["reports"] == taken + sum(summary["dead_letters"].values())
    assert sum(summary["outcomes"].values()) == summary["cases"]
    assert summary["pairs"] > 10_000
    assert summary["pairs_one_lead"] + summary["pairs_backstop"] == summary["pairs"]
    assert summary["pairs_one_lead"] / summary["pairs"] >= 0.95
    assert summary["area_error"] < 1e-6
    assert summary["refused_actions"] <= 0.001 * summary["actions"]
    assert len(summary["dead_letters"]) >= 5
    assert 0.5 < summary["on_time_rate"] < 1.0
    assert 0 < summary["median_minutes"]["report_to_dispatch"] < summary["median_minutes"]["report_to_close"]
