"""Intake in a worker: envelopes of reports in, envelopes of routed reports for desks out, poison put aside.

It is stateless. What it was given is routed and has landed before `take` returns; after a crash it may be routed
once more, which desks take for the repeat that it is.
"""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import structlog

from streams.envelope import Entry, EnvelopeError, seal, unseal
from streams.hosts.kafka.inbox import Place, pieces, written
from streams.hosts.kafka.teller import letters
from streams.ledger.kafka import AwayError
from streams.records import DeadLetter
from streams.stages.acceptance import Accepted, Refusal, check_report, decode_report
from streams.stages.desk.desks import MissingPackError
from streams.stages.intake import STAGE, route
from streams.topics import DESK, partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from streams.hosts.kafka.inbox import Message
    from streams.hosts.kafka.metrics import WorkerMetrics
    from streams.hosts.kafka.packs import Bundles, Orders
    from streams.hosts.kafka.sender import Mail, Sender
    from streams.records import RoutedReport

_log = structlog.get_logger(__name__)

LONGEST = 256 * 1024
"""Bytes of one report, as at the gateway."""

_PIECE = 8
"""Messages that are routed at once."""

_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)

_encode = msgspec.json.Encoder().encode


class Stamped(Accepted):
    """A report, and the desk that has its case already if the inlet knew of one."""

    desk: str = ""


def read(messages: Iterable[Message]) -> tuple[list[Stamped], list[DeadLetter]]:
    """Return the reports of messages, in their order, and what is none; a report has the id that it was given."""
    found: list[Stamped] = []
    dead: list[DeadLetter] = []
    for message in messages:
        value = message.value or b""
        try:
            entries = unseal(value)
        except EnvelopeError as error:
            dead.append(Place(message).letter(STAGE, error.reason, str(error), written(message), value))
            continue
        for index, entry in enumerate(entries):
            one = _accepted(entry, message, index)
            if isinstance(one, Refusal):
                at = entry.at if entry.at.tzinfo else written(message)
                letter = Place(message, index).letter(STAGE, one.reason, str(one), at, bytes(entry.body))
                dead.append(letter)
            else:
                found.append(one)
    return found, dead


def _accepted(entry: Entry, message: Message, index: int) -> Stamped | Refusal:
    if len(entry.body) > LONGEST:
        return Refusal("TOO_LARGE", "", f"{len(entry.body)} bytes", f"at most {LONGEST} a report")
    if entry.at.tzinfo is None:
        return Refusal("BAD_TIME", "at", entry.at.isoformat(), "a time with offset")
    original = bytes(entry.body)
    report = decode_report(original)
    if isinstance(report, Refusal):
        return report
    refusal = check_report(report, entry.at, backfill=True)  # how old a report may be is for its inlet to say
    if refusal is not None:
        return refusal
    if not report.report_id:
        report.report_id = entry.id or _named(entry, message, index)
    return Stamped(report, entry.at.astimezone(UTC), original, entry.desk)


def _named(entry: Entry, message: Message, index: int) -> str:
    """Return a UUIDv7 for a report that nobody has given an id, the same whenever it is read."""
    place = hashlib.sha256(Place(message, index).source.encode()).digest()
    stamp = int(entry.at.timestamp() * 1000) & ((1 << 48) - 1)
    rest = int.from_bytes(place[:10], "big")
    number = stamp << 80 | 7 << 76 | (rest >> 62 & 0xFFF) << 64 | 2 << 62 | rest & ((1 << 62) - 1)
    return str(UUID(int=number))


class Intake:
    """Routes what it is given by the bundle in force when it was accepted."""

    def __init__(
        self,
        bundles: Bundles,
        orders: Orders,
        sender: Sender,
        partitions: int,
        letter_partitions: int,
        metrics: WorkerMetrics,
        fail: Callable[[Exception], None],
    ) -> None:
        """`fail` is told what makes it impossible to go on."""
        self._bundles, self._orders, self._sender = bundles, orders, sender
        self._partitions, self._letter_partitions = partitions, letter_partitions
        self._metrics, self._fail = metrics, fail
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")

    async def take(self, messages: Sequence[Message]) -> None:
        """Route the reports of messages; return once what came of them has landed."""
        tries = 0
        while True:
            try:
                with self._metrics.intake_seconds.time():
                    count, dead = await self._all(messages)
            except MissingPackError as error:
                self._fail(error)
                await asyncio.Event().wait()
            except Exception as error:  # noqa: BLE001 - whatever leaves here counts as routed
                # No exception info: a traceback with its locals would put reports' texts into the log.
                kind = "warning" if isinstance(error, AwayError) else "error"
                getattr(_log, kind)("not routed, will be tried again", error=repr(error)[:500], tries=tries)
                self._metrics.retries.inc()
                await asyncio.sleep(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])
                tries += 1
            else:
                break
        self._metrics.routed.inc(count)
        self._metrics.inputs.put_aside(dead)

    async def _all(self, messages: Sequence[Message]) -> tuple[int, list[DeadLetter]]:
        """Route some messages while what came of those before is on its way. Raises MissingPackError, AwayError."""
        loop, count = asyncio.get_running_loop(), 0
        dead: list[DeadLetter] = []
        sending: list[asyncio.Future[None]] = []
        try:
            for piece in pieces(messages, _PIECE):
                mail, some, aside = await loop.run_in_executor(self._thread, self.routed, piece)
                sending.append(asyncio.ensure_future(self._sender.deliver(mail)))
                count, dead = count + some, dead + aside
            await asyncio.gather(*sending)
        finally:
            await asyncio.gather(*sending, return_exceptions=True)
        return count, dead

    def routed(self, messages: Sequence[Message]) -> tuple[Mail, int, list[DeadLetter]]:
        """Return what comes of messages: what is to be sent, how many reports were routed, and what was put aside.

        Raises MissingPackError.
        """
        batch, dead = read(messages)
        by_desk: dict[str, list[Entry]] = {}
        for accepted, outcome in self._outcomes(batch):
            if isinstance(outcome, DeadLetter):
                dead.append(outcome)
            else:
                entry = Entry(accepted.at, msgspec.Raw(_encode(outcome)), accepted.report.report_id)
                by_desk.setdefault(accepted.desk or outcome.placement.desk, []).append(entry)
        mail = letters(dead, self._letter_partitions)
        for desk, entries in by_desk.items():
            place = mail.setdefault((DESK, partition_of(desk, self._partitions)), [])
            place.extend((desk.encode(), message) for message in seal(entries))
        return mail, sum(map(len, by_desk.values())), dead

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _outcomes(self, batch: Sequence[Stamped]) -> Iterable[tuple[Stamped, RoutedReport | DeadLetter]]:
        by_pack: dict[str, list[Stamped]] = {}
        for accepted in batch:
            by_pack.setdefault(self._orders.at(accepted.at), []).append(accepted)
        for digest, some in by_pack.items():
            yield from zip(some, route(self._bundles(digest), some), strict=True)
