"""The deliverer: reads the log, makes messages when it is their turn, and sends them, each way by itself.

`step` does all three once, for a moment that it is given; `start` lets threads do so for real: one that reads and
makes, and two for each way, of which one sends the gravest alone: so a dead way holds up no other, and a message that
hangs no grave one.
"""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import structlog

from streams.ledger.fold import Fold
from streams.ledger.records import Claim
from streams.outlets.delivery.channels import DeliveryError, open_channel
from streams.outlets.delivery.messages import asked
from streams.outlets.delivery.outbox import Outbox, name_of
from streams.outlets.delivery.storm import AT_ONCE, groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from grids.telling import Alerting, Way
    from streams.ledger.records import Record
    from streams.outlets.delivery.channels import Channel
    from streams.outlets.delivery.outbox import Made
    from streams.records import Alert

_log = structlog.get_logger(__name__)

FIRST_S, LONGEST_S, JITTER = 1.0, 300.0, 0.2
"""Seconds until a message is tried again: twice as many each time, up to the longest, a fifth more or less."""

_LOOK_S = 0.1
"""Seconds between two looks at the log: with `grave_s` of alerts.toml, all that a grave alert waits."""

_IDLE_S = 0.2
_AGAIN_S = 1.0
"""Seconds after which waiting alerts are looked through anew where nothing has come and nothing grave waits."""

_TOLD_EVERY = 20
"""A message that fails is told of at first, and then once in so many tries."""

_KEPT_S = 40 * 86_400
_STALE_S = 86_400
_UNKEPT = 500
"""Records without an alert after which the position is kept all the same."""

_FORGET_S = 3600.0


def one_log(
    read: Callable[[int], Iterable[tuple[int, Record]]],
) -> Callable[[Mapping[str, int]], Iterable[tuple[str, int, Record]]]:
    """Let a deliverer follow one log alone."""
    return lambda known: (("", offset, record) for offset, record in read(known.get("", -1)))


def back_off(tries: int, chance: random.Random) -> float:
    """Return how many seconds to wait after so many failures."""
    wait = min(LONGEST_S, FIRST_S * 2.0 ** min(tries, 20))
    return wait * (1 + JITTER * (2 * chance.random() - 1))


