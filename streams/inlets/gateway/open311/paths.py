"""The paths of GeoReport v2."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from uuid_utils import uuid7

from streams.identity.current import maybe_user_of, user_of
from streams.identity.sight import may
from streams.inlets.gateway.bodies import LONGEST, read_body
from streams.inlets.gateway.open311.answers import FORMATS, error, many, single
from streams.inlets.gateway.open311.forms import SYSTEM, FormError, line_of, read_form
from streams.inlets.gateway.open311.requests import QueryError, find, query_of, shown
from streams.inlets.gateway.open311.services import definition, services
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from grids.rules import Rules
    from streams.identity.accounts import Accounts
    from streams.identity.principals import Principal
    from streams.identity.sight import Sight
    from streams.outlets.board import Board
    from streams.outlets.sources.index import Index

ROOT = "/open311/v2"
_WAIT_S, _LOOK_S = 1.0, 0.05
"""How long a new request is waited for, so that most clients get its number at once and not a token."""


class Open311:
    """What the paths need."""

    def __init__(
        self,
        rules: Rules,
        open_board: Callable[[], Board],
        sight: Sight,
        index: Index,
        accounts: Accounts,
        clock: Callable[[], datetime],
    ) -> None:
        self.rules, self.open_board, self.sight = rules, open_board, sight
        self.index, self.accounts, self.clock = index, accounts, clock

    async def post(self, form: str, request: Request) -> Response:
        """Take a request in."""
        body = await read_body(request, request.app.state.intake.inlet.budget, 2 * LONGEST)
        if isinstance(body, Refusal):
            return error(form, 400, str(body))
        try:
            said = await read_form(request, body)
        except FormError as fault:
            return error(form, 400, str(fault))
        user = maybe_user_of(request)
        if user is None and (key := said.get("api_key", "")):
            user = await run_in_threadpool(self.accounts.by_key, key)
        if user is None or not may(user, "REPORT"):
            return error(form, 403, "api_key was missing or may not report")
        try:
            system = user.systems[0] if user.systems else SYSTEM
            line = line_of(said, str(uuid7()), self.clock(), system)
        except FormError as fault:
            return error(form, 400, str(fault))
        if "category" not in msgspec.json.decode(line) or said["service_code"] in self.rules.catalogue.leaves:
            return await self._take(form, request, user, line)
        return error(form, 404, f"service_code {said['service_code']!r} was not found")

    async def _take(self, form: str, request: Request, user: Principal, line: bytes) -> Response:
        taken = await request.app.state.intake.take([line], user)
        if taken.failed is not None:
            return error(form, taken.failed.status_code, msgspec.json.decode(taken.failed.body)["detail"])
        if taken.first is not None:
            return error(form, 400, str(taken.first))
        report = taken.results[0]["report_id"]
        number = await self._number(report)
        known = {"service_request_id": number} if number else {"token": report}
        return many(form, "service_requests", "request", [{**known, "service_notice": "", "account_id": None}])

    async def _number(self, report: str) -> str:
        for _ in range(round(_WAIT_S / _LOOK_S)):
            if number := self.index.case_of(report):
                return number
            await asyncio.sleep(_LOOK_S)
        return ""


def add_open311(app: FastAPI, way: Open311) -> None:  # noqa: C901 - the paths of one thing
    """Add the paths."""
    _about(app, way)

    @app.get(ROOT + "/requests.{form}", summary="Open311: service requests")
    def get_requests(form: str, request: Request) -> Response:
        if form not in FORMATS:
            return error(form, 404, f"format {form!r} was not found; expected json or xml")
        user = user_of(request)
        if not may(user, "READ"):
            return error(form, 403, "this key may not read")
        try:
            query = query_of(dict(request.query_params), way.clock())
        except QueryError as fault:
            return error(form, 400, str(fault))
        found = find(way.open_board(), way.rules, user, way.sight, query)
        return many(form, "service_requests", "request", [shown(way.rules, case) for case in found])

    @app.get(ROOT + "/requests/{name}", summary="Open311: one service request")
    def get_request(name: str, request: Request) -> Response:
        number, _, form = name.rpartition(".")
        if form not in FORMATS:
            return error(form, 404, f"format {form!r} was not found; expected json or xml")
        case = way.open_board().case(number)
        if case is None or not way.sight.sees(user_of(request), case):
            return error(form, 404, f"service_request_id {number!r} was not found")
        return many(form, "service_requests", "request", [shown(way.rules, case)])

    @app.get(ROOT + "/tokens/{name}", summary="Open311: the number that a token has become")
    def get_token(name: str, request: Request) -> Response:
        token, _, form = name.rpartition(".")
        if form not in FORMATS:
            return error(form, 404, f"format {form!r} was not found; expected json or xml")
        number = way.index.case_of(token)
        case = way.open_board().case(number) if number else None
        if case is None or not way.sight.sees(user_of(request), case):
            return error(form, 404, f"token {token!r} was not found, or has no number yet")
        said = [{"service_request_id": number, "token": token}]
        return many(form, "service_requests", "request", said)

    @app.post(ROOT + "/requests.{form}", summary="Open311: make a service request")
    async def post_request(form: str, request: Request) -> Response:
        if form not in FORMATS:
            return error(form, 404, f"format {form!r} was not found; expected json or xml")
        return await way.post(form, request)


def _about(app: FastAPI, way: Open311) -> None:
    @app.get(ROOT + "/discovery.{form}", summary="Open311: what is where")
    def get_discovery(form: str, request: Request) -> Response:
        if form not in FORMATS:
            return error(form, 404, f"format {form!r} was not found; expected json or xml")
        base = str(request.base_url).rstrip("/") + ROOT
        return single(
            form,
            "discovery",
            {
                "changeset": way.rules.version,
                "contact": way.rules.form.name_zh,
                "key_service": "onegrid keys add",
                "endpoints": [
                    {
                        "specification": "http://wiki.open311.org/GeoReport_v2",
                        "url": base,
                        "changeset": way.rules.version,
                        "type": "production",
                        "formats": ["text/xml", "application/json"],
                    }
                ],
            },
        )

    @app.get(ROOT + "/services.{form}", summary="Open311: services")
    def get_services(form: str) -> Response:
        if form not in FORMATS:
            return error(form, 404, f"format {form!r} was not found; expected json or xml")
        return many(form, "services", "service", services(way.rules))

    @app.get(ROOT + "/services/{name}", summary="Open311: what may be said of a service")
    def get_service(name: str) -> Response:
        code, _, form = name.rpartition(".")
        if form not in FORMATS:
            return error(form, 404, f"format {form!r} was not found; expected json or xml")
        found = definition(way.rules, code, way.clock().astimezone(way.rules.calendar.zone).date())
        if found is None:
            return error(form, 404, f"service_code {code!r} was not found")
        return single(form, "service_definition", found)
