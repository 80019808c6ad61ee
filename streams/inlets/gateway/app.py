"""The gateway's application: what each path does."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Annotated, Any, Protocol
from urllib.parse import urlsplit

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.responses import Response
from uuid_utils import uuid7

from streams import __version__
from streams.inlets.gateway.bodies import LONGEST, read_body, split_reports
from streams.inlets.gateway.problems import error_of, problem
from streams.inlets.lines import accept_line
from streams.records import Action
from streams.stages.acceptance import Accepted, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from streams.outlets.board import Board
    from streams.outlets.metrics import Metrics

_NOT_READY = ("NOT_READY", "the service has stopped and took nothing in; expected to be asked again later")

_Limit = Annotated[int, Query(ge=1, le=1000)]


class Engine(Protocol):
    """What the gateway hands over to."""

    @property
    def healthy(self) -> bool:
        """Whether work goes on."""

    def accept(self, reports: Sequence[Accepted]) -> Future[None]:
        """Take reports in; the future is done once they are on disk."""

    def submit(self, actions: Sequence[tuple[Action, datetime]]) -> Future[None]:
        """Take actions in; the future is done once they are on disk."""


class _ActionBody(msgspec.Struct, forbid_unknown_fields=True):
    """An Action without its case number."""

    verb: str
    actor: str
    actor_unit: str
    action_id: str = ""
    reason: str = ""
    payload: dict[str, Any] = {}


def make_app(
    engine: Engine,
    open_board: Callable[[], Board],
    metrics: Metrics,
    clock: Callable[[], datetime],
) -> FastAPI:
    """Build the application over an engine and a board; `clock` tells when something is accepted."""
    app = FastAPI(title="onegrid", version=__version__, docs_url="/docs", redoc_url=None)
    app.state.open_board = open_board
    _guard(app)
    _reports(app, engine, metrics, clock)
    _actions(app, engine, open_board, clock)
    _lists(app, open_board)
    _upkeep(app, engine, metrics)
    return app


def json(value: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def _guard(app: FastAPI) -> None:
    """Without keys only local calls come in, and no page of another origin may make one for its reader."""

    @app.middleware("http")
    async def local_only(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        host = request.client.host if request.client else ""
        if not _is_loopback(host) or not _is_loopback(_asked_host(request)):
            return problem(403, "LOOPBACK_ONLY", f"a call from {host}; expected one from this machine")
        return await call(request)


def _asked_host(request: Request) -> str:
    """Return the host that the caller believes to speak to, as its header says; empty if that is none."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _on_disk(kept: Future[None]) -> bool:
    """Wait until the host has something on disk; False if it has stopped, which /healthz and its log tell of."""
    waiting = asyncio.wrap_future(kept)
    await asyncio.wait({waiting})
    return waiting.exception() is None


def _reports(app: FastAPI, engine: Engine, metrics: Metrics, clock: Callable[[], datetime]) -> None:
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
        if not await _on_disk(engine.accept(taken)):
            return problem(503, *_NOT_READY)
        return json({"results": results}, 202)


def _actions(app: FastAPI, engine: Engine, open_board: Callable[[], Board], clock: Callable[[], datetime]) -> None:
    @app.post("/v1/cases/{case_no}/actions", status_code=202, summary="Ask a verb of a case")
    async def post_action(case_no: str, request: Request) -> Response:
        body = await read_body(request)
        if isinstance(body, Refusal):
            return problem(413, body.reason, str(body))
        try:
            asked = msgspec.json.decode(body, type=_ActionBody)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return problem(422, "BAD_FIELD", str(error))
        if open_board().case(case_no) is None:
            return problem(404, "NOT_FOUND", f"case {case_no} is not known")
        at = clock()
        action = Action(
            action_id=asked.action_id or str(uuid7()),
            case_no=case_no,
            verb=asked.verb,
            actor=asked.actor,
            actor_unit=asked.actor_unit,
            at=at,
            reason=asked.reason,
            payload=asked.payload,
        )
        if not await _on_disk(engine.submit([(action, at)])):
            return problem(503, *_NOT_READY)
        return json({"action_id": action.action_id}, 202)


def _lists(app: FastAPI, open_board: Callable[[], Board]) -> None:
    @app.get("/v1/cases", summary="List cases")
    def get_cases(
        after: str = "", limit: _Limit = 100, desk: str = "", state: str = "", unit: str = "", street: str = ""
    ) -> Response:
        found = open_board().cases(after=after, limit=limit, desk=desk, state=state, unit=unit, street=street)
        return json({"items": found, "next": found[-1].case_no if len(found) == limit else None})

    @app.get("/v1/cases/{case_no}", summary="One case with its transitions")
    def get_case(case_no: str) -> Response:
        board = open_board()
        case = board.case(case_no)
        if case is None:
            return problem(404, "NOT_FOUND", f"case {case_no} is not known")
        return json({**msgspec.to_builtins(case), "transitions": board.transitions(case_no)})

    @app.get("/v1/alerts", summary="List alerts")
    def get_alerts(after: str = "", limit: _Limit = 100, desk: str = "") -> Response:
        found = open_board().alerts(after=after, limit=limit, desk=desk)
        return json({"items": found, "next": found[-1].alert_id if len(found) == limit else None})


def _upkeep(app: FastAPI, engine: Engine, metrics: Metrics) -> None:
    @app.get("/metrics", summary="What Prometheus scrapes")
    def get_metrics() -> Response:
        return Response(metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/healthz", summary="Whether the process works")
    def healthz() -> Response:
        return json({"healthy": engine.healthy}, 200 if engine.healthy else 503)

    @app.get("/readyz", summary="Whether reports can be taken in")
    def readyz() -> Response:
        return json({"ready": engine.healthy}, 200 if engine.healthy else 503)
