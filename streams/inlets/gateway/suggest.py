"""The path that suggests: what a text may be about, and where its address may be. It decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from streams.inlets.gateway.answers import json
from streams.inlets.gateway.bodies import STATUS, read_body
from streams.inlets.gateway.problems import problem
from streams.inlets.suggesting import Suggester
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from grids.city import City
    from streams.outlets.board import Board

_LONGEST = 16_384


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    text: str = ""
    address: str = ""


def add_suggest(app: FastAPI, city: City, open_board: Callable[[], Board]) -> None:
    """Add the path."""

    def past() -> Iterator[tuple[str, str]]:
        for case in open_board().all_cases():
            if case.matter == "INCIDENT" and case.state not in ("CANCELLED", "NOT_ACCEPTED"):
                yield case.category, case.text

    suggester = Suggester(city.rules, past)
    app.state.suggester = suggester

    @app.post("/v1/suggest", summary="What a text may be about, and where its address may be")
    async def post_suggest(request: Request) -> Response:
        body = await read_body(request, most=_LONGEST)
        if isinstance(body, Refusal):
            return problem(STATUS.get(body.reason, 413), body.reason, str(body))
        try:
            asked = msgspec.json.decode(body, type=_Asked)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return problem(422, "BAD_FIELD", str(error))
        guesses = await run_in_threadpool(suggester.suggest, asked.text)
        found = city.gazetteer.find(asked.address or asked.text)
        shown = []
        for guess in guesses:
            one = city.rules.catalogue[guess.category]
            shown.append(
                {"category": guess.category, "share": guess.share, "name_zh": one.name_zh, "name_en": one.name_en}
            )
        place = {"area": found.area, "level": found.level, "confidence": found.confidence} if found else None
        return json({"categories": shown, "place": place})
