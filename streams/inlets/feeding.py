"""Feeding a file of reports, one JSON object a line, to whoever takes them in; counted, paced, and taken up again.

    fed = feed(path, sender, state=path.with_name("week.feed.json"), rate=300)

Lines go in chunks. A chunk counts once its receiver has acknowledged it; then the state file says so, and a feed that
was broken off goes on behind the last chunk that counts. A chunk that was under way when it broke off goes again:
receivers know a report that they have by its source's number.
"""

from __future__ import annotations

import hashlib
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

CHUNK = 3200
"""Lines of a chunk at most: a hundred for each key that one system's reports are spread among."""

_A_SECOND = 10
"""Chunks that a paced feed sends in a second."""

_WEIGHT = 8 << 20
"""Bytes of lines from which on a chunk takes no further one."""

_HEAD = 1 << 16
"""Bytes by whose digest a file is known again."""


class Refused(msgspec.Struct, frozen=True):
    """A line that was not taken in: its place, from 0 on, and why."""

    index: int
    reason: str
    text: str


class Sender(Protocol):
    """Whoever takes reports in."""

    def send(self, lines: Sequence[bytes], at: datetime) -> list[Refused]:
        """Send lines, and return which were refused once the others are durable. Raises OSError if it can't be."""


class Fed(msgspec.Struct):
    """How far a feed has come: `offset` bytes and `lines` lines of the file whose head has this `digest`."""

    digest: str
    offset: int = 0
    lines: int = 0
    accepted: int = 0
    refused: int = 0


class OtherFileError(ValueError):
    """The state is of another file."""


def feed(
    path: Path,
    sender: Sender,
    state: Path,
    *,
    rate: float = 0,
    step: Callable[[str, float], None] | None = None,
) -> Fed:
    """Send the lines of a file that have not been acknowledged yet, at most `rate` a second if that is not 0.

    Refused lines are kept beside the state, as `<state>.refused.ndjson`: their number, the reason, and the line.
    Raises OtherFileError if the state is of another file, and what the sender raises; what counts by then counts.
    """
    with path.open("rb") as file:
        fed = _begin(file, state)
        size = max(1, os.fstat(file.fileno()).st_size)
        file.seek(fed.offset)
        began, sent = time.monotonic(), 0
        for lines, end in _chunks(file, max(1, min(CHUNK, int(rate / _A_SECOND))) if rate else CHUNK):
            if rate and (early := began + sent / rate - time.monotonic()) > 0:
                time.sleep(early)
            said = [(number, line) for number, line in enumerate(lines, fed.lines + 1) if line.strip()]
            numbers, told = [number for number, _ in said], [line for _, line in said]
            refused = sender.send(told, datetime.now(UTC)) if told else []
            _keep(state, refused, told, numbers)
            sent += len(told)
            accepted, dead = fed.accepted + len(told) - len(refused), fed.refused + len(refused)
            fed = Fed(_digest(file, end), end, fed.lines + len(lines), accepted, dead)
            _write(state, fed)
            if step:
                step("上报 feed", end / size)
    return fed


def _begin(file: BinaryIO, state: Path) -> Fed:
    """Return where to go on; a file is the same one if it begins with what the state knows, so it may have grown."""
    try:
        fed = msgspec.json.decode(state.read_bytes(), type=Fed)
    except FileNotFoundError:
        return Fed(_digest(file, 0))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OtherFileError(f"{state}: {error}; expected the state of a feed") from error
    if _digest(file, fed.offset) != fed.digest:
        raise OtherFileError(f"{state}: it is of another file; expected to go on with the same, or no such file")
    return fed


def _digest(file: BinaryIO, offset: int) -> str:
    """Name a file by how it begins, as far as it has been read."""
    return hashlib.sha256(os.pread(file.fileno(), min(offset, _HEAD), 0)).hexdigest()[:32]


def _chunks(file: BinaryIO, most: int) -> Iterator[tuple[list[bytes], int]]:
    """Yield lines with the offset behind them. The last line need not end."""
    lines: list[bytes] = []
    size, end = 0, file.tell()
    for line in file:
        lines.append(line.rstrip(b"\r\n"))
        size += len(line)
        end += len(line)
        if len(lines) == most or size > _WEIGHT:
            yield lines, end
            lines, size = [], 0
    if lines:
        yield lines, end


def _keep(state: Path, refused: Sequence[Refused], lines: Sequence[bytes], numbers: Sequence[int]) -> None:
    """Put refused lines down where a person finds them."""
    if not refused:
        return
    with state.with_name(f"{state.name}.refused.ndjson").open("ab") as file:
        for one in refused:
            said = {
                "line": numbers[one.index],
                "reason": one.reason,
                "text": one.text,
                "original": lines[one.index].decode(errors="replace"),
            }
            file.write(msgspec.json.encode(said) + b"\n")


def _write(state: Path, fed: Fed) -> None:
    """Put the state down whole, or not at all."""
    new = state.with_name(f"{state.name}.new")
    with new.open("wb") as file:
        file.write(msgspec.json.encode(fed) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(state)
