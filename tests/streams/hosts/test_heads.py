"""The daily heads of the hash chains: kept as days end at desks, and told in the alert feed."""

from __future__ import annotations

from datetime import UTC, timedelta

import msgspec
import pytest
from fastapi.testclient import TestClient
from scenes import DESK, EASTGATE, OTHER_DESK, make_report, when

from streams.hosts.embedded import EmbeddedHost
from streams.hosts.embedded.service import Service, make_service_app
from streams.ledger.records import Claim
from streams.outlets.board.sqlite import SqliteBoard
from streams.stages.acceptance import Accepted

AT = when("03-02 23:30").astimezone(UTC)


def report(host, at, **fields):
    made = make_report(at, **fields)
    host.accept([Accepted(made, at, msgspec.json.encode(made))])
    host.drain()


@pytest.fixture
def folder(city, tmp_path):
    """A folder where the evening of 2 March, then an hour of 3 March, then one of 5 March has passed."""
    host = EmbeddedHost(city, tmp_path, AT)
    report(host, AT)
    report(host, AT, street=EASTGATE)
    report(host, AT + timedelta(hours=1))
    report(host, AT + timedelta(days=3))
    host.close()
    return tmp_path


@pytest.fixture
def board(folder):
    board = SqliteBoard(folder / "onegrid.sqlite")
    yield board
    board.close()


def test_a_head_is_kept_for_each_day_that_ended_at_a_desk_in_the_citys_time(board):
    rows = board.db.execute("SELECT day, desk FROM heads ORDER BY day, desk").fetchall()
    assert rows == [("2026-03-02", DESK), ("2026-03-03", DESK)]


def test_a_kept_head_is_the_one_in_the_log_at_its_offset(board):
    for _, desk, offset, head in board.db.execute("SELECT * FROM heads").fetchall():
        record = board.log.at(offset)
        assert not isinstance(record, Claim)
        assert record.heads[desk] == head


def test_a_board_tells_the_last_head_of_each_desk(board):
    (head,) = board.heads()
    assert (head.day.isoformat(), head.desk) == ("2026-03-03", DESK)
    assert board.heads(desk=DESK) == [head]
    assert board.heads(desk=OTHER_DESK) == []


def test_the_alert_feed_tells_the_heads(city, folder):
    service = Service(city, folder, clock=lambda: AT)  # before anything is due: a tick would end more days
    service.start()
    client = TestClient(make_service_app(service), base_url="http://127.0.0.1", client=("127.0.0.1", 5000))
    (head,) = client.get("/v1/alerts").json()["heads"]
    assert (head["day"], head["desk"], len(head["head"])) == ("2026-03-03", DESK, 64)
    assert client.get("/v1/alerts", params={"desk": OTHER_DESK}).json()["heads"] == []
    service.stop()
