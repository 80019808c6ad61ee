"""Messages of the inbox become inputs; what is none is put aside, and hinders nothing behind it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from scenes import CITY_DESK, DESK, OTHER_DESK, when

from streams.envelope import position
from streams.hosts.kafka.inbox import LARGEST, STAGE, pieces, read, written
from streams.records import Tick
from streams.topics import partition_of
from tests.streams.hosts.kafka.messages import Sent, sealed

AT = when("03-02 09:00")
DESKS = {DESK, OTHER_DESK, CITY_DESK}


def sent(value, offset=0, key=DESK, partitions=1):
    return Sent(value, offset, key.encode(), partition=partition_of(key, partitions))


def test_entries_become_inputs_of_the_desk_that_the_key_names_at_their_places():
    first = sealed(Tick(DESK, AT), Tick(DESK, AT), at=AT)
    items, dead = read([sent(first, 4), sent(sealed(Tick(OTHER_DESK, AT), at=AT), 5, OTHER_DESK)], DESKS, 1)
    assert dead == []
    assert [(item.position, item.desk) for item in items] == [
        (position(4, 0), DESK),
        (position(4, 1), DESK),
        (position(5, 0), OTHER_DESK),
    ]
    assert items[0].body == Tick(DESK, AT)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (sent(b"{"), "NOT_AN_ENVELOPE"),
        (sent(None), "NOT_AN_ENVELOPE"),
        (sent(b'{"schema":9,"items":[]}'), "WRONG_SCHEMA"),
        (sent(b'{"schema":1,"items":[]}', key="nobody"), "UNKNOWN_DESK"),
        (Sent(b"{}", key=None), "UNKNOWN_DESK"),
        (Sent(b"{}", key=b"\xff"), "UNKNOWN_DESK"),
        (Sent(b"{}", partition=1 - partition_of(DESK, 2)), "WRONG_PARTITION"),
    ],
)
def test_a_message_that_is_no_envelope_of_a_desk_is_put_aside_whole(message, reason):
    partitions = 2 if reason == "WRONG_PARTITION" else 1
    items, (letter,) = read([message], DESKS, partitions)
    assert items == []
    assert (letter.stage, letter.reason, letter.original) == (STAGE, reason, message.value or b"")
    assert letter.at == datetime(2026, 3, 2, 1, tzinfo=UTC)
    assert letter.source == f"onegrid.desk/{message.partition}/0"


@pytest.mark.parametrize(
    ("entry", "at", "reason"),
    [
        (b'{"type":"Nothing"}', AT, "BAD_INPUT"),
        (b"7", AT, "BAD_INPUT"),
        (b'"' + b"x" * LARGEST + b'"', AT, "TOO_LARGE"),
        (Tick(DESK, AT), AT.replace(tzinfo=None), "BAD_TIME"),
    ],
)
def test_an_entry_that_is_no_input_is_put_aside_alone(entry, at, reason):
    message = sent(sealed(entry, at=at), 7)
    good = sent(sealed(Tick(DESK, AT), at=AT), 8)
    items, (letter,) = read([message, good], DESKS, 1)
    assert [item.position for item in items] == [position(8, 0)]
    assert (letter.reason, letter.source) == (reason, "onegrid.desk/0/7/0")
    assert read([message], DESKS, 1)[1][0].id == letter.id
    assert read([sent(message.value, 9)], DESKS, 1)[1][0].id != letter.id


def test_consumers_tell_when_a_message_was_written_in_seconds_or_in_milliseconds():
    moment = datetime(2026, 3, 2, 1, tzinfo=UTC)
    assert written(Sent(b"", timestamp=moment.timestamp())) == moment
    assert written(Sent(b"", timestamp=moment.timestamp() * 1000)) == moment
    assert written(Sent(b"", timestamp=None)) == datetime.fromtimestamp(0, UTC)


def test_messages_come_a_few_at_a_time():
    assert [len(piece) for piece in pieces(map(Sent, [b""] * 7), 3)] == [3, 3, 1]
    assert list(pieces([], 3)) == []
