"""The two kinds of record of an effects log."""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.records import Effects, together


class Claim(msgspec.Struct, tag="claim", frozen=True):
    """A writer takes the partition over; the offset at which this lands is its epoch."""

    owner: str
    at: datetime


class EffectsRecord(msgspec.Struct, tag="effects"):
    """Everything that came of the inbox positions `first` to `last`, both included, under one epoch.

    `desks` holds each desk's effects as the bytes that its hash chain is over; `heads` are the chains' heads
    after them (`streams/ledger/chain.py`).
    """

    epoch: int
    first: int
    last: int
    desks: dict[str, msgspec.Raw] = {}
    heads: dict[str, str] = {}

    def of(self, desk: str) -> Effects:
        """Return one desk's effects."""
        return _effects.decode(self.desks[desk])

    @property
    def effects(self) -> Effects:
        """All desks' effects as one."""
        return together(self.of(desk) for desk in self.desks)


Record = Claim | EffectsRecord

_encoder = msgspec.json.Encoder()
_effects = msgspec.json.Decoder(Effects)
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """Write a record as JSON."""
    return _encoder.encode(record)


def decode(body: bytes) -> Record:
    """Read a record; msgspec.DecodeError if it is torn or not one."""
    try:
        return _decoder.decode(body)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error
