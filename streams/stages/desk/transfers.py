"""Transfers: a case goes to another desk whole, and is taken over there once. Number and history stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.records import Change, Transfer
from streams.stages.desk import clocks, moves, steps
from streams.stages.desk.authority import Asked
from streams.stages.desk.lifecycle import BY_STATE, SYSTEM

if TYPE_CHECKING:
    from datetime import datetime

    from streams.records import Case
    from streams.stages.desk.clerk import Clerk


def transfer(clerk: Clerk, case: Case, desk: str, at: datetime, cause: str) -> None:
    """Let the system give a case to the desk that commands its place."""
    asked = Asked("TRANSFER", at, SYSTEM, reason="属地变更 its place is another desk's", payload={"desk": desk})
    more = {**moves.AFRESH, "desk": desk}
    fields = steps.change(clerk.rules, clerk.roster, case, BY_STATE[case.state, "TRANSFER"], asked, more)
    hand_over(clerk, clerk.step(case, asked, cause=cause, fields=fields), at)


def hand_over(clerk: Clerk, case: Case, at: datetime) -> None:
    """Send a case that has just left to its new desk; the name is the same whenever it is sent again."""
    name = f"transfer:{case.case_no}-{case.seq}"
    body = Transfer(f"{case.case_no}-{case.seq}", case, clerk.book.desk, case.desk, at)
    clerk.send(name, case.desk, at, body)


def receive(clerk: Clerk, sent: Transfer, at: datetime) -> None:
    """Take over a case from another desk, once, and go on with it."""
    book, case = clerk.book, sent.case
    if book.received.get(case.case_no, 0) > case.seq:
        clerk.repeat("repeated_transfers", f"transfer:{sent.transfer_id}")
        return
    name = moves.begins(case)
    name = clocks.ANSWER if name == clocks.FILE and case.matter != "INCIDENT" else name
    centre = clerk.rules.places.desks[book.desk].centre
    number = 1 + sum(one.name == name and one.unit == centre for one in case.clocks)
    limit = steps.limit_of(clerk.rules, case, name, {})
    fresh = clocks.start(clerk.rules.calendar, name, limit, at, unit=centre, number=number)
    whole = {field: getattr(case, field) for field in Change.__struct_fields__} | {"clocks": [*case.clocks, fresh]}
    asked = Asked("RECEIVE", at, SYSTEM, payload={"transfer_id": sent.transfer_id, "from": sent.from_desk})
    clerk.counts["transfers"] += 1
    case = clerk.step(case, asked, cause=f"transfer:{sent.transfer_id}", fields=whole)
    clerk.proceed(case, at, f"transfer:{sent.transfer_id}")
