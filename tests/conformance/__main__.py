"""The largest run: `python -m tests.conformance --reports 20000`, on a broker of its own; prints its figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.conformance.clusters import Workers, put, settled, told
from tests.conformance.outcomes import alone, differences
from tests.conformance.recording import START, record
from tests.servers import Brokers, clean_topics


def main() -> int:
    """Run; 1 if any number of workers leads to other bytes than one machine."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--reports", type=int, default=20_000)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 3])
    said = parser.parse_args()
    differ = 0
    with tempfile.TemporaryDirectory(prefix="onegrid-conformance-") as scratch:
        folder = Path(scratch)
        recorded = record(folder, said.reports)
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in recorded.kinds.most_common() if not kind.isupper())
        print(f"{len(recorded.items):,} inputs: {kinds}", flush=True)
        expected = alone(recorded)
        brokers = Brokers(folder / "kafka")
        try:
            for count in said.workers:
                settings = clean_topics(brokers.address)
                put(settings, recorded.items)
                logs = folder / f"workers-{count}"
                logs.mkdir()
                began = time.monotonic()
                with Workers(settings, recorded.packs, logs, clock=START) as workers:
                    workers.start(count)
                    settled(settings, workers, 3600)
                    took = time.monotonic() - began
                    for one in list(workers.running):
                        workers.stop(one)
                found, rejected = told(settings)
                wrong = differences(expected, found)
                differ += bool(wrong)
                steps = sum(len(one.steps) for one in found.values())
                text = f"{steps:,} steps, {rejected} records turned down, {took:.0f} s"
                print(f"{count} workers: {text}: {wrong or 'the same bytes'}", flush=True)
        finally:
            brokers.down()
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
