"""Other systems' files, row by row as reports: one module a format, each a table of columns where it can be.

    adapter = adapter_of(path, context)               # by its looks, or ADAPTERS["hotline"]
    for reading in adapter.read(path, context): …     # every row, understood or not, with why

An adapter takes nothing in: `onegrid adapt try` shows what it understood, `onegrid feed` sends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.inlets.adapters import city_management, hotline, nyc311, plain, sensors

if TYPE_CHECKING:
    from pathlib import Path

    from streams.inlets.adapters.reading import Adapter

ADAPTERS: dict[str, Adapter] = {
    "city-management": city_management.CityManagement(),
    "hotline": hotline.Hotline(),
    "nyc311": nyc311.Nyc311(),
    "sensors": sensors.Sensors(),
    "reports": plain.Plain(),
}
"""By name, in the order in which they are asked whether a file looks like theirs."""


def name_of(path: Path) -> str:
    """Return the name of the adapter whose file this looks like; empty if it is nobody's."""
    return next((name for name, one in ADAPTERS.items() if one.knows(path)), "")
