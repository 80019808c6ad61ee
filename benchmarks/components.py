"""How fast components are found by place: `python benchmarks/components.py [--components 1000000]`.

The register is invented: components of 40 categories spread over half a degree. Quote the best of several runs.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from pyproj import CRS

from grids.components import NearestComponents
from grids.duties.selectors import Component

CATEGORIES = [f"C-01-{number:02d}" for number in range(1, 41)]
ASKED = 200_000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--components", type=int, default=1_000_000)
    count = parser.parse_args().components
    chance = np.random.default_rng(1)
    kind = chance.integers(0, len(CATEGORIES), count)
    lon, lat = 104 + chance.random(count) * 0.5, 30.5 + chance.random(count) * 0.4
    register = [
        Component(f"{number:07d}", CATEGORIES[k], x, y, "owner", "maintainer")
        for number, (k, x, y) in enumerate(zip(kind.tolist(), lon.tolist(), lat.tolist(), strict=True))
    ]
    started = time.perf_counter()
    nearest = NearestComponents(register, CRS.from_epsg(4544))
    print(f"index   {count:,} components: {time.perf_counter() - started:.1f} s")
    about = chance.integers(0, count, ASKED)
    categories = [CATEGORIES[k] for k in kind[about].tolist()]
    started = time.perf_counter()
    found = nearest.find(categories, lon[about] + chance.normal(0, 3e-5, ASKED), lat[about], 10.0)
    took = time.perf_counter() - started
    print(f"nearest {ASKED / took:,.0f} look-ups/s, {sum(one is not None for one in found) / ASKED:.2%} found")


if __name__ == "__main__":
    main()
