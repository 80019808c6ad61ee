"""The failures at their full size, one after the other: `python -m tests.cluster --reports 200000`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster import failures
from tests.cluster.failures import Field
from tests.cluster.reports import lines_of
from tests.servers import Brokers, Redis, clean_topics

ROOT = Path(__file__).parents[2]

BROKEN = {"long outage": 1, "redis lost": 1, "broker restart": 1, "leader loss": 3}
"""Those with servers of their own, and how many brokers they need."""


def main() -> int:
    """Do to a cluster what is asked; 1 if anything does not hold."""
    names = [*failures.SINGLE, *BROKEN]
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--reports", type=int, default=200_000)
    parser.add_argument("--rate", type=float, default=0, help="reports a second; 0: as fast as they are taken")
    parser.add_argument("--city", type=Path, default=ROOT / "config" / "chengdu")
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--frozen", type=float, default=60, help="seconds that a frozen worker stands still")
    parser.add_argument("--only", choices=names, action="append", help="this one; may be given several times")
    said = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # brokers and workers would stay behind
    lines = lines_of(said.city, said.reports)
    wrong = 0
    for name in said.only or names:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="onegrid-cluster-") as scratch:
            try:
                found = _one(name, said, lines, Path(scratch))
            except AssertionError as error:
                wrong += 1
                found = {"broken": str(error)}
        print(json.dumps({"failure": name} | found | {"seconds": round(time.monotonic() - began)}), flush=True)
    return 1 if wrong else 0


def _one(name: str, said: argparse.Namespace, lines: list[bytes], scratch: Path) -> dict[str, object]:
    """Try one failure on servers of its own."""
    brokers = Brokers(scratch / "kafka", nodes=BROKEN.get(name, 1))
    redis = Redis(scratch / "redis") if name == "redis lost" else None
    try:
        settings = clean_topics(brokers.address, said.partitions)
        field = Field(settings, said.city, lines, scratch / "workers", said.rate, said.frozen, brokers, redis)
        return _failure(name)(field)
    finally:
        if redis is not None:
            redis.stop()
        brokers.down()


def _failure(name: str) -> failures.Failure:
    own = {
        "long outage": failures.long_outage,
        "redis lost": failures.redis_loss,
        "broker restart": failures.broker_restart,
        "leader loss": failures.leader_loss,
    }
    return (failures.SINGLE | own)[name]


if __name__ == "__main__":
    sys.exit(main())
