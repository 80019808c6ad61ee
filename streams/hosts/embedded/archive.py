"""The form of a backup: a tar of a data folder's files, with a list of them and of their SHA-256 at its end.

    with Writer(out, folder, at) as archive:
        archive.add("onegrid.sqlite", copy)
    contents = unpack(out, folder)          # raises ArchiveError unless every byte is as it was written

Only files of a data folder are taken out, by the names that such a folder has; whatever else somebody has put into a
tar, or given it to make of a disk, is refused.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from datetime import datetime
from typing import IO, TYPE_CHECKING, Self

import msgspec

from streams.identity.erased import FILE as ERASED
from streams.identity.erased import parse

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

CONTENTS = "contents.json"
_FORM = 1
_SECRET = 0o600
_LARGEST_CONTENTS = 1 << 28
_BLOCK = 1 << 20

_NAME = re.compile(
    r"(?:[a-z0-9]+\.(?:sqlite|key|erased)|published/[0-9]{4}-[0-9]{2}\.json|media/[0-9a-f]{2}/[0-9a-f]{64})"
)
"""What files of a data folder are called; `media/` may hold a million."""


class ArchiveError(Exception):
    """A file is no backup, or not as it was written."""


class Content(msgspec.Struct, frozen=True):
    """One file of a backup."""

    bytes: int
    sha256: str


class Contents(msgspec.Struct):
    """What a backup holds, when it was made, and of which folder."""

    form: int
    at: datetime
    folder: str
    files: dict[str, Content]


class Writer:
    """Writes a backup. A context; what was not finished is left to the caller to take away."""

    def __init__(self, path: Path, folder: Path, at: datetime) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _SECRET)
        self._file = os.fdopen(handle, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed below
        self._contents = Contents(_FORM, at, str(folder.resolve()), {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                body = msgspec.json.encode(self._contents)
                self._put(CONTENTS, len(body), io.BytesIO(body))
                self._tar.close()
                self._file.flush()
                os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def add(self, name: str, path: Path) -> None:
        """Add a file under the name that it has in its folder; as long as it is now, should it grow meanwhile."""
        with path.open("rb") as file:
            hashed = _Hashed(file)
            size = os.fstat(file.fileno()).st_size
            self._put(name, size, hashed)
        self._contents.files[name] = Content(size, hashed.digest.hexdigest())

    def _put(self, name: str, size: int, file: IO[bytes] | _Hashed) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, _SECRET, int(self._contents.at.timestamp())
        self._tar.addfile(member, file)


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def unpack(path: Path, folder: Path) -> Contents:
    """Write the files of a backup into a folder, and return what they are. Raises ArchiveError."""
    found: dict[str, Content] = {}
    contents: Contents | None = None
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                source = _opened(path, tar, member)
                if member.name == CONTENTS:
                    contents = _contents(path, source)
                elif not _NAME.fullmatch(member.name) or member.name in found:
                    raise ArchiveError(f"{path}: {member.name[:80]!r}; expected files of a data folder, each once")
                else:
                    found[member.name] = _write(source, folder / member.name)
    except tarfile.TarError as error:
        raise ArchiveError(f"{path}: {error}; expected a file of onegrid backup") from error
    if contents is None:
        raise ArchiveError(f"{path}: 不完整 it ends too early; expected a whole file of onegrid backup")
    for name, one in contents.files.items():
        if found.pop(name, None) != one:
            raise ArchiveError(f"{path}: {name} 已损坏 is not as it was written; expected SHA-256 {one.sha256[:16]}…")
    if found:
        raise ArchiveError(f"{path}: {next(iter(found))} is not among its contents; expected what was written")
    return contents


def erased_in(path: Path) -> list[str]:
    """Return the reports whose persons had been erased when a backup was made. Raises ArchiveError."""
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.name == ERASED:
                    return parse(_opened(path, tar, member).read())
    except tarfile.TarError as error:
        raise ArchiveError(f"{path}: {error}; expected a file of onegrid backup") from error
    return []


def is_archive(path: Path) -> bool:
    """Say whether a file is a tar at all: an older backup is a copy of the log's file alone."""
    return tarfile.is_tarfile(path)


def _opened(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    source = tar.extractfile(member) if member.isreg() and not member.issparse() else None
    if source is None:
        raise ArchiveError(f"{path}: {member.name[:80]!r} is no plain file; expected files of a data folder")
    return source


def _contents(path: Path, source: IO[bytes]) -> Contents:
    try:
        contents = msgspec.json.decode(source.read(_LARGEST_CONTENTS), type=Contents)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{path}: {CONTENTS}: {error}; expected a file of onegrid backup") from error
    if contents.form != _FORM:
        raise ArchiveError(f"{path}: form {contents.form}; expected {_FORM}: use the onegrid that made it")
    return contents


def _write(source: IO[bytes], place: Path) -> Content:
    place.parent.mkdir(parents=True, exist_ok=True)
    size, digest = 0, hashlib.sha256()
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _SECRET), "wb") as file:
        while data := source.read(_BLOCK):
            file.write(data)
            digest.update(data)
            size += len(data)
        file.flush()
        os.fsync(file.fileno())
    return Content(size, digest.hexdigest())
