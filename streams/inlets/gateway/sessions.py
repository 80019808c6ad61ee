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
from streams.inlets.gateway.problems import problem
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from typing import Any

    from streams.identity.accounts import Accounts, Session
    from streams.identity.principals import Principal

_LONGEST = 4096

_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)


class _SignIn(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    password: str


def add_sessions(app: FastAPI, accounts: Accounts) -> None:
    """Add /v1/session and the page on which one signs in."""
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
        try:
            found = await run_in_threadpool(accounts.sign_in, asked.name, asked.password)
        except LockedError as error:
            answer = problem(429, "LOCKED", f"too many wrong passwords; expected to be tried in {error.wait_s:.0f} s")
            answer.headers["Retry-After"] = str(round(error.wait_s) + 1)
            return answer
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


def _said(user: Principal, session: Session | None) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "area": user.area,
        "unit": user.unit,
        "kind": user.kind,
        "csrf": session.csrf if session else "",
    }
