"""A process that delivers the alerts of a folder until it is killed: `python delivering.py FOLDER PORT`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from alertlog import ways

from grids.telling import Alerting, AlertsForm, Storm
from streams.outlets.board.sqlite import SqliteBoard
from streams.outlets.delivery import deliverer
from streams.outlets.delivery.channels import Webhook

if __name__ == "__main__":
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    deliverer.LONGEST_S = 1.0  # pauses of minutes would only make the test long
    found = {unit: (way,) for unit, way in ways(port).items()}
    alerting = Alerting(AlertsForm(storm=Storm(minutes=0, street_from=10**9)), found)
    made = deliverer.Deliverer(
        alerting,
        deliverer.one_log(SqliteBoard(folder / "onegrid.sqlite", shared=True).log.read),
        folder,
        lambda: datetime.now(UTC),
        channel=lambda way: Webhook(way, timeout_s=0.5),
    )
    made.start()
    while True:
        time.sleep(1)
