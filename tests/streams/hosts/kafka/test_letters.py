"""Dead letters on a real broker: what is refused is put aside with its bytes, found again, and sent again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from scenes import make_report
from servers import clean_topics

from streams.envelope import unseal
from streams.hosts.kafka.admin import Start, tail
from streams.hosts.kafka.letters import Wanted, letters, retry
from streams.hosts.kafka.sending import ReportSender
from streams.ledger.kafka import AwayError, Writer
from streams.records import Action, DeadLetter, RoutedReport
from streams.settings import ClusterSettings
from streams.stages.acceptance import Accepted
from streams.stages.intake import route
from streams.topics import DEAD_LETTERS, REPORTS, partition_of, report_key

pytestmark = pytest.mark.cluster

NOW = datetime.now(UTC)


def line(number, **fields):
    return msgspec.json.encode(make_report(NOW, system="app", system_no=f"{number}", report_id="", **fields))


@pytest.fixture
def settings(kafka):
    return clean_topics(kafka, 4)


def _entries(settings):
    """Return what lies in the reports topic: (key, partition, entry), message by message in each partition."""
    return [
        (message.key, message.partition, entry)
        for message in tail(settings, REPORTS, Start(offset=0))
        for entry in unseal(message.value)
    ]


def test_every_line_lands_under_its_key_in_its_partition_with_its_own_bytes_and_an_id(settings):
    lines = [line(number) for number in range(500)]
    with ReportSender(settings) as sender:
        assert sender.send(lines, NOW) == []
    found = _entries(settings)
    assert sorted(bytes(entry.body) for _, _, entry in found) == sorted(lines)
    assert len({entry.id for _, _, entry in found}) == 500
    for key, partition, entry in found:
        assert key == report_key("app", msgspec.json.decode(entry.body)["system_no"])
        assert partition == partition_of(key, 4)
        assert entry.at == NOW


def test_one_number_stays_in_order(settings):
    lines = [line(number % 7, text=f"{number}") for number in range(100)]
    with ReportSender(settings) as sender:
        sender.send(lines[:50], NOW)
        sender.send(lines[50:], NOW)
    heard: dict[str, list[int]] = {}
    for _, _, entry in _entries(settings):
        said = msgspec.json.decode(entry.body)
        heard.setdefault(said["system_no"], []).append(int(said["text"]))
    assert all(numbers == sorted(numbers) for numbers in heard.values())


def test_a_refused_line_becomes_a_dead_letter_with_its_bytes(settings):
    with ReportSender(settings, source="week.ndjson") as sender:
        refused = sender.send([line(1), b"{\xff", b'{"system":"x"}', line(2)], NOW)
    assert [(one.index, one.reason) for one in refused] == [(1, "NOT_JSON"), (2, "MISSING_FIELD")]
    found = list(letters(settings))
    assert [(letter.stage, letter.reason, letter.original, letter.source) for letter in found] == [
        ("inlet", "NOT_JSON", b"{\xff", "week.ndjson"),
        ("inlet", "MISSING_FIELD", b'{"system":"x"}', "week.ndjson"),
    ]
    assert len(_entries(settings)) == 2


def _put(settings, *many):
    writer = Writer(settings.client())
    for letter in many:
        writer.deliver(DEAD_LETTERS, 0, msgspec.json.encode(letter), letter.stage)
    writer.close()


def _letter(name, original=b"{", reason="BAD_FIELD", stage="intake"):
    return DeadLetter(name, stage, reason, "why", NOW, original, "app/1")


def test_letters_are_chosen_by_id_stage_reason_and_time(settings):
    _put(settings, _letter("a"), _letter("b", reason="NOT_JSON"), _letter("c", stage="desk"))
    ask = {"all": None, "id": Wanted(["b"]), "stage": Wanted(stage="desk"), "both": Wanted((), "intake", "NOT_JSON")}
    found = {name: [letter.id for letter in letters(settings, wanted)] for name, wanted in ask.items()}
    assert found == {"all": ["a", "b", "c"], "id": ["b"], "stage": ["c"], "both": ["b"]}
    assert list(letters(settings, since=datetime.now(UTC) + timedelta(hours=1))) == []
    assert len(list(letters(settings, since=NOW - timedelta(hours=1)))) == 3


def test_a_letter_put_down_twice_comes_once_and_what_is_none_is_passed_over(settings):
    writer = Writer(settings.client())
    writer.deliver(DEAD_LETTERS, 0, b"no letter", "intake")
    writer.close()
    _put(settings, _letter("a"), _letter("a"))
    assert [letter.id for letter in letters(settings)] == ["a"]


def test_a_letter_that_is_sent_again_carries_its_bytes_and_says_where_it_comes_from(settings):
    body = line(7)
    again, refused = retry(settings, [_letter("a", body)], NOW)
    assert (again, refused) == (["a"], [])
    (message,) = tail(settings, REPORTS, Start(offset=0))
    (entry,) = unseal(message.value)
    assert bytes(entry.body) == body
    assert entry.id
    assert message.headers == {"source": "dead-letter:a"}
    assert message.key == report_key("app", "7")
    assert message.partition == partition_of(message.key, 4)


def test_a_repaired_report_goes_in_place_of_the_original(settings):
    body = line(8)
    assert retry(settings, [_letter("a", b"{")], NOW, body) == (["a"], [])
    ((_, _, entry),) = _entries(settings)
    assert bytes(entry.body) == body


def test_a_desks_letter_sends_the_report_that_it_was_routed_with(settings, small_city):
    report = make_report(NOW, system="app", system_no="9", report_id="r9")
    (routed,) = route(small_city, [Accepted(report, NOW, msgspec.json.encode(report))])
    assert isinstance(routed, RoutedReport)
    assert retry(settings, [_letter("a", msgspec.json.encode(routed), stage="desk")], NOW) == (["a"], [])
    ((_, _, entry),) = _entries(settings)
    assert entry.id == "r9"
    assert msgspec.json.decode(entry.body, type=type(report)) == report


def test_what_is_no_report_is_not_sent_and_the_others_are(settings):
    action = Action(action_id="x", case_no="c", verb="CLOSE", actor="a", actor_unit="u", at=NOW)
    chosen = [_letter("a", b"{"), _letter("b", msgspec.json.encode(action)), _letter("c", line(1))]
    again, refused = retry(settings, chosen, NOW)
    assert again == ["c"]
    assert [(one.id, one.reason) for one in refused] == [("a", "NOT_A_REPORT"), ("b", "NOT_A_REPORT")]
    assert len(_entries(settings)) == 1


def test_a_sender_without_a_broker_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("streams.hosts.kafka.admin._PATIENCE_MS", 500)
    with pytest.raises(AwayError, match=r"127\.0\.0\.1:1"):
        ReportSender(ClusterSettings(broker="127.0.0.1:1"))
