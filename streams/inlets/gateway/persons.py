"""The paths of what is known of people: shown against a reason, erased for good, and each time put on the trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from streams.identity.current import user_of
from streams.identity.masking import mask_value
from streams.identity.sight import may
from streams.inlets.gateway.answers import json
from streams.inlets.gateway.problems import forbidden, problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from streams.identity.persons import Persons
    from streams.identity.sight import Sight
    from streams.identity.trail import Trail
    from streams.outlets.board import Board
    from streams.records import Case

_Reason = Annotated[str, Query(max_length=500, description="为何查看 why; it stands on the trail")]
_Limit = Annotated[int, Query(ge=1, le=1000)]
_After = Annotated[int, Query(ge=0)]


def add_persons(  # noqa: C901 - the paths of one thing
    app: FastAPI,
    persons: Persons,
    trail: Trail,
    open_board: Callable[[], Board],
    sight: Sight,
    clock: Callable[[], datetime],
) -> None:
    """Add the paths."""

    def seen(case_no: str, request: Request) -> Case | None:
        case = open_board().case(case_no)
        return case if case is not None and sight.sees(user_of(request), case) else None

    @app.get("/v1/cases/{case_no}/persons", summary="Who reported a case; masked, or against a reason as it is")
    def get_persons(case_no: str, request: Request, reason: _Reason = "") -> Response:
        user = user_of(request)
        if not may(user, "PERSONS"):
            trail.add(clock(), user, "REFUSED", case_no=case_no)
            return forbidden("PERSONS")
        case = seen(case_no, request)
        if case is None:
            return problem(404, "NOT_FOUND", f"case {case_no} is not known")
        trail.add(clock(), user, "SHOWN" if reason else "MASKED", case_no=case_no, reason=reason)
        found = []
        for name in case.reports:
            person = persons.open(name)
            shown = person if person is None or reason else {k: mask_value(k, v) for k, v in person.items()}
            found.append({"report_id": name, "person": shown})
        return json({"items": found, "masked": not reason})

    @app.delete("/v1/cases/{case_no}/persons", summary="Erase who reported a case, for good")
    def delete_persons(case_no: str, request: Request, reason: _Reason = "") -> Response:
        user = user_of(request)
        if not may(user, "ERASE"):
            return forbidden("ERASE")
        case = seen(case_no, request)
        if case is None:
            return problem(404, "NOT_FOUND", f"case {case_no} is not known")
        if not reason.strip():
            return problem(422, "NO_REASON", "reason: nothing; expected why", field="reason")
        trail.add(clock(), user, "ERASED", case_no=case_no, reason=reason)
        return json({"erased": persons.erase(case.reports)})

    @app.get("/v1/trail", summary="Who looked at what is known of people")
    def get_trail(request: Request, after: _After = 0, limit: _Limit = 100, case_no: str = "") -> Response:
        if not may(user_of(request), "TRAIL"):
            return forbidden("TRAIL")
        lines = trail.read(after=after, limit=limit, case_no=case_no)
        items = [{"position": line.position, "looked": line.looked} for line in lines]
        return json({"items": items, "next": lines[-1].position if len(lines) == limit else None})
