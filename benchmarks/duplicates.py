"""How well and how fast duplicates are found, on the simulator's ground truth: `python benchmarks/duplicates.py`.

Three people on average report an incident, in their own words, 5 to 30 m off, some in another datum; at least a fifth
of the incidents have another one of their category under 50 m away within a few hours. Reports go through intake in
the order of their arrival, and are merged into open cases, which close after a plausible time. The seeds weren't
looked at while the shapes of the score were chosen; that was done on seeds 1 to 8.

A merge is right if the case was opened by the same incident: precision. A report repeats its incident's first open
case, if there is one: recall is the share of such reports that were merged into it. What was merged into a later
case of the same incident is right, but not found. The baseline merges with the nearest open case of the category
within its metres and hours, whatever the score.
"""

from __future__ import annotations

import gc
import heapq
import random
import time
import tracemalloc
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from grids.city import City, demo_pack, open_city
from streams.inlets.lines import read_line
from streams.inlets.simulator import CROWDED, Habits, Simulation, simulate
from streams.records import DeadLetter, RoutedReport
from streams.stages.desk.duplicates import HOUR_S, Match, Parameters, Seen, distance_m, judge, together
from streams.stages.desk.nearby import Nearby
from streams.stages.desk.sightings import seen_of
from streams.stages.intake import route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TUNED_ON = range(1, 9)
SEEDS = (301, 302, 303, 304, 305)
DAYS, RATE = 3, 3000
OPEN, OF_DAYS = 100_000, 30
"""Open cases of one district, and the days of which they are, for the timing."""


@dataclass
class Heard:
    """A report as the desk hears of it, and the incident behind it."""

    at: datetime
    desk: str
    number: tuple[str, str]
    self_handled: bool
    seen: Seen
    incident: str


def hear(city: City, week: Simulation) -> list[Heard]:
    """Route a simulation's incidents; what was sent twice is known by its number and left out."""
    truth = {one.report_id: one.incident for one in week.truth}
    batch = [found for one in week.reports if not isinstance(found := read_line(one.line, one.at), DeadLetter)]
    heard: dict[tuple[str, str], Heard] = {}
    for accepted, routed in zip(batch, route(city, batch), strict=True):
        report = accepted.report
        if isinstance(routed, RoutedReport) and report.report_id in truth:
            number = report.system, report.system_no
            component = report.component_id or routed.receipt.place.component
            happened = report.occurred_at or report.reported_at
            category = routed.receipt.category.city_category
            seen = seen_of(report.report_id, category, happened, report.text, routed.placement, component)
            one = Heard(
                accepted.at, routed.placement.desk, number, report.self_handled, seen, truth[report.report_id]
            )
            heard.setdefault(number, one)
    return list(heard.values())


@dataclass
class Desk:
    """What becomes of the reports of one desk: cases, what was merged into them, and what is open."""

    near: Nearby
    closing: list[tuple[datetime, str]]


def grade(
    city: City,
    parameters: Parameters,
    heard: Sequence[Heard],
    by: Callable[[Parameters, Seen, Sequence[Seen]], list[Match]],
) -> Counter[str]:
    """Count what becomes of reports (merged right, elsewhere or wrong; suggested), and what should be merged."""
    rng, counts = random.Random(1), Counter[str]()
    desks = defaultdict(lambda: Desk(Nearby(parameters), []))
    opened: dict[str, Heard] = {}
    merged: dict[str, list[Seen]] = defaultdict(list)
    cases: dict[str, list[str]] = defaultdict(list)
    for one in heard:
        desk = desks[one.desk]
        while desk.closing and desk.closing[0][0] <= one.at:
            number = heapq.heappop(desk.closing)[1]
            desk.near.remove(number)
            cases[opened[number].incident].remove(number)
        own = cases[one.incident]
        counts["reports"] += 1
        counts["repeats"] += bool(own)
        matches = by(parameters, one.seen, desk.near.near(one.seen))
        best = matches[0] if matches else None
        if best is None or best.score < parameters.form.merge:
            counts["suggested"] += best is not None
            opened[one.seen.case_no] = one
            if not one.self_handled:
                desk.near.add(one.seen)
                own.append(one.seen.case_no)
                heapq.heappush(desk.closing, (_closed(city, one, rng), one.seen.case_no))
            continue
        counts["merged"] += 1
        right = opened[best.case_no].incident == one.incident
        counts["wrong" if not right else "found" if best.case_no == own[0] else "elsewhere"] += 1
        counts[best.klass] += 1
        merged[best.case_no].append(one.seen)
        desk.near.add(together(parameters, opened[best.case_no].seen, merged[best.case_no]))
    return counts


def nearest(parameters: Parameters, seen: Seen, candidates: Sequence[Seen]) -> list[Match]:
    """Merge with the nearest of the candidates within metres and hours: the baseline."""
    near, found = parameters.near[seen.category], []
    for other in candidates:
        between = distance_m(seen, other)
        apart = abs((seen.occurred_at - other.occurred_at).total_seconds())
        if between is not None and between <= near.metres and apart <= near.hours * HOUR_S:
            found.append((between, Match(other.case_no, "D2", 1.0, {})))
    return [match for _, match in sorted(found, key=lambda entry: entry[0])]


