"""Every role on its own ground and on another's, at every path: 404 for what may not be seen, 403 for what may not be
done, and nothing for whoever has no key."""

from __future__ import annotations

import io

import pytest
from gates import Gate, body, client_of
from PIL import Image
from scenes import CENTRE, CHECKER, DESK, EASTGATE, OFFICE, OTHER_DESK, OTHER_OFFICE, WHARF

from streams.identity.principals import ROLES, Principal
from streams.inlets.gateway.measures import add_measures

BELL = "990101002"
OWN, OTHER = "own", "other"

WHO = {
    ("worker", OWN): Principal("W1", "worker", unit=OFFICE),
    ("worker", OTHER): Principal("W2", "worker", unit=OTHER_OFFICE),
    ("unit", OWN): Principal("u1", "unit", unit=OFFICE),
    ("unit", OTHER): Principal("u2", "unit", unit=OTHER_OFFICE),
    ("street", OWN): Principal("s1", "street", area=BELL, unit=OFFICE),
    ("street", OTHER): Principal("s2", "street", area=WHARF, unit=OTHER_OFFICE),
    ("district", OWN): Principal("d1", "district", area=DESK, unit=CENTRE),
    ("district", OTHER): Principal("d2", "district", area=OTHER_DESK, unit="990102-CC"),
    ("city", OWN): Principal("c1", "city"),
    ("auditor", OWN): Principal("a1", "auditor"),
    ("system", OWN): Principal("k1", "system", systems=("12345",)),
    ("system", OTHER): Principal("k2", "system", systems=("elsewhere",)),
}

ALL = dict.fromkeys(WHO, 200)


def but(default, **changed):
    """A row of the matrix: what each gets, by role and whose ground it is."""
    row = {}
    for role, whose in WHO:
        said = changed.get(f"{role}_{whose}", changed.get(role, default))
        row[role, whose] = said
    return row


SEEN = but(200, worker_other=404, unit_other=404, street_other=404, district_other=404, system_other=404)
JPEG = io.BytesIO()
Image.new("RGB", (8, 8), "red").save(JPEG, "JPEG")

# What each role gets at each path about a case of BELLTOWER that system 12345 has reported, and OFFICE handles.
MATRIX = {
    ("GET", "/v1/cases/{case}"): SEEN,
    ("GET", "/v1/cases"): ALL,
    ("POST", "/v1/reports"): but(202, auditor=403, system_other=422),
    ("POST", "/v1/cases/{case}/actions"): {
        **but(
            202, worker_other=404, unit_other=404, street_other=404, district_other=404, system_other=404, auditor=403
        ),
        ("system", OWN): 403,
        ("worker", OWN): 202,
    },
    ("GET", "/v1/alerts"): but(200, worker=403, system=403),
    ("GET", "/v1/alerts/{alert}"): but(
        404, worker=403, system=403, district_own=200, city=200, auditor=200, street_own=200
    ),
    ("GET", "/v1/alerts/{alert}/cap"): but(
        404, worker=403, system=403, district_own=200, city=200, auditor=200, street_own=200
    ),
    ("GET", "/v1/alerts/feed/990101"): but(200, worker=403, system=403, district_other=404),
    ("POST", "/v1/alerts/{alert}/ack"): but(
        404, worker=403, system=403, auditor=403, district_own=202, city=202, street_own=403
    ),
    ("POST", "/v1/cap"): but(422),
    ("GET", "/v1/where?lon=104.001&lat=30.601"): ALL,
    ("GET", "/v1/who?lon=104.001&lat=30.601&category=E-01-10"): ALL,
    ("GET", "/metrics"): but(403, city=200, auditor=200, system=200),
    ("GET", "/v1/cases/{case}/persons"): but(
        200, worker_other=404, unit_other=404, street_other=404, district_other=404, auditor=403, system=403
    ),
    ("DELETE", "/v1/cases/{case}/persons?reason=asked"): but(403, district_own=200, district_other=404, city=200),
    ("GET", "/v1/trail"): but(403, city=200, auditor=200),
    ("GET", "/v1/cases/{case}/media"): SEEN,
    ("GET", "/v1/cases/{case}/media/{picture}"): SEEN,
    ("GET", "/v1/media/{picture}"): but(404, city=200),
    ("POST", "/v1/media"): but(201, auditor=403),
    ("GET", "/v1/sources"): but(403, district=200, city=200, auditor=200, system=200),
    ("GET", "/v1/sources/12345/reports"): but(
        403, district=200, city=200, auditor=200, system_own=200, system_other=404
    ),
    ("GET", "/v1/sources/12345/outbox"): but(
        403, district=200, city=200, auditor=200, system_own=200, system_other=404
    ),
    ("POST", "/v1/sources/12345/outbox"): but(
        403, district=200, city=200, auditor=403, system_own=200, system_other=404
    ),
    ("GET", "/v1/reports/mine"): ALL,
    ("GET", "/v1/reports/{report}/case"): SEEN,
    ("POST", "/v1/suggest"): ALL,
    ("GET", "/v1/measures"): but(403, district=200, city=200, auditor=200),
    ("GET", "/v1/measures/registry"): ALL,
    ("GET", "/v1/measures/cases/cases"): but(403, district=200, city=200, auditor=200),
    ("GET", "/v1/phone/tasks"): but(200, auditor=403),
    ("GET", "/v1/phone/catalogue"): ALL,
    ("GET", "/v1/phone/duty"): ALL,
    ("POST", "/v1/phone/duty"): but(200, auditor=403),
    ("GET", "/v1/session"): ALL,
    ("GET", "/open311/v2/services.json"): ALL,
    ("GET", "/open311/v2/services/E-01-10.json"): ALL,
    ("GET", "/open311/v2/discovery.json"): ALL,
    ("GET", "/open311/v2/requests.json"): ALL,
    ("GET", "/open311/v2/requests/{case}.json"): SEEN,
    ("GET", "/open311/v2/tokens/{report}.json"): SEEN,
    ("POST", "/open311/v2/requests.json"): but(200, auditor=403),
    ("GET", "/docs"): ALL,
    ("GET", "/openapi.json"): ALL,
    ("GET", "/healthz"): ALL,
    ("GET", "/readyz"): ALL,
    ("GET", "/m"): ALL,
    ("GET", "/login"): ALL,
}

