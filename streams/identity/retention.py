"""How long people are known: until the pack's days after their case has ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
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


def expired_by(
    persons: Persons, ended_at: Callable[[str], tuple[str, datetime | None]], days: int, now: datetime
) -> list[str]:
    """List the same where no board shows every case: `ended_at` says of a report its case, and when that ended."""
    kept = now - timedelta(days=days)
    orphaned = set(persons.before((kept - _ORPHANED).timestamp()))
    found = []
    for name in persons.before(kept.timestamp()):
        case_no, ended = ended_at(name)
        if (ended is not None and ended < kept) or (not case_no and name in orphaned):
            found.append(name)
    return found
