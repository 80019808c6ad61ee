"""A real Prometheus on a free port of the loopback, scraping what a test names; and the tools beside it.

with Prometheus(folder, ["127.0.0.1:8311"], rules=[path]) as prometheus:
    prometheus.wait_for("up == 1")
    prometheus.value("sum(onegrid_cases_total)")
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Self
from urllib.parse import quote
from urllib.request import urlopen

from servers import free_port

DEPLOY = Path(__file__).parents[1] / "deploy"


class Prometheus:
    """One server in a folder of its own; ended by its own process id."""

    def __init__(self, folder: Path, targets: list[str], rules: list[Path] = [], interval: str = "1s") -> None:  # noqa: B006 - read only
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        config = {
            "global": {"scrape_interval": interval, "evaluation_interval": interval},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [{"job_name": "onegrid", "static_configs": [{"targets": targets}]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))

    def __enter__(self) -> Self:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder / 'prometheus.yml'}",
                 f"--storage.tsdb.path={self.folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}"],
                stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + 30
        while True:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, "prometheus is not ready after 30 s"
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=1):
                    return self
            except OSError:
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and values of an instant query."""
        with urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?query={quote(expression)}", timeout=30) as answer:
            found = json.load(answer)
        assert found["status"] == "success", found
        if found["data"]["resultType"] == "scalar":
            return [({}, float(found["data"]["result"][1]))]
        return [(one["metric"], float(one["value"][1])) for one in found["data"]["result"]]

    def value(self, expression: str) -> float:
        """Return the one value of a query."""
        ((_, value),) = self.query(expression)
        return value

    def wait_for(self, expression: str, seconds: float = 30) -> None:
        """Wait until a query gives something."""
        until = time.monotonic() + seconds
        while not self.query(expression):
            assert time.monotonic() < until, f"{expression} is empty after {seconds} s"
            time.sleep(0.2)
