"""A worker over TLS and SASL: the same work, nothing in the clear, no secret on a command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from packs import write_pack
from servers import clean_topics

from streams.settings import ClusterSettings
from tests.cluster.reports import lines_of
from tests.cluster.storm import Storm

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("kind", ["SSL", "SCRAM-SHA-512"])
def test_a_worker_does_all_its_work_over_a_secure_listener(secure_kafka, tmp_path, kind, monkeypatch):
    clean_topics(secure_kafka["broker"], 2)
    security, listener = ("SSL", "ssl") if kind == "SSL" else ("SASL_SSL", "sasl_ssl")
    environment = {"ONEGRID_KAFKA_SECURITY": security, "ONEGRID_KAFKA_CA": secure_kafka["ca"]}
    if kind != "SSL":
        environment["ONEGRID_KAFKA_MECHANISM"] = kind
        environment["ONEGRID_KAFKA_USER"] = secure_kafka["user"]
        environment["ONEGRID_KAFKA_PASSWORD"] = secure_kafka["password"]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = ClusterSettings(broker=secure_kafka[listener])
    city = write_pack(tmp_path / "city")
    with Storm(settings, city, lines_of(city, 500), tmp_path / "workers") as storm:
        (worker,) = storm.start(1)
        command = Path(f"/proc/{worker.process.pid}/cmdline").read_bytes()
        figures = storm.finish()
        assert figures["accepted"] == 500
        said = worker.log.read_bytes()
    assert secure_kafka["password"].encode() not in command + said
