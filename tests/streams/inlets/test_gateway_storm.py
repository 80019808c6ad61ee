"""Bodies by the thousand: no server error, no hang, no growth, and what was accepted is found afterwards."""

from __future__ import annotations

import sqlite3
import time
import tracemalloc

import pytest
import schemathesis
from gates import Gate
from hypothesis import HealthCheck, Phase, given, settings
from storms import MAY, storm

from streams.hosts.embedded.audit import audit

SHORT, WHOLE, OVER_HTTP = 300, 20_000, 2_000


def sender(client):
    def send(content, kind):
        answer = client.post("/v1/reports", content=content, headers={"content-type": kind})
        return answer.status_code, answer.json()

    return send


def found(gate, acknowledged):
    """Wait until nothing waits; return which of the acknowledged are in the journal, and what the audit says."""
    gate.service.stop()
    db = sqlite3.connect(gate.service._path)
    kept = {name for (name,) in db.execute("SELECT report_id FROM reports")}
    db.close()
    return kept >= set(acknowledged), audit(gate.service._path)


def test_a_few_hundred_bodies_of_any_form_do_no_harm(gate):
    acknowledged = storm(sender(gate.client), SHORT)
    assert gate.client.get("/healthz").status_code == 200
    assert acknowledged
    kept, said = found(gate, acknowledged)
    assert kept
    assert said.missing == []


def _bytes(value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def by_schema(client, count, mode):
    """Send bodies that schemathesis makes from the document that describes the API."""
    document = client.get("/openapi.json").json()
    operation = schemathesis.openapi.from_dict(document)["/v1/reports"]["POST"]
    acknowledged = []

    @settings(
        max_examples=count, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(operation.as_strategy(generation_mode=mode))
    def one(case):
        sent = case.as_transport_kwargs(base_url="http://127.0.0.1:8311")
        headers = {k: v for k, v in dict(sent.get("headers") or {}).items() if v.isascii() and v.isprintable()}
        body = {"json": sent["json"]} if "json" in sent else {"content": _bytes(sent.get("data", b""))}
        answer = client.post("/v1/reports", headers=headers, **body)
        assert answer.status_code in MAY | {409}, answer.text
        if answer.status_code == 202:
            acknowledged.extend(r["report_id"] for r in answer.json()["results"] if "report_id" in r)

    one()
    return acknowledged


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_what_schemathesis_makes_of_the_document_does_no_harm(gate, mode):
    acknowledged = by_schema(gate.client, 60, mode)
    assert gate.client.get("/healthz").status_code == 200
    assert found(gate, acknowledged)[0]


@pytest.mark.long
def test_twenty_thousand_bodies_do_no_harm_and_what_was_accepted_is_found(city, tmp_path):
    gate = Gate(city, tmp_path)
    send = sender(gate.client)
    acknowledged = storm(send, 500, 2)
    tracemalloc.start()
    began = time.monotonic()
    for number in range(3, 3 + (WHOLE - 4000 - OVER_HTTP) // 1000):
        acknowledged += storm(send, 1000, number)
        if number == 5:
            settled = tracemalloc.get_traced_memory()[0]
    grown = tracemalloc.get_traced_memory()[0] - settled
    tracemalloc.stop()
    for mode in schemathesis.GenerationMode:
        acknowledged += by_schema(gate.client, 2000, mode)
    print(f"\n{WHOLE - OVER_HTTP:,} bodies, {len(acknowledged):,} reports taken, {time.monotonic() - began:.0f} s, "
          f"{grown / 1e6:+.1f} MB")  # fmt: skip
    kept, said = found(gate, acknowledged)
    assert kept
    assert said.missing == []
    # what the desk knows of its cases stays; 4 kB a report taken in is far below what a leak of bodies would leave
    assert grown < 4000 * len(acknowledged) + 5e6
