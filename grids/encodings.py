"""Which encoding a shapefile's texts are in, where no file beside it says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grids.findings import Finding

if TYPE_CHECKING:
    from pathlib import Path

_CANDIDATES: Final = ("UTF-8", "GB18030")
"""GBK and GB2312 are parts of GB18030. Texts in it are hardly ever valid UTF-8 by chance."""

_SAMPLES: Final = 3
_DRIVER_BYTE: Final = 29
"""Where a dBASE header says which code page it is written for; 0 says nothing."""


@dataclass(frozen=True)
class Guess:
    """The likely encoding ('' if none fits), and samples of texts as they read in it."""

    encoding: str
    samples: tuple[str, ...]


def guess_encoding(path: Path) -> Guess | None:
    """Guess the encoding of a shapefile's texts; None if it is stated, needless (ASCII) or no shapefile."""
    table = path.with_suffix(".dbf")
    if path.suffix.lower() != ".shp" or path.with_suffix(".cpg").is_file() or not table.is_file():
        return None
    with table.open("rb") as stream:
        if (header := stream.read(32))[_DRIVER_BYTE : _DRIVER_BYTE + 1] not in {b"\0", b"\x57"} or not header:
            return None
    import pyogrio  # noqa: PLC0415 - as in geofiles

    # read as Latin-1 every byte is a character, so the bytes can be had back
    _, _, _, columns = pyogrio.raw.read(path, encoding="ISO-8859-1", read_geometry=False)
    texts = [value for column in columns if column.dtype == object for value in column if isinstance(value, str)]
    raw = sorted({text.encode("latin-1", "ignore") for text in texts if not text.isascii()})
    if not raw:
        return None
    for encoding in _CANDIDATES:
        try:
            read = [text.decode(encoding) for text in raw]
        except UnicodeDecodeError:
            continue
        return Guess(encoding, tuple(sorted(read, key=lambda text: (-len(text), text))[:_SAMPLES]))
    return Guess("", tuple(repr(text)[2:-1] for text in raw[:_SAMPLES]))


def encoding_findings(path: Path) -> list[Finding]:
    """Say that a shapefile doesn't state its encoding, what it seems to be, and how its texts then read."""
    guess = guess_encoding(path)
    if guess is None:
        return []
    if not guess.encoding:
        message = f"the texts' encoding is not stated and neither UTF-8 nor GB18030 fits; samples: {guess.samples}"
        return [Finding("ENCODING", "", None, message, "ask who made the table, and pass --encoding")]
    samples = "、".join(guess.samples)
    message = f"the texts' encoding is not stated; it looks like {guess.encoding}, in which they read: {samples}"
    suggestion = f"if that is right: --encoding {guess.encoding}, or a file {path.stem}.cpg with that word"
    return [Finding("ENCODING", "", None, message, suggestion)]
