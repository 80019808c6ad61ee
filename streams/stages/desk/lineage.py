"""Lineage: open cases follow the grid when a pack with a newer version of it is put in force.

What was decided stays decided: the receipt is of when the matter occurred. The place moves, and with it the desk
that commands it, as soon as the case's state lets another desk take it over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grids.successor import follow
from streams.stages.desk import moves, transfers
from streams.stages.desk.authority import Asked
from streams.stages.desk.lifecycle import BY_STATE, OPEN, SYSTEM

if TYPE_CHECKING:
    from datetime import datetime

    from streams.records import Case
    from streams.stages.desk.clerk import Clerk


def follow_all(clerk: Clerk, at: datetime, cause: str) -> None:
    """Move every open case whose cell is another one now, in the order of their numbers.

    A cell that the new version left alone keeps its code, so its cases are not touched.
    """
    for number in sorted(clerk.book.cases):
        case = clerk.book.cases[number]
        if case.state in OPEN and case.placement.cell:
            _follow(clerk, case, at, cause)


def _follow(clerk: Clerk, case: Case, at: datetime, cause: str) -> None:
    city, was = clerk.city, case.placement
    now = city.grid.version
    place = follow(city, was.grid_version, was.cell, was.lon, was.lat)
    if place is None or moves.place_of(was) == place:
        return
    asked = Asked("FOLLOW", at, SYSTEM, payload={"from": was.cell, "to": place.cell, "grid": now})
    moved = moves.placed(was, place, grid_version=now)
    case = clerk.step(case, asked, cause=cause, fields={"placement": moved}, moves=False)
    clerk.counts["followed"] += 1
    if place.desk != case.desk and (case.state, "TRANSFER") in BY_STATE:
        transfers.transfer(clerk, case, place.desk, at, cause)
