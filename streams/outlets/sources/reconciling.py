"""Comparing both sides: what a source says it sent and where it stands, against what we know of its numbers.

    for finding in reconcile(theirs, ours): …

Theirs is a list of (number, status) as the source exports it, statuses in its words or ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.outlets.sources.returning import _ZH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.outlets.sources.outcomes import Outcome

_ENDED_WORDS = frozenset({"closed", "done", "completed", "已办结", "办结", "已结案", "结案", "已完成", "完成"})
_OPEN_WORDS = frozenset({"open", "in progress", "assigned", "pending", "started", "办理中", "处置中", "待办", "在办"})
_OURS = {word: state for state, word in _ZH.items()}


class Differs(NamedTuple):
    """One difference.

    MISSING_HERE: we don't know the number; MISSING_THERE: they don't; STATUS: it stands otherwise here; NOT_TOLD: it
    has ended here, and they have not been told.
    """

    kind: str
    system_no: str
    theirs: str
    ours: str
    case_no: str


def ended(status: str) -> bool | None:
    """Say whether a source's word for a status means that it has ended; None if nobody knows the word."""
    word = status.strip()
    state = _OURS.get(word, word.upper())
    if state in _ZH:
        return state in ("CLOSED", "EVALUATED", "NOT_ACCEPTED", "NOT_FILED", "CANCELLED", "FORCED_CLOSED")
    return True if word.lower() in _ENDED_WORDS else False if word.lower() in _OPEN_WORDS else None


def reconcile(theirs: Mapping[str, str], ours: Iterable[Outcome]) -> list[Differs]:
    """List what differs, in the order of the numbers."""
    known = {one.system_no: one for one in ours}
    found = [
        Differs("MISSING_HERE", number, status, "", "") for number, status in theirs.items() if number not in known
    ]
    for number, one in known.items():
        if number not in theirs:
            found.append(Differs("MISSING_THERE", number, "", one.state, one.case_no))
            continue
        says = ended(theirs[number])
        if says is not None and says != one.ended:
            kind = "NOT_TOLD" if one.ended and one.told != one.state else "STATUS"
            found.append(Differs(kind, number, theirs[number], one.state, one.case_no))
    return sorted(found, key=lambda one: (one.system_no, one.kind))
