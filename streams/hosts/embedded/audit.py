"""Auditing an embedded host's file: log, chain and anchors, the tables that are folded from it, and all inputs.

Everything is read in one transaction, so a host may be at work on the file meanwhile. Nothing is written to it.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from streams.hosts.embedded.inputs import Inputs
from streams.hosts.embedded.store import VERSION, StoreError
from streams.ledger.audit import Anchor, Finding, Findings, LogAudit, StepAudit
from streams.ledger.records import Claim, decode
from streams.ledger.snapshots import TornError, manifests, read
from streams.ledger.sqlite import SqliteSnapshots
from streams.outlets.board.folding import Folding
from streams.outlets.board.tables import FOLDED, SCHEMA, Tables
from streams.stages.desk.lifecycle import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from streams.ledger.snapshots import Manifest
    from streams.records import Effects

_encode = msgspec.json.Encoder().encode
_ROWS = ("effects", "reports", "inbox")
"""Tables whose rows are numbered without a gap, and never taken away."""


class Audit(msgspec.Struct, kw_only=True):
    """What an audit says; the keys are DESIGN §4.6's, and more."""

    accepted: int
    applied: int
    waiting: int
    missing: list[str]
    records: int
    chain_ok: bool
    cases_equal_fold: bool
    repeated: list[str]
    identical_repeats: int
    stale_rejected: int
    counts: dict[str, int]
    findings: list[Finding]
    heads: list[Anchor]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.counts


class _Snapped(msgspec.Struct):
    cases: list[msgspec.Raw]


class _Numbered(msgspec.Struct):
    case_no: str
    state: str


def audit(
    path: Path, anchors: Iterable[Anchor] = (), step: Callable[[str, float], None] = lambda _name, _share: None
) -> Audit:
    """Audit a data file. Raises StoreError if there is none, or it is no file of this program."""
    with _opened(path) as db:
        return _Auditor(db, anchors, step).run()