class Deliverer:
    """Sends the alerts of some logs, and keeps its outbox in a folder.

    `read` yields records with the name of their log and their offset, behind the last offset of each log that it is
    given; of a log that is not among them, from the beginning.
    """

    def __init__(
        self,
        alerting: Alerting,
        read: Callable[[Mapping[str, int]], Iterable[tuple[str, int, Record]]],
        folder: Path,
        clock: Callable[[], datetime],
        *,
        channel: Callable[[Way], Channel] = open_channel,
        told: Callable[[Way, str], None] = lambda _way, _outcome: None,
    ) -> None:
        self.alerting = alerting
        self.outbox = Outbox(folder)
        self._read, self._clock, self._told = read, clock, told
        known = self.outbox.positions()
        self._offsets = {log: offset for log, (offset, _) in known.items()}
        self._folds = {log: fold for log, (_, fold) in known.items()}
        self.ways: Mapping[str, Way] = {name_of(way): way for many in alerting.ways.values() for way in many}
        self._channels = {name: channel(way) for name, way in self.ways.items()}
        self._chance = random.Random()  # noqa: S311 - nothing secret in a pause
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._made = {name: threading.Condition() for name in self.ways}
        self._busy: set[int] = set()

    def step(self, now: float) -> None:
        """Read what the log holds by now, make what is due, and try once to send what waits."""
        self.read(now)
        self.make(now)
        for name in self.ways:
            self.send(name, now)

    def read(self, now: float) -> bool:
        """Take up what the logs say is to be told since the last time; return whether there was anything.

        What is over a day old is told no more.
        """
        unkept, found = 0, False
        for log, offset, record in self._read(self._offsets):
            wanted: list[tuple[Way, Alert]] = []
            fold = self._folds.setdefault(log, Fold())
            if fold.counts(offset, record):
                assert not isinstance(record, Claim)
                effects = record.effects
                fresh = {alert.alert_id: alert for alert in effects.alerts}
                with self._lock:
                    for name, number in asked(effects, self.alerting.ways):
                        alert = fresh.get(name) or self.outbox.alert(name)
                        if alert is not None and alert.sent_at.timestamp() > now - _STALE_S:
                            wanted += [(way, alert) for way in self._ways(alert, number)]
            self._offsets[log], unkept = offset, unkept + 1
            if wanted or unkept % _UNKEPT == 0:
                found = found or bool(wanted)
                with self._lock:
                    self.outbox.add(log, offset, fold, wanted)
        return found

    def make(self, now: float) -> bool:
        """Turn alerts whose turn it is into messages; return whether grave ones wait for theirs."""
        storm, held = self.alerting.form.storm, False
        for name, way in self.ways.items():
            with self._lock:
                rows = self.outbox.waiting(name)
                if not rows:
                    continue
                made = self.outbox.made_since(name, now - storm.minutes * 60)
                found = list(groups(rows, made, storm, now))
                for grouped, own in found:
                    self.outbox.make(way, own, grouped, now)
            gone = {row.id for _, own in found for row in own}
            held = held or any(row.severity <= AT_ONCE and row.id not in gone for row in rows)
            if found:
                with self._made[name]:
                    self._made[name].notify_all()
        return held

    def send(self, name: str, now: float, *, first: bool | None = None) -> bool:
        """Try to send what waits on a way; return whether anything was tried.

        `first` picks the gravest and what they wait for, or the others; without it all are sent.
        """
        with self._lock:
            free = [one for one in self.outbox.unsent(name) if one.id not in self._busy]
            waiting = [one for one in free if one.next <= now and first in (None, one.first)]
        for one in waiting:
            if self._stopped.is_set() and self._threads:
                break
            self._try(name, one, now)
        return bool(waiting)

    def start(self) -> None:
        """Let threads deliver until `stop`."""
        self._threads = [threading.Thread(target=self._follow, name="onegrid-alerts", daemon=True)]
        self._threads += [
            threading.Thread(
                target=self._serve, args=(name, first), name=f"onegrid-way-{number}-{first}", daemon=True
            )
            for number, name in enumerate(self.ways)
            for first in (True, False)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the threads, each after what it is sending, and close the outbox; what waits stays in it."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self.outbox.close()

    @property
    def working(self) -> bool:
        """Whether all threads are at work."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def _ways(self, alert: Alert, number: int) -> list[Way]:
        """Return on which ways an alert goes: an update on each that the unit heard of the case on."""
        ways = self.alerting.ways.get(alert.unit, ())
        if number or not alert.references:
            return list(ways[number : number + 1])
        known = self.outbox.ways_of(alert.case_no, alert.unit)
        return [way for way in ways if way is ways[0] or name_of(way) in known]

    def _try(self, name: str, one: Made, now: float) -> None:
        way = self.ways[name]
        with self._lock:
            if one.id in self._busy or (message := self.outbox.message(one.id)) is None:
                return  # the other thread of this way has it
            self._busy.add(one.id)
        try:
            self._channels[name].send(message, now)
        except DeliveryError as error:
            with self._lock:
                self.outbox.failed(one.id, str(error), now + back_off(one.tries, self._chance))
            self._told(way, "failed")
            if one.tries % _TOLD_EVERY == 0:
                _log.warning(
                    "alert not delivered", kind=way.kind, unit=way.unit, tries=one.tries + 1, error=str(error)
                )
            return
        else:
            with self._lock:
                self.outbox.sent(one.id, now)
        finally:
            with self._lock:
                self._busy.discard(one.id)
        self._told(way, "sent")

    def _follow(self) -> None:
        forgotten, looked, held = self._now(), 0.0, False
        while not self._stopped.wait(_LOOK_S):
            try:
                came = self.read(self._now())
                if came or held or self._now() >= looked + _AGAIN_S:
                    looked = self._now()
                    held = self.make(looked)
                if self._now() > forgotten + _FORGET_S:
                    forgotten = self._now()
                    with self._lock:
                        self.outbox.forget(forgotten - _KEPT_S)
            except Exception as error:  # noqa: BLE001 - a full disk must not end deliveries for good
                _log.error("alerts not read", error=repr(error))
                self._stopped.wait(FIRST_S)

    def _now(self) -> float:
        return self._clock().timestamp()

    def _serve(self, name: str, first: bool) -> None:
        while not self._stopped.is_set():
            try:
                tried = self.send(name, self._now(), first=first)
            except Exception as error:  # noqa: BLE001 - as above
                _log.error("way stands still", way=name, error=repr(error))
                tried = False
            if not tried:
                with self._made[name]:
                    self._made[name].wait(_IDLE_S)
