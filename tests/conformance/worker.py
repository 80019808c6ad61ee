"""`onegrid` with a clock that stands: `python -m tests.conformance.worker --clock 2026-03-02T00:00Z worker …`.

Ticks are inputs like others; where time stands still none are due, and an inbox leads to what it holds alone.
"""

from __future__ import annotations

import sys
from datetime import datetime
from functools import partialmethod

from streams.cli import main
from streams.hosts.kafka.worker import Worker

if sys.argv[1] == "--clock":
    stands = datetime.fromisoformat(sys.argv[2])
    Worker.__init__ = partialmethod(Worker.__init__, clock=lambda: stands)  # type: ignore[method-assign]
    del sys.argv[1:3]
main()
