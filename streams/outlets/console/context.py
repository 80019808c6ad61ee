"""What every page of the console stands on, and how it acts: through the engine, as a gateway does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

import msgspec
from uuid_utils import uuid7

from streams.inlets.lines import accept_line
from streams.outlets.console.lately import Lately
from streams.records import Action, Case, DeadLetter
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from starlette.requests import Request

    from grids.city import City
    from streams.outlets.board.sqlite import SqliteBoard
    from streams.outlets.console.frame import Seat
    from streams.outlets.console.live import Live
    from streams.outlets.console.users import User
    from streams.outlets.measures.room import Room
    from streams.records import Report, Said
    from streams.stages.acceptance import Accepted

_PATIENCE_S, _STEP_S = 3.0, 0.05
"""How long somebody waits to see what came of an action."""

FRESH_S = 2.5
"""Seconds for which a list of cases is shown to others who look at the same: they look every five."""

_case = msgspec.json.Decoder(Case)
_letter = msgspec.json.Decoder(DeadLetter)

_LETTERS = 'SELECT body FROM dead_letters WHERE stage = "desk" ORDER BY position DESC LIMIT 50'


class Engine(Protocol):
    """What the console hands over to."""

    def accept(self, reports: Sequence[Accepted]) -> Future[None]:
        """Take reports in; the future is done once they are on disk."""

    def submit(self, actions: Sequence[tuple[Said, datetime]]) -> Future[None]:
        """Take actions in; the future is done once they are on disk."""


@dataclass
class Console:
    """One city's console. `board` gives the calling thread's; `user_of` says who asks.

    `user_now` says who a request of some time ago would come from now; without it, who it came from. `seats` are the
    open pages. `kept` is what was worked out once for the pack, `lists` what was looked up a moment ago.
    """

    city: City
    board: Callable[[], SqliteBoard]
    engine: Engine
    clock: Callable[[], datetime]
    live: Live
    room: Room
    user_of: Callable[[Request], User]
    user_now: Callable[[Request], User] | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    lists: Lately = field(init=False)
    seats: WeakKeyDictionary[Any, Seat] = field(default_factory=WeakKeyDictionary)

    def __post_init__(self) -> None:
        """Keep lists for a moment by the console's own clock."""
        self.lists = Lately(FRESH_S, self.clock)

    def now_of(self, request: Request) -> User:
        """Return who a request of some time ago would come from now."""
        return (self.user_now or self.user_of)(request)

    async def act(
        self, case_no: str, choice: tuple[str, str], user: User, reason: str, payload: dict[str, Any]
    ) -> str:
        """Ask a verb of a case in a unit's name and wait for what comes of it; an empty text if it was done."""
        verb, unit = choice
        at, name = self.clock(), str(uuid7())
        action = Action(
            action_id=name, case_no=case_no, verb=verb, actor=f"console:{user.name}", actor_unit=unit, at=at,
            reason=reason, payload=payload,
        )  # fmt: skip
        await asyncio.wrap_future(self.engine.submit([(action, at)]))
        for _ in range(int(_PATIENCE_S / _STEP_S)):
            case = self.board().case(case_no)
            if case is not None and name in case.actions:
                return ""
            if said := self._refused(name):
                return said
            await asyncio.sleep(_STEP_S)
        return "尚未处理，请稍后查看 not worked off yet: look again in a moment"

    async def file(self, report: Report) -> str:
        """Take a report in as a gateway would; return its id. Raises ValueError with what is wrong with it."""
        found = accept_line(msgspec.json.encode(report), self.clock())
        if isinstance(found, Refusal):
            raise ValueError(str(found))  # noqa: TRY004 - what is wrong is what it says
        await asyncio.wrap_future(self.engine.accept([found]))
        return found.report.report_id

    async def case_of(self, report_id: str) -> Case | None:
        """Wait for the case that a report opened or joined; None if it takes too long."""
        for _ in range(int(_PATIENCE_S / _STEP_S)):
            rows = self.board().db.execute(_NEWEST).fetchall()
            for (body,) in rows:
                if report_id.encode() in bytes(body):
                    return _case.decode(body)
            await asyncio.sleep(_STEP_S)
        return None

    def _refused(self, action_id: str) -> str:
        """Return why an action was refused; empty if it was not, as far as is known."""
        for (body,) in self.board().db.execute(_LETTERS):
            letter = _letter.decode(body)
            if action_id.encode() in letter.original:
                return f"{letter.reason}: {letter.text}"
        return ""


_NEWEST = "SELECT body FROM cases ORDER BY opened_at DESC LIMIT 200"
