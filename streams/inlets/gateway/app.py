"""The gateway's application: what each path does."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from uuid_utils import uuid7

from streams import __version__
from streams.inlets.gateway.answers import json, refused
from streams.inlets.gateway.bodies import LONGEST, read_body, read_deed, split_reports
from streams.inlets.gateway.guard import LocalOnly
from streams.inlets.gateway.problems import error_of, problem
from streams.inlets.lines import accept_line
from streams.outlets.board import BoardAwayError
from streams.records import Action
from streams.stages.acceptance import FUTURE, Accepted, Refusal
from streams.stages.casefile import casefile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from prometheus_client import Counter

    from grids.worktime import WorkCalendar
    from streams.outlets.board import Board
    from streams.records import DeadLetter, Deed

_BOARD_AWAY = (
    "BOARD_AWAY",
    "the board can't be read at the moment; reports and actions are taken in; expected to be asked again later",
)

_Limit = Annotated[int, Query(ge=1, le=1000)]


class Engine(Protocol):
    """What the gateway hands over to."""

    @property
    def healthy(self) -> bool:
        """Whether work goes on."""

    def accept(self, reports: Sequence[Accepted]) -> Future[None]:
        """Take reports in; the future is done once they are on disk."""

    def submit(self, actions: Sequence[tuple[Deed, datetime]]) -> Future[None]:
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
    actor: str
    actor_unit: str
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
) -> FastAPI:
    """Build the application over an engine and a board; `clock` tells when something is accepted.

    By `calendar` it says how the clocks of a case stand when somebody looks; `state` is what /readyz says besides
    whether it is ready.
    """
    app = FastAPI(title="onegrid", version=__version__, docs_url="/docs", redoc_url=None)
    app.state.open_board = open_board
    app.add_middleware(LocalOnly)
    _reports(app, engine, metrics, clock)
    _actions(app, engine, open_board, clock)
    _lists(app, open_board, clock, calendar)
    _upkeep(app, engine, metrics, state)
    app.add_exception_handler(BoardAwayError, _board_away)
    return app


def _board_away(_request: Request, _error: Exception) -> Response:
    return problem(503, *_BOARD_AWAY)


def _reports(app: FastAPI, engine: Engine, metrics: Scraped, clock: Callable[[], datetime]) -> None:
    @app.post("/v1/reports", status_code=202, summary="Send one report, an array, or NDJSON")
    async def post_reports(request: Request) -> Response:
        body = await read_body(request)
        if isinstance(body, Refusal):
            return problem(413, body.reason, str(body))
        lines = split_reports(body, request.headers.get("content-type", ""))
        if isinstance(lines, Refusal):
            return problem(400, lines.reason, str(lines))
        at = clock()
        results: list[dict[str, Any]] = []
        taken: list[Accepted] = []
        refusals: list[Refusal] = []
        for index, line in enumerate(lines):
            found = (
                Refusal("TOO_LARGE", "", f"{len(line)} bytes", f"at most {LONGEST} a report")
                if len(line) > LONGEST
                else accept_line(line, at)
            )
            if isinstance(found, Refusal):
                refusals.append(found)
                metrics.rejected.labels(found.reason).inc()
                results.append({"index": index, "error": error_of(found)})
            else:
                taken.append(found)
                results.append({"index": index, "report_id": found.report.report_id})
        if not taken:
            first = refusals[0]
            status = 400 if first.reason == "NOT_JSON" else 413 if first.reason == "TOO_LARGE" else 422
            return problem(status, first.reason, str(first), field=first.field)
        if failed := await refused(engine.accept(taken)):
            return failed
        return json({"results": results}, 202)


def _actions(app: FastAPI, engine: Engine, open_board: Callable[[], Board], clock: Callable[[], datetime]) -> None:
    @app.post("/v1/cases/{case_no}/actions", status_code=202, summary="Ask a verb of a case")
    async def post_action(case_no: str, request: Request) -> Response:
        body = await read_deed(request)
        if isinstance(body, Refusal):
            return problem(413, body.reason, str(body))
        try:
            asked = msgspec.json.decode(body, type=_ActionBody)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return problem(422, "BAD_FIELD", str(error))
        if not await run_in_threadpool(lambda: open_board().may_have(case_no)):
            return problem(404, "NOT_FOUND", f"case {case_no} is not known")
        at = clock()
        if asked.at is not None and (asked.at.tzinfo is None or asked.at > at + FUTURE):
            text = f"at: {asked.at.isoformat()}; expected a time with offset, at most 10 minutes ahead"
            return problem(422, "BAD_TIME", text, field="at")
        action = Action(
            action_id=asked.action_id or str(uuid7()),
            case_no=case_no,
            verb=asked.verb,
            actor=asked.actor,
            actor_unit=asked.actor_unit,
            at=asked.at or at,
            reason=asked.reason,
            payload=asked.payload,
        )
        if failed := await refused(engine.submit([(action, at)])):
            return failed
        return json({"action_id": action.action_id}, 202)


def _lists(
    app: FastAPI, open_board: Callable[[], Board], clock: Callable[[], datetime], calendar: WorkCalendar
) -> None:
    @app.get("/v1/cases", summary="List cases")
    def get_cases(
        after: str = "", limit: _Limit = 100, desk: str = "", state: str = "", unit: str = "", street: str = ""
    ) -> Response:
        found = open_board().cases(after=after, limit=limit, desk=desk, state=state, unit=unit, street=street)
        now = clock()
        shown = [casefile(calendar, case, now) for case in found]
        return json({"items": shown, "next": found[-1].case_no if len(found) == limit else None})

    @app.get("/v1/cases/{case_no}", summary="One case with its transitions")
    def get_case(case_no: str) -> Response:
        board = open_board()
        case = board.case(case_no)
        if case is None:
            return problem(404, "NOT_FOUND", f"case {case_no} is not known")
        return json(casefile(calendar, case, clock(), board.transitions(case_no)))


def _upkeep(app: FastAPI, engine: Engine, metrics: Scraped, state: Callable[[], dict[str, Any]]) -> None:
    @app.get("/metrics", summary="What Prometheus scrapes")
    def get_metrics() -> Response:
        return Response(metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/healthz", summary="Whether the process works")
    def healthz() -> Response:
        return json({"healthy": engine.healthy}, 200 if engine.healthy else 503)

    @app.get("/readyz", summary="Whether reports can be taken in")
    def readyz() -> Response:
        return json({"ready": engine.healthy, **state()}, 200 if engine.healthy else 503)
