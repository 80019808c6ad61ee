"""The paths of pictures: sent before the report or action that names them, shown to whoever may see the case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from streams.identity.current import user_of
from streams.identity.sight import may
from streams.inlets.gateway.answers import json
from streams.inlets.gateway.bodies import STATUS, read_body
from streams.inlets.gateway.problems import forbidden, problem
from streams.inlets.media import LARGEST, PREFIX, MediaError
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from streams.identity.sight import Sight
    from streams.inlets.media import Media
    from streams.outlets.board import Board

_HEADERS = {
    "Cache-Control": "private, max-age=86400, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/jpeg", "image/png", "image/webp")
        },
    }
}


def add_media(  # noqa: C901 - the paths of one thing
    app: FastAPI, media: Media, open_board: Callable[[], Board], sight: Sight, clock: Callable[[], datetime]
) -> None:
    """Add the paths."""

    @app.post("/v1/media", status_code=201, summary="Send a picture: JPEG, PNG or WebP", openapi_extra=_BODY)
    async def post_media(request: Request) -> Response:
        user = user_of(request)
        if not (may(user, "MEDIA") and may(user, "ACT")):
            return forbidden("MEDIA")
        body = await read_body(request, request.app.state.intake.inlet.budget, LARGEST)
        if isinstance(body, Refusal):
            return problem(STATUS.get(body.reason, 413), body.reason, str(body))
        try:
            kept = await run_in_threadpool(lambda: media.add(body, user.name, clock()))
        except MediaError as error:
            return problem(415, "BAD_MEDIA", f"body: {error}")
        return json({"name": PREFIX + kept.sha256, "sha256": kept.sha256, "type": kept.type, "size": kept.size}, 201)

    @app.get("/v1/media/{sha256}", summary="A picture that I have sent myself")
    def get_own(sha256: str, request: Request) -> Response:
        user = user_of(request)
        if not may(user, "MEDIA"):
            return forbidden("MEDIA")
        if user.role != "city" and not media.sent_by(sha256, user.name):
            return _unknown(sha256)
        return _show(media, sha256)

    @app.get("/v1/cases/{case_no}/media", summary="The pictures of a case")
    def get_list(case_no: str, request: Request) -> Response:
        board, user = open_board(), user_of(request)
        case = board.case(case_no)
        if case is None or not sight.sees(user, case):
            return problem(404, "NOT_FOUND", f"case {case_no} is not known")
        found = media.of(case_no, case.reports)
        return json({"items": [{"sha256": one, "url": f"/v1/cases/{case_no}/media/{one}"} for one in found]})

    @app.get("/v1/cases/{case_no}/media/{sha256}", summary="A picture of a case")
    def get_media(case_no: str, sha256: str, request: Request) -> Response:
        board, user = open_board(), user_of(request)
        case = board.case(case_no)
        if case is None or not sight.sees(user, case) or not media.belongs(sha256, case_no, case.reports):
            return _unknown(sha256)
        return _show(media, sha256)


def _unknown(sha256: str) -> Response:
    return problem(404, "UNKNOWN_MEDIA", f"sha256: no picture {sha256[:64]} here")


def _show(media: Media, sha256: str) -> Response:
    found = media.read(sha256)
    if found is None:
        return _unknown(sha256)
    return Response(found[0], media_type=found[1], headers={**_HEADERS, "ETag": f'"{sha256}"'})
