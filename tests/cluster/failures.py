"""What is done to a cluster, and what must hold afterwards: nothing lost, nothing applied twice, no number missing.

Each takes a Field and returns figures; it raises AssertionError if anything does not hold.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from streams.envelope import Entry
from streams.hosts.kafka.local import free_port, start_gateway, wait_ready
from streams.hosts.kafka.processes import end
from streams.inlets.posting import HttpSender
from streams.ledger.kafka import Writer
from streams.topics import REPORTS
from tests.cluster.storm import SESSION_S, Storm

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from servers import Brokers, Redis

    from streams.settings import ClusterSettings

TAKEOVER_S = SESSION_S + 5
"""Seconds after which a killed worker's districts are served again."""


@dataclass
class Field:
    """What a failure is tried on: topics that are clean, a city, reports, and a folder for logs."""

    settings: ClusterSettings
    city: Path
    lines: Sequence[bytes]
    folder: Path
    rate: float = 0
    frozen_s: float = 60
    brokers: Brokers | None = None
    redis: Redis | None = None

    def storm(self, **given: Any) -> Storm:
        return Storm(self.settings, self.city, self.lines, self.folder, rate=self.rate, **given)


Failure = Callable[[Field], dict[str, Any]]


def sigkill_of_one(field: Field) -> dict[str, Any]:
    """One of two workers dies; the other serves its districts; a third one comes."""
    with field.storm() as storm:
        storm.start(2)
        storm.flow_until(0.3)
        busy = [number for number in storm.workers[0].health["held"] if storm.tally.partitions[number].last]
        since = time.monotonic()
        storm.kill(storm.workers[0])
        took = storm.served(busy, since)
        assert took <= TAKEOVER_S, f"districts were served again after {took:.1f} s"
        storm.launch()
        return storm.finish() | {"takeover_s": round(took, 1), "taken_over": len(busy)}


def sigkill_of_all(field: Field) -> dict[str, Any]:
    """All workers die at once, and others come a moment later."""
    with field.storm() as storm:
        storm.start(2)
        storm.flow_until(0.4)
        for worker in list(storm.workers):
            storm.kill(worker)
        time.sleep(2)
        since = time.monotonic()
        storm.launch(2)
        storm.held()
        took = time.monotonic() - since
        return storm.finish() | {"back_s": round(took, 1)}


def rolling_restart(field: Field) -> dict[str, Any]:
    """Each worker is told to stop and another one takes its place, one after the other, as in an upgrade."""
    with field.storm() as storm:
        for worker in storm.start(2):
            storm.flow_until(0.25 if worker is storm.workers[0] else 0.6)
            storm.stop(worker)
            storm.start()
        return storm.finish()


def broker_restart(field: Field) -> dict[str, Any]:
    """The only broker is killed and comes back, twice; reports come in by a gateway, which keeps them meanwhile."""
    assert field.brokers is not None
    address, broker = f"127.0.0.1:{free_port()}", field.settings.broker
    field.folder.mkdir(parents=True, exist_ok=True)
    gateway = start_gateway(field.folder, field.city, broker, "", address)
    try:
        wait_ready(field.folder, [gateway], address, 0)
        with field.storm(sender=lambda: HttpSender(f"http://{address}")) as storm:
            storm.start(2)
            for share in (0.3, 0.6):
                storm.flow_until(share)
                field.brokers.stop(1, kill=True)
                storm.flow_until(share + 0.1)
                field.brokers.start(1)
            return storm.finish(120)
    finally:
        assert end([gateway], 40) == []


def leader_loss(field: Field) -> dict[str, Any]:
    """Of three brokers one that leads dies, and comes back; then another one."""
    assert field.brokers is not None
    with field.storm() as storm:
        storm.start(2)
        for node, share in ((1, 0.3), (2, 0.65)):
            storm.flow_until(share)
            field.brokers.stop(node, kill=True)
            storm.flow_until(share + 0.15)
            field.brokers.start(node)
            time.sleep(5)  # until it is in sync again: with two of three gone nothing may be acknowledged
        return storm.finish(120)


def redis_loss(field: Field) -> dict[str, Any]:
    """Redis dies while reports flow, comes back, and is flushed; the board catches up with the log."""
    assert field.redis is not None
    with field.storm(redis=field.redis.address) as storm:
        storm.start(2)
        storm.flow_until(0.3)
        field.redis.stop(kill=True)
        storm.flow_until(0.5)
        field.redis.start()
        storm.flow_until(0.7)
        _flush(field.redis.address)
        figures = storm.finish()
        return figures | {"board_s": _board_is_whole(field, storm)}


def _flush(address: str) -> None:
    import redis  # noqa: PLC0415 - the fixture of this name is what tests see otherwise

    host, _, port = address.partition(":")
    redis.Redis(host, int(port)).flushall()


