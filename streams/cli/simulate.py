"""`onegrid simulate`: a seeded city's reports, what its offices do about them, and what was true."""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from grids.city import City, open_city
from streams.cli import console
from streams.cli.places import cache_dir
from streams.hosts.embedded import EmbeddedHost
from streams.inlets.simulator import People, play
from streams.inlets.simulator import simulate as invent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.inlets.simulator import Arrival, Simulation
    from streams.records import Action

MONDAY = "2026-03-02"
"""The day a simulation begins unless told otherwise: an ordinary working week."""

_AHEAD = 800
"""Days of the calendar that a simulation may need: a year of reports, and the deadlines after it."""


def simulate(
    city: Annotated[Path, typer.Option("--city", help="The city pack.")],
    out: Annotated[Path, typer.Option("--out", help="The folder for the files.")],
    start: Annotated[str, typer.Option(help="First day, as 2026-03-02.")] = MONDAY,
    days: Annotated[int, typer.Option(min=1, max=366)] = 7,
    seed: Annotated[int, typer.Option()] = 1,
    rate: Annotated[int, typer.Option(min=1, help="Reports a day, about.")] = 3000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Write reports.ndjson, malformed.ndjson, actions.ndjson and truth.ndjson; same city and seed, same bytes.

    Example: onegrid simulate --city config/chengdu --days 7 --seed 1 --out out/week
    """
    with console.progress(quiet=as_json) as step:
        opened = open_city(city, cache_dir(), step)
        begin = first_moment(opened, start)
        week = invent(opened, start=begin, days=days, seed=seed, rate=rate, step=step)
        actions: list[Action] = []
        with tempfile.TemporaryDirectory(prefix="onegrid-") as scratch:
            host = EmbeddedHost(opened, Path(scratch), begin)
            end = begin + timedelta(days=days)
            people = People(opened, seed)
            play(host, arrivals_of(week), people, start=begin, end=end, step=step, acted=actions.append)
            host.close()
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "reports.ndjson", (arrival.line for arrival in week.reports))
    _write(out / "malformed.ndjson", (arrival.line for arrival in week.malformed))
    _write(out / "actions.ndjson", (msgspec.json.encode(action) for action in actions))
    _write(out / "truth.ndjson", (msgspec.json.encode(truth) for truth in week.truth))
    counts: dict[str, Any] = {"reports": len(week.reports), "malformed": len(week.malformed), "actions": len(actions)}
    if as_json:
        console.emit(counts)
    else:
        console.out.print(" · ".join(f"{name} {count:,}" for name, count in counts.items()) + f" → {out}")


def first_moment(city: City, day: str) -> datetime:
    """Return midnight of a day in the city. Raises typer.BadParameter if it is no ISO date of the calendar."""
    calendar = city.rules.calendar
    last = calendar.first + timedelta(days=calendar.days - _AHEAD)
    try:
        found = date.fromisoformat(day)
    except ValueError:
        found = date.min
    if not calendar.first <= found <= last:
        raise typer.BadParameter(f"{day!r}; expected a day as 2026-03-02, from {calendar.first} to {last}")
    return datetime.combine(found, datetime.min.time(), city.zone)


def arrivals_of(week: Simulation) -> list[Arrival]:
    """Return good and broken lines together, in order of arrival."""
    return sorted([*week.reports, *week.malformed], key=lambda arrival: (arrival.at, arrival.line))


def _write(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for line in lines:
            # A broken line may hold line breaks; in a file of lines it has to stay one.
            file.write(line.replace(b"\n", b" ") + b"\n")
