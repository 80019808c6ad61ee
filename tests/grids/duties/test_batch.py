"""Many matters at once get the answers that each would get alone."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from grids.catalogue import URGENCIES
from grids.city import open_city
from grids.duties.batch import Batch, Matters
from grids.duties.ground import Ground
from tests.packs import add_line, write_pack


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    pack = write_pack(tmp_path_factory.mktemp("batch") / "city")
    rows = [
        "005-01,005,E-02-02,CELL,990101001001901,,LEAD,990101-EN,,STATUTORY,,x,,,",
        'E5-02,005,E-02-02,CITY,990100,"area_class == ""C""",LEAD,@community,,STATUTORY,,x,,,',
    ]
    for row in rows:
        add_line(pack, "duties.csv", row)
    return open_city(pack)


def matters(city, count, seed):
    chance = np.random.default_rng(seed)
    first = np.datetime64("2025-11-01")
    return Matters(
        chance.integers(0, len(city.rules.catalogue.leaves), count),
        chance.integers(0, len(city.cell_places), count),
        chance.integers(1, 5, count),
        chance.integers(0, len(URGENCIES), count),
        chance.integers(0, 24, count),
        first + chance.integers(0, 400, count).astype("timedelta64[D]"),
    )


def alone(city, asked, number):
    place = city.cell_places[asked.cell[number]]
    facts = {
        "severity": int(asked.severity[number]),
        "urgency": URGENCIES[asked.urgency[number]],
        "hour": int(asked.hour[number]),
        "area_class": place.area_class,
        "zone": place.zones,
    }
    day = date(1970, 1, 1) + timedelta(days=int(asked.day[number].astype(int)))
    return city.rules.duties.decide(city.rules.catalogue.leaves[asked.leaf[number]], place, facts, day)


def test_a_batch_answers_as_each_matter_alone(city):
    batch = Batch(city.rules.duties, Ground(city.cell_places), city.rules.catalogue.leaves)
    for seed in range(3):
        asked = matters(city, 700, seed)
        found = batch.resolve(asked)
        assert [batch.decisions[n] for n in found] == [alone(city, asked, n) for n in range(700)]
    assert len(batch.decisions) < 700


def test_an_empty_batch_has_no_answers(city):
    batch = Batch(city.rules.duties, Ground(city.cell_places), city.rules.catalogue.leaves)
    assert len(batch.resolve(matters(city, 0, 0))) == 0


def test_places_have_the_same_number_exactly_if_the_rows_cannot_tell_them_apart(city):
    ground = Ground(city.cell_places)
    for leaf in city.rules.catalogue.leaves:
        shape = city.rules.duties.shape(leaf)
        keys = ground.keys(shape).tolist()
        by_class = "area_class" in shape.variables
        traits = [(shape.of(place), place.area_class if by_class else "") for place in city.cell_places]
        assert len(set(zip(keys, traits, strict=True))) == len(set(keys)) == len(set(traits))


def test_the_classes_of_two_lists_are_those_that_neither_tells_apart(city):
    ground = Ground(city.cell_places)
    shapes = [city.rules.duties.shape(leaf) for leaf in city.rules.catalogue.leaves]
    first, count = ground.classes(shapes)
    assert count.sum() == len(ground)
    traits = {tuple((shape.of(place), place.area_class) for shape in shapes) for place in city.cell_places}
    assert len(first) == len(traits)
