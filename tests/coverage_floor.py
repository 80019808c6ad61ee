"""Fail unless the pure packages are covered: `python tests/coverage_floor.py .coverage.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

FLOOR = 95.0
"""Percent of lines, for the map and rules and for the stages."""

PURE = ("grids/", "streams/stages/")


def main() -> int:
    files = json.loads(Path(sys.argv[1]).read_text())["files"]
    poor = 0
    for package in PURE:
        sums = [found["summary"] for name, found in files.items() if name.startswith(package)]
        share = 100 * sum(s["covered_lines"] for s in sums) / sum(s["num_statements"] for s in sums)
        print(f"{package} {share:.1f} % of lines covered; expected at least {FLOOR:.0f} %")
        poor += share < FLOOR
    return poor


if __name__ == "__main__":
    sys.exit(main())
