"""Asking the map: what is here, and who is responsible for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import Query
from fastapi.responses import Response
from pydantic import AwareDatetime

from grids.catalogue import CategoryError
from grids.duties.routing import ask
from grids.locator import METHODS
from streams.inlets.gateway.problems import problem
from streams.stages.acceptance import OLDEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from grids.city import City

_Lon = Annotated[float, Query(ge=-180, le=180, description="Longitude, WGS-84")]
_Lat = Annotated[float, Query(ge=-90, le=90, description="Latitude, WGS-84")]
_At = Annotated[
    AwareDatetime | None,
    Query(
        ge=OLDEST, lt=datetime(2100, 1, 1, tzinfo=UTC), description="When: the grid and the duties in force then; now"
    ),
]
_Severity = Annotated[int, Query(ge=1, le=4)]


class Where(msgspec.Struct):
    """What is at a position: its place, and every department's old unit there."""

    method: str
    cell: str
    grid: str
    community: str
    street: str
    district: str
    desk: str
    zones: tuple[str, ...]
    area_class: str
    border_m: float | None
    grid_version: str
    units: dict[str, str | None]


def add_places(app: FastAPI, city: City, clock: Callable[[], datetime]) -> None:
    """Add /v1/where and /v1/who to an application."""

    @app.get("/v1/where", summary="What is here: cell, grid, areas, desk, and every old unit")
    def get_where(lon: _Lon, lat: _Lat, at: _At = None) -> Response:
        grid = city.grid_at((at or clock()).astimezone(city.zone).date())
        index, method, border = grid.locator.locate_one(lon, lat)
        if index < 0:
            return problem(404, "NOT_FOUND", f"lon {lon}, lat {lat} is outside the grid")
        place = grid.places[index]
        found = Where(
            method=METHODS[method],
            cell=place.cell,
            grid=place.grid,
            community=place.community,
            street=place.street,
            district=place.district,
            desk=place.desk,
            zones=place.zones,
            area_class=place.area_class,
            border_m=round(border, 2),
            grid_version=grid.version,
            units={net: grid.cells.labels[net][index] for net in grid.cells.nets},
        )
        return Response(msgspec.json.encode(found), media_type="application/json")

    @app.get("/v1/who", summary="Who is responsible here, as a receipt")
    def get_who(lon: _Lon, lat: _Lat, category: str, severity: _Severity = 4, at: _At = None) -> Response:
        try:
            receipt = ask(city, (lon, lat), category, at or clock(), severity)
        except CategoryError as error:
            return problem(422, error.reason, str(error), field="category")
        return Response(msgspec.json.encode(receipt), media_type="application/json")
