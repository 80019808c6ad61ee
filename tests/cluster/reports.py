"""Reports to let flow: a city's invented day, so many of them, each with an id of its own and of these days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from grids.city import open_city
from streams.cli.places import cache_dir
from streams.inlets.simulator import simulate

if TYPE_CHECKING:
    from pathlib import Path


class _Named(msgspec.Struct):
    report_id: str


def lines_of(pack: Path, count: int, seed: int = 1) -> list[bytes]:
    """Return well-formed reports of the day before yesterday, `count` of them, no two of one id."""
    city = open_city(pack, cache_dir(), lambda _, __: None)
    day = datetime.now(UTC).astimezone(city.zone).date() - timedelta(days=2)
    start = datetime.combine(day, datetime.min.time(), city.zone)
    found: dict[str, bytes] = {}
    for again in range(100):
        made = simulate(city, start=start, days=1, seed=seed + again, rate=count, step=lambda _, __: None)
        for one in made.reports:
            found.setdefault(msgspec.json.decode(one.line, type=_Named).report_id, one.line)
        if len(found) >= count:
            break
    return list(found.values())[:count]
