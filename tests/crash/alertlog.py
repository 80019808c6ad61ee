"""A log of nothing but alerts: cases of many steps, each told to every unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from grids.telling import Way
from streams.ledger.chain import Chain
from streams.ledger.records import Claim
from streams.records import Alert, Effects

UNITS = ("FAILS-CC", "HANGS-CC", "BREAKS-CC", "DROPS-CC")
"""How each unit's end of the way misbehaves."""


_EPOCH = 1


def ways(port):
    """Return the way to each unit, on a server of this machine."""
    return {unit: Way(unit, "webhook", f"http://127.0.0.1:{port}/{unit}") for unit in UNITS}


def write(log, alerts):
    """Put so many alerts into a log, in the order in which they are to arrive; return their ids by unit."""
    start = datetime.now(UTC) - timedelta(minutes=10)
    chain, claim = Chain(), Claim("test", start)
    assert log.append(claim) == _EPOCH
    chain.claimed(claim)
    told = {unit: [] for unit in UNITS}
    position = made = 0
    while made < alerts:
        batch = []
        for _ in range(50):
            unit = UNITS[made % 4]
            case = f"99010120260302{made // 4 % 500:05d}"
            number = len(told[unit]) // 500 + 1
            name = f"990101-{case}-{number}"
            batch.append(
                Alert(
                    alert_id=f"{name}{UNITS.index(unit)}", desk="990101", level="DISTRICT", case_no=case,
                    kind="ALERT" if number == 1 else "UPDATE", severity=3, sent_at=start, reason="test", unit=unit,
                    category="E-01-10", cell=case, street="990101001", cap=f"<alert><area>{made}</area></alert>",
                )
            )  # fmt: skip
            told[unit].append(batch[-1].alert_id)
            made += 1
        position += 1
        record = chain.record(_EPOCH, position, position, {"990101": Effects(alerts=batch)})
        chain.add(log.append(record), record)
    return told
