"""The paths of measures: figures by window and place, what each is, and the cases behind it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from streams.identity.current import user_of
from streams.identity.sight import may
from streams.inlets.gateway.answers import json
from streams.inlets.gateway.problems import forbidden, problem
from streams.outlets.measures.asking import DIMENSIONS, WINDOWS, Question
from streams.outlets.measures.registry import MeasureError, registry

if TYPE_CHECKING:
    from streams.outlets.measures.room import Room

_Limit = Annotated[int, Query(ge=1, le=10_000)]
_From = Annotated[date | None, Query(alias="from", description="First day; else a week before the log's own day")]
_To = Annotated[date | None, Query(alias="to", description="The day after the last; else tomorrow")]
_By = Annotated[str, Query(description=f"Some of {','.join(DIMENSIONS)}")]
_Which = Annotated[str, Query(description="Ids of measures, separated by commas; all if empty")]
_AsOf = Annotated[int | None, Query(ge=0, description="As the log stood at this offset")]
_Window = Annotated[str, Query(description=f"One of {', '.join(WINDOWS)}; the whole stretch if empty")]

_WEEK = timedelta(days=7)


def add_measures(app: FastAPI, room: Room) -> None:
    """Add /v1/measures to an application."""

    @app.get("/v1/measures", summary="Figures with their formula, by window and place")
    def get_measures(
        request: Request, first: _From = None, last: _To = None, by: _By = "city", window: _Window = "",
        measure: _Which = "", as_of: _AsOf = None,
    ) -> Response:  # fmt: skip
        if not may(user_of(request), "MEASURES"):
            return forbidden("MEASURES")
        try:
            question = Question(*_days(room, first, last), _some(by), window, _some(measure))  # type: ignore[arg-type]
            return json({"items": room.ask(question, as_of), "next": None})
        except MeasureError as error:
            return problem(422, "BAD_QUESTION", str(error))

    @app.get("/v1/measures/registry", summary="What every measure is: formula, cohort, unit, version and query")
    def get_registry() -> Response:
        return json({"items": [one._asdict() for one in registry().values()], "next": None})

    @app.get("/v1/measures/{measure}/cases", summary="The cases behind a figure, those that spoil it first")
    def get_cases(
        measure: str, request: Request, first: _From = None, last: _To = None, limit: _Limit = 1000
    ) -> Response:
        user = user_of(request)
        if not may(user, "MEASURES"):
            return forbidden("MEASURES")
        where = {name: value for name, value in request.query_params.items() if name in DIMENSIONS}
        if user.role == "district":
            where["desk"] = user.area  # figures are for everybody who leads; the cases behind them are one's own
        try:
            start, end = _days(room, first, last)
            found = room.asker().cases(measure, start, end, where, limit)
        except MeasureError as error:
            return problem(422, "BAD_QUESTION", str(error))
        return json({"items": found, "next": None})


def _some(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _days(room: Room, first: date | None, last: date | None) -> tuple[date, date]:
    end = last or room.asker().facts.now.date() + timedelta(days=1)
    return first or end - _WEEK, end
