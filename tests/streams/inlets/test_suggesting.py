"""Suggestions: what a text may be about, learnt from the pack and past cases, told to a person."""

from __future__ import annotations

import random

import pytest

from grids.city import demo_pack, open_city
from streams.cli.places import cache_dir
from streams.cli.simulate import MONDAY, arrivals_of, first_moment
from streams.inlets.lines import read_line
from streams.inlets.simulator import simulate
from streams.inlets.suggesting import Suggester
from streams.records import DeadLetter


@pytest.fixture(scope="module")
def chengdu():
    return open_city(demo_pack(), cache_dir())


def told(city, seed):
    start = first_moment(city, MONDAY)
    arrivals = arrivals_of(simulate(city, start=start, days=1, seed=seed, rate=1500))
    for one in (read_line(arrival.line, arrival.at) for arrival in arrivals):
        if not isinstance(one, DeadLetter) and one.report.scheme == "city" and one.report.text:
            yield one.report.category, one.report.text


def test_what_people_wrote_is_found_among_the_first_three_nine_times_in_ten(chengdu):
    suggester = Suggester(chengdu.rules, lambda: told(chengdu, 1))
    asked = random.Random(5).sample(list(told(chengdu, 2)), 300)
    hits = sum(category in {guess.category for guess in suggester.suggest(text)} for category, text in asked)
    assert hits >= 0.9 * len(asked)


def test_the_pack_alone_suggests_by_its_names(chengdu):
    suggester = Suggester(chengdu.rules)
    code = chengdu.rules.catalogue.leaves[0]
    assert suggester.suggest(chengdu.rules.catalogue[code].name_zh)[0].category == code
    assert suggester.suggest("  ") == []


def test_a_suggestion_comes_with_a_name_and_decides_nothing(gate):
    name = gate.service.city.rules.catalogue["E-01-10"]
    answer = gate.client.post("/v1/suggest", json={"text": name.name_zh, "address": "码头街道1号"}).json()
    assert answer["categories"][0]["category"] == "E-01-10"
    assert answer["place"]["area"] == "990101001"
    assert gate.client.get("/v1/cases").json()["items"] == []
    assert gate.client.post("/v1/suggest", content=b"[").status_code == 422
