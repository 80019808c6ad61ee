"""The small city of packs.py, whose grid is drawn anew on CHANGE.

    directory = write_redrawn(tmp_path / "city")

Until then it is as packs.py draws it. From then on the border between the streets WHARF and BELLTOWER runs one step
further west, so MOVED lies in BELLTOWER; and urban management has the units CG1, CG2 and CG9, which is what CG3 and
CG4 were. Emergency's layer goes on.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from packs import SOUTH, STEP, WEST, layer, write_pack, zz_grids

if TYPE_CHECKING:
    from pathlib import Path

CHANGE = datetime(2026, 7, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
WHARF, BELLTOWER = "990101001", "990101002"
MOVED = (WEST + 3.5 * STEP, SOUTH + 2.5 * STEP)
"""Longitude and latitude of a place that changes its street."""

STAYS = (WEST + 9 * STEP, SOUTH + 2.5 * STEP)
"""A place in the east, where nothing changes."""

_LAYERS = """
[[layer]]
net = "ZZ"
file = "layers/zz-2026.geojson"
id = "code"
name = "name"
parent = "community"
valid_from = "2026-07-01"

[[layer]]
net = "CG"
file = "layers/cg-2026.geojson"
id = "code"
valid_from = 2026-07-01
"""


def write_redrawn(directory: Path) -> Path:
    """Write the whole pack into a new folder and return the folder."""
    write_pack(directory)
    with (directory / "layers.toml").open("a", encoding="utf-8") as file:
        file.write(_LAYERS)
    units = [
        {
            "code": code, "name": code[-3:], "community": code[:12],
            "box": (3 if west == 4 else west, south, 3 if east == 4 else east, north),
        }
        for code, (west, south, east, north) in zz_grids().items()
    ]  # fmt: skip
    cg = [{"code": f"CG{n}", "box": (a, 0, b, 4)} for n, a, b in ((1, 0, 3), (2, 3, 8), (9, 8, 16))]
    (directory / "layers" / "zz-2026.geojson").write_text(layer(units), encoding="utf-8")
    (directory / "layers" / "cg-2026.geojson").write_text(layer(cg), encoding="utf-8")
    return directory
