"""On and off duty is told to every desk by either host, and the log alone remembers it."""

from __future__ import annotations

from datetime import UTC, timedelta

import msgspec
import pytest
from gates import AT, client_of
from scenes import make_report, when
from servers import free_port

from streams.hosts.embedded import EmbeddedHost
from streams.hosts.embedded.audit import audit
from streams.hosts.embedded.store import FILE
from streams.records import Action, Attendance
from streams.stages.acceptance import Accepted

LATER = timedelta(minutes=5)


def verified(host, at, number):
    """Have a case verified; return who was asked."""
    report = make_report(at, report_id=number)
    host.accept([Accepted(report, at, msgspec.json.encode(report))])
    host.drain()
    case = next(case for case in host.store.cases() if number in case.reports)
    asked = Action(
        action_id=f"v-{number}",
        case_no=case.case_no,
        verb="REQUEST_VERIFY",
        actor="a",
        actor_unit="990101-CC",
        at=at,
        reason="look",
    )
    host.submit([(asked, at)])
    host.drain()
    return host.current(case.case_no).task.worker


def test_a_host_that_was_restarted_asks_whom_it_would_have_asked_and_the_audit_is_clean(manual_city, tmp_path):
    at = when("03-02 11:00").astimezone(UTC)
    host = EmbeddedHost(manual_city, tmp_path, at)
    first = verified(host, at, "one")
    assert first
    host.submit([(Attendance("w1", first, on=False, at=at + LATER), at + LATER)])
    host.drain()
    second = verified(host, at + 2 * LATER, "two")
    assert second not in ("", first)
    state = msgspec.json.encode([desk.state() for desk in host._partition.desks])
    host.close()
    again = EmbeddedHost(manual_city, tmp_path, at + 2 * LATER)
    again.drain()
    assert msgspec.json.encode([desk.state() for desk in again._partition.desks]) == state
    assert verified(again, at + 3 * LATER, "three") not in ("", first)
    again.close()
    assert audit(tmp_path / FILE).clean


def test_an_attendance_of_which_nothing_came_is_lost(manual_city, tmp_path):
    host = EmbeddedHost(manual_city, tmp_path, AT)
    host.submit([(Attendance("w1", "W001", on=True, at=AT), AT)])
    host.drain()
    host.store.db.execute("UPDATE inbox SET body = replace(CAST(body AS TEXT), '\"w1\"', '\"w2\"')")
    host.close()
    assert "INPUT_LOST" in audit(tmp_path / FILE).counts


def test_a_phone_on_a_gateway_of_a_cluster_tells_every_desk_also_while_kafka_is_away(city, tmp_path):
    pytest.importorskip("kafka", reason="the extra `cluster` is not installed")
    from streams.hosts.kafka.gateway import Gateway  # noqa: PLC0415 - an extra
    from streams.settings import ClusterSettings  # noqa: PLC0415 - an extra

    nowhere = f"127.0.0.1:{free_port()}"
    gateway = Gateway(ClusterSettings(broker=nowhere, redis=nowhere), city, tmp_path, lambda: AT, patience_ms=500)
    gateway.start()
    try:
        client = client_of(gateway.app())
        said = client.post("/v1/phone/duty", json={"on": False, "worker": "W001"})
        assert (said.status_code, said.json()["on"], said.json()["by"]) == (200, False, "WORD")
        _, letters = gateway.engine.spool.first()
        assert sorted(letter.key for letter in letters) == sorted(city.rules.places.desks)
        assert {msgspec.json.decode(letter.entry.body)["type"] for letter in letters} == {"Attendance"}
        assert client.post("/v1/phone/duty", json={"on": True, "worker": "nobody"}).status_code == 200
        assert len(gateway.engine.spool.first()[1]) == len(letters)  # who is on no roster is no desk's concern
    finally:
        gateway.stop()
        gateway.close()
