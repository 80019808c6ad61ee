"""How fast duties are proven and decided: `python benchmarks/duties.py [--cells 140000]`.

The city is invented: 20 districts of 13 streets of 12 communities, 190 leaves, and for each leaf a list entry with
lead, cooperation, supervision, a rule for severe matters and one for a district with dates, so that there are five
date intervals. Figures of a shared machine scatter: run it more than once and quote the best.
"""

from __future__ import annotations

import argparse
import time
from datetime import date

import numpy as np

from grids.catalogue import URGENCIES
from grids.duties.batch import Batch, Matters
from grids.duties.ground import Ground
from grids.duties.proof import prove
from grids.duties.resolution import Duties
from grids.duties.rows import DutyRow
from grids.places import Place
from grids.tables import OPEN_END, OPEN_START
from grids.units import Unit, Units
from grids.when import parse_when

LEAVES = [f"E-{group:02d}-{number:02d}" for group in range(1, 20) for number in range(1, 11)]
DATES = [date(2026, 1, 1), date(2026, 7, 1), date(2027, 1, 1), date(2027, 7, 1)]


def invent_places(cells: int) -> list[Place]:
    """Spread cells over the communities of an invented city."""
    communities = [f"5101{d:02d}{s:03d}{c:03d}" for d in range(1, 21) for s in range(1, 14) for c in range(1, 13)]
    found = []
    for number in range(cells):
        code = communities[number * len(communities) // cells]
        cell = f"{code}{number % 1000:03d}"
        found.append(Place(cell, f"{code}901", code, code[:9], code[:6], code[:6], (), "B", 1.0))
    return found


def invent_duties() -> Duties:
    """Write a list of six rows for each leaf, and the units that it names."""
    units = {}
    for code, level, kind, function, area in [
        ("C-SV", "CITY", "SUPERVISION", "supervision", "510100"),
        ("C-EM", "CITY", "DEPARTMENT", "emergency", "510100"),
        *((f"51{1:02d}{d:02d}-UM", "DISTRICT", "DEPARTMENT", "urban", f"5101{d:02d}") for d in range(1, 21)),
        *(
            (f"5101{d:02d}{s:03d}-OF", "STREET", "OFFICE", "office", f"5101{d:02d}{s:03d}")
            for d in range(1, 21)
            for s in range(1, 14)
        ),
    ]:
        units[code] = Unit(code, code, code, (), level, kind, function, "", area, OPEN_START, OPEN_END)
    rows = [_row("000", "*", "CITY", "", "BACKSTOP", "@street-office")]
    for n, leaf in enumerate(LEAVES):
        district = f"5101{n % 20 + 1:02d}"
        rows += [
            _row(f"{n:03d}-1", leaf, "CITY", "", "LEAD", "@district:urban"),
            _row(f"{n:03d}-2", leaf, "CITY", "severity <= 2", "LEAD", "C-EM"),
            _row(f"{n:03d}-3", leaf, "CITY", "", "COOPERATE", "@street-office"),
            _row(f"{n:03d}-4", leaf, "CITY", "", "SUPERVISE", "C-SV"),
            _row(f"{n:03d}-5", leaf, "DISTRICT", "", "LEAD", "@street-office", district, DATES[0], DATES[1]),
            _row(f"{n:03d}-6", leaf, "DISTRICT", "", "LEAD", "@street-office", district, DATES[2], DATES[3]),
        ]
    return Duties(tuple(rows), Units(units))


def _row(
    name: str,
    category: str,
    scope: str,
    when: str,
    role: str,
    unit: str,
    code: str = "510100",
    start: date = OPEN_START,
    end: date = OPEN_END,
) -> DutyRow:
    back = "@district:urban" if end != OPEN_END else ""
    mode = "DELEGATED" if back else "STATUTORY"
    condition = parse_when(when)
    return DutyRow(name, name, category, scope, code, condition, role, unit, "", mode, back, "x", start, end, "")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=140_000)
    cells = parser.parse_args().cells
    places, duties = invent_places(cells), invent_duties()

    started = time.perf_counter()
    proof = prove(duties, LEAVES, places)
    proving = time.perf_counter() - started
    print(f"prove      {cells:,} cells x {len(LEAVES)} leaves, {proof.classes:,} decisions: {proving:.1f} s")
    print(f"           explicit {proof.explicit:,} of {proof.pairs:,}, holds {proof.holds}")

    chance, count = np.random.default_rng(1), 1_000_000
    asked = Matters(
        chance.integers(0, len(LEAVES), count),
        chance.integers(0, cells, count),
        chance.integers(1, 5, count),
        chance.integers(0, len(URGENCIES), count),
        chance.integers(0, 24, count),
        np.datetime64("2025-06-01") + chance.integers(0, 900, count).astype("timedelta64[D]"),
    )
    batch = Batch(duties, Ground(places), LEAVES)
    for state in ("cold", "warm"):
        started = time.perf_counter()
        batch.resolve(asked)
        took = time.perf_counter() - started
        print(f"batch {state} {count:,} matters, {len(batch.decisions):,} decisions: {count / took:,.0f} matters/s")

    facts = [
        {"severity": int(s), "urgency": "NORMAL", "hour": int(h), "area_class": "B", "zone": ()}
        for s, h in zip(asked.severity[:20_000], asked.hour[:20_000], strict=True)
    ]
    single = []
    for _ in range(2):
        single.clear()
        for n, fact in enumerate(facts):
            started = time.perf_counter()
            duties.resolve(LEAVES[asked.leaf[n]], places[asked.cell[n]], fact, DATES[1])
            single.append(time.perf_counter() - started)
    print(f"single     warm, median {1e6 * float(np.median(single)):.1f} us")


if __name__ == "__main__":
    main()
