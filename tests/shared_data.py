"""Real data sets that stay outside the project.

    path = shared("nyc/layers/fire_battalions.geojson")

They are looked for in $ONEGRID_SHARED_DATA, by default in ../shared/data beside the checkout. Where one is absent
the test skips with the reason, unless ONEGRID_REQUIRE names `shared-data`: then it fails.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("ONEGRID_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data")
REQUIRED = "shared-data" in os.environ.get("ONEGRID_REQUIRE", "").split(",")


def shared(name: str) -> Path:
    path = ROOT / name
    if not path.exists():
        reason = f"no {name} in {ROOT} (set ONEGRID_SHARED_DATA)"
        (pytest.fail if REQUIRED else pytest.skip)(reason)
    return path
