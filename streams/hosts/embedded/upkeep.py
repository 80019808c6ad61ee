"""Upkeep of an embedded host's folder: the board made anew from the log; a copy while it is in use, and back."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from streams.hosts.embedded import beside
from streams.hosts.embedded.archive import ArchiveError, Writer, erased_in, is_archive, unpack
from streams.hosts.embedded.audit import Audit, audit
from streams.hosts.embedded.engine import wall_clock
from streams.hosts.embedded.store import FILE, Store, StoreError
from streams.identity import accounts, erased, persons
from streams.inlets import media
from streams.ledger.fold import counted
from streams.outlets.board.tables import rebuild
from streams.outlets.delivery import outbox
from streams.outlets.measures.published import FOLDER as PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from streams.hosts.embedded.archive import Contents
    from streams.ledger.records import EffectsRecord

_PAGES = 1000
"""Pages copied between two looks at the progress."""

_ROOM = ".restoring"
"""Where a backup is unpacked before any of it is put in its place."""


class Rebuilt(msgspec.Struct):
    """From how many records the board was made anew, and how many cases it has."""

    records: int
    cases: int


class Erased(msgspec.Struct):
    """How many keys a restored copy still had of persons erased since, and how many lists besides its own said so."""

    again: int
    lists: int


class Copied(msgspec.Struct):
    """A copy of a data folder: how large it is, what an audit says of its log, and of persons, if it holds any.

    A gateway of a cluster has no log to audit.
    """

    bytes: int
    audit: Audit | None
    persons: Erased | None = None


def _silent(_name: str, _share: float) -> None:
    """Show no progress."""


def rebuild_board(directory: Path, step: Callable[[str, float], None] = _silent) -> Rebuilt:
    """Make the board's tables anew from the log, in one transaction. Raises StoreError if there is no file."""
    _require(directory / FILE)
    with closing(Store(directory)) as store, store.transaction():
        last = store.log.last()
        records = rebuild(store.db, _shown(counted(store.log.read()), last, step))
        cases = store.db.execute("SELECT COUNT(*) FROM cases").fetchone()[0]
    return Rebuilt(records, cases)


def backup(
    directory: Path,
    out: Path,
    step: Callable[[str, float], None] = _silent,
    clock: Callable[[], datetime] = wall_clock,
) -> Copied:
    """Copy a data folder whole, whoever works on it, and audit the copy of its log.

    Each file is copied as it is at one moment; `beside` says in which order, and why that holds them together.
    Sessions stay out: who was signed in signs in again. Raises StoreError if there is nothing to copy, or something
    where the copy should go.
    """
    logs = [name for name in (FILE, beside.SPOOL, outbox.FILE) if (directory / name).is_file()]
    if not logs:
        _require(directory / FILE)
    _free(out)
    part, scratch = out.with_name(f"{out.name}.part"), out.with_name(f"{out.name}.part.sqlite")
    found: Audit | None = None
    _remove(part, scratch)
    try:
        with Writer(part, directory, clock()) as archive:
            _published(archive, directory)
            for name in beside.DATABASES:
                if (directory / name).is_file():
                    _copy(directory / name, scratch, step)
                    if name == FILE:
                        found = audit(scratch, step=step)
                    elif name == accounts.FILE:
                        _sign_out(scratch)
                    archive.add(name, scratch)
                    _remove(scratch)
            _files(archive, directory)
        part.rename(out)
    except OSError as error:
        raise StoreError(f"{out}: {error}; expected room, and files that stay as they are") from error
    finally:
        _remove(part, scratch)
    return Copied(out.stat().st_size, found)


def restore(
    source: Path, directory: Path, lists: Sequence[Path] = (), step: Callable[[str, float], None] = _silent
) -> Copied:
    """Put a backup back as the files of a folder that has none, and audit its log.

    Persons who were erased since stay erased as far as they are named: by `lists` (lists of erased persons, data
    folders or later backups), by the list in the folder itself or where the environment says, and by that of the
    folder the backup was made of, if it is still there. Raises StoreError if the source is no backup or was changed,
    or the folder has data already.
    """
    _require(source)
    for name in beside.present(directory):
        _free(directory / name)  # a -wal of a file that is gone, too: SQLite would take it for part of this one
    directory.mkdir(parents=True, exist_ok=True)
    room = directory / _ROOM
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(mode=0o700)
    try:
        contents = _unpacked(source, room, step)
        again = _erase_again(room, directory, contents, lists)
        found = audit(room / FILE, step=step) if (room / FILE).is_file() else None
        size = sum(path.stat().st_size for path in room.rglob("*") if path.is_file())
        for path in sorted(room.iterdir(), key=lambda path: path.name == FILE):
            path.rename(directory / path.name)  # the log last: without it a folder is none that anybody would serve
    except ArchiveError as error:
        raise StoreError(str(error)) from error
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return Copied(size, found, again)