def _closed(city: City, one: Heard, rng: random.Random) -> datetime:
    """Return when a case is closed: dispatch, the usual share of the limit of its category, and a check."""
    limit = city.rules.catalogue.conditions[one.seen.category][0].limit
    handled = city.rules.calendar.seconds(limit) * rng.lognormvariate(-0.9, 0.55)
    return city.rules.calendar.add(one.at + timedelta(minutes=20), handled, limit.clock) + timedelta(minutes=30)


def beside(week: Simulation) -> float:
    """Return the share of incidents with another of their category under 50 m away within six hours."""
    incidents = {one.incident: one for one in week.truth}
    of: dict[str, list[Seen]] = defaultdict(list)
    for one in incidents.values():
        of[one.category].append(Seen(one.incident, one.category, one.at, lon=one.lon, lat=one.lat))
    crowded = 0
    for group in of.values():
        for one in group:
            crowded += any(
                other is not one
                and abs(other.occurred_at - one.occurred_at) <= timedelta(hours=6)
                and (distance_m(one, other) or 0.0) < 50
                for other in group
            )
    return crowded / len(incidents)


def invent(city: City, seed: int, habits: Habits = CROWDED, days: int = DAYS, rate: int = RATE) -> Simulation:
    """Invent the reports of a seed."""
    return simulate(
        city, start=datetime(2026, 3, 2, tzinfo=city.zone), days=days, seed=seed, rate=rate, habits=habits
    )


def precision(counts: Counter[str]) -> float:
    """Return the share of merges that are right."""
    return 1 - counts["wrong"] / max(1, counts["merged"])


def recall(counts: Counter[str]) -> float:
    """Return the share of repeats that were merged into their incident's first open case."""
    return counts["found"] / max(1, counts["repeats"])


def _table(city: City, parameters: Parameters, title: str, habits: Habits, seeds: Sequence[int]) -> None:
    print(f"\n{title}")
    print("  seed  reports  beside  repeats  precision  recall  elsewhere  suggested  D1 of merged   baseline: p, r")
    for seed in seeds:
        week = invent(city, seed, habits)
        heard = hear(city, week)
        found, plain = grade(city, parameters, heard, judge), grade(city, parameters, heard, nearest)
        print(
            f"  {seed:>4}  {found['reports']:>7,}  {beside(week):>6.1%}  {found['repeats']:>7,}"
            f"  {precision(found):>9.4f}  {recall(found):>6.4f}  {found['elsewhere'] / found['repeats']:>9.1%}"
            f"  {found['suggested'] / found['reports']:>9.1%}  {found['D1'] / found['merged']:>12.1%}"
            f"   {precision(plain):>8.4f}, {recall(plain):.4f}"
        )


def _speed(city: City, parameters: Parameters) -> None:
    """Time queries against the open cases of one district in seconds of processor, and weigh the index."""
    rng = random.Random(7)
    donors = [one.seen for one in hear(city, invent(city, 1, Habits()))]
    start, side = datetime(2026, 3, 2, tzinfo=city.zone), 0.05  # half of a district of 100 km² to each side

    def somewhere(number: int) -> Seen:
        donor = rng.choice(donors)
        return replace(
            donor,
            case_no=f"510104{number:013d}",
            text=f"{donor.text}{number}",  # no two texts are the same, so that none is remembered
            occurred_at=start + timedelta(seconds=rng.randrange(OF_DAYS * 86_400)),
            lon=104.07 + rng.uniform(-side, side),
            lat=30.65 + rng.uniform(-side, side),
            component_id="",
            cell=f"{rng.randrange(1500):05d}",
        )

    held = [somewhere(number) for number in range(OPEN)]
    asked = [somewhere(OPEN + number) for number in range(5000)]
    gc.collect()
    tracemalloc.start()
    near = Nearby(parameters)
    for one in held:
        near.add(one)
    size = tracemalloc.get_traced_memory()[0] / OPEN
    tracemalloc.stop()
    started = time.process_time()
    for one in held[:5000]:
        near.add(one)
    added = (time.process_time() - started) / 5000
    took, met = [], 0
    for one in asked:
        started = time.process_time()
        candidates = near.near(one)
        judge(parameters, one, candidates)
        took.append((time.process_time() - started) * 1e6)
        met += len(candidates)
    took.sort()
    print(
        f"\n{OPEN:,} open cases of {OF_DAYS} days in one district: {size:.0f} bytes of index a case; held anew in "
        f"{added * 1e6:.0f} µs; a query meets {met / len(asked):.1f} cases and takes p50 {took[2500]:.0f} µs, "
        f"p99 {took[4950]:.0f} µs, at most {took[-1]:.0f} µs"
    )


def main() -> None:
    """Print the tables."""
    city = open_city(demo_pack())
    parameters = Parameters.of(city.rules.duplicates, city.rules.catalogue)
    _table(city, parameters, "Crowded places, positions 5 to 30 m off", CROWDED, SEEDS)
    natural = msgspec.structs.replace(CROWDED, error_m=None)
    _table(city, parameters, "The same, positions as far off as each channel's are", natural, SEEDS[:2])
    worse = msgspec.structs.replace(CROWDED, beside=0.2)
    _table(city, parameters, "The same, with more incidents beside another", worse, SEEDS[:2])
    _speed(city, parameters)


if __name__ == "__main__":
    main()
