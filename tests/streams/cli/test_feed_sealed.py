"""`onegrid feed --to kafka://` leaves nothing that is known of people readable in any topic."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from scenes import make_report
from servers import clean_topics

from streams.envelope import unseal
from streams.hosts.kafka.admin import Start, tail
from streams.identity.persons import Persons
from streams.topics import DEAD_LETTERS, REPORTS, TOPICS

pytestmark = pytest.mark.cluster

PRIVATE = ("王小明", "13800138000", "13900139000", "13700137000", "wang@example.org", "510104199001011234")


def lines():
    """Good lines and refused ones, each with all that may be known of somebody."""
    now = datetime.now(UTC)
    person = {"person": {"name": "王小明", "phone": "13800138000", "mail": "wang@example.org"}}
    said = {"text": "请回电 13900139000", "reporter": "13700137000", "attributes": person, "report_id": ""}
    good = [msgspec.to_builtins(make_report(now, system="app", system_no=f"{n}", **said)) for n in range(8)]
    refused = [
        good[0] | {"reported_at": (now + timedelta(hours=2)).isoformat()},
        good[0] | {"colour": "red"},
        good[0] | {"severity": "510104199001011234"},
        good[0] | {"attributes": {"deeper": [person]}, "scheme": None},
    ]
    whole = [json.dumps(one, ensure_ascii=False) for one in (*good, *refused)]
    torn = json.dumps(good[0], ensure_ascii=False)
    return [*whole, torn[: torn.index("mail") + 12], torn.replace('"system":', '"system"', 1)]


def test_nothing_of_a_person_can_be_read_in_any_topic(kafka, onegrid, tmp_path):
    settings = clean_topics(kafka, 2)
    file = tmp_path / "reports.ndjson"
    file.write_text("\n".join(lines()) + "\n")
    code, said, _ = onegrid("feed", file, "--to", f"kafka://{kafka}", "--json")
    counts = json.loads(said)
    assert (code, counts["accepted"], counts["refused"]) == (1, 8, 6)
    held = {name: list(tail(settings, name, Start(offset=0))) for name in TOPICS}
    assert len(held[DEAD_LETTERS]) == 6
    for name, messages in held.items():
        for message in messages:
            for part in (message.key, message.value):
                text = part if isinstance(part, str) else (part or b"").decode(errors="replace")
                letter = json.loads(text) if name == DEAD_LETTERS and part is message.value else {}
                text += msgspec.json.decode(json.dumps(letter.get("original", "")), type=bytes).decode(
                    errors="replace"
                )
                assert [one for one in PRIVATE if one in text] == [], name
    sealed = [one for message in held[REPORTS] for one in unseal(message.value)]
    assert len(sealed) == 8
    persons = Persons(tmp_path)
    opened = [persons.open(one.id) for one in sealed]
    persons.close()
    assert all(one["name"] == "王小明" and one["reporter"] == "13700137000" for one in opened)
    refused = (tmp_path / "reports.ndjson.feed.json.refused.ndjson").read_text()
    assert "13800138000" in refused  # who sent them keeps them whole, beside the file that they came from
