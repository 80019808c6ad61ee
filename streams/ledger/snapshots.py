"""Snapshots: what a log has led to at one of its offsets, so that taking over reads a snapshot and a tail.

A snapshot lies in one of two slots of a store of named values: its chunks first, its manifest last. The manifest
carries a digest over itself and all chunks. While one slot is written the other keeps the one before, so a write
that was torn, or a chunk that was changed, costs a longer tail and nothing else. What the chunks hold is not
known here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import msgspec

from streams.ledger.chain import Head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SLOTS = 2

_encode = msgspec.json.Encoder().encode


class Snapshots(Protocol):
    """Where snapshots lie: named values, each put whole or not at all."""

    def put(self, name: str, body: bytes) -> None:
        """Put a value in place of the one of this name."""

    def get(self, name: str) -> bytes | None:
        """Return the value of a name; None if there is none."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one snapshot is of.

    `offset` is the last record of the log that it knows; `epoch` and `applied` are the fold's there, `heads` the
    chains', `claim` the digest of the claim in force. `size` counts the bytes of its chunks.
    """

    offset: int
    epoch: int
    applied: int
    heads: dict[str, Head]
    claim: str
    chunks: int = 0
    size: int = 0
    digest: str = ""


_manifest = msgspec.json.Decoder(Manifest)


def write(store: Snapshots, slot: int, manifest: Manifest, chunks: Iterable[bytes]) -> Iterator[Manifest | None]:
    """Write a snapshot into a slot, one value each time this is advanced; the manifest comes last and is yielded."""
    sums, number, size = hashlib.sha256(), 0, 0
    for chunk in chunks:
        store.put(_chunk(slot, number), chunk)
        sums.update(hashlib.sha256(chunk).digest())
        number, size = number + 1, size + len(chunk)
        yield None
    whole = msgspec.structs.replace(manifest, chunks=number, size=size, digest="")
    whole = msgspec.structs.replace(whole, digest=_digest(sums, whole))
    store.put(_last(slot), _encode(whole))
    yield whole


def manifests(store: Snapshots) -> list[tuple[int, Manifest]]:
    """List the slots that say they hold a snapshot, the newest first."""
    found: list[tuple[int, Manifest]] = []
    for slot in range(SLOTS):
        body = store.get(_last(slot))
        try:
            if body is not None:
                found.append((slot, _manifest.decode(body)))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # torn: as if it weren't there
    return sorted(found, key=lambda one: -one[1].offset)


def read(store: Snapshots, slot: int, manifest: Manifest) -> Iterator[bytes]:
    """Yield the chunks of a snapshot. Raises TornError at their end at the latest if it is not whole."""
    sums = hashlib.sha256()
    for number in range(manifest.chunks):
        chunk = store.get(_chunk(slot, number))
        if chunk is None:
            raise TornError(f"chunk {number} of snapshot {manifest.offset} is missing")
        sums.update(hashlib.sha256(chunk).digest())
        yield chunk
    if _digest(sums, msgspec.structs.replace(manifest, digest="")) != manifest.digest:
        raise TornError(f"snapshot {manifest.offset} is not what its digest says")


class TornError(Exception):
    """A snapshot is not whole, or not as it was written."""


def _digest(sums: hashlib._Hash, manifest: Manifest) -> str:
    whole = sums.copy()
    whole.update(_encode(manifest))
    return whole.hexdigest()


def _chunk(slot: int, number: int) -> str:
    return f"{slot}/{number:06d}"


def _last(slot: int) -> str:
    return f"{slot}/manifest"
