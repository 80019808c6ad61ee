"""`onegrid topics`, `feed`, `dead-letters`: what a shell sees, on a real broker."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from scenes import make_report
from servers import clean_topics

from streams.hosts.kafka.sending import ReportSender

pytestmark = pytest.mark.cluster


def line(number, **fields):
    report = make_report(datetime.now(UTC), system="app", system_no=f"{number}", report_id="", **fields)
    return msgspec.json.encode(report)


@pytest.fixture
def clean(kafka):
    """The address of a broker whose topics are empty."""
    clean_topics(kafka, 4)
    return kafka


@pytest.fixture
def fed(kafka):
    """The address of a broker with three good reports and two refused ones."""
    with ReportSender(clean_topics(kafka, 4), source="week.ndjson") as sender:
        sender.send([line(1), b"{", line(2), b'{"system":"x"}', line(3)], datetime.now(UTC))
    return kafka


def test_topics_are_made_once(onegrid, clean):
    code, said, _ = onegrid("topics", "create", "--broker", clean, "--partitions", 4)
    assert code == 0
    assert "retention.ms=-1" in said
    assert "onegrid.effects" in said
    code, said, _ = onegrid("topics", "create", "--broker", clean, "--partitions", 4, "--json")
    assert (code, json.loads(said)) == (0, {"created": [], "partitions": 4})


def test_other_partitions_are_refused_on_one_line(onegrid, clean):
    code, said, told = onegrid("topics", "create", "--broker", clean, "--partitions", 5)
    assert (code, said) == (2, "")
    assert "onegrid.desk has 4 partitions; expected 5" in told


def test_a_tail_is_one_object_a_line(onegrid, fed):
    code, said, _ = onegrid("topics", "tail", "reports", "--broker", fed, "--from-offset", 0, "--json")
    found = [json.loads(text) for text in said.splitlines()]
    assert code == 0
    assert {entry["body"]["system_no"] for message in found for entry in message["value"]} == {"1", "2", "3"}
    assert all(message["topic"] == "onegrid.reports" for message in found)


def test_a_tail_for_people_shows_where_when_and_what(onegrid, fed):
    code, said, _ = onegrid("topics", "tail", "onegrid.dead-letters", "--broker", fed, "--last", 1)
    assert code == 0
    assert said.startswith("0/1 20")
    assert '"reason":"MISSING_FIELD"' in said


def test_a_tail_from_a_time_begins_there(onegrid, fed):
    code, said, _ = onegrid("topics", "tail", "reports", "--broker", fed, "--from-time", "2099-01-01T00:00:00+08:00")
    assert (code, said) == (0, "")
    code, _, told = onegrid("topics", "tail", "reports", "--broker", fed, "--from-time", "2026-03-02")
    assert code == 2
    assert "expected a moment as" in told
    code, _, told = onegrid(
        "topics", "tail", "reports", "--broker", fed, "--from-time", "2099-01-01T00:00:00Z", "--from-offset", 3
    )
    assert code == 2


def test_lag_of_a_cluster_nobody_reads_is_none(onegrid, fed):
    code, said, _ = onegrid("topics", "lag", "--broker", fed, "--json")
    assert code == 0
    assert set(json.loads(said)) == {"groups", "lag"}
    assert onegrid("topics", "lag", "--broker", fed)[0] == 0


def test_a_broker_that_is_away_is_one_line(onegrid, monkeypatch):
    monkeypatch.setattr("streams.hosts.kafka.admin._PATIENCE_MS", 500)
    code, said, told = onegrid("topics", "lag", "--broker", "127.0.0.1:1")
    assert (code, said) == (2, "")
    assert "127.0.0.1:1: " in told
    assert "expected a Kafka broker that answers" in told


def test_a_file_is_fed_once(onegrid, clean, tmp_path):
    path = tmp_path / "week.ndjson"
    path.write_bytes(b"\n".join([line(1), line(2), b"{", line(3)]) + b"\n")
    code, said, _ = onegrid("feed", path, "--to", f"kafka://{clean}", "--json")
    found = json.loads(said)
    assert (code, found["lines"], found["accepted"], found["refused"]) == (1, 4, 3, 1)
    onegrid("feed", path, "--to", f"kafka://{clean}")
    _, said, _ = onegrid("topics", "tail", "reports", "--broker", clean, "--from-offset", 0, "--json")
    assert sum(len(json.loads(text)["value"]) for text in said.splitlines()) == 3
    assert "NOT_JSON" in (tmp_path / "week.ndjson.feed.json.refused.ndjson").read_text()


def test_old_reports_come_as_a_declared_backfill_only(onegrid, clean, tmp_path):
    path = tmp_path / "old.ndjson"
    old = make_report(datetime(2020, 1, 1, tzinfo=UTC), system="app", system_no="1", report_id="")
    path.write_bytes(msgspec.json.encode(old))
    for option, code in (((), 1), (("--backfill",), 0)):
        state = tmp_path / f"state{code}"
        assert onegrid("feed", path, "--to", f"kafka://{clean}", "--state", state, *option)[0] == code
    code, _, told = onegrid("feed", path, "--to", "http://127.0.0.1:1", "--backfill")
    assert code == 2
    assert "without --backfill" in told


def test_an_address_of_no_known_kind_and_a_state_of_another_file_are_refused(onegrid, clean, tmp_path):
    path = tmp_path / "week.ndjson"
    path.write_bytes(line(1))
    assert onegrid("feed", path, "--to", clean)[0] == 2
    path.with_name("week.ndjson.feed.json").write_text("{}")
    code, _, told = onegrid("feed", path, "--to", f"kafka://{clean}")
    assert code == 2
    assert "expected the state of a feed" in told


def test_letters_are_listed_counted_shown_and_sent_again(onegrid, fed, tmp_path):
    code, said, _ = onegrid("dead-letters", "list", "--broker", fed, "--json")
    found = json.loads(said)
    assert (code, found["counts"]) == (0, {"inlet/MISSING_FIELD": 1, "inlet/NOT_JSON": 1})
    assert "original" not in found["letters"][0]
    code, said, _ = onegrid("dead-letters", "list", "--broker", fed, "--reason", "NOT_JSON")
    assert "inlet/NOT_JSON 1" in said
    assert "MISSING_FIELD" not in said
    name = found["letters"][0]["id"]
    code, said, _ = onegrid("dead-letters", "show", name, "--broker", fed)
    assert code == 0
    assert said.rstrip().endswith("{")
    code, said, _ = onegrid("dead-letters", "show", name, "--broker", fed, "--json")
    assert json.loads(said)["original"] == "ew=="
    code, said, told = onegrid("dead-letters", "retry", name, "--broker", fed)
    assert code == 1
    assert "NOT_A_REPORT" in told
    repaired = tmp_path / "repaired.json"
    repaired.write_bytes(line(9))
    code, said, _ = onegrid("dead-letters", "retry", name, "--broker", fed, "--with", repaired, "--json")
    assert (code, json.loads(said)) == (0, {"sent": [name], "refused": []})
    _, said, _ = onegrid("topics", "tail", "reports", "--broker", fed, "--from-offset", 0, "--json")
    marks = [json.loads(text)["headers"] for text in said.splitlines()]
    assert {"source": f"dead-letter:{name}"} in marks


def test_a_retry_wants_to_know_which_letters(onegrid, fed, tmp_path):
    (tmp_path / "x").write_bytes(b"{}")
    for arguments in ((), ("nobody",), ("--reason", "NOT_JSON", "--with", tmp_path / "x")):
        assert onegrid("dead-letters", "retry", *arguments, "--broker", fed)[0] == 2
    code, _, told = onegrid("dead-letters", "show", "nobody", "--broker", fed)
    assert code == 2
    assert "nobody: no such dead letter" in told


def test_what_the_environment_says_wrongly_is_named(onegrid, fed, monkeypatch):
    monkeypatch.setenv("ONEGRID_KAFKA_SECURITY", "MAYBE")
    code, _, told = onegrid("topics", "lag", "--broker", fed)
    assert code == 2
    assert "ONEGRID_KAFKA_SECURITY" in told
