from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import when

from streams.ledger.chain import START, Chain, ChainError, Head
from streams.ledger.records import Claim, decode, encode
from streams.records import Effects

AT = when("03-02 09:00")


def chained(*batches):
    """Write batches of (desk, count) as records of one log; return the chain and the records by offset."""
    chain, log, claim = Chain(), [], Claim("a", AT)
    chain.claimed(claim)
    for number, batch in enumerate(batches, start=1):
        effects = {desk: Effects(counters={"cases": count}) for desk, count in batch}
        record = decode(encode(chain.record(0, number, number, effects)))
        chain.add(number, record)
        log.append((number, record))
    return chain, log


def again(log, chain=None):
    if chain is None:
        chain = Chain()
        chain.claimed(Claim("a", AT))
    for offset, record in log:
        chain.add(offset, record)
    return chain


def test_a_head_is_what_the_documents_say_it_is():
    chain, ((_, record),) = chained([("1", 7)])
    claim = hashlib.sha256(bytes(32) + encode(Claim("a", AT))).hexdigest()
    under = f"{claim} 0 1 1\n".encode()
    expected = hashlib.sha256(bytes(32) + under + b'{"counters":{"cases":7}}').hexdigest()
    assert record.heads == {"1": expected}
    assert chain.heads == {"1": Head(expected, 1)}


def test_a_log_as_it_was_written_is_taken_in_and_ends_in_the_same_heads():
    chain, log = chained([("1", 1), ("2", 1)], [("1", 2)], [("2", 5)])
    assert again(log).heads == chain.heads
    assert {desk: head.offset for desk, head in chain.heads.items()} == {"1": 2, "2": 3}


def test_a_desk_that_had_no_input_keeps_its_head():
    before, _ = chained([("1", 1), ("2", 1)])
    after, _ = chained([("1", 1), ("2", 1)], [("1", 2)])
    assert after.heads["2"] == before.heads["2"]
    assert after.heads["1"] != before.heads["1"]


def test_a_chain_goes_on_where_another_stopped():
    chain, log = chained([("1", 1)], [("1", 2)], [("1", 3)])
    half = again(log[:1])
    assert again(log[1:], Chain(half.heads, half.claim)).heads == chain.heads


@pytest.mark.parametrize(
    "change",
    [
        lambda one: msgspec.structs.replace(one, desks={"1": msgspec.Raw(b'{"counters":{"cases":8}}')}),
        lambda one: msgspec.structs.replace(one, desks={"1": msgspec.Raw(b'{"counters":{"cases": 2}}')}),
        lambda one: msgspec.structs.replace(one, first=1),
        lambda one: msgspec.structs.replace(one, last=3),
        lambda one: msgspec.structs.replace(one, epoch=1),
        lambda one: msgspec.structs.replace(one, heads={"1": START}),
        lambda one: msgspec.structs.replace(one, heads={}),
        lambda one: msgspec.structs.replace(one, desks={"2": one.desks["1"]}),
    ],
)
def test_a_record_that_was_changed_breaks_its_chain(change):
    _, log = chained([("1", 1)], [("1", 2)], [("1", 3)])
    offset, record = log[1]
    with pytest.raises(ChainError, match=r"record 2 of the log: desk 1.* does not continue its hash chain; expected"):
        again([log[0], (offset, change(record)), log[2]])


def test_a_claim_that_was_changed_breaks_the_chain_of_what_was_written_under_it():
    _, log = chained([("1", 1)])
    chain = Chain()
    chain.claimed(Claim("b", AT))
    with pytest.raises(ChainError, match="record 1"):
        chain.add(*log[0])


def test_a_claim_under_which_nothing_was_written_is_in_the_chain_all_the_same():
    heads = []
    for owner in "ab":
        chain = Chain()
        for claim in (Claim(owner, AT), Claim("c", AT)):
            chain.claimed(claim)
        heads.append(chain.record(1, 1, 1, {"1": Effects()}).heads)
    assert heads[0] != heads[1]


@given(st.lists(st.sampled_from(["1", "2"]), min_size=2, max_size=8), st.data())
def test_a_record_that_is_missing_or_stands_twice_breaks_the_next_of_its_desk(desks, data):
    _, log = chained(*([(desk, number)] for number, desk in enumerate(desks)))
    which = data.draw(st.integers(0, len(desks) - 1))
    follows = desks[which] in desks[which + 1 :]
    for changed in ([*log[:which], *log[which + 1 :]], [*log[: which + 1], *log[which:]]):
        if follows or len(changed) > len(log):
            with pytest.raises(ChainError):
                again(changed)
        else:
            assert again(changed).heads != again(log).heads
