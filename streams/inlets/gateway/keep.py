"""What a gateway keeps of its own beside the engine: accounts, keys of persons, the trail, pictures, answers.

    keep = Keep(folder, rules, clock)
    app = make_gateway(engine, board, metrics, clock, city, keep)

All of it lies in one folder, each in a file of its own, none of it in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.identity.accounts import Accounts
from streams.identity.persons import Persons
from streams.identity.trail import Trail
from streams.inlets.gateway.alerts import add_alerts
from streams.inlets.gateway.app import make_app
from streams.inlets.gateway.inlet import Inlet
from streams.inlets.gateway.media import add_media
from streams.inlets.gateway.open311 import Open311, add_open311
from streams.inlets.gateway.persons import add_persons
from streams.inlets.gateway.places import add_places
from streams.inlets.gateway.replays import Replays
from streams.inlets.gateway.sessions import add_sessions
from streams.inlets.gateway.sources import add_sources
from streams.inlets.gateway.suggest import add_suggest
from streams.inlets.media import PREFIX, Media
from streams.inlets.phone import add_phone
from streams.inlets.phone.duty import Duty
from streams.outlets.sources.index import Index
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from fastapi import FastAPI

    from grids.city import City
    from grids.rules import Rules
    from streams.identity.principals import Principal
    from streams.inlets.gateway.app import Engine, Scraped
    from streams.outlets.board import Board
    from streams.stages.acceptance import Accepted


class Keep:
    """The folder."""

    def __init__(self, folder: Path, rules: Rules, clock: Callable[[], datetime]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.accounts = Accounts(folder, clock)
        self.persons = Persons(folder, rules.inlets.persons.fields)
        self.trail = Trail(folder)
        self.media = Media(folder)
        self.replays = Replays(clock, folder)
        self.index = Index(folder)
        self.duty = Duty(folder, rules)
        self.inlet = Inlet(
            clock,
            replays=self.replays,
            sealer=self.persons,
            checks=(self._pictures,),
            noted=self._noted,
            evidence=self._evidence,
        )

    def close(self) -> None:
        """Close the files."""
        for one in (self.accounts, self.persons, self.trail, self.media, self.replays, self.index, self.duty):
            one.close()

    def _pictures(self, accepted: Accepted) -> Refusal | None:
        """Refuse a report that names a picture which is not here: it has to be sent first."""
        names = accepted.report.media
        if names and (missing := self.media.missing(names)):
            text = f"{PREFIX}{missing[0]}"
            return Refusal("UNKNOWN_MEDIA", "media", text, "pictures that were sent to /v1/media before")
        return None

    def _evidence(self, case_no: str, names: Sequence[str]) -> Refusal | None:
        if missing := self.media.missing(names):
            text = f"{PREFIX}{missing[0]}"
            return Refusal("UNKNOWN_MEDIA", "payload.evidence", text, "pictures that were sent to /v1/media before")
        self.media.belong(names, case=case_no)
        return None

    def _noted(self, batch: Sequence[Accepted], _user: Principal) -> None:
        for one in batch:
            if one.report.media:
                self.media.belong(one.report.media, report=one.report.report_id)


def make_gateway(
    engine: Engine,
    open_board: Callable[[], Board],
    metrics: Scraped,
    clock: Callable[[], datetime],
    city: City,
    keep: Keep,
    state: Callable[[], dict[str, Any]] = dict,
    *,
    outbox: bool = True,
) -> FastAPI:
    """Build the whole application of a gateway; `outbox` says whether sources are told what became of theirs here."""
    rules = city.rules
    app = make_app(
        engine,
        open_board,
        metrics,
        clock,
        rules.calendar,
        state,
        rules=rules,
        accounts=keep.accounts,
        inlet=keep.inlet,
    )
    app.state.keep = keep
    sight = app.state.sight
    add_alerts(app, engine, open_board, city, clock, keep.folder)
    add_places(app, city, clock)
    add_sessions(app, keep.accounts, clock)
    add_media(app, keep.media, open_board, sight, clock)
    add_open311(app, Open311(rules, open_board, sight, keep.index, keep.accounts, clock))
    add_suggest(app, city, open_board)
    add_phone(app, engine, rules, open_board, sight, keep.duty, clock)
    add_sources(app, keep.index, rules, clock, outbox=outbox)
    add_persons(app, keep.persons, keep.trail, open_board, sight, clock)
    return app
