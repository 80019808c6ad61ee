"""Auditing a cluster: its logs and their chains, the steps of all cases, and that nothing accepted is missing.

Nothing is written to it, and workers may be at work meanwhile: what is under way counts as waiting.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.envelope import offset_of
from streams.hosts.kafka import inbox, intake
from streams.hosts.kafka.app import GROUP
from streams.ledger.audit import Anchor, Finding, Findings, LogAudit
from streams.ledger.kafka import AwayError, KafkaLog, Reader, Writer, partitions_of
from streams.records import Ack, Action, Attendance, Release, RoutedReport, Transfer
from streams.topics import DEAD_LETTERS, DESK, EFFECTS, REPORTS, partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from streams.records import Effects, Item
    from streams.settings import ClusterSettings

_SCHEMA = """
CREATE TABLE steps (case_no TEXT NOT NULL, seq INTEGER NOT NULL, verb TEXT NOT NULL, digest BLOB NOT NULL);
CREATE TABLE causes (cause TEXT PRIMARY KEY, taken INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE letters (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE reports (id TEXT NOT NULL, behind INTEGER NOT NULL);
CREATE TABLE pending (cause TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_TAKEN = ("REPORT", "APPEND")
"""The step with which a report begins to have an effect; others follow under the same cause."""

_SERIAL = 14
"""Where the serial begins in a case number: behind desk and date."""

_encode = msgspec.json.Encoder().encode


class _Named(msgspec.Struct):
    id: str


_named = msgspec.json.Decoder(_Named)


class ClusterAudit(msgspec.Struct, kw_only=True):
    """What an audit says; the keys are DESIGN §4.6's, and more. No table is here that could differ from the fold."""

    accepted: int
    applied: int
    waiting: int
    missing: list[str]
    records: int
    chain_ok: bool
    cases_equal_fold: bool | None
    repeated: list[str]
    identical_repeats: int
    stale_rejected: int
    applied_twice: int
    cases: int
    counts: dict[str, int]
    findings: list[Finding]
    heads: list[Anchor]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.counts


def audit(
    settings: ClusterSettings,
    anchors: Iterable[Anchor] = (),
    step: Callable[[str, float], None] = lambda _name, _share: None,
) -> ClusterAudit:
    """Audit a cluster. Raises AwayError if Kafka doesn't answer, or has no such topics."""
    with closing(sqlite3.connect("", isolation_level=None)) as db:
        db.executescript(_SCHEMA)
        db.execute("BEGIN")
        return _Auditor(settings.client(), db, list(anchors), step).run()


class _Within(Findings):
    """The findings of one partition's log, as a part of all."""

    def __init__(self, whole: Findings, partition: int) -> None:
        super().__init__()
        self._whole, self._partition = whole, partition

    def add(self, kind: str, where: str, text: str) -> None:
        """Note a finding."""
        self._whole.add(kind, f"{self._partition}/{where}", text)


class _Auditor:
    def __init__(
        self,
        client: Mapping[str, Any],
        db: sqlite3.Connection,
        anchors: list[Anchor],
        step: Callable[[str, float], None],
    ) -> None:
        self.client, self.db, self.anchors, self.step = client, db, anchors, step
        self.findings = Findings()
        self.partitions = partitions_of(client, EFFECTS)
        self.logs: list[LogAudit] = []

    def run(self) -> ClusterAudit:
        """Read reports first, then logs, then what waits: what moves meanwhile is then found further on."""
        self._reports()
        for number in range(self.partitions):
            self._log(number)
            self.step("日志 logs", (number + 1) / self.partitions)
        for number in range(self.partitions):
            self._waiting(number)
        for number in range(partitions_of(self.client, DEAD_LETTERS)):
            rows = ((_named.decode(message.value).id,) for message in self._messages(DEAD_LETTERS, number))
            self.db.executemany("INSERT OR IGNORE INTO letters VALUES (?)", rows)
        repeated, identical = self._steps()
        accepted, waiting, missing, twice = self._settle()
        return ClusterAudit(
            accepted=accepted,
            applied=accepted - waiting - len(missing),
            waiting=waiting,
            missing=missing,
            records=sum(log.records for log in self.logs),
            chain_ok=all(log.chain_ok for log in self.logs),
            cases_equal_fold=None,
            repeated=repeated,
            identical_repeats=identical,
            stale_rejected=sum(log.fold.rejected for log in self.logs),
            applied_twice=twice,
            cases=self._one("SELECT COUNT(DISTINCT case_no) FROM steps"),
            counts=dict(sorted(self.findings.counts.items())),
            findings=self.findings.examples,
            heads=[head for log in self.logs for head in log.heads],
        )

    def _reports(self) -> None:
        """Note each report that was accepted, and whether intake has said that it is done with it."""
        numbers = range(partitions_of(self.client, REPORTS))
        done = self._committed(numbers)
        for number in numbers:
            for piece in inbox.pieces(self._messages(REPORTS, number), 16):
                for message in piece:
                    found, dead = intake.read([message])
                    names = [one.report.report_id for one in found] + [letter.id for letter in dead]
                    behind = message.offset >= done[number]
                    self.db.executemany("INSERT INTO reports VALUES (?, ?)", [(name, behind) for name in names])
            self.step("上报 reports", (number + 1) / len(numbers))

    def _log(self, number: int) -> None:
        anchors = [one for one in self.anchors if partition_of(one.desk, self.partitions) == number]
        log = LogAudit(_Within(self.findings, number), anchors)
        rows = KafkaLog(self.client, Writer(self.client), number).bodies()
        for offset, record in log.read(rows, first=0):
            for desk in record.desks:
                try:
                    effects = record.of(desk)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    log.findings.add("LOG_UNREADABLE", f"{offset}", f"desk {desk}: {error}")
                else:
                    self._add(effects)
        log.finish()
        self.logs.append(log)

    def _add(self, effects: Effects) -> None:
        """Take in what came of some inputs at one desk."""
        self.db.executemany(
            "INSERT INTO steps VALUES (?, ?, ?, ?)",
            [
                (step.case_no, step.seq, step.verb, hashlib.sha256(_encode(step)).digest())
                for step in effects.transitions
            ],
        )
        causes = [(step.cause, step.verb in _TAKEN) for step in effects.transitions if ":" in step.cause]
        said = (f"attendance:{one.attendance_id}" for one in effects.attendance)
        causes += [(name, False) for name in (*effects.repeats, *said, *(sent.name for sent in effects.outgoing))]
        self.db.executemany(
            "INSERT INTO causes VALUES (?, ?) ON CONFLICT (cause) DO UPDATE SET taken = taken + excluded.taken",
            causes,
        )
        self.db.executemany(
            "INSERT OR IGNORE INTO letters VALUES (?)", [(letter.id,) for letter in effects.dead_letters]
        )

    def _waiting(self, number: int) -> None:
        """Note the inputs that no record covers yet."""
        applied = self.logs[number].fold.applied
        desks = _Any()
        for message in self._messages(DESK, number, max(0, offset_of(applied))):
            items, _ = inbox.read([message], desks, self.partitions)
            causes = [(_cause(item),) for item in items if item.position > applied]
            self.db.executemany("INSERT OR IGNORE INTO pending VALUES (?)", causes)

    def _steps(self) -> tuple[list[str], int]:
        """Hold all steps of each case against each other, whichever logs they are in."""
        repeated, identical = [], 0
        query = "SELECT case_no, seq, COUNT(*), COUNT(DISTINCT digest) FROM steps GROUP BY 1, 2 HAVING COUNT(*) > 1"
        for case_no, seq, count, kinds in self.db.execute(query).fetchall():
            identical += count - kinds
            if kinds > 1:
                repeated.append(f"{case_no}/{seq}")
                self.findings.add("CONTRADICTION", repeated[-1], f"{kinds} records say different things of it")
        query = "SELECT case_no, COUNT(DISTINCT seq) AS n, MAX(seq) AS last FROM steps GROUP BY 1 HAVING n < last"
        for case_no, count, last in self.db.execute(query).fetchall():
            self.findings.add("STEP_GAP", case_no, f"{count} steps, but the last one is number {last}")
        query = f"""
            SELECT substr(case_no, 1, {_SERIAL}), COUNT(DISTINCT case_no),
                MAX(CAST(substr(case_no, {_SERIAL + 1}) AS INTEGER))
            FROM steps WHERE verb = 'REPORT' GROUP BY 1
        """  # noqa: S608 - a number
        for day, count, highest in self.db.execute(query).fetchall():
            if count != highest:
                self.findings.add("SERIAL_GAP", day, f"{count} cases, but the last one has serial {highest}")
        return repeated, identical

    def _settle(self) -> tuple[int, int, list[str], int]:
        """Return how many reports were accepted and wait, which are missing, and how many were applied twice."""
        query = """
            SELECT reports.id, COUNT(*), SUM(behind), COALESCE(MAX(taken), 0), MAX(causes.cause IS NOT NULL),
                MAX(letters.id IS NOT NULL), MAX(pending.cause IS NOT NULL)
            FROM reports
            LEFT JOIN causes ON causes.cause = 'report:' || reports.id
            LEFT JOIN letters ON letters.id = reports.id
            LEFT JOIN pending ON pending.cause = 'report:' || reports.id
            GROUP BY reports.id
        """
        accepted = waiting = twice = 0
        missing: list[str] = []
        for name, times, behind, taken, caused, letter, pending in self.db.execute(query):
            accepted += times
            if taken > 1:
                twice += 1
                self.findings.add("TAKEN_TWICE", name, f"accepted {times} times, taken in {taken} times")
            if caused or letter:
                continue
            if behind or pending:
                waiting += times
            else:
                missing += [name] * times
                self.findings.add("REPORT_LOST", name, "accepted, but nothing came of it")
        return accepted, waiting, missing, twice

    def _messages(self, topic: str, number: int, start: int = 0) -> Iterator[Any]:
        with Reader(self.client, topic, number) as reader:
            first, end = reader.bounds()
            yield from reader.read(max(first, start), end)

    def _committed(self, numbers: Iterable[int]) -> dict[int, int]:
        """Return up to where intake is done with each partition of reports."""
        try:
            consumer = KafkaConsumer(**self.client, group_id=GROUP, enable_auto_commit=False, metrics_enabled=False)
            try:
                return {number: consumer.committed(TopicPartition(REPORTS, number)) or 0 for number in numbers}
            finally:
                consumer.close(autocommit=False)
        except KafkaError as error:
            raise AwayError(f"{self.client['bootstrap_servers']}: {error!r}") from error

    def _one(self, query: str) -> int:
        return int(self.db.execute(query).fetchone()[0])


class _Any:
    """A collection that holds every desk: whether one is known is the workers' to say."""

    def __contains__(self, _: object) -> bool:
        return True


def _cause(item: Item) -> str:
    """Return what steps name as their cause."""
    cause = ""
    match item.body:
        case RoutedReport() as routed:
            cause = f"report:{routed.report.report_id}"
        case Action() as action:
            cause = f"action:{action.action_id}"
        case Ack() as ack:
            cause = f"ack:{ack.alert_id}"
        case Transfer() as sent:
            cause = f"transfer:{sent.transfer_id}"
        case Release() as told:
            cause = f"release:{told.release_id}"
        case Attendance() as said:
            cause = f"attendance:{said.attendance_id}"
    return cause