def _board_is_whole(field: Field, storm: Storm) -> float:
    """Wait until the board has every case, each at its last step; return the seconds that took."""
    from streams.outlets.board.link import connect  # noqa: PLC0415
    from streams.outlets.board.redis import RedisBoard  # noqa: PLC0415

    assert field.redis is not None
    settings = field.settings.model_copy(update={"redis": field.redis.address})
    last: dict[str, int] = {}
    began = time.monotonic()
    while True:
        storm.tally.read()
        for case_no, seq in storm.tally.steps:
            last[case_no] = max(last.get(case_no, 0), seq)
        board = RedisBoard(connect(settings))
        try:
            found = {case.case_no: case.seq for case in board.all_cases()}
        finally:
            board.close()
        if found == last:
            return round(time.monotonic() - began, 1)
        wrong = {case_no: (found.get(case_no), seq) for case_no, seq in last.items() if found.get(case_no) != seq}
        assert time.monotonic() - began < 60, f"{len(wrong)} cases differ, as {list(wrong.items())[:3]}"
        time.sleep(0.5)


def frozen_worker(field: Field) -> dict[str, Any]:
    """A worker stands still, others take its districts over, and it goes on where it was."""
    with field.storm() as storm:
        storm.start(2)
        storm.flow_until(0.3)
        frozen = storm.workers[0]
        frozen.process.send_signal(signal.SIGSTOP)
        until, before = time.monotonic() + field.frozen_s, len(storm.tally.claims)
        while time.monotonic() < until:
            storm.tally.read(100)
        assert len(storm.tally.claims) > before, "nobody took the frozen worker's districts over"
        frozen.process.send_signal(signal.SIGCONT)
        return storm.finish()


def clock_skew(field: Field) -> dict[str, Any]:
    """Two workers' clocks are 30 s apart, and one of them is replaced in the middle."""
    with field.storm() as storm:
        storm.start(2, skew=(15.0, -15.0))
        storm.flow_until(0.4)
        storm.stop(storm.workers[0])
        storm.start(1, skew=(15.0,))
        figures = storm.finish()
        ahead = storm.tally.claims
        assert min(ahead) < -10 < 10 < max(ahead), f"the clocks were not set wrong: {ahead}"
        return figures


def long_outage(field: Field) -> dict[str, Any]:
    """Nobody works for a day: the clocks of all open cases have run out when workers come back."""
    with field.storm() as storm:
        (worker,) = storm.start(1)
        storm.flow_until(1.0)
        storm.finish()
        storm.stop(worker)
        before, since = len(storm.tally.steps), time.monotonic()
        storm.start(1, skew=(86_400.0,))  # its ticks say that a day has gone by
        busy = [number for number, where in storm.tally.partitions.items() if where.last]
        took = storm.served(busy, since, patience=300)
        figures = storm.finish()
        return figures | {"fired": len(storm.tally.steps) - before, "served_s": round(took, 1)}


def poison(field: Field) -> dict[str, Any]:
    """Every twentieth message is one that nobody can read, or too large, or of another version."""
    count = max(4, len(field.lines) // 20)
    with field.storm() as storm:
        storm.start(2)
        writer = Writer(field.settings.client())
        partitions = len(storm.tally.partitions)
        kinds: Counter[str] = Counter()
        for number in range(count):
            storm.flow_until(number / count)
            kind, message = _POISONS[number % len(_POISONS)]
            kinds[kind] += 1
            writer.deliver(REPORTS, number % partitions, message(number), f"poison-{number}")
        writer.close()
        figures = storm.finish()
        until = time.monotonic() + 60
        while storm.tally.reasons.total() < count and time.monotonic() < until:
            storm.tally.read()
        assert storm.tally.reasons == kinds, f"{dict(storm.tally.reasons)}; expected {dict(kinds)}"
        return figures | {"poison": count, **kinds}


def _envelope(schema: int, body: bytes) -> bytes:
    entry = Entry(datetime.now(UTC), msgspec.Raw(body), "")
    return msgspec.json.encode({"schema": schema, "items": [entry]})


_POISONS: list[tuple[str, Callable[[int], bytes]]] = [
    ("NOT_AN_ENVELOPE", lambda number: b'{"schema":1,"items":[["oops %d' % number),
    ("WRONG_SCHEMA", lambda number: _envelope(99, b'{"n":%d}' % number)),
    ("TOO_LARGE", lambda number: _envelope(1, b'{"text":"%d%s"}' % (number, b"x" * (2 << 20)))),
    ("MISSING_FIELD", lambda number: _envelope(1, b'{"system":"poison-%d"}' % number)),
]


SINGLE: dict[str, Failure] = {
    "sigkill of one": sigkill_of_one,
    "sigkill of all": sigkill_of_all,
    "rolling restart": rolling_restart,
    "frozen worker": frozen_worker,
    "poison": poison,
    "clock skew": clock_skew,
}
"""Those that any broker will do for."""