class _Auditor:
    def __init__(self, db: sqlite3.Connection, anchors: Iterable[Anchor], step: Callable[[str, float], None]) -> None:
        self.db, self.step = db, step
        self.findings = Findings()
        self.tables = Tables(db)
        self.folding = Folding(self.tables)
        self.inputs = Inputs(db, self.findings)
        self.steps = StepAudit(self.findings, self._earlier)
        kept = (Anchor(*row) for row in db.execute('SELECT desk, "offset", head FROM data.heads'))
        self.log = LogAudit(self.findings, [*kept, *anchors])
        self.store = SqliteSnapshots(db)
        self.snapshots = {manifest.offset: (slot, manifest) for slot, manifest in manifests(self.store)}

    def run(self) -> Audit:
        """Read the log once, then hold the tables against it."""
        rows = self.db.execute('SELECT "offset", body FROM data.effects ORDER BY "offset"')
        last = self.db.execute('SELECT COALESCE(MAX("offset"), 0) FROM data.effects').fetchone()[0]
        for offset, record in self.log.read(rows, first=1):
            for desk in record.desks:
                try:
                    effects = record.of(desk)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    self.findings.add("LOG_UNREADABLE", f"{offset}", f"desk {desk}: {error}")
                else:
                    self._fold(offset, effects)
            if offset in self.snapshots:
                self._snapshot(*self.snapshots[offset])
            self.step("日志 log", offset / last)
        self.log.finish()
        self.steps.finish()
        self.folding.finish()
        for table in _ROWS:
            self._numbered(table)
        self._marks()
        equal = [self._same(table) for table in FOLDED]
        self.inputs.settle(self.log.fold.applied)
        if self.log.fold.rejected:
            text = "records do not count, but one process alone writes this file"
            self.findings.add("STRAY_RECORD", f"{self.log.fold.rejected}", text)
        return Audit(
            accepted=self.inputs.accepted,
            applied=self.inputs.accepted - len(self.inputs.missing) - self.inputs.waiting,
            waiting=self.inputs.waiting,
            missing=self.inputs.missing,
            records=self.log.records,
            chain_ok=self.log.chain_ok,
            cases_equal_fold=all(equal),
            repeated=self.steps.repeated,
            identical_repeats=self.steps.identical,
            stale_rejected=self.log.fold.rejected,
            counts=dict(sorted(self.findings.counts.items())),
            findings=self.findings.examples,
            heads=self.log.heads,
        )

    def _fold(self, offset: int, effects: Effects) -> None:
        for step in effects.transitions:
            self.steps.add(offset, step)
        self.inputs.add(effects)
        try:
            self.folding.add(offset, effects)
        except (TypeError, sqlite3.IntegrityError) as error:
            self.findings.add("NO_FOLD", f"{offset}", f"{type(error).__name__}: {error}")

    def _earlier(self, case_no: str, seq: int) -> bytes:
        """Return the first step of this number in the log, as bytes."""
        rows = self.db.execute('SELECT "offset" FROM main.steps WHERE case_no = ? ORDER BY "offset"', (case_no,))
        for (offset,) in rows.fetchall():
            body = self.db.execute('SELECT body FROM data.effects WHERE "offset" = ?', (offset,)).fetchone()[0]
            record = decode(body)
            assert not isinstance(record, Claim)
            for step in record.effects.transitions:
                if (step.case_no, step.seq) == (case_no, seq):
                    return _encode(step)
        return b""

    def _numbered(self, table: str) -> None:
        """Look whether rows were taken away, at the end of a table too."""
        count, highest = self.db.execute(f"SELECT COUNT(*), MAX(rowid) FROM data.{table}").fetchone()  # noqa: S608
        given = self.db.execute("SELECT seq FROM data.sqlite_sequence WHERE name = ?", (table,)).fetchone()
        expected = max(highest or 0, given[0] if given else 0)
        if count != expected:
            self.findings.add("ROW_MISSING", table, f"{count} rows; expected {expected}")

    def _marks(self) -> None:
        """Compare what the file notes of itself with what the log says."""
        meta = dict(self.db.execute("SELECT key, value FROM data.meta"))
        expected = {"applied": str(self.log.fold.applied), "epoch": str(self.log.fold.epoch)}
        expected["claim"] = self.log.chain.claim
        for key, value in expected.items():
            if (found := meta.get(key, "0" if key == "applied" else "")) != value:
                self.findings.add("MARK", key, f"{found or 'nothing'}; expected {value}, as the log says")

    def _same(self, table: str) -> bool:
        """Compare a folded table with the fold, row by row, byte for byte."""
        key = {"cases": "case_no", "steps": "case_no || '@' || \"offset\"", "alerts": "alert_id", "counters": "name"}
        same = True
        for have, lack, text in (("data", "main", "is not what the log says"), ("main", "data", "should be there")):
            query = f"SELECT {key[table]} FROM (SELECT * FROM {have}.{table} EXCEPT SELECT * FROM {lack}.{table})"  # noqa: S608
            for (name,) in self.db.execute(query):
                same = False
                self.findings.add(f"{table.upper()}_DIFFER", name, text)
        return same

    def _snapshot(self, slot: int, manifest: Manifest) -> None:
        """Compare a whole snapshot with the fold where it was taken; a torn one is nothing."""
        where = f"{manifest.offset}"
        try:
            chunks = [msgspec.json.decode(chunk, type=_Snapped) for chunk in read(self.store, slot, manifest)]
        except (TornError, msgspec.DecodeError, UnicodeDecodeError):
            return
        fold = self.log.fold
        if (manifest.applied, manifest.epoch, manifest.heads) != (fold.applied, fold.epoch, self.log.chain.heads):
            self.findings.add("SNAPSHOT", where, "position, epoch or heads are not those of the log there")
        held = 0
        for raw in (raw for chunk in chunks for raw in chunk.cases):
            case = msgspec.json.decode(raw, type=_Numbered)
            held += case.state in OPEN
            folded = self.folding.case(case.case_no)
            if folded is None or _encode(folded) != bytes(raw):
                self.findings.add("SNAPSHOT", where, f"case {case.case_no} is not what the log says")
        if held != self.folding.open:
            self.findings.add("SNAPSHOT", where, f"{held} open cases; expected {self.folding.open}")


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a scratch database with the board's tables, and the file as `data` beside it, as it is at one moment."""
    if not path.is_file():
        raise StoreError(f"{path}: 没有数据文件 there is no such file; expected the --data folder of onegrid run")
    db = sqlite3.connect("", isolation_level=None, uri=True)
    try:
        db.execute("ATTACH ? AS data", (f"file:{path}?mode=ro",))
        version = db.execute("PRAGMA data.user_version").fetchone()[0]
        if version != VERSION:
            raise StoreError(
                f"{path.name}: schema version {version}; expected {VERSION}: onegrid run upgrades an older file"
            )
        db.executescript(SCHEMA)
        db.execute("BEGIN")
        yield db
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path.name}: {error}; expected a file that onegrid made") from error
    finally:
        db.close()
