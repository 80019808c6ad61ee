"""`onegrid case` against a real gateway."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest
import uvicorn
from gates import Gate, body
from packs import change, write_pack
from scenes import CENTRE, DESK

from grids.city import open_city


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    pack = write_pack(folder / "city")
    change(pack, "city.toml", 'mode = "auto"', 'mode = "manual"')
    made = Gate(open_city(pack), folder / "data")
    server = uvicorn.Server(uvicorn.Config(made.app, log_level="warning", access_log=False))
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    made.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    made.post([body(), body(street="990101001"), body(street="990102001")])
    made.numbers = [case["case_no"] for case in made.settled(3)]
    yield made
    server.should_exit = True
    thread.join(timeout=10)
    made.service.stop()


def states(gate):
    return {case["case_no"]: case["state"] for case in gate.client.get("/v1/cases").json()["items"]}


def until(gate, expected):
    end = time.monotonic() + 10
    while not expected(states(gate)):
        assert time.monotonic() < end, states(gate)
        time.sleep(0.02)


def test_cases_are_listed_by_what_is_asked_for(onegrid, gate):
    code, said, _ = onegrid("case", "list", "--to", gate.url, "--desk", DESK)
    assert code == 0
    assert "2 件 cases" in said
    code, said, _ = onegrid("case", "list", "--to", gate.url, "--limit", 1, "--json")
    assert [case["case_no"] for case in json.loads(said)["items"]] == gate.numbers[:1]


def test_a_case_is_shown_with_clocks_and_steps(onegrid, gate):
    code, said, _ = onegrid("case", "show", gate.numbers[0], "--to", gate.url)
    assert code == 0
    assert all(word in said for word in (gate.numbers[0], "REPORT", "ACCEPT", "GREEN"))
    code, said, _ = onegrid("case", "show", gate.numbers[0], "--to", gate.url, "--json")
    assert json.loads(said)["transitions"][0]["verb"] == "REPORT"


def test_one_case_and_then_all_that_a_filter_finds_are_acted_on(onegrid, gate):
    number = gate.numbers[2]
    code, said, _ = onegrid("case", "act", number, "ACCEPT", "--unit", "990102-CC", "--to", gate.url)
    assert (code, "taken in 1" in said) == (0, True)
    until(gate, lambda found: found[number] == "ACCEPTED")
    code, said, _ = onegrid(
        "case", "act", "ACCEPT", "--filter", f"desk={DESK}", "--filter", "state=REPORTED", "--unit", CENTRE,
        "--to", gate.url, "--json",
    )  # fmt: skip
    assert (code, len(json.loads(said)["taken"])) == (0, 2)
    until(gate, lambda found: set(found.values()) == {"ACCEPTED"})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("act", "ACCEPT"), "[NO] VERB"),
        (("act", "1", "ACCEPT", "--filter", "state=FILED"), "[NO] VERB"),
        (("act", "ACCEPT", "--filter", "colour=red"), "--filter"),
        (("act", "1", "ACCEPT", "--payload", "{"), "--payload"),
        (("list", "--to", "ftp://x"), "--to"),
    ],
)
def test_what_is_asked_wrongly_is_bad_input(onegrid, gate, arguments, named):
    to = () if "--to" in arguments else ("--to", gate.url)
    code, _, said = onegrid("case", *arguments, *to)
    assert (code, named in said) == (2, True)


def test_a_case_that_is_not_known_and_a_gateway_that_is_not_there_are_said(onegrid, gate):
    code, _, said = onegrid("case", "show", "none", "--to", gate.url)
    assert (code, "NOT_FOUND" in said) == (2, True)
    code, _, said = onegrid("case", "list", "--to", "http://127.0.0.1:9")
    assert (code, "expected a running onegrid" in said) == (2, True)