OPEN = {
    "/healthz", "/readyz", "/m", "/login", "/open311/v2/services.json", "/open311/v2/services/E-01-10.json",
    "/open311/v2/discovery.json",
}  # fmt: skip
"""What is there for everybody."""

NOT_IN = {"/v1/alerts/stream", "/v1/session", "/m/{name}", "/docs/oauth2-redirect"}
"""Paths with tests of their own: a stream without an end, signing in, the page's files."""


@pytest.fixture(scope="module")
def house(city, tmp_path_factory):
    """A gateway with keys for everybody, a case of BELLTOWER with a person and a picture, and an alert about it."""
    gate = Gate(city, tmp_path_factory.mktemp("matrix"))
    add_measures(gate.app, gate.service.room)
    picture = gate.client.post("/v1/media", content=JPEG.getvalue()).json()["name"]
    person = {"person": {"name": "Lin", "phone": "13800138000"}}
    sent = body(street=BELL, system="12345", media=[picture], attributes=person, severity=2)
    answer = gate.post(sent)
    gate.report = answer.json()["results"][0]["report_id"]
    gate.case = gate.settled(1)[0]["case_no"]
    for _ in range(200):
        if gate.client.get(f"/v1/reports/{gate.report}/case").status_code == 200:
            break
    told = gate.client.get("/v1/alerts").json()["items"]
    gate.alert = next(one["alert_id"] for one in told if one["unit"] == CENTRE)
    gate.picture = picture.removeprefix("sha256:")
    accounts = gate.service.keep.accounts
    gate.keys = {who: accounts.add_key(principal) for who, principal in WHO.items()}
    yield gate
    gate.service.stop()


def call(gate, method, path, key, **more):
    where = path.format(case=gate.case, alert=gate.alert, picture=gate.picture, report=gate.report)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return gate.client.request(method, where, headers=headers, **more)


def content(path, principal):
    """Return a body that is right for a path, as this role would send it."""
    system = principal.systems[0] if principal and principal.systems and principal.name == "k1" else "12345"
    ends = {
        "/v1/reports": {"json": body(street=EASTGATE, system=system, reporter=None)},
        "/actions": {"json": {"verb": "START", "actor_unit": OFFICE}},
        "/ack": {"json": {"by": CENTRE}},
        "/v1/media": {"content": JPEG.getvalue()},
        "/outbox": {"json": {"told": {}}},
        "/duty": {"json": {"on": True}},
        "/v1/suggest": {"json": {"text": "litter"}},
        "/open311/v2/requests.json": {"data": {"service_code": "M-INQUIRY", "description": "where?"}},
    }
    return next((said for end, said in ends.items() if path.endswith(end)), {"content": b"<nothing/>"})


