"""`onegrid demo`: the whole job on the demo pack, on one screen, and then the console."""

from __future__ import annotations

import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from grids.city import City, demo_pack, fuse_pack
from grids.duties.proof import prove
from grids.rules import read_rules
from streams.cli import console
from streams.cli.screen import show
from streams.cli.simulate import MONDAY, arrivals_of, first_moment
from streams.hosts.embedded import EmbeddedHost
from streams.hosts.embedded.service import HOST, Service, bind
from streams.inlets.simulator import Follower, People, play
from streams.inlets.simulator import simulate as invent
from streams.outlets.board.sqlite import SqliteBoard
from streams.stages.measures import figures

if TYPE_CHECKING:
    from grids.duties.proof import Proof
    from grids.fusion import FusionReport
    from streams.inlets.simulator.people import Planned

_DUPLICATES = {"repeats": 1, "updates": 1, "merged": 1, "unmerged": -1}

SPEED = 60.0
"""Virtual seconds for each real one while the console shows the city."""


class Summary(msgspec.Struct, kw_only=True):
    """What the demo says; the keys are DESIGN §4.6's."""

    layers: int
    units: int
    cells: int
    grids: int
    area_error: float
    pairs: int
    pairs_one_lead: int
    pairs_backstop: int
    reports: int
    not_incidents: int
    cases: int
    closed: int
    duplicates: int
    dead_letters: dict[str, int]
    refused_actions: int
    actions: int
    outcomes: dict[str, int]
    on_time_rate: float | None
    on_time_of: int
    on_time_by_desk: dict[str, float]
    median_minutes: dict[str, float | None]
    alerts: int
    heads: dict[str, str]
    seconds: dict[str, float]


def demo(
    days: Annotated[int, typer.Option(min=1, max=60, help="Days to simulate.")] = 7,
    seed: Annotated[int, typer.Option(help="Same seed, same week.")] = 1,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Print the summary and stop.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Keep the data here; an empty or new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as one JSON object.")] = False,
) -> None:
    """Fuse five departments' grids, prove the duties, play a week through the real host, print what came of it.

    Then serve the console on loopback, where the simulated city goes on sixty times as fast as a real one.

    Example: onegrid demo --days 7 --no-serve
    """
    if data is not None and data.exists() and any(data.iterdir()):
        raise typer.BadParameter(f"{data} is not empty; expected a new or empty folder", param_hint="--data")
    folder = data or Path(tempfile.mkdtemp(prefix="onegrid-demo-"))
    try:
        with console.progress(quiet=as_json) as step:
            city, fused, proof, seconds = _prepare(step)
            summary, people, agenda = _play(city, folder, days, seed, step, fused=fused, proof=proof, seconds=seconds)
        if as_json:
            console.emit(summary)
        else:
            show(city, summary)
        if not no_serve:
            _serve(city, folder, days, seed, people, agenda)
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


def _prepare(step: Any) -> tuple[City, FusionReport, Proof, dict[str, float]]:
    pack, seconds = demo_pack(), {}
    rules = read_rules(pack)
    started = time.perf_counter()
    fusion = fuse_pack(pack, rules, step)
    seconds["fuse"] = round(time.perf_counter() - started, 2)
    city = City(rules, fusion.cells)
    started = time.perf_counter()
    proof = prove(rules.duties, rules.catalogue.leaves, city.cell_places, step)
    seconds["prove"] = round(time.perf_counter() - started, 2)
    return city, fusion.report, proof, seconds


def _play(
    city: City,
    folder: Path,
    days: int,
    seed: int,
    step: Any,
    *,
    fused: FusionReport,
    proof: Proof,
    seconds: dict[str, float],
) -> tuple[Summary, People, list[Planned]]:
    start = first_moment(city, MONDAY)
    end = start + timedelta(days=days)
    arrivals = arrivals_of(invent(city, start=start, days=days, seed=seed, rate=3000, step=step))
    people, taken = People(city, seed), [0]
    host = EmbeddedHost(city, folder, start)
    started = time.perf_counter()

    def acted(_: Any) -> None:
        taken[0] += 1

    agenda = play(host, arrivals, people, start=start, end=end, step=step, acted=acted)
    seconds["process"] = round(time.perf_counter() - started, 2)
    host.snapshot()
    host.close()
    board = SqliteBoard(host.store.path)
    found = figures(board.all_cases(), start, end)
    counters = board.counters()
    summary = Summary(
        layers=len(city.rules.layers),
        units=sum(layer.units for layer in fused.layers.values()),
        cells=fused.cells,
        grids=len(set(city.cells.grids)),
        area_error=fused.area_error,
        pairs=proof.pairs,
        pairs_one_lead=proof.explicit,
        pairs_backstop=proof.backstop,
        reports=sum(arrival.at < end for arrival in arrivals),
        not_incidents=found.not_incidents,
        cases=found.cases,
        closed=found.closed,
        duplicates=sum(sign * counters.get(name, 0) for name, sign in _DUPLICATES.items()),
        dead_letters=board.dead_letter_reasons(of_reports=True),
        refused_actions=counters.get("refused_actions", 0),
        actions=taken[0],
        outcomes=found.outcomes,
        on_time_rate=found.on_time_rate,
        on_time_of=found.on_time_of,
        on_time_by_desk=found.on_time_by_desk,
        median_minutes=found.median_minutes,
        alerts=board.count("alerts"),
        heads={head.desk: head.head for head in board.heads()},
        seconds=seconds,
    )
    board.close()
    return summary, people, agenda


def _serve(city: City, folder: Path, days: int, seed: int, people: People, agenda: list[Planned]) -> None:
    """Serve the data folder while the simulated city goes on from where the played days ended."""
    end = first_moment(city, MONDAY) + timedelta(days=days)
    opened = time.monotonic()

    def clock() -> datetime:
        return (end + timedelta(seconds=SPEED * (time.monotonic() - opened))).astimezone(UTC)

    ahead = arrivals_of(invent(city, start=end, days=3, seed=seed + 1, rate=3000))
    follower = Follower(ahead, people, clock)
    service = Service(city, folder, clock=clock, heard=follower.hear)
    bound = bind(0)
    service.start()
    url = f"http://{HOST}:{bound.getsockname()[1]}"
    console.err.print(
        f"[bold]页面 page[/] {url}   [bold]metrics[/] {url}/metrics   [bold]API[/] {url}/docs   (Ctrl-C)",
        soft_wrap=True,
    )
    follower.start(service.engine, service.board, agenda)
    try:
        service.serve(bound)
    finally:
        follower.stop()
        service.stop()
