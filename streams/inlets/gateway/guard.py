"""Who may call: without keys only this machine, and no page of another origin for its reader."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from streams.inlets.gateway.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class LocalOnly:
    """Lets local calls through, asked of a local name; whatever else comes is told why it isn't.

    Plain ASGI: Starlette's own form of middleware would cost as much as taking a report in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or pass it on."""
        if scope["type"] == "lifespan" or (_is_loopback(host := _caller(scope)) and _is_loopback(_asked_host(scope))):
            if scope["type"] != "websocket" or _same_origin(scope):
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = problem(403, "LOOPBACK_ONLY", f"a call from {host}; expected one from this machine")
        await answer(scope, receive, send)


def _caller(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else ""


def _asked_host(scope: Scope) -> str:
    """Return the host that the caller believes to speak to, as its header says; empty if that is none."""
    try:
        return urlsplit(f"//{_header(scope, b'host')}").hostname or ""
    except ValueError:
        return ""


def _same_origin(scope: Scope) -> bool:
    """Say whether a page of this very address opens a socket; what is no browser says no origin.

    Browsers let any page open a socket anywhere, and send the cookies along: only this check stands between them.
    """
    origin = _header(scope, b"origin")
    return not origin or urlsplit(origin).netloc == _header(scope, b"host")


def _header(scope: Scope, wanted: bytes) -> str:
    return next((bytes(value).decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


@lru_cache(maxsize=1000)
def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
