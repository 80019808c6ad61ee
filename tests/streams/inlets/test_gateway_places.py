"""Asking the gateway what is here and who is responsible."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from grids.city import open_city
from streams.inlets.gateway.places import add_places
from tests.packs import STREETS, point, write_pack
from tests.redrawn import BELLTOWER, CHANGE, MOVED, WHARF

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    app = FastAPI()
    add_places(app, open_city(write_pack(tmp_path_factory.mktemp("where") / "city")), lambda: NOON)
    return TestClient(app)


def at(street=STREETS[0], **more):
    lon, lat = point(street)
    return {"lon": lon, "lat": lat, **more}


def test_where_says_the_place_and_every_old_unit(client):
    found = client.get("/v1/where", params=at()).json()
    assert (found["method"], found["street"], found["desk"]) == ("POINT", STREETS[0], "990101")
    assert set(found["units"]) == {"ZZ", "CG", "YJ"}
    assert found["units"]["YJ"] == "YJ2"
    assert found["border_m"] > 0


def test_where_outside_the_grid_is_not_found(client):
    answer = client.get("/v1/where", params={"lon": 100, "lat": 30})
    assert (answer.status_code, answer.json()["reason"]) == (404, "NOT_FOUND")


def test_a_position_off_the_globe_is_refused_with_its_field(client):
    answer = client.get("/v1/where", params={"lon": 30, "lat": 104})
    assert answer.status_code == 422
    assert "lat" in answer.text


def test_who_answers_with_a_receipt(client):
    found = client.get("/v1/who", params=at(category="C-01-01")).json()
    assert (found["lead"], found["outcome"]) == ("990101001-OF", "LEAD")
    assert found["receipt_id"]


def test_who_takes_a_foreign_code_and_the_severity(client):
    found = client.get("/v1/who", params=at(category="12345:102", severity=1)).json()
    assert (found["category"]["city_category"], found["lead"]) == ("E-02-01", "990100-UM")


def test_who_names_the_nearest_codes_of_an_unknown_one(client):
    answer = client.get("/v1/who", params=at(category="E-01-11"))
    assert (answer.status_code, answer.json()["field"]) == (422, "category")
    assert "E-01-10" in answer.json()["detail"]


def test_who_outside_the_grid_says_that_there_is_no_place(client):
    found = client.get("/v1/who", params={"lon": 100, "lat": 30, "category": "E-01-10"}).json()
    assert (found["outcome"], found["lead"]) == ("NO_GRID", "")


# Versions of the grid


@pytest.fixture(scope="module")
def redrawn(redrawn_city):
    """A client that asks at NOON, before the grid was drawn anew."""
    app = FastAPI()
    add_places(app, redrawn_city, lambda: NOON)
    return TestClient(app)


def test_where_and_who_are_asked_of_the_grid_in_force_now_or_at_a_stated_time(redrawn):
    place = dict(zip(("lon", "lat"), MOVED, strict=True))
    then = {"at": CHANGE.isoformat()}
    assert redrawn.get("/v1/where", params=place).json()["street"] == WHARF
    after = redrawn.get("/v1/where", params={**place, **then}).json()
    assert (after["street"], after["units"]["CG"]) == (BELLTOWER, "CG2")
    asked = {**place, "category": "E-01-10"}
    assert redrawn.get("/v1/who", params=asked).json()["lead"] == f"{WHARF}-OF"
    found = redrawn.get("/v1/who", params={**asked, **then}).json()
    assert (found["lead"], found["place"]["grid_version"]) == (f"{BELLTOWER}-OF", after["grid_version"])


@pytest.mark.parametrize(
    "moment", ["2026-07-01T00:00:00", "yesterday", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
)
def test_a_time_without_an_offset_or_out_of_all_reason_is_refused_with_its_field(redrawn, moment):
    answer = redrawn.get("/v1/where", params={"lon": MOVED[0], "lat": MOVED[1], "at": moment})
    assert answer.status_code == 422
    assert "at" in answer.json()["detail"][0]["loc"]
