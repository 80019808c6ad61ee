"""The judge against the simulator's ground truth, in small; benchmarks/duplicates.py does it in full."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from grids.city import City, demo_pack
from grids.fusion import fuse
from grids.layers import read_layer
from grids.rules import read_rules
from streams.inlets.simulator import Habits
from streams.stages.desk.duplicates import Parameters, judge

BENCHMARK = Path(__file__).parents[4] / "benchmarks" / "duplicates.py"
SEED = 205


@pytest.fixture(scope="module")
def grading():
    """The functions of the benchmark."""
    spec = importlib.util.spec_from_file_location("benchmarks_duplicates", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def chengdu():
    """The demo city on its base layer alone, which is quick to fuse."""
    rules = read_rules(demo_pack())
    base = next(layer for layer in rules.layers if layer.net == rules.form.base)
    layer = read_layer(demo_pack() / base.file, base.net, base.id, name_field=base.name, datum=base.datum)
    return City(rules, fuse([layer], base=base.net, crs=rules.form.crs).cells)


@pytest.fixture(scope="module")
def parameters(chengdu):
    return Parameters.of(chengdu.rules.duplicates, chengdu.rules.catalogue)


@pytest.fixture(scope="module")
def week(grading, chengdu):
    return grading.invent(chengdu, SEED, days=1)


@pytest.fixture(scope="module")
def heard(grading, chengdu, week):
    return grading.hear(chengdu, week)


def test_the_ground_is_as_hard_as_it_is_meant_to_be(grading, week, heard):
    incidents = {one.incident for one in week.truth}
    assert len(heard) > 2000
    assert len(week.truth) / len(incidents) == pytest.approx(3, abs=0.25)
    assert grading.beside(week) >= 0.2


def test_in_crowded_places_98_of_100_merges_are_right_and_90_of_100_repeats_are_found(
    grading, chengdu, parameters, heard
):
    counts = grading.grade(chengdu, parameters, heard, judge)
    assert counts["repeats"] > 1000
    assert grading.precision(counts) >= 0.98
    assert grading.recall(counts) >= 0.90


def test_without_a_score_one_merge_in_ten_would_be_wrong_and_a_fifth_of_the_repeats_missed(
    grading, chengdu, parameters, heard
):
    counts = grading.grade(chengdu, parameters, heard, grading.nearest)
    assert grading.precision(counts) < 0.9
    assert grading.recall(counts) < 0.8


def test_where_hardly_anybody_repeats_hardly_anything_is_merged(grading, chengdu, parameters):
    lonely = Habits(reporters=(1.0,))
    counts = grading.grade(
        chengdu, parameters, grading.hear(chengdu, grading.invent(chengdu, SEED, lonely, days=1)), judge
    )
    assert counts["merged"] / counts["reports"] < 0.01
