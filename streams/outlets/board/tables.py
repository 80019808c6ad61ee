"""The board's tables, which an embedded host keeps in the transaction of each effects record.

They are a fold over the log and nothing else: `rebuild` makes the same bytes from the log alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from streams.outlets.board.folding import Folding

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from streams.ledger.records import EffectsRecord
    from streams.records import Case, DeadLetter, Effects

SCHEMA = """
CREATE TABLE IF NOT EXISTS cases (
    case_no TEXT PRIMARY KEY, desk TEXT NOT NULL, state TEXT NOT NULL, matter TEXT NOT NULL, category TEXT NOT NULL,
    severity INTEGER NOT NULL, unit TEXT NOT NULL, street TEXT NOT NULL, opened_at TEXT NOT NULL,
    closed_at TEXT, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS cases_by_desk ON cases (desk, state, case_no);
CREATE TABLE IF NOT EXISTS steps (
    case_no TEXT NOT NULL, "offset" INTEGER NOT NULL, PRIMARY KEY (case_no, "offset")
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alerts (
    alert_id TEXT PRIMARY KEY, desk TEXT NOT NULL, sent_at TEXT NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alerts_sent ON alerts (sent_at);
CREATE INDEX IF NOT EXISTS alerts_of_desk ON alerts (desk, sent_at);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL
);
"""
"""Dead letters of inlets and intake come from no log; they are kept, not folded."""

_PUT = """
INSERT INTO cases (case_no, desk, state, matter, category, severity, unit, street, opened_at, closed_at, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (case_no) DO UPDATE SET desk = excluded.desk, state = excluded.state, matter = excluded.matter,
category = excluded.category, severity = excluded.severity, unit = excluded.unit, street = excluded.street,
opened_at = excluded.opened_at, closed_at = excluded.closed_at, body = excluded.body
"""

FOLDED = ("cases", "steps", "alerts", "counters")

_encode = msgspec.json.Encoder().encode


class Tables:
    """The board's tables in the database of a connection. The caller owns the transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def keep(self, offset: int, effects: Effects, cases: Iterable[Case]) -> None:
        """Bring the tables up to an effects record; `cases` are those it changed, as they are after it."""
        self.step((case.case_no for case in cases), offset)
        self.put(cases)
        self.tell(effects)
        self.letters(effects.dead_letters)

    def put(self, cases: Iterable[Case]) -> None:
        """Put cases in place of what they were."""
        self.db.executemany(
            _PUT,
            [
                (
                    case.case_no, case.desk, case.state, case.matter, case.category, case.severity, case.unit,
                    case.placement.street, _stamp(case.opened_at), case.closed_at and _stamp(case.closed_at),
                    _encode(case),
                )
                for case in cases
            ],
        )  # fmt: skip

    def step(self, numbers: Iterable[str], offset: int) -> None:
        """Note that the record at an offset has steps of cases."""
        self.db.executemany("INSERT INTO steps VALUES (?, ?)", [(number, offset) for number in numbers])

    def tell(self, effects: Effects) -> None:
        """Keep alerts and add to the counters."""
        self.db.executemany(
            "INSERT INTO alerts VALUES (?, ?, ?, ?)",
            [(alert.alert_id, alert.desk, _stamp(alert.sent_at), _encode(alert)) for alert in effects.alerts],
        )
        self.db.executemany(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            effects.counters.items(),
        )

    def letters(self, letters: Sequence[DeadLetter]) -> None:
        """Keep what could not be processed."""
        self.db.executemany(
            "INSERT INTO dead_letters (id, stage, reason, body) VALUES (?, ?, ?, ?)",
            [(letter.id, letter.stage, letter.reason, _encode(letter)) for letter in letters],
        )


def rebuild(db: sqlite3.Connection, records: Iterable[tuple[int, EffectsRecord]]) -> int:
    """Make cases, steps, alerts and counters anew from the records that count; return how many those are.

    The caller owns the transaction, and may read the records from the same database.
    """
    tables = Tables(db)
    for name in FOLDED:
        db.execute(f"DELETE FROM {name}")  # noqa: S608 - named above
    folding = Folding(tables)
    count = 0
    for offset, record in records:
        folding.add(offset, record.effects)
        count += 1
    folding.finish()
    return count


def _stamp(moment: datetime) -> str:
    """Write a time so that texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
