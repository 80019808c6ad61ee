"""Whether every input of an embedded host came to something: a part of its audit.

An input is named as a cause is: `report:…`, `action:…`, `ack:…`, `transfer:…`. Each must have led to a step, be
marked as a repeat, have been sent on, or be a dead letter; and a report once for each time that it was accepted.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import sqlite3

    from streams.ledger.audit import Findings
    from streams.records import Effects

_TAKEN = ("REPORT", "APPEND")
"""The step with which a report begins to have an effect; others follow under the same cause."""

_SCHEMA = (
    "CREATE TABLE main.causes (cause TEXT PRIMARY KEY, taken INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE main.letters (body BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE main.settled (id TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID",
)

_encode = msgspec.json.Encoder().encode


class _Named(msgspec.Struct, frozen=True):
    report_id: str = ""


class _Input(msgspec.Struct):
    """What an input is called; the rest of it is passed over."""

    type: str
    report: _Named = _Named()
    action_id: str = ""
    alert_id: str = ""
    transfer_id: str = ""
    release_id: str = ""
    attendance_id: str = ""

    @property
    def id(self) -> str:
        """Its own id; empty for one that nobody waits for."""
        about = self.action_id or self.alert_id or self.transfer_id or self.release_id or self.attendance_id
        return self.report.report_id or about

    @property
    def cause(self) -> str:
        """What steps name as their cause."""
        kind = "report" if self.type == "RoutedReport" else self.type.lower()
        return f"{kind}:{self.id}" if self.id else ""


_input = msgspec.json.Decoder(_Input)


class Inputs:
    """Takes in what the log holds, then holds journal, inbox and dead letters against it."""

    def __init__(self, db: sqlite3.Connection, findings: Findings) -> None:
        self.findings = findings
        self.accepted, self.waiting = 0, 0
        self.missing: list[str] = []
        self._db = db
        for statement in _SCHEMA:
            db.execute(statement)

    def add(self, effects: Effects) -> None:
        """Take in what came of some inputs at one desk."""
        taken: Counter[str] = Counter()
        for step in effects.transitions:
            taken[step.cause] += step.cause.startswith("report:") and step.verb in _TAKEN
        taken.update(effects.repeats)
        said = (f"attendance:{one.attendance_id}" for one in effects.attendance)
        for name in (*(sent.name for sent in effects.outgoing), *said):
            taken[name] += 0
        self._upsert("causes", taken)
        self._upsert("letters", Counter(_encode(letter) for letter in effects.dead_letters))

    def settle(self, applied: int) -> None:
        """Hold all inputs through the applied position of the inbox against what came of them."""
        self._letters()
        pending = self._inbox(applied)
        self._journal(pending)

    def _letters(self) -> None:
        """Look whether the log's dead letters are in their table, and the desk's there in the log."""
        query = """
            SELECT id, times, found FROM (SELECT body, times FROM main.letters)
            LEFT JOIN (SELECT body AS kept, id, COUNT(*) AS found FROM data.dead_letters GROUP BY body) ON body = kept
            WHERE found IS NULL OR found < times
        """
        for name, times, found in self._db.execute(query):
            self.findings.add("LETTER_MISSING", name or "?", f"kept {found or 0} times; the log has it {times} times")
        query = """
            SELECT id FROM data.dead_letters
            WHERE stage = 'desk' AND body NOT IN (SELECT body FROM main.letters) ORDER BY position
        """
        for (name,) in self._db.execute(query):
            self.findings.add("LETTER_STRAY", name, "a dead letter of a desk that the log does not have")

    def _inbox(self, applied: int) -> set[str]:
        """Look whether each applied input came to something; return the causes of those that wait."""
        letters: Counter[str] = Counter()
        query = "SELECT id, reason, COUNT(*) FROM data.dead_letters GROUP BY id, reason"
        for name, reason, times in self._db.execute(query).fetchall():
            letters[self._of_position(name) if reason == "INTERNAL_ERROR" else name] += times
        self._upsert("settled", letters)
        pending: set[str] = set()
        for position, body in self._db.execute("SELECT position, body FROM data.inbox ORDER BY position"):
            try:
                one = _input.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self.findings.add("INBOX_UNREADABLE", f"{position}", str(error))
                continue
            if not one.cause:
                continue
            if position > applied:
                pending.add(one.cause)
            elif not self._has("causes", "cause", one.cause) and one.id not in letters:
                self.findings.add("INPUT_LOST", one.cause, f"inbox {position}: nothing came of it")
        return pending

    def _journal(self, pending: set[str]) -> None:
        """Look whether each accepted report came to something, as often as it was accepted."""
        row = self._db.execute("SELECT value FROM data.meta WHERE key = 'routed'").fetchone()
        routed = int(row[0]) if row else 0
        self.accepted, last = self._db.execute("SELECT COUNT(*), MAX(position) FROM data.reports").fetchone()
        if routed > (last or 0):
            self.findings.add(
                "ROW_MISSING", "reports", f"the last is {last or 0}; expected {routed}, which was routed"
            )
        query = """
            SELECT report_id, COUNT(*), SUM(position > ?), COALESCE(MAX(taken), 0), COALESCE(MAX(times), 0)
            FROM data.reports
            LEFT JOIN main.causes ON cause = 'report:' || report_id LEFT JOIN main.settled ON id = report_id
            GROUP BY report_id ORDER BY MIN(position)
        """
        for name, times, behind, taken, letters in self._db.execute(query, (routed,)):
            self.waiting += behind
            lacking = times - behind - taken - letters
            if taken > times:
                self.findings.add("TAKEN_TWICE", name, f"accepted {times} times, taken in {taken} times")
            elif lacking > 0 and f"report:{name}" in pending:
                self.waiting += lacking
            elif lacking > 0:
                self.missing += [name] * lacking
                self.findings.add("REPORT_LOST", name, "accepted, but nothing came of it")
        query = """
            SELECT cause FROM main.causes WHERE taken > 0 AND cause LIKE 'report:%'
            AND substr(cause, 8) NOT IN (SELECT report_id FROM data.reports)
        """
        for (cause,) in self._db.execute(query):
            self.findings.add("NOT_ACCEPTED", cause, "it had an effect, but the journal does not have it")

    def _of_position(self, name: str) -> str:
        """Return the id of the input whose place a dead letter names, as desk and position."""
        position = name.rpartition("-")[2]
        row = self._db.execute("SELECT body FROM data.inbox WHERE position = ?", (position,)).fetchone()
        return _input.decode(row[0]).id if row else name

    def _has(self, table: str, column: str, value: str) -> bool:
        query = f"SELECT 1 FROM main.{table} WHERE {column} = ?"  # noqa: S608 - named above
        return self._db.execute(query, (value,)).fetchone() is not None

    def _upsert(self, table: str, counts: Counter[str] | Counter[bytes]) -> None:
        column, number = {"causes": ("cause", "taken"), "letters": ("body", "times"), "settled": ("id", "times")}[
            table
        ]
        self._db.executemany(
            f"INSERT INTO main.{table} VALUES (?, ?) ON CONFLICT ({column}) "  # noqa: S608 - named above
            f"DO UPDATE SET {number} = {number} + excluded.{number}",
            list(counts.items()),
        )
