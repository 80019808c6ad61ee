"""The gateway's application: what each path does."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.requests import ClientDisconnect
from uuid_utils import uuid7

from streams import __version__
from streams.identity.current import user_of
from streams.identity.masking import mask_text
from streams.identity.sight import Sight, may
from streams.inlets.gateway.answers import json, refused
from streams.inlets.gateway.bodies import STATUS, read_deed
from streams.inlets.gateway.examples import ACTION
from streams.inlets.gateway.guard import Guard
from streams.inlets.gateway.inlet import Inlet
from streams.inlets.gateway.limits import too_deep
from streams.inlets.gateway.problems import forbidden, problem
from streams.inlets.gateway.reports import Intake, add_reports
from streams.outlets.board import BoardAwayError
from streams.records import Action
from streams.stages.acceptance import FUTURE, Accepted, Refusal
from streams.stages.casefile import casefile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from prometheus_client import Counter

    from grids.rules import Rules
    from grids.worktime import WorkCalendar
    from streams.identity.accounts import Accounts
    from streams.identity.principals import Principal
    from streams.outlets.board import Board
    from streams.records import Case, DeadLetter, Said, Transition

_BOARD_AWAY = (
    "BOARD_AWAY",
    "the board can't be read at the moment; reports and actions are taken in; expected to be asked again later",
)

_Limit = Annotated[int, Query(ge=1, le=1000)]
_PAGE, _PAGES = 500, 20
"""How many cases are looked at together, and how often, for a list of those that somebody may see."""


class Engine(Protocol):
    """What the gateway hands over to."""

    @property
    def healthy(self) -> bool:
        """Whether work goes on."""

    def accept(self, reports: Sequence[Accepted]) -> Future[None]:
        """Take reports in; the future is done once they are on disk."""

    def submit(self, actions: Sequence[tuple[Said, datetime]]) -> Future[None]:
        """Take actions and acknowledgements in; the future is done once they are on disk."""

    def refuse(self, letters: Sequence[DeadLetter]) -> Future[None]:
        """Keep what was refused and has to be known; the future is done once it is on disk."""


class Scraped(Protocol):
    """What the gateway counts, and what Prometheus reads of it."""

    @property
    def rejected(self) -> Counter:
        """Reports refused, by reason."""

    def page(self) -> bytes:
        """Return the text that Prometheus reads."""


class _ActionBody(msgspec.Struct, forbid_unknown_fields=True):
    """An Action without its case number; without `at` it is done when it arrives."""

    verb: str
    actor: str | None = None
    actor_unit: str | None = None
    action_id: str = ""
    at: datetime | None = None
    reason: str = ""
    payload: dict[str, Any] = {}


def make_app(
    engine: Engine,
    open_board: Callable[[], Board],
    metrics: Scraped,
    clock: Callable[[], datetime],
    calendar: WorkCalendar,
    state: Callable[[], dict[str, Any]] = dict,
    *,
    rules: Rules | None = None,
    accounts: Accounts | None = None,
    inlet: Inlet | None = None,
) -> FastAPI:
    """Build the application over an engine and a board; `clock` tells when something is accepted.

    By `calendar` it says how the clocks of a case stand when somebody looks; `state` is what /readyz says besides
    whether it is ready. `rules` say what each of `accounts` may see; without accounts only this machine may call.
    """
    app = FastAPI(title="onegrid", version=__version__, docs_url="/docs", redoc_url=None)
    app.state.open_board = open_board
    app.state.intake = Intake(engine, metrics, clock, inlet or Inlet(clock))
    sight = app.state.sight = Sight(rules) if rules is not None else None
    app.add_middleware(Guard, accounts=accounts)
    add_reports(app, app.state.intake)
    _actions(app, engine, open_board, clock, sight)
    _lists(app, open_board, clock, calendar, sight)
    _upkeep(app, engine, metrics, state)
    app.add_exception_handler(BoardAwayError, _board_away)
    app.add_exception_handler(ClientDisconnect, _gone)
    return app


def _gone(_request: Request, _error: Exception) -> Response:
    """Answer a caller who has hung up: nobody reads it, and nothing of an unfinished report was taken in."""
    return Response(status_code=400)


def _board_away(_request: Request, _error: Exception) -> Response:
    return problem(503, *_BOARD_AWAY)


def _actions(
    app: FastAPI,
    engine: Engine,
    open_board: Callable[[], Board],
    clock: Callable[[], datetime],
    sight: Sight | None,
) -> None:
    def seen(user: Principal, case_no: str) -> bool:
        """Say whether there may be such a case for whoever asks; a board that is away rules out nothing."""
        board = open_board()
        if user.role == "city" or sight is None:
            return board.may_have(case_no)
        case = board.case(case_no)
        return case is not None and sight.sees(user, case)

    @app.post("/v1/cases/{case_no}/actions", status_code=202, summary="Ask a verb of a case", openapi_extra=ACTION)
    async def post_action(case_no: str, request: Request) -> Response:
        user = user_of(request)
        asked = await _read_action(request, user)
        if isinstance(asked, Response):
            return asked
        if not await run_in_threadpool(lambda: seen(user, case_no)):
            return problem(404, "NOT_FOUND", f"case {case_no} is not known")
        at = clock()
        if refusal := _refused_action(user, asked, at, sight):
            return refusal
        named = asked.payload.get("evidence")
        if isinstance(named, list) and all(isinstance(name, str) for name in named):
            fault = await run_in_threadpool(app.state.intake.inlet.evidence, case_no, named)
            if fault is not None:
                return problem(422, fault.reason, str(fault), field=fault.field)
        action = Action(
            action_id=asked.action_id or str(uuid7()),
            case_no=case_no,
            verb=asked.verb,
            actor=asked.actor or user.name,
            actor_unit=user.unit if asked.actor_unit is None else asked.actor_unit,
            at=asked.at or at,
            reason=asked.reason,
            payload=asked.payload,
        )
        if failed := await refused(engine.submit([(action, at)])):
            return failed
        return json({"action_id": action.action_id}, 202)


async def _read_action(request: Request, user: Principal) -> _ActionBody | Response:
    """Read what is asked; why it can't be, where it can't."""
    if not may(user, "ACT"):
        return forbidden("ACT")
    body = await read_deed(request)
    if isinstance(body, Refusal):
        return problem(STATUS.get(body.reason, 413), body.reason, str(body))
    try:
        asked = msgspec.json.decode(body, type=_ActionBody)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return problem(422, "BAD_FIELD", str(error))
    missing = [name for name in ("actor", "actor_unit") if user.kind == "local" and getattr(asked, name) is None]
    if missing:
        return problem(422, "BAD_FIELD", f"{missing[0]}: nothing; expected who acts", field=missing[0])
    if too_deep(asked.payload):
        return problem(422, "TOO_DEEP", "payload: lists and objects in each other; expected at most 32 deep")
    return asked


def _refused_action(user: Principal, asked: _ActionBody, at: datetime, sight: Sight | None) -> Response | None:
    """Return why an action is not taken in; None if it is."""
    if asked.at is not None and (asked.at.tzinfo is None or asked.at > at + FUTURE):
        text = f"at: {asked.at.isoformat()}; expected a time with offset, at most 10 minutes ahead"
        return problem(422, "BAD_TIME", text, field="at")
    if user.kind == "local":
        return None
    unit = user.unit if asked.actor_unit is None else asked.actor_unit
    if sight is None or not sight.acts(user, asked.verb, unit):
        text = f"{asked.verb} in the name of {unit!r}; expected one of {user.unit or ' '.join(user.systems)!r}"
        return problem(403, "NOT_YOUR_UNIT", text, field="actor_unit")
    if user.role not in ("system", "city") and asked.actor not in (None, "", user.name):
        return problem(403, "NOT_YOU", f"actor: {asked.actor!r}; expected {user.name!r}", field="actor")
    return None


def _lists(
    app: FastAPI,
    open_board: Callable[[], Board],
    clock: Callable[[], datetime],
    calendar: WorkCalendar,
    sight: Sight | None,
) -> None:
    @app.get("/v1/cases", summary="List cases")
    def get_cases(
        request: Request,
        after: str = "",
        limit: _Limit = 100,
        desk: str = "",
        state: str = "",
        unit: str = "",
        street: str = "",
    ) -> Response:
        equal = {"desk": desk, "state": state, "unit": unit, "street": street}
        found, following = seen_cases(open_board(), user_of(request), sight, after, limit, equal)
        now = clock()
        return json({"items": [_shown(calendar, case, now) for case in found], "next": following})

    @app.get("/v1/cases/{case_no}", summary="One case with its transitions")
    def get_case(case_no: str, request: Request) -> Response:
        board = open_board()
        case = board.case(case_no)
        if case is None or not (sight is None or sight.sees(user_of(request), case)):
            return problem(404, "NOT_FOUND", f"case {case_no} is not known")
        return json(_shown(calendar, case, clock(), board.transitions(case_no)))


def seen_cases(
    board: Board, user: Principal, sight: Sight | None, after: str, limit: int, equal: dict[str, str]
) -> tuple[list[Case], str | None]:
    """List the cases that somebody may see, and where to go on: behind as many as were looked at."""
    if sight is None or user.role in ("city", "auditor"):
        found = board.cases(after=after, limit=limit, **equal)
        return found, found[-1].case_no if len(found) == limit else None
    narrowed = sight.narrowing(user)
    if any(equal.get(name) not in ("", None, value) for name, value in narrowed.items()):
        return [], None
    seen: list[Case] = []
    for _ in range(_PAGES):
        page = board.cases(after=after, limit=_PAGE, **{**equal, **narrowed})
        for case in page:
            after = case.case_no
            if sight.sees(user, case):
                seen.append(case)
                if len(seen) == limit:
                    return seen, after
        if len(page) < _PAGE:
            return seen, None
    return seen, after


def _shown(
    calendar: WorkCalendar, case: Case, now: datetime, transitions: Sequence[Transition] | None = None
) -> dict[str, Any]:
    """Return a case for a reader, with people's numbers in its text masked: logs of before had them plain."""
    shown = casefile(calendar, case, now, transitions)
    if "text" in shown:
        shown["text"] = mask_text(shown["text"])
    return shown


def _upkeep(app: FastAPI, engine: Engine, metrics: Scraped, state: Callable[[], dict[str, Any]]) -> None:
    @app.get("/metrics", summary="What Prometheus scrapes")
    def get_metrics(request: Request) -> Response:
        if not may(user_of(request), "METRICS"):
            return forbidden("METRICS")
        return Response(metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/healthz", summary="Whether the process works")
    def healthz() -> Response:
        return json({"healthy": engine.healthy}, 200 if engine.healthy else 503)

    @app.get("/readyz", summary="Whether reports can be taken in")
    def readyz() -> Response:
        return json({"ready": engine.healthy, **state()}, 200 if engine.healthy else 503)
