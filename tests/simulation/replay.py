"""See a run of the simulation again, turn by turn: `python tests/simulation/replay.py SEED [--bug NAME]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.simulation.bugs import BUGS, planted
from tests.simulation.turns import BrokenError
from tests.simulation.world import World


def main() -> int:
    """Print what happened, in order, and how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--bug", default="", choices=["", *BUGS], help="plant one of the bugs first")
    parser.add_argument("--last", type=int, default=0, help="only the last so many lines")
    said = parser.parse_args()
    with planted(said.bug):
        world = World(said.seed, traced=True)
        try:
            world.run()
            end = "all laws hold"
        except BrokenError as error:
            end = f"BROKEN: {error}"
    assert world.trace is not None
    for turn, now, who, what in world.trace[-said.last :]:
        print(f"{turn:6} {now.astimezone(world.zone):%m-%d %H:%M:%S} {who:14} {what}")
    print(f"seed {said.seed}: {end}")
    return int(not end.startswith("all"))


if __name__ == "__main__":
    sys.exit(main())
