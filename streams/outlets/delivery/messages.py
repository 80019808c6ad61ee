"""What goes out on one way: an alert, or many together with their number."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from streams.cap.digests import digest
from streams.records import Alert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grids.telling import Way
    from streams.records import Effects

REMIND, CHANNEL = "REMIND", "CHANNEL"


class Message(msgspec.Struct, frozen=True):
    """One message to one unit: `alerts` in their order, and one CAP document about them.

    `id` is the same whenever it is sent again. Of several alerts the document is a digest; where some cancel and
    others don't, those that cancel have one of their own, `all_clear`.
    """

    id: str
    unit: str
    count: int
    alerts: list[Alert]
    cap: str
    all_clear: str = ""


def compose(unit: str, alerts: Sequence[Alert]) -> Message:
    """Put alerts to a unit together, in their order."""
    name = hashlib.sha256("\n".join(alert.alert_id for alert in alerts).encode()).hexdigest()[:32]
    ended = [alert for alert in alerts if alert.kind == "CANCEL"]
    rest = [alert for alert in alerts if alert.kind != "CANCEL"]
    first, *second = [_document(f"{name}{mark}", many) for mark, many in (("", rest), ("-x", ended)) if many]
    bare = [msgspec.structs.replace(alert, cap="") for alert in alerts]
    return Message(name, unit, len(alerts), bare, first, "".join(second))


def _document(name: str, alerts: Sequence[Alert]) -> str:
    whole = [alert for alert in alerts if "<info>" in alert.cap]
    return digest(name, whole) if len(whole) > 1 else alerts[-1].cap  # logs of the first version hold none


def asked(effects: Effects, ways: Mapping[str, tuple[Way, ...]]) -> Iterator[tuple[str, int]]:
    """Yield each alert that is to go out, by its id, and the number of its way: 0, or the one that is tried next."""
    for alert in effects.alerts:
        yield alert.alert_id, 0
    for step in effects.transitions:
        if step.verb == REMIND and step.payload.get("notify") == CHANNEL and "alert" in step.payload:
            number = int(step.payload["tier"])
            if number < len(ways.get(step.payload["unit"], ())):
                yield step.payload["alert"], number
