"""Feeding a file: counted, paced, and taken up where it was broken off."""

from __future__ import annotations

import time

import msgspec
import pytest

from streams.inlets import feeding
from streams.inlets.feeding import Fed, OtherFileError, Refused, feed


class Receiver:
    """Takes lines in; refuses those that say no, and breaks off at the chunk in which one says break."""

    def __init__(self, breaks=0) -> None:
        self.lines: list[bytes] = []
        self.breaks = breaks

    def send(self, lines, at):
        assert at.tzinfo is not None
        if self.breaks and len(self.lines) >= self.breaks:
            raise ConnectionError("away")
        self.lines += lines
        return [Refused(index, "SAYS_NO", "it says no") for index, line in enumerate(lines) if b"no" in line]


@pytest.fixture
def state(tmp_path):
    return tmp_path / "week.feed.json"


@pytest.fixture
def week(tmp_path):
    path = tmp_path / "week.ndjson"
    path.write_bytes(b"".join(b'{"n":%d}\n' % number for number in range(1000)))
    return path


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(feeding, "CHUNK", 100)


def test_every_line_goes_once_in_order_and_is_counted(week, state):
    receiver = Receiver()
    fed = feed(week, receiver, state)
    assert receiver.lines == [b'{"n":%d}' % number for number in range(1000)]
    assert (fed.lines, fed.accepted, fed.refused) == (1000, 1000, 0)


def test_a_feed_that_was_broken_off_goes_on_behind_the_last_chunk_that_counts(week, state, small_chunks):
    first = Receiver(breaks=400)
    with pytest.raises(ConnectionError):
        feed(week, first, state)
    second = Receiver()
    fed = feed(week, second, state)
    assert first.lines + second.lines == [b'{"n":%d}' % number for number in range(1000)]
    assert (fed.lines, fed.accepted) == (1000, 1000)


def test_a_feed_that_is_done_sends_nothing_and_a_file_that_has_grown_sends_what_is_new(week, state):
    feed(week, Receiver(), state)
    again = Receiver()
    assert feed(week, again, state).accepted == 1000
    assert again.lines == []
    with week.open("ab") as file:
        file.write(b'{"n":1000}\n')
    assert feed(week, again, state).accepted == 1001
    assert again.lines == [b'{"n":1000}']


def test_a_state_of_another_file_is_refused(week, state, tmp_path):
    feed(week, Receiver(), state)
    other = tmp_path / "other.ndjson"
    other.write_bytes(b'{"n":7}\n' * 2000)
    receiver = Receiver()
    with pytest.raises(OtherFileError, match="another file"):
        feed(other, receiver, state)
    state.write_bytes(b"{")
    with pytest.raises(OtherFileError, match="expected the state of a feed"):
        feed(week, receiver, state)
    assert receiver.lines == []


def test_refused_lines_are_kept_with_their_number_in_the_file(tmp_path, state, small_chunks):
    path = tmp_path / "some.ndjson"
    path.write_bytes(b"\n".join([b"a", b"", b"no 1", b"b"] + [b"x"] * 100 + [b"no 2"]))
    receiver = Receiver()
    fed = feed(path, receiver, state)
    assert (fed.lines, fed.accepted, fed.refused) == (105, 102, 2)
    kept = [
        msgspec.json.decode(line) for line in (tmp_path / "week.feed.json.refused.ndjson").read_bytes().splitlines()
    ]
    assert [(one["line"], one["original"], one["reason"]) for one in kept] == [
        (3, "no 1", "SAYS_NO"),
        (105, "no 2", "SAYS_NO"),
    ]


def test_a_chunk_is_bounded_in_weight_too(tmp_path, state, monkeypatch):
    monkeypatch.setattr(feeding, "_WEIGHT", 1000)
    path = tmp_path / "heavy.ndjson"
    path.write_bytes((b"x" * 600 + b"\n") * 5)
    sizes = []

    class Scale(Receiver):
        def send(self, lines, at):
            sizes.append(len(lines))
            return super().send(lines, at)

    feed(path, Scale(), state)
    assert sizes == [2, 2, 1]


def test_a_rate_is_kept(week, state):
    began = time.monotonic()
    feed(week, Receiver(), state, rate=2000)
    assert time.monotonic() - began >= 0.4


def test_progress_ends_at_one(week, state, small_chunks):
    said = []
    feed(week, Receiver(), state, step=lambda _, share: said.append(share))
    assert said == sorted(said)
    assert said[-1] == 1.0
    assert len(said) == 10


def test_an_empty_file_is_done_at_once(tmp_path, state):
    (tmp_path / "none.ndjson").touch()
    fed = feed(tmp_path / "none.ndjson", Receiver(), state)
    assert fed == Fed(fed.digest)
