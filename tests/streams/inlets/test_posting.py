"""Sending to a real gateway over HTTP: each line is in, or refused with its own reason."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest
import uvicorn
from gates import body
from servers import free_port

from streams.inlets.posting import GatewayError, HttpSender


class Server:
    def __init__(self, app) -> None:
        self.port = free_port()
        self.server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="error"))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self):
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture
def address(gate):
    server = Server(gate.app)
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def line(number, **fields):
    return msgspec.json.encode(body(system_no=f"{number}", **fields))


def test_lines_that_were_sent_are_at_their_desk(gate, address):
    with HttpSender(address) as sender:
        assert sender.send([line(number) for number in range(50)], None) == []
        assert sender.send([line(number) for number in range(50, 60)], None) == []
    assert sum(len(case["reports"]) for case in gate.settled(60)) == 60


def test_a_refused_line_among_good_ones_is_named_with_its_reason(gate, address):
    with HttpSender(address) as sender:
        refused = sender.send([line(1), b"{", line(2), b'{"system":"x"}'], None)
    assert [(one.index, one.reason) for one in refused] == [(1, "NOT_JSON"), (3, "MISSING_FIELD")]
    assert len(gate.settled(2)) >= 1


def test_where_no_line_is_good_each_has_its_own_reason(address):
    with HttpSender(address) as sender:
        refused = sender.send([b"{", b'{"system":"x"}', b"x" * 300_000], None)
    assert [(one.index, one.reason) for one in refused] == [(0, "NOT_JSON"), (1, "MISSING_FIELD"), (2, "TOO_LARGE")]


def test_a_carriage_return_within_a_line_does_not_split_it(gate, address):
    with HttpSender(address) as sender:
        assert sender.send([line(1).replace(b",", b",\r", 1), line(2)], None) == []
    assert sum(len(case["reports"]) for case in gate.settled(2)) == 2


def test_a_gateway_that_is_away_for_a_moment_is_waited_for(gate):
    port, sent = free_port(), []
    sender = HttpSender(f"http://127.0.0.1:{port}", patience=20)
    thread = threading.Thread(target=lambda: sent.append(sender.send([line(1)], None)))
    thread.start()
    time.sleep(0.3)
    server = uvicorn.Server(uvicorn.Config(gate.app, port=port, log_level="error"))
    serving = threading.Thread(target=server.run)
    serving.start()
    thread.join()
    server.should_exit = True
    serving.join()
    assert sent == [[]]


def test_a_gateway_that_stays_away_is_an_error_that_names_it():
    with HttpSender("http://127.0.0.1:1", patience=0) as sender, pytest.raises(GatewayError, match=r"127\.0\.0\.1:1"):
        sender.send([b"{}"], None)


def test_a_gateway_that_has_stopped_says_so(gate, address):
    gate.service.stop()
    with HttpSender(address, patience=0) as sender, pytest.raises(GatewayError, match=r"503 .*NOT_READY"):
        sender.send([line(1)], None)
