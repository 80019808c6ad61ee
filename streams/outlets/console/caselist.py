"""Finding cases for the duty officer: by desk, state, light, unit, place, words; the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.records import Case
from streams.stages.desk import clocks
from streams.stages.desk.lifecycle import OPEN

if TYPE_CHECKING:
    from datetime import datetime

    from grids.worktime import WorkCalendar
    from streams.outlets.board.sqlite import SqliteBoard
    from streams.outlets.console.users import User
    from streams.records import Clock

_case = msgspec.json.Decoder(Case)
_LOOKED_AT = 20_000
"""Cases that a search by words or lights looks at, at most, the newest first."""

LIGHTS = (clocks.RED, clocks.YELLOW, clocks.GREEN)


class Wanted(NamedTuple):
    """What is looked for; empty is anything. `state` may be OPEN."""

    desk: str = ""
    state: str = "OPEN"
    light: str = ""
    unit: str = ""
    street: str = ""
    grid: str = ""
    category: str = ""
    severity: str = ""
    q: str = ""


class Found(NamedTuple):
    """A case with the clock that is due first, and its light."""

    case: Case
    clock: Clock | None
    light: str


def find(
    board: SqliteBoard,
    calendar: WorkCalendar,
    user: User,
    wanted: Wanted,
    now: datetime,
    limit: int = 500,
    *,
    lights: bool = True,
) -> list[Found]:
    """Return the newest cases that fit and that the user may see; without `lights` none is worked out."""
    where, values = ["TRUE"], []
    for name in ("desk", "unit", "street", "category", "severity"):
        if value := getattr(wanted, name):
            where.append(f"{name} = ?")
            values.append(value)
    states = sorted(OPEN) if wanted.state == "OPEN" else [wanted.state] if wanted.state else []
    if states:
        where.append(f"state IN ({', '.join('?' * len(states))})")
        values += states
    if user.desks:
        where.append(f"desk IN ({', '.join('?' * len(user.desks))})")
        values += user.desks
    query = f"SELECT body FROM cases WHERE {' AND '.join(where)} ORDER BY opened_at DESC LIMIT {_LOOKED_AT}"  # noqa: S608 - names above
    words, found = wanted.q.strip(), []
    for (body,) in board.db.execute(query, values):
        if words and words.encode() not in bytes(body):
            continue
        case = _case.decode(body)
        if wanted.grid and case.placement.grid != wanted.grid:
            continue
        first = first_due(case)
        light = clocks.light(calendar, first, now) if first is not None and lights else ""
        if wanted.light and light != wanted.light:
            continue
        found.append(Found(case, first, light))
        if len(found) >= limit:
            break
    return found


def first_due(case: Case) -> Clock | None:
    """Return the running clock that is due first; confirmations of alerts apart."""
    running = [one for one in case.clocks if one.since is not None and one.due is not None and one.name != clocks.ACK]
    return min(running, key=lambda one: one.due or one.started, default=None)
