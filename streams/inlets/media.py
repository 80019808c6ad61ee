"""Pictures, each kept once under the SHA-256 of its bytes, and which report or case each belongs to.

    kept = media.add(data, "W00012", now)      # raises MediaError for what is no picture, or a bomb
    media.belong(kept.sha256, report="01a2…")  # whoever may see the case of that report may see it

A name in `Report.media`, or in an action's `payload.evidence`, is `sha256:<64 hex digits>`. What a picture says of
itself (EXIF: place, device, owner) is left out of what is served, but for how it has to be turned.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import sqlite3
import tempfile
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

FOLDER, FILE = "media", "media.sqlite"
LARGEST = 12 * 1024 * 1024
"""Bytes of a picture."""

MOST_PIXELS = 50_000_000
"""Pixels that a picture may unfold to: phones make 12 to 48 million."""

TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
PREFIX = "sha256:"
_NAME = re.compile(r"sha256:([0-9a-f]{64})")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS media (
    sha256 TEXT PRIMARY KEY, type TEXT NOT NULL, size INTEGER NOT NULL, by TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owners (
    sha256 TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (sha256, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (
    sha256 TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (sha256, kind, name)
) WITHOUT ROWID;
"""


class MediaError(ValueError):
    """What was sent is no picture that is taken."""


class Kept(NamedTuple):
    """A picture that is kept."""

    sha256: str
    type: str
    size: int


class Media:
    """The folder. Any thread may ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, data: bytes, by: str, at: datetime) -> Kept:
        """Keep a picture, on disk when this returns; one that is there is not kept twice. Raises MediaError."""
        clean, kind = _checked(data)
        name = hashlib.sha256(data).hexdigest()
        place = self._place(name)
        if not place.is_file():
            place.parent.mkdir(exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
                file.write(clean)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(place)
        with self._lock:
            self._db.execute(
                "INSERT OR IGNORE INTO media VALUES (?, ?, ?, ?, ?)", (name, kind, len(clean), by, at.timestamp())
            )
            self._db.execute("INSERT OR IGNORE INTO owners VALUES (?, ?)", (name, by))
        return Kept(name, kind, len(clean))

    def belong(self, names: Iterable[str], *, report: str = "", case: str = "") -> None:
        """Note that pictures belong to a report or a case, by the names that records have for them."""
        kind, about = ("report", report) if report else ("case", case)
        rows = [(found[1], kind, about) for name in names if (found := _NAME.fullmatch(name))]
        if rows:
            with self._lock:
                self._db.executemany("INSERT OR IGNORE INTO links VALUES (?, ?, ?)", rows)

    def belongs(self, sha256: str, case_no: str, reports: Iterable[str]) -> bool:
        """Say whether a picture belongs to a case or to one of its reports."""
        with self._lock:
            links = set(self._db.execute("SELECT kind, name FROM links WHERE sha256 = ?", (sha256,)))
        return ("case", case_no) in links or any(("report", name) in links for name in reports)

    def of(self, case_no: str, reports: Iterable[str]) -> list[str]:
        """List the pictures of a case and its reports."""
        asked = [("case", case_no), *(("report", name) for name in reports)]
        with self._lock:
            found = {
                name
                for one in asked
                for (name,) in self._db.execute("SELECT sha256 FROM links WHERE kind = ? AND name = ?", one)
            }
        return sorted(found)

    def sent_by(self, sha256: str, by: str) -> bool:
        """Say whether somebody has sent a picture."""
        with self._lock:
            row = self._db.execute("SELECT 1 FROM owners WHERE sha256 = ? AND name = ?", (sha256, by)).fetchone()
        return row is not None

    def read(self, sha256: str) -> tuple[bytes, str] | None:
        """Return a picture and its type; None if it is not kept."""
        with self._lock:
            row = self._db.execute("SELECT type FROM media WHERE sha256 = ?", (sha256,)).fetchone()
        if row is None:
            return None
        return self._place(sha256).read_bytes(), row[0]

    def missing(self, names: Iterable[str]) -> list[str]:
        """List names of pictures that are not kept here; names of another form are not ours to know."""
        asked = [found[1] for name in names if (found := _NAME.fullmatch(name))]
        with self._lock:
            return [
                name
                for name in asked
                if self._db.execute("SELECT 1 FROM media WHERE sha256 = ?", (name,)).fetchone() is None
            ]

    def _place(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256


def is_kept(path: Path) -> bool:
    """Say whether a file of the folder is a picture: one that is just being written has another name."""
    return _NAME.fullmatch(f"{PREFIX}{path.name}") is not None and path.is_file()


def _checked(data: bytes) -> tuple[bytes, str]:
    """Return a picture as it is kept, and its type. Raises MediaError."""
    if len(data) > LARGEST:
        raise MediaError(f"{len(data)} bytes; expected at most {LARGEST}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=tuple(TYPES)) as picture:
                fault = _fault(picture)
                if not fault:
                    picture.load()
                    kind = TYPES[str(picture.format)]
                    bare = not picture.getexif() and not picture.info.get("xmp")
                    return data if bare else _without(picture, kind), kind
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaError(f"{type(error).__name__}; expected a JPEG, PNG or WebP picture") from None
    except Exception as error:  # noqa: BLE001 - decoders raise whatever they like on broken data
        raise MediaError(f"broken: {error}; expected a JPEG, PNG or WebP picture") from None
    raise MediaError(fault)


def _fault(picture: Image.Image) -> str:
    """Say what is wrong with a picture that is not unfolded yet; empty if nothing is."""
    width, height = picture.size
    if width * height > MOST_PIXELS:
        return f"{width} × {height} pixels; expected at most {MOST_PIXELS:,}"
    return "several pictures in one; expected one that stands still" if getattr(picture, "n_frames", 1) != 1 else ""


def _without(picture: Image.Image, kind: str) -> bytes:
    """Return a picture without what it says of itself, turned as it says."""
    turned = ImageOps.exif_transpose(picture)
    bare = Image.new(turned.mode, turned.size)
    bare.paste(turned)
    if turned.mode == "P" and (palette := turned.getpalette()):
        bare.putpalette(palette)
    out = io.BytesIO()
    bare.save(out, {v: k for k, v in TYPES.items()}[kind], quality=90)
    return out.getvalue()
