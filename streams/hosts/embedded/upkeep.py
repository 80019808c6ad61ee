"""Upkeep of an embedded host's file: the board made anew from the log; a copy while it is in use, and back."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from streams.hosts.embedded.audit import Audit, audit
from streams.hosts.embedded.store import FILE, Store, StoreError
from streams.ledger.fold import counted
from streams.outlets.board.tables import rebuild

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from streams.ledger.records import EffectsRecord

_PAGES = 1000
"""Pages copied between two looks at the progress."""


class Rebuilt(msgspec.Struct):
    """From how many records the board was made anew, and how many cases it has."""

    records: int
    cases: int


class Copied(msgspec.Struct):
    """A copy of a data file: how large it is, and what an audit says of it."""

    bytes: int
    audit: Audit


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


def backup(directory: Path, out: Path, step: Callable[[str, float], None] = _silent) -> Copied:
    """Copy the file of a folder as it is at one moment, whoever works on it, and audit the copy.

    Raises StoreError if there is nothing to copy, or something where the copy should go.
    """
    _require(directory / FILE)
    return _copied(directory / FILE, out, step)


def restore(source: Path, directory: Path, step: Callable[[str, float], None] = _silent) -> Copied:
    """Put a copy back as the file of a folder that has none, and audit it.

    Raises StoreError if the source is no data file, or the folder has one already.
    """
    _require(source)
    directory.mkdir(parents=True, exist_ok=True)
    for rest in (f"{FILE}-wal", f"{FILE}-shm"):
        _free(directory / rest)  # of a file that is gone: SQLite would take it for part of this one
    return _copied(source, directory / FILE, step)


def _copied(source: Path, out: Path, step: Callable[[str, float], None]) -> Copied:
    _free(out)
    part = out.with_name(f"{out.name}.part")
    part.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, isolation_level=None)) as old,
            closing(sqlite3.connect(part, isolation_level=None)) as new,
        ):
            old.execute("BEGIN")
            old.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # from here on it stands still for us
            old.backup(new, pages=_PAGES, progress=lambda _, left, all_: step("复制 copy", 1 - left / all_), sleep=0)
            new.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        found = audit(part, step=step)
        with part.open("rb") as whole:
            os.fsync(whole.fileno())
        part.rename(out)
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{source}: {error}; expected a file that onegrid made") from error
    finally:
        part.unlink(missing_ok=True)
    return Copied(out.stat().st_size, found)


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


def _require(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"{path}: 没有数据文件 there is no such file; expected a data file of onegrid run")
