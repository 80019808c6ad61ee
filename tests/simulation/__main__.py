"""Run many seeds and print the figures: `python -m tests.simulation --seeds 20000 --processes 2`."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.cities import cities
from tests.simulation.turns import BrokenError
from tests.simulation.world import simulate

_STEPS = "step "
_LEAST = "crashes of the seed with the fewest"


def one(seed: int) -> tuple[Counter[str], str]:
    """Run a seed; return its figures, or what it breaks."""
    try:
        return simulate(seed), ""
    except BrokenError as error:
        return Counter(), str(error)
    except Exception:  # noqa: BLE001 - a fault of the simulation itself: it names its seed, and others go on
        return Counter(), f"seed {seed}: {traceback.format_exc()}"


def main() -> int:
    """Run the seeds; 1 if any breaks a law."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=2)
    said = parser.parse_args()
    began, total, broken = time.perf_counter(), Counter[str](), 0
    least = sys.maxsize
    cities()  # fused once, before the processes part
    with ProcessPoolExecutor(said.processes) as pool:
        seeds = range(said.first, said.first + said.seeds)
        for number, (figures, text) in enumerate(pool.map(one, seeds, chunksize=20), start=1):
            total += figures
            broken += bool(text)
            if text:
                print(text, flush=True)
            else:
                least = min(least, figures["crashes"])
            if number % 1000 == 0:
                print(
                    f"{number} seeds, {broken} broken, {time.perf_counter() - began:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
    total[_LEAST] = least
    steps = sum(count for name, count in total.items() if name.startswith(_STEPS))
    rows = {"seeds": said.seeds, "seeds that break a law": broken, "steps of cases": steps}
    rows |= {name: count for name, count in sorted(total.items()) if not name.startswith(_STEPS)}
    rows |= {name: count for name, count in sorted(total.items()) if name.startswith(_STEPS)}
    for name, count in rows.items():
        print(f"| {name} | {count:,} |")
    print(f"{time.perf_counter() - began:.0f} s in {said.processes} processes")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
