"""A whole service in a process of its own, for browsers: `python serving.py CITY DATA NOW`.

It tells its address as one line. Its clock begins at NOW; who looks is whom the header X-Test-User names, else
whoever has signed in, else whoever is on this machine.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from grids.city import open_city
from streams.hosts.embedded.service import Service, bind
from streams.identity.current import maybe_user_of
from streams.outlets.console import User, at_console

USERS = {
    "reader": User("reader", roles=frozenset(), pages=("wall", "duty", "measures")),
    "west": User("west", desks=("990101",)),
}


def main() -> None:
    """Serve until told to stop."""
    city, data, now = Path(sys.argv[1]), Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
    begun = time.monotonic()
    cache = os.environ.get("ONEGRID_CACHE")
    service = Service(
        open_city(city, Path(cache) if cache else None),
        data,
        clock=lambda: now + timedelta(seconds=time.monotonic() - begun),
        user_of=lambda request: USERS.get(request.headers.get("x-test-user", ""), at_console(maybe_user_of(request))),
    )
    bound = bind(0)
    service.start()
    print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    try:
        service.serve(bound)
    finally:
        service.stop()
        service.close()


if __name__ == "__main__":
    main()
