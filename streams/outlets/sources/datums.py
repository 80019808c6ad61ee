"""The datum guard's report: each source's positions, held against what its reports name, over a whole journal."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from grids.datumguard import Evidence, judge
from streams.records import Report
from streams.stages.doubts import as_each, datum_of, doubts, misses, passed_over

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from grids.city import City
    from grids.datumguard import Verdict

_report = msgspec.json.Decoder(Report)
_ACCURACY_M = 25.0
_TOGETHER = 2000


class Guard:
    """Takes reports, and keeps of each source what speaks for and against its datum."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._evidence: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
        self._flags: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._reports: Counter[tuple[str, str]] = Counter()

    def add_all(self, reports: Sequence[Report]) -> None:
        """Take some; a report without a position says nothing."""
        placed = [one for one in reports if one.lon is not None and one.lat is not None]
        for report, positions in zip(placed, as_each(placed), strict=True):
            self._add(report, positions)

    def _add(self, report: Report, positions: dict[str, tuple[float, float]]) -> None:
        source = (f"{report.system}/{report.channel}", datum_of(self._city, report))
        self._reports[source] += 1
        if passed := passed_over(self._city, report) or ("ZERO_POSITION" if report.lon == report.lat == 0 else ""):
            self._flags[source][passed] += 1
            return
        day = (report.occurred_at or report.reported_at).astimezone(self._city.zone).date()
        grid = self._city.grid_at(day)
        declared = positions.get(source[1], positions["WGS84"])
        self._flags[source].update(one.flag for one in doubts(self._city, grid, report, *declared))
        named = {name: misses(self._city, grid, report, *position) for name, position in positions.items()}
        for kind in ("COMPONENT", "GRID"):
            far = {name: found[kind] for name, found in named.items() if kind in found}
            if len(far) == len(positions) and all(np.isfinite(list(far.values()))):
                self._evidence[source].append(Evidence(source[1], far, max(_ACCURACY_M, report.accuracy_m or 0.0)))
                break

    def verdicts(self) -> dict[tuple[str, str], Verdict]:
        """Judge every source; its name is system/channel, with the datum that it declares."""
        guard = self._city.rules.inlets.guard
        return {
            source: judge(self._evidence[source], least=guard.least, odds=guard.odds, astray_m=guard.miss_m)
            for source in sorted(self._reports)
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return the report: those named first."""
        order = {"WRONG": 0, "ASTRAY": 1, "UNKNOWN": 2, "RIGHT": 3}
        found = [
            {
                "source": source[0],
                "declared": source[1],
                "verdict": said.verdict,
                "better": said.better,
                "reports": self._reports[source],
                "judged": said.judged,
                "miss_m": said.miss_m,
                "better_miss_m": said.better_miss_m,
                "odds": said.odds,
                "flags": dict(self._flags[source]),
            }
            for source, said in self.verdicts().items()
        ]
        return sorted(found, key=lambda row: (order[str(row["verdict"])], str(row["source"])))


def guard_of(city: City, reports: Iterable[Report]) -> Guard:
    """Take many reports."""
    guard = Guard(city)
    rest = iter(reports)
    while some := list(islice(rest, _TOGETHER)):
        guard.add_all(some)
    return guard


def datum_report(city: City, path: Path) -> list[dict[str, Any]]:
    """Judge every source of a data file's journal."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT original FROM reports ORDER BY position")
        return guard_of(city, (_report.decode(original) for (original,) in rows)).rows()
