"""How fast receipts are made, sealed and encoded: `python benchmarks/receipts.py` (on config/chengdu, one core)."""

from __future__ import annotations

import time
from datetime import datetime

import msgspec

from grids.city import demo_pack, open_city
from grids.duties.routing import Question, answer

COUNT = 40_000


def main() -> None:
    """Print the table."""
    city = open_city(demo_pack())
    leaves, places = city.rules.catalogue.leaves, city.cell_places
    at = datetime(2026, 3, 2, 10, tzinfo=city.zone)
    about = [(places[n * 37 % len(places)], leaves[n % len(leaves)]) for n in range(COUNT)]
    asked = [Question(at, place, "city", leaf, channel="HOTLINE", lon=104.0, lat=30.6) for place, leaf in about]
    for state in ("cold", "warm", "warm"):
        started = time.perf_counter()
        for question in asked:
            msgspec.json.encode(answer(city.rules, city.cells.version, question))
        print(f"{state} {COUNT / (time.perf_counter() - started):,.0f} receipts/s, sealed and encoded")


if __name__ == "__main__":
    main()
