"""The states of desks cut into pieces, as the chunks of a snapshot hold them.

A piece is a DeskState whose lists hold a part of theirs, so that joining is appending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from streams.hosts.sharing import Shared
from streams.stages.desk.casebook import DeskState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PIECE = 256_000
"""Bytes of a piece: well under the 1 MB that a message may have. One single case that is larger is its own piece."""

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(DeskState)


def pieces(states: Iterable[DeskState]) -> Iterator[bytes]:
    """Yield states as pieces, encoding only as far as is asked for."""
    for state in states:
        values = {name: getattr(state, name) for name in DeskState.__struct_fields__}
        lists = {name: value for name, value in values.items() if isinstance(value, list)}
        part, size = _empty(values), 0
        for name, whole in lists.items():
            for one in whole:
                body = _encode(one)
                if size and size + len(body) > PIECE:
                    yield _encode(part)
                    part, size = _empty(values), 0
                part[name].append(msgspec.Raw(body))
                size += len(body)
        yield _encode(part)


def joined(chunks: Iterable[bytes]) -> list[DeskState]:
    """Return the states that were cut into pieces; msgspec.DecodeError or UnicodeDecodeError if one is none."""
    found: dict[str, DeskState] = {}
    shared = Shared()
    for chunk in chunks:
        part = _decoder.decode(chunk)
        shared.cases(part.cases)
        state = found.setdefault(part.desk, part)
        if state is not part:
            for name in DeskState.__struct_fields__:
                if isinstance(more := getattr(part, name), list):
                    getattr(state, name).extend(more)
    return list(found.values())


def _empty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: [] if isinstance(value, list) else value for name, value in values.items()}
