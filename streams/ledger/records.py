"""The two kinds of record of an effects log."""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.records import Effects


class Claim(msgspec.Struct, tag="claim", frozen=True):
    """A writer takes the partition over; the offset at which this lands is its epoch."""

    owner: str
    at: datetime


class EffectsRecord(msgspec.Struct, tag="effects"):
    """Everything that came of the inbox positions `first` to `last`, both included, under one epoch."""

    epoch: int
    first: int
    last: int
    effects: Effects


Record = Claim | EffectsRecord

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """Write a record as JSON."""
    return _encoder.encode(record)


def decode(body: bytes) -> Record:
    """Read a record; msgspec.DecodeError if it is torn or not one."""
    return _decoder.decode(body)
