"""What goes out on one way: an alert, or many together with their number."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from streams.records import Alert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grids.telling import Way
    from streams.records import Effects

REMIND, CHANNEL = "REMIND", "CHANNEL"


class Message(msgspec.Struct, frozen=True):
    """One message to one unit: `alerts` in their order, the newest one's CAP document with the number of all.

    `id` is the same whenever it is sent again. Where there are several, only the newest has its own document inside.
    """

    id: str
    unit: str
    count: int
    alerts: list[Alert]
    cap: str


def compose(unit: str, alerts: Sequence[Alert]) -> Message:
    """Put alerts to a unit together, in their order."""
    *others, newest = alerts
    name = hashlib.sha256("\n".join(alert.alert_id for alert in alerts).encode()).hexdigest()[:32]
    cap = newest.cap if not others else digest(newest.cap, alerts)
    bare = [msgspec.structs.replace(alert, cap="") for alert in alerts]
    return Message(name, unit, len(alerts), bare, cap)


def digest(cap: str, alerts: Sequence[Alert]) -> str:
    """Return a document that speaks for several alerts: their number, and the cases that they are about."""
    cases = " ".join(dict.fromkeys(alert.case_no for alert in alerts))
    counted = f"<parameter><valueName>count</valueName><value>{len(alerts)}</value></parameter><area>"
    found = re.sub(r"<incidents>[^<]*</incidents>", f"<incidents>{cases}</incidents>", cap, count=1)
    found = re.sub(r"(<headline>[^<]*)(</headline>)", rf"\g<1> ({len(alerts)})\g<2>", found)
    return found.replace("<area>", counted)


def asked(effects: Effects, ways: Mapping[str, tuple[Way, ...]]) -> Iterator[tuple[str, int]]:
    """Yield each alert that is to go out, by its id, and the number of its way: 0, or the one that is tried next."""
    for alert in effects.alerts:
        yield alert.alert_id, 0
    for step in effects.transitions:
        if step.verb == REMIND and step.payload.get("notify") == CHANNEL and "alert" in step.payload:
            number = int(step.payload["tier"])
            if number < len(ways.get(step.payload["unit"], ())):
                yield step.payload["alert"], number