def _unpacked(source: Path, room: Path, step: Callable[[str, float], None]) -> Contents | None:
    """Unpack a backup; one of before is a copy of the log's file alone."""
    if is_archive(source):
        return unpack(source, room)
    _copy(source, room / FILE, step)
    return None


def _erase_again(room: Path, directory: Path, contents: Contents | None, lists: Sequence[Path]) -> Erased | None:
    """Destroy the keys of all who are known to have been erased, and keep one list of them."""
    if not (room / persons.FILE).is_file():
        return None
    kept = erased.place_of(directory)
    own = erased.read(room / erased.FILE)[0]
    known, used = dict.fromkeys(own), 0
    origin = Path(contents.folder) if contents is not None else directory
    asked = [*lists, *(path for path in {kept, directory / erased.FILE, origin / erased.FILE} if path.is_file())]
    for path in asked:
        known |= dict.fromkeys(_erased_in(path))
        used += 1
    (room / erased.FILE).unlink(missing_ok=True)
    before = set(erased.read(kept)[0])
    kept.parent.mkdir(parents=True, exist_ok=True)
    erased.add(kept, [name for name in known if name not in before])
    return Erased(persons.destroy_listed(room / persons.FILE, kept), used)


def _erased_in(path: Path) -> list[str]:
    if path.is_dir():
        path = erased.place_of(path) if (path / erased.FILE).is_file() is False else path / erased.FILE
    if not path.is_file():
        raise StoreError(f"{path}: 没有名单 no such list; expected a list of erased persons, a folder or a backup")
    return erased_in(path) if is_archive(path) else erased.read(path)[0]


def _published(archive: Writer, directory: Path) -> None:
    """Add what was published: before the log, which it names positions of."""
    for path in sorted((directory / PUBLISHED).glob("*.json")):
        archive.add(f"{PUBLISHED}/{path.name}", path)


def _files(archive: Writer, directory: Path) -> None:
    """Add what is no database: after the databases that name it."""
    for name in beside.PLAIN:
        if (directory / name).is_file():
            archive.add(name, directory / name)
    listed = erased.place_of(directory)
    if listed.is_file():
        archive.add(erased.FILE, listed)
    for path in sorted((directory / media.FOLDER).glob("??/*")):
        if media.is_kept(path):
            archive.add(f"{media.FOLDER}/{path.parent.name}/{path.name}", path)


def _copy(source: Path, part: Path, step: Callable[[str, float], None]) -> None:
    """Copy a database as it is at one moment, into one file with nothing beside it. Raises StoreError."""
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as old,
            closing(sqlite3.connect(part, isolation_level=None)) as new,
        ):
            os.chmod(part, 0o600)  # noqa: PTH101 - it may hold keys
            old.execute("PRAGMA busy_timeout = 10000")
            old.execute("BEGIN")
            old.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # from here on it stands still for us
            old.backup(new, pages=_PAGES, progress=lambda _, left, all_: step("复制 copy", 1 - left / all_), sleep=0)
            new.execute("PRAGMA journal_mode = DELETE")
        with part.open("rb") as whole:
            os.fsync(whole.fileno())
    except sqlite3.OperationalError as error:
        text = f"{source}: {error}; expected a file that nobody keeps to himself: stop the gateway first"
        raise StoreError(text) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{source}: {error}; expected a file that onegrid made") from error


def _sign_out(copy: Path) -> None:
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("DELETE FROM sessions")


def _shown(
    records: Iterable[tuple[int, EffectsRecord]], last: int, step: Callable[[str, float], None]
) -> Iterator[tuple[int, EffectsRecord]]:
    """Pass records on, and show how far they are."""
    for offset, record in records:
        yield offset, record
        step("看板 board", offset / last)


def _free(path: Path) -> None:
    if path.exists():
        raise StoreError(f"{path}: 已存在 is there already; expected a name that is free")


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _require(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"{path}: 没有数据文件 there is no such file; expected a data file of onegrid run")
