"""How long people are known: until the pack's days after their case has ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from streams.identity.persons import Persons
    from streams.outlets.board import Board

_ORPHANED = timedelta(days=30)
"""How much longer a report is kept that no case has: it waits among the dead letters to be sent again."""


def expired(persons: Persons, board: Board, days: int, now: datetime) -> list[str]:
    """List the reports whose persons have to be forgotten."""
    kept = timedelta(days=days)
    old = set(persons.before((now - kept).timestamp()))
    if not old:
        return []
    found, known = [], set()
    for case in board.all_cases():
        mine = old.intersection(case.reports)
        known |= mine
        if mine and case.closed_at is not None and case.closed_at < now - kept:
            found += sorted(mine)
    orphaned = set(persons.before((now - kept - _ORPHANED).timestamp())) - known
    return found + sorted(orphaned)
