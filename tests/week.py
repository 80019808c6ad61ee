"""The demo week played once in this process, heard by metrics as a host hears it.

def test_x(heard_week): heard_week.folder, heard_week.metrics, heard_week.end
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import pytest

from grids.city import City, demo_pack, fuse_pack
from grids.rules import read_rules
from streams.cli.simulate import MONDAY, arrivals_of, first_moment
from streams.hosts.embedded import EmbeddedHost
from streams.inlets.simulator import People, play, simulate
from streams.outlets.metrics import Metrics

if TYPE_CHECKING:
    from pathlib import Path


class HeardWeek(NamedTuple):
    """What is left of the week: its data folder, its city, the metrics that heard it, and when it ended."""

    folder: Path
    city: City
    metrics: Metrics
    start: datetime
    end: datetime


class _Heard(EmbeddedHost):
    """A host whose effects are heard, as an engine lets them be."""

    metrics: Metrics

    def work(self, limit=500):
        effects = super().work(limit)
        if effects is not None:
            self.metrics.hear(effects)
        return effects


@pytest.fixture(scope="session")
def heard_week(tmp_path_factory):
    """Seven days of the demo, seed 1: about 45 s."""
    pack = demo_pack()
    rules = read_rules(pack)
    city = City(rules, fuse_pack(pack, rules).cells)
    start = first_moment(city, MONDAY)
    end = start + timedelta(days=7)
    folder = tmp_path_factory.mktemp("week")
    host = _Heard(city, folder, start)
    host.metrics = Metrics(rules.calendar)
    arrivals = arrivals_of(simulate(city, start=start, days=7, seed=1, rate=3000))
    play(host, arrivals, People(city, 1), start=start, end=end)
    host.close()
    host.metrics.desks.look(end)
    return HeardWeek(folder, city, host.metrics, start, end)
