"""The paths of the phone's page."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import Response
from uuid_utils import uuid7

from streams.identity.current import user_of
from streams.identity.masking import mask_text
from streams.identity.sight import may
from streams.inlets.gateway.answers import json, refused
from streams.inlets.gateway.bodies import STATUS, read_body
from streams.inlets.gateway.open311.services import MATTERS
from streams.inlets.gateway.problems import forbidden, problem
from streams.records import Attendance
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from grids.rules import Rules
    from streams.identity.principals import Principal
    from streams.identity.sight import Sight
    from streams.inlets.gateway.app import Engine
    from streams.inlets.phone.duty import Duty
    from streams.outlets.board import Board
    from streams.records import Case

_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_FILES = {
    "phone.js": "text/javascript; charset=utf-8",
    "phone.css": "text/css; charset=utf-8",
    "worker.js": "text/javascript; charset=utf-8",
    "manifest.json": "application/manifest+json",
    "icon.svg": "image/svg+xml",
}
_TASK_STATES = frozenset({"VERIFYING", "DISPATCHED", "SIGNED", "HANDLING", "REWORK", "CHECKING"})
_PAGE, _PAGES, _MOST = 500, 20, 200


class _DutyBody(msgspec.Struct, forbid_unknown_fields=True):
    """`worker` is for calls from this machine without a key: whoever has one says it of themselves."""

    on: bool
    worker: str = ""


def add_phone(
    app: FastAPI,
    engine: Engine,
    rules: Rules,
    open_board: Callable[[], Board],
    sight: Sight,
    duty: Duty,
    clock: Callable[[], datetime],
) -> None:
    """Add /m and what it asks for."""
    _files(app)
    catalogue = _catalogue(rules)

    @app.get("/v1/phone/catalogue", summary="What a worker may report: categories and matters")
    def get_catalogue() -> Response:
        return json(catalogue)

    @app.get("/v1/phone/tasks", summary="My tasks: to verify, to check, and what my unit has to handle")
    def get_tasks(request: Request, worker: str = "", unit: str = "") -> Response:
        user = user_of(request)
        if not may(user, "ACT"):
            return forbidden("ACT")
        if user.kind == "local":
            user = msgspec.structs.replace(user, name=worker or user.name, unit=unit)
        found = _tasks(open_board(), user, sight)
        return json({"items": [_shown(rules, case, user) for case in found]})

    _duty(app, engine, duty, clock)


def _duty(app: FastAPI, engine: Engine, duty: Duty, clock: Callable[[], datetime]) -> None:
    @app.get("/v1/phone/duty", summary="Whether I am on duty")
    def get_duty(request: Request, worker: str = "") -> Response:
        return json(duty.of(_who(user_of(request), worker), clock()))

    @app.post("/v1/phone/duty", summary="Go on or off duty: from then on tasks come, or don't")
    async def post_duty(request: Request) -> Response:
        user = user_of(request)
        if not may(user, "ACT"):
            return forbidden("ACT")
        body = await read_body(request, most=1000)
        if isinstance(body, Refusal):
            return problem(STATUS.get(body.reason, 413), body.reason, str(body))
        try:
            asked = msgspec.json.decode(body, type=_DutyBody)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return problem(422, "BAD_FIELD", str(error))
        worker, at = _who(user, asked.worker), clock()
        if duty.knows(worker):
            said = Attendance(str(uuid7()), worker, asked.on, at)
            if failed := await refused(engine.submit([(said, at)])):
                return failed
        return json(duty.set(worker, on=asked.on, at=at))


def _who(user: Principal, worker: str) -> str:
    return worker or user.name if user.kind == "local" else user.name


def _files(app: FastAPI) -> None:
    folder = files("streams.inlets.phone")
    read = {name: folder.joinpath(name).read_bytes() for name in (*_FILES, "page.html")}
    version = hashlib.sha256(b"".join(read.values())).hexdigest()[:16]
    read["worker.js"] = read["worker.js"].replace(b"@VERSION@", version.encode())

    @app.get("/m", include_in_schema=False)
    def get_page() -> Response:
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
        return Response(read["page.html"], media_type="text/html; charset=utf-8", headers=headers)

    @app.get("/m/{name}", include_in_schema=False)
    def get_file(name: str) -> Response:
        if name not in _FILES:
            return problem(404, "NOT_FOUND", f"/m/{name[:40]} is not there")
        headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/m", "X-Content-Type-Options": "nosniff"}
        return Response(read[name], media_type=_FILES[name], headers=headers)


def _catalogue(rules: Rules) -> dict[str, Any]:
    catalogue = rules.catalogue
    leaves = []
    for code in catalogue.leaves:
        one = catalogue[code]
        parent = catalogue.categories.get(("city", one.parent))
        leaves.append(
            {
                "code": code,
                "zh": one.name_zh,
                "en": one.name_en,
                "group_zh": parent.name_zh if parent else "",
                "group_en": parent.name_en if parent else "",
            }
        )
    matters = [
        {"code": matter, "zh": zh, "en": en}
        for matter, name in MATTERS.values()
        for zh, _, en in [name.partition(" ")]
    ]
    return {"city_zh": rules.form.name_zh, "city_en": rules.form.name_en, "categories": leaves, "matters": matters}


def _tasks(board: Board, user: Principal, sight: Sight) -> list[Case]:
    """List what waits for a worker: what they were asked to verify or check, then what their unit handles."""
    mine: list[Case] = []
    units: list[Case] = []
    after = ""
    for _ in range(_PAGES):
        page = board.cases(after=after, limit=_PAGE)
        for case in page:
            if case.state not in _TASK_STATES or not sight.sees(user, case):
                continue
            if _asked(case, user):
                mine.append(case)
            elif user.unit and case.unit == user.unit and case.state not in ("VERIFYING", "CHECKING"):
                units.append(case)
        if len(page) < _PAGE:
            break
        after = page[-1].case_no
    return [*mine, *units][:_MOST]


def _asked(case: Case, user: Principal) -> bool:
    """Say whether a worker, or their unit as a whole, was asked to verify or check."""
    task = case.task
    if task is None:
        return False
    return task.worker == user.name if task.worker else bool(user.unit) and task.unit == user.unit


def _shown(rules: Rules, case: Case, user: Principal) -> dict[str, Any]:
    catalogue = rules.catalogue
    category = catalogue.categories.get(("city", case.category))
    due = [clock.due for clock in case.clocks if clock.due is not None and clock.ended is None]
    street = rules.areas.get(case.placement.street)
    return {
        "case_no": case.case_no,
        "state": case.state,
        "zh": category.name_zh if category else case.matter,
        "en": category.name_en if category else case.matter,
        "text": mask_text(case.text),
        "street_zh": street.name_zh if street else "",
        "street_en": street.name_en if street else "",
        "lon": case.placement.lon,
        "lat": case.placement.lat,
        "due": min(due).astimezone(rules.calendar.zone).isoformat() if due else None,
        "task": case.task.verb if case.task is not None and case.unit != user.unit else "",
        "severity": case.severity,
    }