@pytest.mark.parametrize(("method", "path"), MATRIX, ids=lambda part: part)
def test_each_role_gets_what_is_its_own_and_nothing_else(house, method, path):
    wrong = {}
    for (role, whose), expected in MATRIX[method, path].items():
        more = content(path, WHO[role, whose]) if method == "POST" else {}
        status = call(house, method, path, house.keys[role, whose], **more).status_code
        if status != expected:
            wrong[role, whose] = (status, expected)
    assert wrong == {}


@pytest.mark.parametrize(("method", "path"), MATRIX, ids=lambda part: part)
def test_who_has_no_key_or_a_wrong_one_gets_nothing(house, method, path):
    more = content(path, None) if method == "POST" else {}
    bare = call(house, method, path, "", **more).status_code
    by_form = path.startswith("/open311/v2/requests.") and method == "POST"
    signed_out = path == "/v1/session"
    assert bare == (200 if path in OPEN else 403 if by_form else 401), signed_out
    assert call(house, method, path, "og_k1_wrong", **more).status_code == 401


def test_the_matrix_has_every_path_that_there_is(house):
    paths = {
        (method, route.path)
        for route in house.app.routes
        for method in getattr(route, "methods", None) or ()
        if method in ("GET", "POST", "DELETE")
    }
    known = {
        (method, path.split("?")[0].replace("{case}", "{case_no}").replace("{alert}", "{alert_id}")
         .replace("{picture}", "{sha256}").replace("{report}", "{report_id}"))
        for method, path in MATRIX
    }  # fmt: skip

    def covered(method, path):
        if path in NOT_IN:
            return True
        parts = path.split("/")
        return any(
            other == method
            and len(named.split("/")) == len(parts)
            and all(a == b or "{" in a for a, b in zip(parts, named.split("/"), strict=True))
            for other, named in known
        )

    assert sorted(one for one in paths if not covered(*one)) == []
    assert {role for role, _ in WHO} == set(ROLES)


def test_lists_hold_only_what_may_be_seen(house):
    for (role, whose), expected in SEEN.items():
        listed = call(house, "GET", "/v1/cases", house.keys[role, whose]).json()["items"]
        assert (house.case in {case["case_no"] for case in listed}) == (expected == 200), (role, whose)


def test_nobody_acts_in_another_ones_name(house):
    key = house.keys["unit", OWN]
    answer = call(house, "POST", "/v1/cases/{case}/actions", key, json={"verb": "SIGN", "actor_unit": CHECKER})
    assert (answer.status_code, answer.json()["reason"]) == (403, "NOT_YOUR_UNIT")
    answer = call(house, "POST", "/v1/cases/{case}/actions", key, json={"verb": "SIGN", "actor": "somebody"})
    assert (answer.status_code, answer.json()["reason"]) == (403, "NOT_YOU")
    sent = body(street=BELL, reporter="W2")
    answer = call(house, "POST", "/v1/reports", house.keys["worker", OWN], json=sent)
    assert (answer.status_code, answer.json()["reason"]) == (422, "NOT_YOU")


def test_each_look_at_a_person_is_on_the_trail(house):
    call(house, "GET", "/v1/cases/{case}/persons?reason=call+back", house.keys["street", OWN])
    call(house, "GET", "/v1/cases/{case}/persons", house.keys["auditor", OWN])
    lines = call(house, "GET", "/v1/trail?limit=1000", house.keys["auditor", OWN]).json()["items"]
    looked = [(one["looked"]["who"], one["looked"]["did"], one["looked"].get("reason", "")) for one in lines]
    assert ("s1", "SHOWN", "call back") in looked
    assert ("a1", "REFUSED", "") in looked
    assert house.service.keep.trail.check() is None


def test_a_call_from_elsewhere_needs_no_loopback_once_there_are_keys(house):
    far = client_of(house.app, host="grid.example", peer="203.0.113.9")
    assert far.get("/v1/cases").status_code == 401
    key = house.keys["city", OWN]
    assert far.get("/v1/cases", headers={"X-API-Key": key}).status_code == 200
    assert (
        far.get("/", headers={"accept": "text/html"}, follow_redirects=False).headers["location"] == "/login?next=/"
    )


def test_the_cases_behind_a_figure_are_one_s_own(house):
    for (role, whose), cases in {("district", OWN): 1, ("district", OTHER): 0, ("city", OWN): 1}.items():
        asked = "/v1/measures/cases/cases?from=2026-03-02&to=2026-03-03&desk=990101"
        found = call(house, "GET", asked, house.keys[role, whose]).json()["items"]
        mine = [one for one in found if one["case_no"] == house.case]
        assert len(mine) == cases, (role, whose)
