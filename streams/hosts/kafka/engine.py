"""What a gateway of a cluster hands over to: reports, actions and acknowledgements, into Kafka or onto its own disk.

Whoever calls waits until all replicas have what was sent, or, while Kafka is away, until it is on the spool. Calls
that wait at the same time are sent together. As long as anything is spooled, what comes goes behind it; so of one
key nothing overtakes anything. Whatever is not known to have landed is sent again: desks know what they have.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from streams.envelope import Entry, seal
from streams.hosts.kafka.spool import Letter, SpoolFullError
from streams.ledger.kafka import AwayError, Writer, partitions_of
from streams.outlets.board import BoardAwayError
from streams.records import Attendance
from streams.topics import DEAD_LETTERS, DESK, REPORTS, partition_of, report_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from streams.hosts.kafka.spool import Spool
    from streams.inlets.gateway.metrics import GatewayMetrics
    from streams.outlets.board.redis import RedisBoard
    from streams.records import DeadLetter, Said
    from streams.settings import ClusterSettings
    from streams.stages.acceptance import Accepted

_log = structlog.get_logger(__name__)

PATIENCE_MS = 5000
"""How long Kafka is waited for before what came is spooled."""

_GROUP = 256
"""Calls that are sent together at most."""

_PAUSE_S = 1.0
"""How long to wait before Kafka is tried again."""

_DESK_OF = slice(0, 6)
"""Where a case number names the desk that gave it."""

_encode = msgspec.json.Encoder().encode


@dataclass
class _Call:
    reports: Sequence[Accepted] = ()
    deeds: Sequence[tuple[Said, datetime]] = ()
    refused: Sequence[DeadLetter] = ()
    begun: float = field(default_factory=time.perf_counter)
    done: Future[None] = field(default_factory=Future)


class KafkaEngine:
    """One gateway's way into a cluster.

    `desks` are the city's, `city_desk` the one that is asked about cases of none of them. While the board is away, an
    action goes to the desk that its case number names, which sends it on if the case has moved.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        spool: Spool,
        desks: Collection[str],
        city_desk: str,
        board: RedisBoard,
        metrics: GatewayMetrics,
        *,
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        self.spool, self.metrics = spool, metrics
        self._desks, self._city_desk, self._board = desks, city_desk, board
        self._client = settings.client()
        self._writer = Writer(self._client, delivery_ms=patience_ms)
        self._partitions: dict[str, int] = {}
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._order = threading.Lock()
        self._direct = False
        self._stopped = threading.Event()
        self._wanted = threading.Event()
        self._taking = threading.Thread(target=self._take, name="gateway", daemon=True)
        self._draining = threading.Thread(target=self._drain, name="spool", daemon=True)

    def start(self) -> None:
        """Begin to take in; what an earlier run has left on the spool is sent as soon as Kafka is there."""
        self._taking.start()
        self._draining.start()

    def stop(self) -> None:
        """Take in what waits, and end; what is on the spool stays there for the next run."""
        self._stopped.set()
        self._wanted.set()
        self._calls.put(None)
        self._taking.join()
        if self._partitions:
            self._draining.join()  # else it only waits for Kafka to answer, and touches nothing afterwards
        self._writer.close()
        self.spool.close()

    @property
    def healthy(self) -> bool:
        """Whether anything can be taken in."""
        return self._taking.is_alive() and self._draining.is_alive() and (self._direct or not self.spool.full)

    @property
    def direct(self) -> bool:
        """Whether what comes goes to Kafka at once."""
        return self._direct

    def accept(self, reports: Sequence[Accepted]) -> Future[None]:
        """Take reports in; the future is done once all replicas have them, or the disk."""
        return self._put(_Call(reports=reports))

    def submit(self, actions: Sequence[tuple[Said, datetime]]) -> Future[None]:
        """Take actions and acknowledgements in; the future is done once all replicas have them, or the disk."""
        return self._put(_Call(deeds=actions))

    def refuse(self, letters: Sequence[DeadLetter]) -> Future[None]:
        """Keep what was refused and has to be known; the future is done once all replicas have it, or the disk."""
        return self._put(_Call(refused=letters))

    def _put(self, call: _Call) -> Future[None]:
        if self._stopped.is_set() or not self._taking.is_alive():
            call.done.set_exception(RuntimeError("the gateway has stopped"))
        else:
            self._calls.put(call)
        return call.done

    def _take(self) -> None:
        stop = False
        while not stop:
            calls, stop = self._collect()
            if calls:
                self._turn(calls)

    def _collect(self) -> tuple[list[_Call], bool]:
        calls: list[_Call] = []
        call = self._calls.get()
        while call is not None:
            calls.append(call)
            if len(calls) == _GROUP:
                return calls, False
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return calls, False
        return calls, True

    def _turn(self, calls: Sequence[_Call]) -> None:
        """Send what calls have brought, or spool it; tell them."""
        try:
            by = self._hand_over(self._letters(calls))
        except BaseException as error:  # noqa: BLE001 - told to whoever waits; the next call is tried anew
            name = "SPOOL_FULL" if isinstance(error, SpoolFullError) else type(error).__name__
            self.metrics.refused.labels(name).inc(len(calls))
            if not isinstance(error, SpoolFullError):
                # No exception info: a traceback with its locals would put reports' texts into the log.
                _log.error("not taken in", error=repr(error)[:500], calls=len(calls))
            for call in calls:
                call.done.set_exception(error)
            return
        now = time.perf_counter()
        for call in calls:
            self.metrics.accepted.labels("report", by).inc(len(call.reports))
            self.metrics.accepted.labels("action", by).inc(len(call.deeds))
            self.metrics.seconds.observe(now - call.begun)
            call.done.set_result(None)

    def _hand_over(self, letters: Sequence[Letter]) -> str:
        """Put letters where they are safe; return where that is."""
        if self._direct:
            left = self._send(letters)
            if not left:
                return "kafka"
            self._direct = False
            _log.warning("kafka is away, what comes is spooled", spool=str(self.spool.path))
            letters = left
        with self._order:
            if not self._direct:
                try:
                    self.spool.put(letters)
                finally:
                    self._wanted.set()
                return "spool"
        return self._hand_over(letters)

    def _send(self, letters: Iterable[Letter]) -> list[Letter]:
        """Send letters; return those of each key of which not all are known to have landed."""
        keyed: dict[tuple[str, str], list[Letter]] = {}
        for letter in letters:
            keyed.setdefault((letter.topic, letter.key), []).append(letter)
        flying: list[tuple[list[Letter], list[Any]]] = []
        left: list[Letter] = []
        for (topic, key), many in keyed.items():
            if left:
                left += many  # whoever is away is not waited for once more
                continue
            try:
                place = partition_of(key, self._partitions[topic])
                messages = (
                    (bytes(one.entry.body) for one in many)  # each by itself, as its topic has them
                    if topic == DEAD_LETTERS
                    else seal(one.entry for one in many)
                )
                flying.append((many, [self._writer.send(topic, place, message, key) for message in messages]))
            except AwayError:
                left += many
        away = bool(left)
        for many, sent in flying:
            if away and not all(future.is_done for _, future in sent):
                left += many  # each of a hundred keys would be waited for as long as the first
                continue
            try:
                for one in sent:
                    self._writer.landed(*one)
            except AwayError:
                away = True
                left += many
        return left

    def _drain(self) -> None:
        """Send what is spooled, the oldest first; once nothing is left, let what comes go to Kafka at once."""
        while not self._stopped.is_set():
            self._wanted.clear()
            try:
                self._know_partitions()
                while not self._stopped.is_set() and not self._direct:
                    last, letters = self.spool.first()
                    if letters:
                        if self._send(letters):
                            raise AwayError("what was spooled has not landed")
                        self.spool.drop(last)
                        self.metrics.drained.inc(len(letters))
                        continue
                    with self._order:
                        self._direct = not self.spool.count
                    if self._direct:
                        _log.info("kafka is there, nothing is spooled")
            except OSError as error:  # Kafka away, or the disk full
                _log.info("spooled", count=self.spool.count, error=str(error)[:300])
                self._stopped.wait(_PAUSE_S)
                continue
            self._wanted.wait()

    def _know_partitions(self) -> None:
        if not self._partitions:
            self._partitions = {topic: partitions_of(self._client, topic) for topic in (REPORTS, DESK, DEAD_LETTERS)}
        self._board.partitions = self._partitions[DESK]

    def _letters(self, calls: Iterable[_Call]) -> list[Letter]:
        """Address what calls have brought, in their order."""
        reports = [one for call in calls for one in call.reports]
        deeds = [one for call in calls for one in call.deeds]
        homes = self._homes(reports)
        found = []
        for one in reports:
            report = one.report
            number = (report.system, report.system_no)
            entry = Entry(one.at, msgspec.Raw(one.original), report.report_id, homes.get(number, ""))
            found.append(Letter(REPORTS, report_key(*number), entry))
        has = iter(self._having([deed.case_no for deed, _ in deeds if not isinstance(deed, Attendance)]))
        for deed, at in deeds:
            entry = Entry(at.astimezone(UTC), msgspec.Raw(_encode(deed)))
            desks = sorted(self._desks) if isinstance(deed, Attendance) else (next(has),)
            found += [Letter(DESK, desk, entry) for desk in desks]
        found += [
            Letter(DEAD_LETTERS, letter.stage, Entry(letter.at, msgspec.Raw(_encode(letter))))
            for call in calls
            for letter in call.refused
        ]
        return found

    def _homes(self, reports: Iterable[Accepted]) -> Mapping[tuple[str, str], str]:
        """Return the desks that have the cases of source numbers already, as far as the board tells."""
        numbers = list(dict.fromkeys((one.report.system, one.report.system_no) for one in reports))
        if not numbers:
            return {}
        try:
            found = zip(numbers, self._board.home(numbers), strict=True)
        except BoardAwayError:
            return {}
        homes = {number: home[0] for number, home in found if home is not None and home[0] in self._desks}
        self.metrics.stamped.inc(len(homes))
        return homes

    def _having(self, numbers: Sequence[str]) -> list[str]:
        """Return the desks that have cases, as far as the board tells; else those that the numbers name."""
        known: Sequence[str | None] = [None] * len(numbers)
        if numbers:
            with suppress(BoardAwayError):
                known = self._board.desks(numbers)
        named = (number[_DESK_OF] for number in numbers)
        return [
            desk or (name if name in self._desks else self._city_desk)
            for desk, name in zip(known, named, strict=True)
        ]
