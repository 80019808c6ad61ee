"""Making a file of version 1 one of today's, after a copy was put beside it.

The log is written anew in today's form, at the same offsets, under the hash chains that it did not have; the board
is made anew from it. All in one transaction: a file is of the one version or of the other.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from streams.hosts.embedded.version1 import Given, Record1, Version1
from streams.ledger.chain import Chain
from streams.ledger.fold import Fold, counted
from streams.ledger.records import Claim, EffectsRecord, encode
from streams.ledger.sqlite import SqliteLog
from streams.outlets.board.tables import rebuild

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.ledger.records import Record

_OLD: msgspec.json.Decoder[Claim | Record1] = msgspec.json.Decoder(Claim | Record1)


def upgrade(path: Path, schema: str, version: int) -> Path:
    """Turn a file of version 1 into one of `version`, whose tables `schema` makes; return the copy of what it was.

    Whoever upgrades at the same time waits, and finds it done.
    """
    kept = path.with_name(f"{path.stem}.version-1{path.suffix}")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA busy_timeout = 60000")
        db.execute("BEGIN IMMEDIATE")
        if db.execute("PRAGMA user_version").fetchone()[0] == 1:
            _copy(path, kept)
            _tables(db, schema)
            _log(db)
            rebuild(db, counted(SqliteLog(db).read()))
            db.execute(f"PRAGMA user_version = {version}")
        db.execute("COMMIT")
    return kept


def _copy(path: Path, kept: Path) -> None:
    part = kept.with_name(f"{kept.name}.part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(part)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")
    part.rename(kept)


def _tables(db: sqlite3.Connection, schema: str) -> None:
    """Make today's tables; rows of journal and inbox keep their positions."""
    for table in ("reports", "inbox"):
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for table in ("cases", "desks"):
        db.execute(f"DROP TABLE {table}")
    for statement in schema.split(";"):
        db.execute(statement)
    for table in ("reports", "inbox"):
        db.execute(f"INSERT INTO {table} SELECT * FROM old_{table} ORDER BY position")  # noqa: S608 - named above
        db.execute(f"DROP TABLE old_{table}")


def _log(db: sqlite3.Connection) -> None:
    version1, fold, chain = Version1(), Fold(), Chain()
    for (offset,) in db.execute('SELECT "offset" FROM effects ORDER BY "offset"').fetchall():
        body = db.execute('SELECT body FROM effects WHERE "offset" = ?', (offset,)).fetchone()[0]
        old = _OLD.decode(body)
        new: Record
        if isinstance(old, Claim):
            new = old
            fold.counts(offset, new)
            chain.claimed(new)
        else:
            new = EffectsRecord(old.epoch, old.first, old.last)
            if fold.counts(offset, new):
                effects = version1.effects(old, _given(db, old))
                new = chain.record(old.epoch, old.first, old.last, effects)
                chain.add(offset, new)
        db.execute('UPDATE effects SET body = ? WHERE "offset" = ?', (encode(new), offset))
    db.execute("INSERT OR REPLACE INTO meta VALUES ('claim', ?)", (chain.claim,))


def _given(db: sqlite3.Connection, record: Record1) -> Iterator[Given]:
    query = "SELECT desk, at, body FROM inbox WHERE position BETWEEN ? AND ? ORDER BY position"
    for desk, at, body in db.execute(query, (record.first, record.last)).fetchall():
        yield Given(desk, datetime.fromisoformat(at), msgspec.json.decode(body))
