"""What stands beside the log in a data folder, in which order it is copied, and whether it is whole.

Order is all that holds files together which nobody writes at one moment. What follows the log, or answers for it,
is copied before it: it may lag behind the log's copy, and catches up, but must never be ahead of it, or what the
restored log says next would be passed over. What the log relies on, keys of persons and pictures, is written before
the log and so copied after it: whatever the log's copy names is there.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from streams.hosts.embedded.audit import audit
from streams.hosts.embedded.store import FILE as LOG
from streams.identity import accounts, persons, trail
from streams.inlets import media
from streams.inlets.gateway import replays, signed
from streams.inlets.phone import duty
from streams.ledger.audit import Finding
from streams.outlets.delivery import outbox
from streams.outlets.measures.published import FOLDER as PUBLISHED
from streams.outlets.sources import index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from streams.hosts.embedded.audit import Audit
    from streams.ledger.audit import Anchor

SPOOL = "spool.sqlite"
"""What a gateway of a cluster could not hand over yet: its log, as it were."""

BEFORE = (outbox.FILE, index.FILE, replays.FILE, signed.FILE)
AFTER = (persons.FILE, media.FILE, accounts.FILE, duty.FILE, trail.FILE)
DATABASES = (*BEFORE, LOG, SPOOL, *AFTER)
PLAIN = (persons.KEY_FILE,)
FOLDERS = (PUBLISHED, media.FOLDER)

_EXAMPLES = 20


def present(folder: Path) -> list[str]:
    """List what a folder has of all that a data folder may hold, and what SQLite has left of files that are gone."""
    names = [*DATABASES, *(f"{name}{rest}" for name in DATABASES for rest in ("-wal", "-shm")), *PLAIN]
    return [name for name in (*names, *FOLDERS) if _is_there(folder / name)]


def audit_folder(
    folder: Path, anchors: Iterable[Anchor] = (), step: Callable[[str, float], None] = lambda _name, _share: None
) -> Audit:
    """Audit a data folder: its log, and what stands beside it. Raises StoreError if it has no log."""
    found = audit(folder / LOG, anchors, step)
    for one in faults(folder):
        found.counts[one.kind] = found.counts.get(one.kind, 0) + 1
        if found.counts[one.kind] <= _EXAMPLES:
            found.findings.append(one)
    found.counts = dict(sorted(found.counts.items()))
    return found


def faults(folder: Path) -> Iterator[Finding]:
    """Yield what is wrong with what stands beside a log. Nothing is written."""
    for name in DATABASES:
        if name not in (LOG, SPOOL) and (folder / name).is_file() and (text := _broken(folder / name)):
            yield Finding("FILE", name, text)
            return
    if (folder / trail.FILE).is_file():
        with closing(_reading(folder / trail.FILE)) as db:
            if (line := trail.broken_line(db)) is not None:
                yield Finding("TRAIL", f"{line}", "a line is not as it was written")
    yield from _pictures(folder)
    yield from _keys(folder)


def _pictures(folder: Path) -> Iterator[Finding]:
    if not (folder / media.FILE).is_file():
        return
    with closing(_reading(folder / media.FILE)) as db:
        for name, size in db.execute("SELECT sha256, size FROM media ORDER BY sha256"):
            place = folder / media.FOLDER / name[:2] / name
            if not place.is_file():
                yield Finding("MEDIA", name[:16], "the picture is not there")
            elif (found := place.stat().st_size) != size:
                yield Finding("MEDIA", name[:16], f"{found} bytes; expected {size}")


def _keys(folder: Path) -> Iterator[Finding]:
    """Look whether what was sealed can be read: one report tells, since one master key is over all of them."""
    if not (folder / persons.FILE).is_file():
        return
    with closing(_reading(folder / persons.FILE)) as db:
        if text := persons.fault(folder, db):
            yield Finding("PERSONS", persons.FILE, text)


def _broken(path: Path) -> str:
    try:
        with closing(_reading(path)) as db:
            said = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return f"{error}; expected a file that onegrid made"
    return "" if said == "ok" else said[:200]


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _is_there(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()
