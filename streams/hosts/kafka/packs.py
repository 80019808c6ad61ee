"""Packs in a cluster: the bundles that a worker was given, and which of them are in force from when.

A pack is put in force by an order in every desk's inbox, so that each desk changes rules at one point of its log.
Intake is told afterwards, in a topic of its own, and chooses by the moment at which a report was accepted; what it
routes under another pack than the one in force at the desk is routed anew there.
"""

from __future__ import annotations

import bisect
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from streams.envelope import Entry, seal
from streams.ledger.kafka import Reader, partitions_of
from streams.records import PackActivated
from streams.stages.desk.desks import MissingPackError
from streams.topics import DESK, PACKS, partition_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grids.city import City
    from streams.ledger.kafka import Writer

_encode = msgspec.json.Encoder().encode


class Order(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A pack was put in force at a moment."""

    from_: datetime
    digest: str


_order = msgspec.json.Decoder(Order)


class Bundles:
    """The packs that this process has, by digest."""

    def __init__(self, cities: Sequence[City]) -> None:
        self.first = cities[0]
        self._cities = {city.digest: city for city in cities}
        self.desks = frozenset(desk for city in cities for desk in city.rules.places.desks)

    def __call__(self, digest: str) -> City:
        """Return the pack of a digest. Raises MissingPackError."""
        city = self._cities.get(digest)
        if city is None:
            have = ", ".join(known[:16] for known in self._cities)
            raise MissingPackError(
                f"城市包 {digest[:16]} 已生效，本进程没有 · pack {digest[:16]} is in force; this worker has {have}; "
                "expected to be started with its folder as another --city"
            )
        return city


class Orders:
    """What intake has been told of packs, from the topic. Not for two threads."""

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._client, self._read = client, 0
        self.told: list[Order] = []

    def refresh(self) -> None:
        """Read what was told since. Raises AwayError."""
        with Reader(self._client, PACKS, 0) as reader:
            first, end = reader.bounds()
            fresh = [_read(message.value) for message in reader.read(max(first, self._read), end)]
        # Not changed in place: others look things up meanwhile.
        self.told = sorted([*self.told, *filter(None, fresh)], key=lambda order: order.from_)
        self._read = end

    def at(self, moment: datetime) -> str:
        """Return the digest of the pack in force at a moment; before the first order, of the first."""
        told = self.told
        return told[max(0, bisect.bisect_right(told, moment, key=lambda order: order.from_) - 1)].digest


def _read(value: bytes) -> Order | None:
    """Read an order; None for what is none, which puts nothing in force."""
    try:
        order = _order.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return order if order.from_.tzinfo else None


def activate(client: Mapping[str, Any], writer: Writer, city: City, from_: datetime) -> int:
    """Put a pack in force at each of its desks, then tell intake; return how many desks these are.

    Done again after a failure it changes nothing. Raises AwayError.
    """
    partitions = partitions_of(client, DESK)
    at = from_.astimezone(UTC)
    desks = list(city.rules.places.desks)
    flying = []
    for desk in desks:
        (message,) = seal([Entry(at, msgspec.Raw(_encode(PackActivated(city.digest, at, desk))))])
        flying.append(writer.send(DESK, partition_of(desk, partitions), message, desk))
    for one in flying:
        writer.landed(*one)
    tell(writer, city.digest, at)
    return len(desks)


def tell(writer: Writer, digest: str, at: datetime) -> None:
    """Tell intake that a pack is in force. Raises AwayError."""
    writer.deliver(PACKS, 0, _encode(Order(at, digest)), f"{at.isoformat()} {digest}")
