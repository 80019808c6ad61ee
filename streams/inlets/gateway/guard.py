"""Who may call: without keys only this machine, and no page of another origin for its reader; with keys, who has one.

A key comes as `Authorization: Bearer …`, `X-API-Key` or, as Open311 has it, `api_key` in the address. People sign in
(`sessions`) and have a cookie; then whatever changes something needs their `X-CSRF-Token` as well.
"""

from __future__ import annotations

import hmac
import ipaddress
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from streams.identity.current import set_user
from streams.identity.principals import LOCAL
from streams.inlets.gateway.problems import problem

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from streams.identity.accounts import Accounts, Session
    from streams.identity.principals import Principal

COOKIE = "onegrid_session"
CSRF_HEADER = b"x-csrf-token"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PUBLIC = frozenset(
    {
        "/healthz", "/readyz", "/login", "/v1/session", "/m", "/open311/v2/discovery.json",
        "/open311/v2/discovery.xml", "/open311/v2/services.json", "/open311/v2/services.xml", "/favicon.ico",
    }
)  # fmt: skip
_CONSOLE = "/_nicegui"
_PUBLIC_BELOW = ("/_nicegui/", "/m/", "/open311/v2/services/")
"""What is there for everybody: nothing of it tells of a case. The phone's page has to open without reception."""


class Guard:
    """Lets callers through, and leaves word of who they are; whoever else comes is told why they aren't let in.

    Plain ASGI: Starlette's own form of middleware would cost as much as taking a report in.
    """

    def __init__(self, app: ASGIApp, accounts: Accounts | None = None) -> None:
        self.app, self.accounts = app, accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        found = self._local(scope) if self.accounts is None or not self.accounts.configured else None
        if found is None:
            assert self.accounts is not None
            found = await self._known(scope, self.accounts)
        if isinstance(found, Refused):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await found.answer(scope, receive, send)
            return
        set_user(scope, found.user)
        await self.app(scope, receive, send)

    @staticmethod
    def _local(scope: Scope) -> Found | Refused:
        if is_loopback(host := _caller(scope)) and is_loopback(_asked_host(scope)):
            # Browsers let any page open a socket anywhere: only this check stands between.
            other = scope["type"] == "websocket" and not _same_origin(dict(scope["headers"]))
            return Refused(_CROSS) if other else _LOCAL
        return Refused(problem(403, "LOOPBACK_ONLY", f"a call from {host}; expected one from this machine"))

    async def _known(self, scope: Scope, accounts: Accounts) -> Found | Refused:
        headers = dict(scope["headers"])
        key = _key_of(headers, scope)
        if key:
            user = await run_in_threadpool(accounts.by_key, key)
            return Found(user) if user else Refused(problem(401, "BAD_KEY", "the key is not known, or disabled"))
        token = _cookie(headers)
        session = accounts.session(token) if token else None
        return _signed_in(scope, headers, session) if session else _nobody(scope, headers)


def standing(accounts: Accounts, scope: Scope) -> Principal | None:
    """Return who a call that was let in before would come from now.

    None once the session is over, or the account or key disabled. A socket is let in once; whoever keeps it open
    asks this. It is no sign of life of the session.
    """
    if not accounts.configured:
        return LOCAL
    headers = dict(scope["headers"])
    if key := _key_of(headers, scope):
        return accounts.by_key(key)
    token = _cookie(headers)
    session = accounts.session(token, asks=False) if token else None
    return session.principal if session else None


def _signed_in(scope: Scope, headers: dict[bytes, bytes], session: Session) -> Found | Refused:
    """Let whoever has signed in through, unless another origin's page is behind it."""
    if scope["type"] == "websocket" or scope["path"].startswith(_CONSOLE):  # it sends no header of ours
        return Found(session.principal) if _same_origin(headers) else Refused(_CROSS)
    if scope["method"] not in _SAFE and (scope["path"], scope["method"]) != ("/v1/session", "POST"):
        said = headers.get(CSRF_HEADER, b"").decode("latin-1")
        if not hmac.compare_digest(said.encode(), session.csrf.encode()):
            text = "X-CSRF-Token: not the session's; expected that of GET /v1/session"
            return Refused(problem(403, "NO_CSRF_TOKEN", text))
    return Found(session.principal)


def _nobody(scope: Scope, headers: dict[bytes, bytes]) -> Found | Refused:
    """Let whoever has not signed in see what is there for everybody, and show a person where to sign in."""
    path: str = scope["path"]
    by_form = path.startswith("/open311/v2/requests.") and scope.get("method") == "POST"  # its key is in the form
    if path in _PUBLIC or path.startswith(_PUBLIC_BELOW) or by_form:
        return Found(None)
    if b"text/html" in headers.get(b"accept", b"") and scope.get("method") == "GET":
        return Refused(RedirectResponse(f"/login?next={quote(path)}", 303))
    answer = problem(401, "NOT_SIGNED_IN", "no key and no session; expected Authorization: Bearer KEY")
    answer.headers["WWW-Authenticate"] = 'Bearer realm="onegrid"'
    return Refused(answer)


class Found:
    """Who calls; nobody on a public path."""

    def __init__(self, user: Principal | None) -> None:
        self.user = user


class Refused:
    """What whoever is not let in is told."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer


_LOCAL = Found(LOCAL)
_CROSS = problem(403, "OTHER_ORIGIN", "a page of another origin; expected one of ours")


def _key_of(headers: dict[bytes, bytes], scope: Scope) -> str:
    said = headers.get(b"authorization", b"").decode("latin-1")
    if said[:7].lower() == "bearer ":
        return said[7:].strip()
    if named := headers.get(b"x-api-key"):
        return named.decode("latin-1")
    if scope["path"].startswith("/open311/") and b"api_key=" in scope.get("query_string", b""):
        found: str = parse_qs(scope["query_string"].decode("latin-1")).get("api_key", [""])[0]
        return found
    return ""


def _cookie(headers: dict[bytes, bytes]) -> str:
    said = headers.get(b"cookie", b"").decode("latin-1")
    if COOKIE not in said:
        return ""
    try:
        found = SimpleCookie(said).get(COOKIE)
    except CookieError:
        return ""
    return str(found.value) if found else ""


def _same_origin(headers: dict[bytes, bytes]) -> bool:
    """Say whether a page of this very address asks; what is no browser says no origin.

    Browsers let any page open a socket anywhere, and send the cookies along: only this check stands between them.
    """
    origin = headers.get(b"origin", b"").decode("latin-1")
    return not origin or urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1")


def _caller(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else ""


def _asked_host(scope: Scope) -> str:
    """Return the host that the caller believes to speak to, as its header says; empty if that is none."""
    try:
        return urlsplit(f"//{_header(scope, b'host')}").hostname or ""
    except ValueError:
        return ""


def _header(scope: Scope, wanted: bytes) -> str:
    return next((bytes(value).decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


@lru_cache(maxsize=1000)
def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
