"""Merging: what it sets in a case that repeats another one, and in the one that it repeats (DOMAIN §5).

A merged case keeps its number, its reporter and its clocks' readings, so that it can be taken apart again; its
master answers for both. Cases that a person has told apart are not put together a second time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grids.catalogue import URGENCIES
from streams.stages.desk.authority import NotAllowedError
from streams.stages.desk.lifecycle import OPEN
from streams.stages.desk.steps import whereabouts

if TYPE_CHECKING:
    from datetime import datetime

    from streams.records import Case
    from streams.stages.desk.authority import Asked
    from streams.stages.desk.casebook import CaseBook

VERBS = frozenset({"MERGE", "UNMERGE", "KEEP_APART"})
"""The verbs of this module."""


def change(book: CaseBook, case: Case, asked: Asked) -> dict[str, Any]:
    """Return the fields that a verb of this module sets in the case itself. Raises NotAllowedError."""
    if asked.verb == "MERGE":
        return into(case, master_of(book, case, str(asked.payload["master"])), asked.at)
    if asked.verb == "UNMERGE":
        return {
            "state": case.back,
            "back": "",
            "halted_at": None,
            "closed_at": None,
            "master": "",
            "apart": [*case.apart, case.master],
            **whereabouts(case),
        }
    other = str(asked.payload["case"])
    if other in case.apart:
        raise NotAllowedError("APART_ALREADY", f"payload.case: {other} was kept apart before")
    left = [one for one in case.suggested if one.case_no != other]
    return {"apart": [*case.apart, other], "suggested": left}


def master_of(book: CaseBook, case: Case, number: str) -> Case:
    """Return the case that another may be merged into: open, of this desk, and no child of this one."""
    master = book.cases.get(number)
    if master is None or master.state not in OPEN or master.matter != case.matter or number == case.case_no:
        text = f"payload.master: {number!r}; expected another open case of this desk and of the same matter"
        raise NotAllowedError("NO_SUCH_MASTER", text)
    if number in case.apart:
        raise NotAllowedError("APART_ALREADY", f"payload.master: {number} was kept apart before")
    if case.merged:
        text = f"{case.case_no} has {len(case.merged)} merged into it; expected to be merged the other way"
        raise NotAllowedError("IS_A_MASTER", text)
    return master


def into(case: Case, master: Case, at: datetime) -> dict[str, Any]:
    """Return what a merge sets in the case that is merged, its clocks apart."""
    return {"master": master.case_no, "back": case.state, "halted_at": at, "closed_at": at, "suggested": []}


def absorbed(master: Case, case: Case) -> dict[str, Any]:
    """Return what a merge sets in the master: the graver severity and urgency of the two count."""
    return {
        "merged": [*master.merged, case.case_no],
        "severity": min(master.severity, case.severity),
        "urgency": max(master.urgency, case.urgency, key=URGENCIES.index),
        "flags": {**master.flags, "merged": len(master.merged) + 1},
    }


def released(master: Case, apart: str) -> dict[str, Any]:
    """Return what taking the case of a number apart sets in its former master; what it had raised stays raised."""
    left = [number for number in master.merged if number != apart]
    return {"merged": left, "flags": {**master.flags, "merged": len(left)}, "apart": [*master.apart, apart]}
