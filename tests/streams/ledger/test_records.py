from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from scenes import when
from stories import play, stories

from streams.ledger.chain import Chain
from streams.ledger.records import Claim, decode, encode

LIMIT = 1_000_000
"""An effects record stays under 1 MB."""


def test_a_claim_reads_back():
    claim = Claim("embedded", when("03-02 09:00"))
    assert decode(encode(claim)) == claim


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories())
def test_everything_that_comes_of_an_inbox_reads_back_from_the_log_byte_for_byte(city, story):
    chain = Chain()
    for number, effects in enumerate(play(city, story).parts, start=1):
        body = encode(chain.record(1, number, number, effects))
        assert len(body) < LIMIT
        assert encode(decode(body)) == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}",
        b'{"type":"other"}',
        b'{"type":"effects","epoch":1}',
        b"\xff",
        b'{"type":"claim","owner":"\xff","at":"2026-03-02T09:00:00Z"}',
    ],
)
def test_a_torn_or_foreign_record_is_an_error(body):
    with pytest.raises(msgspec.DecodeError):
        decode(body)


def test_a_field_of_a_newer_version_is_ignored():
    assert decode(b'{"type":"claim","owner":"a","at":"2026-03-02T09:00:00Z","colour":"red"}').owner == "a"
