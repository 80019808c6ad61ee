"""GeoReport v2: its calls in both formats, by a client that others wrote, over a real connection."""

from __future__ import annotations

import socket
import threading
import time
import xml.etree.ElementTree as ET

import httpx
import pytest
import uvicorn
from gates import AT
from georeport import GeoReport
from packs import point
from scenes import BELLTOWER

ROOT = "/open311/v2"


@pytest.fixture
def address(gate):
    """The gateway on a port of its own."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(100)
        server = uvicorn.Server(uvicorn.Config(gate.app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def form(**fields):
    lon, lat = point(BELLTOWER)
    given = {"service_code": "E-01-10", "lat": lat, "long": lon, "description": "垃圾 litter", **fields}
    return {name: str(value) for name, value in given.items() if value is not None}


def posted(client, kind="json", **fields):
    answer = client.post(f"{ROOT}/requests.{kind}", data=form(**fields))
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("kind", ["json", "xml"])
def test_a_client_that_others_wrote_finds_services_definitions_and_requests(gate, address, kind):
    with httpx.Client(base_url=address) as http:
        said = posted(http).json()[0]
        number = said.get("service_request_id") or wait_for(http, said["token"])
        posted(http, description="井盖 cover", service_code="C-01-01")
        gate.settled(2)
    client = GeoReport(f"{address}{ROOT}", output_format=kind)
    codes = {service["service_code"]: service for service in client.get_service_list()}
    assert {"E-01-10", "C-01-01", "M-INQUIRY"} <= codes.keys()
    described = client.get_service_definition("E-01-10")
    assert described["service_code"] == "E-01-10"
    assert described["attributes"]
    start, end = AT.isoformat().replace("+00:00", "Z"), "2026-03-03T00:00:00Z"
    listed = client.get_service_requests(start_date="2026-03-01T00:00:00Z", end_date=end)
    assert {one["service_code"] for one in listed} == {"E-01-10", "C-01-01"}
    assert client.get_service_requests(service_code="E-01-10", start_date="2026-03-01T00:00:00Z", end_date=end)
    assert start
    one = client.get_service_request(number)
    assert (one["service_request_id"], one["status"]) == (number, "open")
    assert float(one["lat"]) == pytest.approx(point(BELLTOWER)[1], abs=1e-5)


def wait_for(http, token):
    for _ in range(200):
        answer = http.get(f"{ROOT}/tokens/{token}.json")
        if answer.status_code == 200:
            return answer.json()[0]["service_request_id"]
        time.sleep(0.02)
    raise AssertionError("the token got no number")


def test_a_token_becomes_a_number(gate):
    number = posted(gate.client).json()[0].get("service_request_id")
    (case,) = gate.settled(1)
    assert number in (None, case["case_no"])
    assert wait_for(gate.client, case["reports"][0]) == case["case_no"]
    answer = gate.client.get(f"{ROOT}/tokens/{case['reports'][0]}.xml")
    assert ET.fromstring(answer.content).find("request/service_request_id").text == case["case_no"]
    assert gate.client.get(f"{ROOT}/tokens/unknown.json").status_code == 404


def test_requests_are_filtered_by_status_service_number_and_time(gate):
    first = posted(gate.client).json()[0]
    posted(gate.client, service_code="C-01-01")
    gate.settled(2)
    get = lambda **asked: gate.client.get(f"{ROOT}/requests.json", params=asked)  # noqa: E731
    assert len(get().json()) == 2
    assert get(status="closed").json() == []
    assert len(get(status="open,closed").json()) == 2
    assert [one["service_code"] for one in get(service_code="C-01-01").json()] == ["C-01-01"]
    assert len(get(service_request_id=first["service_request_id"]).json()) == 1
    assert get(start_date="2025-06-01T00:00:00Z", end_date="2025-07-01T00:00:00Z").json() == []
    for bad in ({"status": "lost"}, {"start_date": "yesterday"},
                {"start_date": "2025-01-01T00:00:00Z", "end_date": "2025-12-01T00:00:00Z"}):  # fmt: skip
        answer = get(**bad)
        assert answer.status_code == 400
        assert answer.json()[0]["code"] == 400


def test_an_inquiry_needs_no_place_and_is_no_incident(gate):
    posted(gate.client, service_code="M-INQUIRY", lat=None, long=None)
    (case,) = gate.settled(1)
    assert (case["matter"], case["receipt"]["outcome"]) == ("INQUIRY", "NOT_AN_INCIDENT")


def test_who_asks_is_sealed_and_no_part_of_what_is_shown(gate):
    posted(gate.client, first_name="Lin", last_name="Chen", phone="13800138000", email="lin@example.org")
    (case,) = gate.settled(1)
    shown = gate.client.get(f"{ROOT}/requests/{case['case_no']}.xml").text
    for private in ("Chen", "13800138000", "lin@example.org"):
        assert private not in shown
        assert private.encode() not in gate.service._path.read_bytes()
    told = gate.client.get(f"/v1/cases/{case['case_no']}/persons?reason=call+back").json()
    assert told["items"][0]["person"]["phone"] == "13800138000"


def test_what_lacks_a_field_or_names_no_service_is_told_so_in_both_formats(gate):
    for kind in ("json", "xml"):
        for lacking, status in (
            ({"service_code": None}, 400),
            ({"lat": None, "long": None}, 400),
            ({"lat": "north"}, 400),
            ({"service_code": "E-99-99"}, 404),
        ):
            answer = gate.client.post(f"{ROOT}/requests.{kind}", data=form(**lacking))
            assert answer.status_code == status, (lacking, answer.text)
            if kind == "xml":
                assert ET.fromstring(answer.content).find("error/code").text == str(status)
            else:
                assert answer.json()[0]["code"] == status
    for path in ("requests.csv", "services.csv", "services/E-99-99.json", "requests/unknown.xml", "services/x.csv"):
        assert gate.client.get(f"{ROOT}/{path}").status_code == 404


def test_a_form_in_parts_is_read_as_well(gate):
    parts = {name: (None, value) for name, value in form().items()}
    assert gate.client.post(f"{ROOT}/requests.json", files=parts).status_code == 200
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert gate.client.post(f"{ROOT}/requests.json", content=b"--y\r\n", headers=broken).status_code == 400


def test_what_is_where_is_told(gate):
    for kind in ("json", "xml"):
        answer = gate.client.get(f"{ROOT}/discovery.{kind}")
        assert answer.status_code == 200
        assert ROOT in answer.text
