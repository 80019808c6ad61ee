"""TLS and SASL reach every client: on a real broker whose certificate is self-signed."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import msgspec
import pytest
from pydantic import SecretStr
from scenes import make_report
from servers import clean_topics

from streams.hosts.kafka.admin import Start, create_topics, lag, tail
from streams.hosts.kafka.letters import letters
from streams.hosts.kafka.sending import ReportSender
from streams.ledger.kafka import AwayError, KafkaLog, Writer
from streams.ledger.records import Claim
from streams.settings import ClusterSettings
from streams.topics import REPORTS

pytestmark = pytest.mark.cluster

NOW = datetime.now(UTC)


def _settings(told, security, **given):
    listener = {"SSL": "ssl", "SASL_SSL": "sasl_ssl"}[security]
    return ClusterSettings(broker=told[listener], kafka_security=security, kafka_ca=told["ca"], **given)


def _as_user(told, mechanism, password=None):
    secret = SecretStr(password or told["password"])
    return _settings(told, "SASL_SSL", kafka_mechanism=mechanism, kafka_user=told["user"], kafka_password=secret)


@pytest.fixture(params=["SSL", "SCRAM-SHA-512", "PLAIN"])
def settings(request, secure_kafka):
    clean_topics(secure_kafka["broker"], 2)
    return _settings(secure_kafka, "SSL") if request.param == "SSL" else _as_user(secure_kafka, request.param)


def test_tools_senders_and_the_ledger_work_over_it(settings):
    create_topics(settings, 2)
    body = msgspec.json.encode(make_report(NOW, system="app", system_no="1", report_id="r1"))
    with ReportSender(settings) as sender:
        assert [one.reason for one in sender.send([body, b"{"], NOW)] == ["NOT_JSON"]
    assert body in b"".join(message.value for message in tail(settings, REPORTS, Start(last=1)))
    assert next(letters(settings)).reason == "NOT_JSON"
    assert isinstance(lag(settings), list)
    writer = Writer(settings.client())
    log = KafkaLog(settings.client(), writer, 0)
    claim = Claim("w", NOW)
    offset = log.append(claim)
    assert list(log.read(offset - 1)) == [(offset, claim)]
    writer.close()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("streams.hosts.kafka.admin._PATIENCE_MS", 4000)


def test_a_wrong_password_is_told_and_not_shown(secure_kafka, impatient):
    with pytest.raises(AwayError) as told:
        create_topics(_as_user(secure_kafka, "SCRAM-SHA-512", "wrong-secret"), 2)
    assert "expected a Kafka broker that answers and lets onegrid in" in str(told.value)
    assert "wrong-secret" not in str(told.value)


def test_a_broker_whose_certificate_nobody_vouches_for_is_not_talked_to(secure_kafka, impatient):
    stranger = ClusterSettings(broker=secure_kafka["ssl"], kafka_security="SSL")
    with pytest.raises(AwayError, match="certificate verify failed"):
        create_topics(stranger, 2)


def test_a_plain_client_gets_nothing_from_a_tls_listener(secure_kafka, impatient):
    with pytest.raises(AwayError):
        lag(ClusterSettings(broker=secure_kafka["ssl"]))


def test_the_certificates_name_is_checked(secure_kafka):
    context = _settings(secure_kafka, "SSL").context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_secret_is_not_in_what_settings_print(secure_kafka):
    assert secure_kafka["password"] not in repr(_as_user(secure_kafka, "PLAIN"))
