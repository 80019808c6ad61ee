"""Putting the console into a web application, without the application waiting for it.

NiceGUI takes about a second to import. So a service answers at once, and the console is made on a thread behind it;
who asks for a page before that is told to come again in a second.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from streams.outlets.console.mapping import MapError, Maps
from streams.outlets.console.users import PAGES, WALL
from streams.outlets.measures.registry import MeasureError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from streams.outlets.console.context import Console

_log = structlog.get_logger(__name__)

_STATIC = Path(__file__).parent / "static"

_WAIT = """<!doctype html><html lang="zh"><meta charset="utf-8"><meta http-equiv="refresh" content="1"><title>onegrid</title>
<body style="font:18px system-ui;padding:40px">页面正在准备，请稍候 · The console is being made ready …</body></html>"""


def add_console(app: FastAPI, console: Console) -> None:
    """Add the console to an application. Its pages come once the application runs; its data are there at once."""
    _add_data(app, console)
    app.mount("/console/static", StaticFiles(directory=_STATIC))
    late = _Late()
    before = app.router.lifespan_context

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        async with before(app), AsyncExitStack() as stack:
            making = asyncio.create_task(_make(console, late, stack))
            yield
            if not making.done():
                making.cancel()

    app.router.lifespan_context = running
    app.mount("/", late)


def _add_data(app: FastAPI, console: Console) -> None:
    """Add what the pages fetch by themselves; it is open to whoever such a page is open to."""
    maps = Maps(console.city)

    def refused(request: Request, *pages: str) -> Response | None:
        """Return what whoever has none of the pages is told, that show what is asked for."""
        if set(pages) & set(console.user_of(request).pages):
            return None
        text = "此页未向您开放 not open to you; expected an account that has the page"
        return Response(text, status_code=403, media_type="text/plain; charset=utf-8")

    @app.get("/console/state", include_in_schema=False)
    def get_state(request: Request) -> Response:
        if said := refused(request, WALL):
            return said
        return Response(console.live.encoded(console.clock()), media_type="application/json")

    @app.get("/console/load", include_in_schema=False)
    def get_load(street: str, request: Request) -> Response:
        if said := refused(request, WALL):
            return said
        return Response(
            msgspec.json.encode(console.live.load(console.clock(), street)), media_type="application/json"
        )

    @app.get("/console/shapes", include_in_schema=False)
    def get_shapes(request: Request, level: str, desk: str = "", street: str = "", net: str = "") -> Response:
        if said := refused(request, *PAGES):
            return said
        try:
            drawn = maps.shapes(level, desk=desk, street=street, net=net)
        except MapError as error:
            return Response(str(error), status_code=404, media_type="text/plain; charset=utf-8")
        headers = {"Content-Encoding": "gzip", "Cache-Control": "max-age=300"}
        return Response(drawn, media_type="application/json", headers=headers)


async def _make(console: Console, late: _Late, stack: AsyncExitStack) -> None:
    """Make the pages on a thread, start them, and let them be seen."""
    try:
        inner = await asyncio.to_thread(_pages, console)
        await stack.enter_async_context(inner.router.lifespan_context(inner))
    except Exception as error:
        _log.exception("console failed", error=repr(error))
        raise
    from streams.outlets.console.watching import watch  # noqa: PLC0415 - imports NiceGUI, which is there by now

    watching = asyncio.create_task(watch(console))
    stack.callback(watching.cancel)
    late.inner = _Guarded(inner, console.city.rules.form.tiles)
    with suppress(MeasureError):  # nothing was reported yet
        await asyncio.to_thread(console.room.ready)  # so that the first who looks does not wait


def _pages(console: Console) -> FastAPI:
    """Import NiceGUI and build every page."""
    from nicegui import ui  # noqa: PLC0415 - takes a second; see above

    from streams.outlets.console.measurepage import usual  # noqa: PLC0415 - imports NiceGUI
    from streams.outlets.console.pages import add_pages  # noqa: PLC0415

    inner = FastAPI(docs_url=None, openapi_url=None)
    add_pages(inner, console)
    console.room.usual = usual
    ui.run_with(
        inner, title="onegrid", language="zh-CN", show_welcome_message=False, tailwind=False, reconnect_timeout=20.0,
        message_history_length=200, favicon="🔲",
    )  # fmt: skip
    return inner


class _Late:
    """Answers that the console is being made until it is."""

    def __init__(self) -> None:
        self.inner: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.inner is not None:
            await self.inner(scope, receive, send)
        elif scope["type"] == "http":
            await HTMLResponse(_WAIT, status_code=200, headers={"Retry-After": "1"})(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})


class _Guarded:
    """Says on every page from where it may load: from here, and from the city's own tiles if the pack names them."""

    def __init__(self, app: ASGIApp, tiles: str) -> None:
        self._app = app
        where = urlsplit(tiles)
        images = f" {where.scheme}://{where.netloc}" if where.netloc else ""
        self._policy = (
            "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
            f"img-src 'self' data: blob:{images}; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
            "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
        ).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], (b"content-security-policy", self._policy)]
                headers += [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin")]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, guarded)
