"""Outcomes: what became of one report of a source, as it is told, listed and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.stages.desk.lifecycle import ENDS

if TYPE_CHECKING:
    from datetime import datetime


class Outcome(NamedTuple):
    """What became of one report of a source; `since` is when it came into its state."""

    system: str
    system_no: str
    case_no: str
    state: str
    at: datetime
    unit: str
    result: str
    told: str
    tries: int
    error: str
    since: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more is going to happen."""
        return self.state in ENDS

    @property
    def named(self) -> str:
        """Name what a source is told of, so that the same is known again."""
        return f"{self.case_no} {self.state} {self.since}"


def shown(one: Outcome) -> dict[str, object]:
    """Return an outcome as it is sent and listed."""
    found: dict[str, object] = msgspec.to_builtins(one._asdict())
    del found["since"]
    return {**found, "ended": one.ended}
