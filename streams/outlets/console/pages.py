"""The paths of the live page: the page itself, its map, and its state."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from fastapi.responses import HTMLResponse, Response

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fastapi import FastAPI

    from streams.outlets.console.live import Live
    from streams.outlets.console.shapes import MapShapes

_PAGE = Path(__file__).with_name("page.html")

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"
)
"""The page may load nothing from anywhere but its own state."""


def add_console(app: FastAPI, live: Live, shapes: MapShapes, clock: Callable[[], datetime]) -> None:
    """Add the live page to an application."""
    drawn = gzip.compress(msgspec.json.encode(shapes))
    page = _PAGE.read_text(encoding="utf-8")

    @app.get("/", include_in_schema=False)
    def get_page() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})

    @app.get("/console/map", include_in_schema=False)
    def get_map() -> Response:
        return Response(drawn, media_type="application/json", headers={"Content-Encoding": "gzip"})

    @app.get("/console/state", include_in_schema=False)
    def get_state() -> Response:
        return Response(msgspec.json.encode(live.state(clock())), media_type="application/json")
