"""`onegrid` with a worker's clock ahead or behind: `python -m tests.cluster.skewed --skew -15 worker …`."""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import partialmethod

from streams.cli import main
from streams.hosts.kafka.worker import Worker, wall_clock

assert sys.argv[1] == "--skew"
ahead = timedelta(seconds=float(sys.argv[2]))
Worker.__init__ = partialmethod(Worker.__init__, clock=lambda: wall_clock() + ahead)  # type: ignore[method-assign]
del sys.argv[1:3]
main()
