"""The paths by which sources and reporters learn what became of theirs: outcomes, the outbox, my reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from streams.identity.current import user_of
from streams.identity.sight import may
from streams.inlets.gateway.answers import json
from streams.inlets.gateway.bodies import LONGEST, STATUS, read_body
from streams.inlets.gateway.problems import forbidden, problem
from streams.outlets.sources.outcomes import shown
from streams.outlets.sources.returning import wording
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from grids.rules import Rules
    from streams.identity.principals import Principal
    from streams.outlets.sources.index import Index
    from streams.outlets.sources.outcomes import Outcome

_Limit = Annotated[int, Query(ge=1, le=1000)]


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    """Which outcomes a source has taken: its numbers, each with the state that it was told."""

    told: dict[str, str]


def _reaches(user: Principal, system: str) -> bool:
    """Say whether a caller may know of a system's reports as a whole."""
    return system in user.systems if user.role == "system" else may(user, "SOURCES")


def add_sources(  # noqa: C901 - the paths of one thing
    app: FastAPI, index: Index, rules: Rules, clock: Callable[[], datetime], *, outbox: bool = True
) -> None:
    """Add the paths. Where the outbox is another gateway's, only what became of reports is told here."""
    listed = shown if outbox else _untold

    @app.get("/v1/reports/mine", summary="My own reports, and what became of them")
    def get_mine(request: Request, limit: _Limit = 200, reporter: str = "") -> Response:
        user = user_of(request)
        name = reporter if reporter and user.kind == "local" else user.name
        return json({"items": [listed(one) for one in index.of_reporter(name, limit)]})

    @app.get("/v1/reports/{report_id}/case", summary="The case that a report has become")
    def get_case_of(report_id: str, request: Request) -> Response:
        number = index.case_of(report_id)
        board, sight = request.app.state.open_board(), request.app.state.sight
        case = board.case(number) if number else None
        if case is None or not sight.sees(user_of(request), case):
            return problem(404, "NOT_FOUND", f"report {report_id} has no case yet, or is not known")
        return json({"report_id": report_id, "case_no": number, "state": case.state})

    @app.get("/v1/sources", summary="Source systems, and what each has still to be told")
    def get_sources(request: Request) -> Response:
        user, waiting = user_of(request), index.count_waiting()
        if not may(user, "SOURCES") and not user.systems:
            return forbidden("SOURCES")
        names = [name for name in index.systems() if _reaches(user, name)]
        return json(
            {"items": [{"system": name, "waiting": waiting.get(name, 0) if outbox else None} for name in names]}
        )

    @app.get("/v1/sources/{system}/reports", summary="What became of a system's reports")
    def get_reports(system: str, request: Request, after: str = "", limit: _Limit = 1000) -> Response:
        if refusal := _refused(user_of(request), system):
            return refusal
        found = index.of_system(system, after=after, limit=limit)
        following = found[-1].system_no if len(found) == limit else None
        return json({"items": [listed(one) for one in found], "next": following})

    @app.get("/v1/sources/{system}/outbox", summary="What a system has still to be told, in its own words")
    def get_outbox(system: str, request: Request, limit: _Limit = 100) -> Response:
        if refusal := _refused(user_of(request), system) or _elsewhere(outbox=outbox):
            return refusal
        form = rules.inlets.system_of(system)
        found = index.waiting(system, clock().timestamp() + 1e9, limit)
        items = [
            {"system_no": one.system_no, "state": one.state, "said": wording(form, one) if form else shown(one)}
            for one in found
        ]
        return json({"items": items})

    @app.post("/v1/sources/{system}/outbox", summary="Say what a system has taken from its outbox")
    async def post_outbox(system: str, request: Request) -> Response:
        user = user_of(request)
        if refusal := _refused(user, system):
            return refusal
        if not may(user, "ACT"):
            return forbidden("ACT")
        if refusal := _elsewhere(outbox=outbox):
            return refusal
        body = await read_body(request, most=LONGEST)
        if isinstance(body, Refusal):
            return problem(STATUS.get(body.reason, 413), body.reason, str(body))
        try:
            asked = msgspec.json.decode(body, type=_Told)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return problem(422, "BAD_FIELD", str(error))
        count = 0
        for number, state in asked.told.items():
            one = index.outcome(system, number)
            if one is not None:
                index.told(one._replace(state=state))
                count += 1
        return json({"told": count})


def _untold(one: Outcome) -> dict[str, object]:
    """Show an outcome where nobody knows what its source was told."""
    return {name: value for name, value in shown(one).items() if name not in ("told", "tries", "error")}


def _elsewhere(*, outbox: bool) -> Response | None:
    """Refuse what only the gateway knows that tells sources."""
    if outbox:
        return None
    text = "the outbox is another gateway's; expected to be asked of the one that was started with --outbox"
    return problem(409, "OUTBOX_ELSEWHERE", text)


def _refused(user: Principal, system: str) -> Response | None:
    if _reaches(user, system):
        return None
    if user.role == "system":
        return problem(404, "UNKNOWN_SYSTEM", f"system {system!r} is not known")
    return forbidden("SOURCES")
