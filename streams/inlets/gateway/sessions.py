"""Signing in and out: a cookie that no script can read, and a token that comes with whatever changes something."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from streams.identity.accounts import SESSION_S, LockedError
from streams.identity.current import maybe_user_of
from streams.inlets.gateway.answers import json
from streams.inlets.gateway.bodies import STATUS, read_body
from streams.inlets.gateway.guard import COOKIE
from streams.inlets.gateway.limits import Rates
from streams.inlets.gateway.problems import problem
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any

    from streams.identity.accounts import Accounts, Session
    from streams.identity.principals import Principal

_LONGEST = 4096

_TRIES_A_SECOND, _BURST_S = 0.5, 60.0
"""Passwords that may be tried from one address: an office that signs in at eight is let in, a list of names isn't."""

_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)


class _SignIn(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    password: str


def add_sessions(app: FastAPI, accounts: Accounts, clock: Callable[[], datetime]) -> None:
    """Add /v1/session and the page on which one signs in."""
    tries = Rates(clock, burst=_BURST_S)
    page = files("streams.inlets.gateway").joinpath("login.html").read_bytes()

    @app.get("/login", include_in_schema=False)
    def get_login() -> Response:
        return Response(page, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": _POLICY})

    @app.get("/v1/session", summary="Who I am, and the token that changes need")
    def get_session(request: Request) -> Response:
        user = maybe_user_of(request)
        if user is None:
            return problem(401, "NOT_SIGNED_IN", "no session; expected POST /v1/session first")
        session = accounts.session(request.cookies.get(COOKIE, ""))
        return json(_said(user, session))

    @app.post("/v1/session", summary="Sign in")
    async def post_session(request: Request) -> Response:
        body = await read_body(request, most=_LONGEST)
        if isinstance(body, Refusal):
            return problem(STATUS.get(body.reason, 413), body.reason, str(body))
        try:
            asked = msgspec.json.decode(body, type=_SignIn)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return problem(422, "BAD_FIELD", str(error))
        found = await _tried(request, asked, accounts, tries)
        if isinstance(found, Response):
            return found
        if found is None:
            return problem(401, "WRONG_PASSWORD", "name or password: not right")
        token, session = found
        answer = json(_said(session.principal, session))
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, token, max_age=int(SESSION_S), httponly=True, samesite="strict", secure=secure, path="/"
        )
        return answer

    @app.delete("/v1/session", status_code=204, summary="Sign out")
    def delete_session(request: Request) -> Response:
        accounts.sign_out(request.cookies.get(COOKIE, ""))
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, path="/")
        return answer


async def _tried(
    request: Request, asked: _SignIn, accounts: Accounts, tries: Rates
) -> tuple[str, Session] | Response | None:
    """Try a password, unless too many have been, for this account or from this address."""
    wait = tries.wait_s(request.client.host if request.client else "", _TRIES_A_SECOND)
    code, text = "TOO_MANY_TRIES", f"too many tries from one address; expected the next in {wait:.0f} s"
    if not wait:
        try:
            return await run_in_threadpool(accounts.sign_in, asked.name, asked.password)
        except LockedError as error:
            wait = error.wait_s
            code, text = "LOCKED", f"too many wrong passwords; expected to be tried in {wait:.0f} s"
    answer = problem(429, code, text)
    answer.headers["Retry-After"] = str(round(wait) + 1)
    return answer


def _said(user: Principal, session: Session | None) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "area": user.area,
        "unit": user.unit,
        "kind": user.kind,
        "csrf": session.csrf if session else "",
    }
