"""The whole system under seeds: storms of crashes, freezes, lost and doubled letters, and the laws that hold."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.simulation.bugs import BUGS, planted
from tests.simulation.turns import BrokenError
from tests.simulation.world import CRASHES, simulate

SEEDS = 300
BUG_SEEDS = 200

_TRACE = """
import hashlib
from tests.simulation.world import World
world = World(7, traced=True)
world.run()
print(hashlib.sha256(repr(world.trace).encode()).hexdigest())
"""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_crashes_nothing_is_lost_or_done_twice(seed):
    figures = simulate(seed)
    assert figures["crashes"] >= CRASHES


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug):
    with planted(bug):
        for seed in range(BUG_SEEDS):
            try:
                simulate(seed, bug=bug)
            except BrokenError as error:
                print(f"\n{bug}: found by {error}")
                return
    pytest.fail(f"{bug}: not found within {BUG_SEEDS} seeds")


def test_a_seed_tells_the_same_story_in_another_process():
    """Nothing depends on the order of a set of texts, which is another in each process."""
    told = {
        subprocess.run(
            [sys.executable, "-c", _TRACE], env={"PYTHONHASHSEED": seed, "PATH": ""}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
