"""Sources whose positions are in another datum than they say: named, and no right one is."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import numpy as np
import pytest

from grids.city import demo_pack, open_city
from grids.datum import from_wgs84
from grids.datumguard import Evidence, judge
from streams.cli.places import cache_dir
from streams.outlets.sources.datums import guard_of
from streams.records import Report

MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)

REPORTS, SOURCES, WRONG = 10_000, 100, 10
"""Ten of a hundred sources are wrong, so ten in a hundred reports carry the wrong datum."""

_DATUMS = ("WGS84", "GCJ02", "BD09")


@pytest.fixture(scope="module")
def chengdu():
    return open_city(demo_pack(), cache_dir())


def simulated(city, seed):
    """Reports of a hundred sources, and which of these are wrong.

    With evidence as in life: some name a component, some their old grid, some neither; phones err by some metres, and
    a few name the wrong thing.
    """
    chance = random.Random(seed)
    components = list(city.rules.components.values())
    labels = city.grid.cells.labels
    inner = city.inner_points()
    wrong = set(chance.sample(range(SOURCES), WRONG))
    reports = []
    for number in range(REPORTS):
        source = number % SOURCES
        said = _DATUMS[source % 3]
        true = _DATUMS[(source + 1) % 3] if source in wrong else said
        kind = chance.random()
        extra = {}
        if kind < 0.35:
            one = chance.choice(components)
            lon, lat = one.lon, one.lat
            extra["component_id"] = (
                chance.choice(components).component_id if chance.random() < 0.03 else one.component_id
            )
        else:
            cell = chance.randrange(len(inner))
            lon, lat = inner[cell]
            net = chance.choice(("CG", "ZZ"))
            if kind < 0.75 and labels[net][cell] is not None:
                extra |= {"source_layer": net, "source_grid": labels[net][cell]}
        error = abs(chance.gauss(0, 9))
        angle = chance.random() * 2 * np.pi
        lon = lon + error * np.cos(angle) / 95_800
        lat = lat + error * np.sin(angle) / 111_320
        east, north = from_wgs84(np.array([lon]), np.array([lat]), true)
        reports.append(
            Report(
                system=f"source-{source}", system_no=f"{number}", channel="DEPARTMENT", reported_at=MONDAY,
                scheme="city", category="E-01-10", lon=float(east[0]), lat=float(north[0]), datum=said, **extra,
            )
        )  # fmt: skip
    return reports, {f"source-{number}/DEPARTMENT" for number in wrong}


@pytest.mark.parametrize(
    "seed", [90_001, *(pytest.param(seed, marks=pytest.mark.long) for seed in (90_002, 90_003, 90_004, 90_005))]
)
def test_of_ten_thousand_reports_every_wrong_source_is_named_and_no_right_one(chengdu, seed):
    reports, wrong = simulated(chengdu, seed)
    rows = guard_of(chengdu, reports).rows()
    named = {row["source"] for row in rows if row["verdict"] == "WRONG"}
    assert len(named & wrong) >= 0.99 * len(wrong)
    assert named - wrong == set()
    assert all(
        row["better"] == _DATUMS[(int(row["source"][7:-11]) + 1) % 3] for row in rows if row["source"] in named
    )


def evidence(own, other, count=10):
    return [Evidence("WGS84", {"WGS84": own, "GCJ02": other, "BD09": 900.0})] * count


def test_a_source_is_judged_from_enough_reports_only():
    assert judge(evidence(500, 5, 4)).verdict == "UNKNOWN"
    assert judge(evidence(500, 5)).verdict == "WRONG"
    assert judge(evidence(500, 5)).better == "GCJ02"
    assert judge(evidence(5, 500)).verdict == "RIGHT"
    assert judge([]).verdict == "UNKNOWN"


def test_a_source_that_no_datum_explains_is_astray():
    assert judge(evidence(900, 900)).verdict == "ASTRAY"


def test_a_few_reports_about_the_wrong_thing_condemn_nobody():
    assert judge([*evidence(5, 400, 30), *evidence(3000, 2, 2)]).verdict == "RIGHT"


def test_grids_that_do_not_tell_datums_apart_leave_the_question_open():
    assert judge(evidence(0, 0)).verdict == "UNKNOWN"
