"""Whose persons were erased: a list of report ids, so that an older copy of the keys brings none back.

A line is the id of a report, as JSON. It is on disk before the key is destroyed, and never taken off the list;
whoever opens the keys destroys first what the list names. It says nothing of anybody, so it may be kept anywhere:
best where neither the data nor their backups are (`ONEGRID_ERASED_LIST`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE = "persons.erased"
ENV = "ONEGRID_ERASED_LIST"
"""Where the list is kept, if not in the folder."""

_text = msgspec.json.Decoder(str)


def place_of(folder: Path) -> Path:
    """Return where the list of a data folder is: what the environment says, else in the folder."""
    return Path(said) if (said := os.environ.get(ENV, "")) else folder / FILE


def add(path: Path, names: Iterable[str]) -> None:
    """Put reports on a list, on disk when this returns."""
    lines = b"".join(msgspec.json.encode(name) + b"\n" for name in names)
    if not lines:
        return
    torn = path.is_file() and path.stat().st_size and not _whole(path)
    with path.open("ab") as file:
        file.write(b"\n" + lines if torn else lines)
        file.flush()
        os.fsync(file.fileno())


def read(path: Path, after: int = 0) -> tuple[list[str], int]:
    """Return the reports on a list behind a byte, and its size; all of them where it has become shorter than that.

    A line that a crash has torn is passed over: its key was not destroyed, and nobody was told that it was.
    """
    if not path.is_file():
        return [], 0
    body = path.read_bytes()
    return parse(body[after:] if after <= len(body) else body), len(body)


def parse(body: bytes) -> list[str]:
    """Return the reports that lines name."""
    found = []
    for line in body.splitlines():
        try:
            found.append(_text.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found


def _whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
