"""The outbox: what is to be sent on each way, kept in a file of its own until it has arrived.

A row is an alert for one way; a message is what rows become when it is their turn. Reading the log, and noting how
far it is read, is one transaction; so is each message. After a crash a message may go out twice, under the same id.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.ledger.fold import Fold
from streams.outlets.delivery.messages import Message, compose
from streams.outlets.delivery.storm import GRAVE
from streams.records import Alert

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from grids.telling import Way

FILE = "delivery.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS positions (
    log TEXT PRIMARY KEY, "offset" INTEGER NOT NULL, epoch INTEGER NOT NULL, applied INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS alerts (alert_id TEXT PRIMARY KEY, sent_at REAL NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS rows (
    id INTEGER PRIMARY KEY, way TEXT NOT NULL, alert_id TEXT NOT NULL, case_no TEXT NOT NULL,
    severity INTEGER NOT NULL, category TEXT NOT NULL, cell TEXT NOT NULL, street TEXT NOT NULL, message INTEGER,
    UNIQUE (way, alert_id)
);
CREATE INDEX IF NOT EXISTS rows_waiting ON rows (way, id) WHERE message IS NULL;
CREATE INDEX IF NOT EXISTS rows_of_case ON rows (case_no, way);
CREATE INDEX IF NOT EXISTS rows_of_message ON rows (message);
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, way TEXT NOT NULL, name TEXT NOT NULL, made REAL NOT NULL, grouped TEXT NOT NULL,
    cases TEXT NOT NULL, body BLOB, tries INTEGER NOT NULL DEFAULT 0, next REAL NOT NULL, sent REAL, error TEXT
);
CREATE INDEX IF NOT EXISTS messages_waiting ON messages (way, id) WHERE sent IS NULL;
CREATE INDEX IF NOT EXISTS messages_made ON messages (way, made);
"""

_WAITS = "id, grouped, tries, next"

_alert = msgspec.json.Decoder(Alert)
_message = msgspec.json.Decoder(Message)
_encode = msgspec.json.Encoder().encode


class Row(NamedTuple):
    """An alert that waits for its turn on a way."""

    id: int
    case_no: str
    severity: int
    category: str
    cell: str
    street: str
    at: float = 0.0


class Made(NamedTuple):
    """A message that waits to be sent: how often it was tried, when next, and whether it goes ahead of others."""

    id: int
    tries: int
    next: float
    first: bool


def name_of(way: Way) -> str:
    """Name a way: what is sent to one unit, in one manner, to one target."""
    return f"{way.unit} {way.kind} {way.target}"


class Outbox:
    """The file. One thread at a time; times are seconds since 1970."""

    def __init__(self, folder: Path) -> None:
        self.db = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def positions(self) -> dict[str, tuple[int, Fold]]:
        """Return the last offset of each log that was read, and where its fold stands."""
        rows = self.db.execute('SELECT log, "offset", epoch, applied FROM positions')
        return {log: (offset, Fold(epoch, applied)) for log, offset, epoch, applied in rows}

    def add(self, log: str, offset: int, fold: Fold, wanted: Sequence[tuple[Way, Alert]]) -> None:
        """Take up what a log through an offset wants sent; what a way has had already is passed over."""
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            self.db.executemany(
                "INSERT INTO alerts VALUES (?, ?, ?) ON CONFLICT (alert_id) DO NOTHING",
                [(alert.alert_id, alert.sent_at.timestamp(), _encode(alert)) for _, alert in wanted],
            )
            self.db.executemany(
                "INSERT INTO rows (way, alert_id, case_no, severity, category, cell, street) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (way, alert_id) DO NOTHING",
                [
                    (
                        name_of(way), alert.alert_id, alert.case_no, alert.severity, alert.category, alert.cell,
                        alert.street,
                    )
                    for way, alert in wanted
                ],
            )  # fmt: skip
            self.db.execute(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)", (log, offset, fold.epoch, fold.applied)
            )

    def alert(self, alert_id: str) -> Alert | None:
        """Return an alert that was taken up; None if it is not known."""
        row = self.db.execute("SELECT body FROM alerts WHERE alert_id = ?", (alert_id,)).fetchone()
        return _alert.decode(row[0]) if row else None

    def ways_of(self, case_no: str, unit: str) -> set[str]:
        """Return the ways on which a unit has been told of a case."""
        rows = self.db.execute("SELECT DISTINCT way FROM rows WHERE case_no = ?", (case_no,))
        return {way for (way,) in rows if way.startswith(f"{unit} ")}

    def waiting(self, way: str, limit: int = 20_000) -> list[Row]:
        """List the alerts that wait for their turn on a way, in order."""
        query = (
            "SELECT id, case_no, severity, category, cell, street, sent_at FROM rows JOIN alerts USING (alert_id) "
            "WHERE way = ? AND message IS NULL ORDER BY id LIMIT ?"
        )
        return [Row(*row) for row in self.db.execute(query, (way, limit))]

    def made_since(self, way: str, moment: float) -> list[tuple[str, float]]:
        """List the messages made for a way since a moment: what they were grouped by, and when."""
        query = "SELECT grouped, made FROM messages WHERE way = ? AND made > ? ORDER BY made"
        return list(self.db.execute(query, (way, moment)))

    def make(self, way: Way, rows: Sequence[Row], grouped: str, now: float) -> None:
        """Turn waiting alerts into one message."""
        ids = [row.id for row in rows]
        marks = ",".join("?" * len(ids))
        query = f"SELECT body FROM rows JOIN alerts USING (alert_id) WHERE id IN ({marks}) ORDER BY id"  # noqa: S608
        message = compose(way.unit, [_alert.decode(body) for (body,) in self.db.execute(query, ids)])
        cases = " ".join(dict.fromkeys(row.case_no for row in rows))
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            made = self.db.execute(
                "INSERT INTO messages (way, name, made, grouped, cases, body, next) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name_of(way), message.id, now, grouped, cases, _encode(message), now),
            ).lastrowid
            self.db.execute(f"UPDATE rows SET message = ? WHERE id IN ({marks})", (made, *ids))  # noqa: S608

    def unsent(self, way: str, limit: int = 100) -> list[Made]:
        """List what waits to be sent on a way, the gravest first, without what must wait for an earlier message.

        A message waits for those made before it on any of its cases; what the gravest wait for goes first as well.
        """
        query = f"SELECT {_WAITS} FROM messages WHERE way = ? AND sent IS NULL ORDER BY id LIMIT ?"  # noqa: S608
        rows = self.db.execute(query, (way, limit)).fetchall()
        if len(rows) == limit:  # the gravest of those behind
            query = (
                f"SELECT {_WAITS} FROM messages WHERE way = ? AND sent IS NULL AND id > ? "  # noqa: S608
                "AND grouped IN (?, ?) ORDER BY id LIMIT ?"
            )
            rows += self.db.execute(query, (way, rows[-1][0], *sorted(GRAVE), limit))
        known = {row[0]: row for row in rows}
        ahead: set[int] = set()
        free: set[int] = set()
        for number, grouped, *_ in rows:
            earlier = self._before(number)
            if not earlier:
                free.add(number)
            if grouped in GRAVE:
                ahead |= earlier | {number}
        for number in ahead - known.keys():
            known[number] = self.db.execute(f"SELECT {_WAITS} FROM messages WHERE id = ?", (number,)).fetchone()  # noqa: S608
            if not self._before(number):
                free.add(number)
        found = [Made(number, tries, following, number in ahead) for number, _, tries, following in known.values()]
        return sorted((one for one in found if one.id in free), key=lambda one: (not one.first, one.id))

    def _before(self, number: int) -> set[int]:
        """Return what has to arrive before a message can be sent: unsent, made earlier, on one of its cases."""
        query = (
            "SELECT DISTINCT messages.id FROM rows mine "
            "JOIN rows other ON other.case_no = mine.case_no AND other.way = mine.way "
            "AND other.message < mine.message "
            "JOIN messages ON messages.id = other.message WHERE mine.message = ? AND messages.sent IS NULL"
        )
        return {earlier for (earlier,) in self.db.execute(query, (number,))}

    def message(self, number: int) -> Message | None:
        """Return a message that waits to be sent; None once it has been."""
        (body,) = self.db.execute("SELECT body FROM messages WHERE id = ?", (number,)).fetchone()
        return _message.decode(body) if body else None

    def sent(self, number: int, now: float) -> None:
        """Note that a message has arrived; its text is no longer needed."""
        self.db.execute("UPDATE messages SET sent = ?, body = NULL, error = NULL WHERE id = ?", (now, number))

    def failed(self, number: int, error: str, following: float) -> None:
        """Note that a message has not arrived, and when it is to be tried again."""
        self.db.execute(
            "UPDATE messages SET tries = tries + 1, error = ?, next = ? WHERE id = ?",
            (error[:300], following, number),
        )

    def forget(self, moment: float) -> None:
        """Drop what was sent before a moment, and alerts that nothing waits with any more."""
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            gone = "SELECT id FROM messages WHERE sent < ?"
            self.db.execute(f"DELETE FROM rows WHERE message IN ({gone})", (moment,))  # noqa: S608 - stands above
            self.db.execute("DELETE FROM messages WHERE sent < ?", (moment,))
            query = "DELETE FROM alerts WHERE sent_at < ? AND alert_id NOT IN (SELECT alert_id FROM rows)"
            self.db.execute(query, (moment,))

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """Count by way: messages sent, messages that wait, alerts that wait for their turn."""
        found: dict[str, list[int]] = {}
        for way, sent, waiting in self.db.execute(
            "SELECT way, SUM(sent IS NOT NULL), SUM(sent IS NULL) FROM messages GROUP BY way"
        ):
            found[way] = [sent, waiting, 0]
        for way, waiting in self.db.execute("SELECT way, COUNT(*) FROM rows WHERE message IS NULL GROUP BY way"):
            found.setdefault(way, [0, 0, 0])[2] = waiting
        return {way: (one[0], one[1], one[2]) for way, one in sorted(found.items())}
