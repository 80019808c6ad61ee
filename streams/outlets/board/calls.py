"""Alert streams: what a command centre has to be told, one stream a desk, one consumer group a centre.

    centre = Calls(link, "990101", "990101-CC")
    for entry, alert in centre.take("console-1"):
        ...                         # deliver it
        centre.done(entry)

What nobody has confirmed is given out again to whoever asks. After Redis has forgotten, the streams are made anew
from the log with all that they keep, so whoever takes an alert knows it again by its alert_id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from redis.exceptions import ResponseError

from streams.outlets.board import names
from streams.records import Alert

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.outlets.board.link import Link

IDLE_S = 60.0
"""After so long an alert that was taken and not confirmed is given to somebody else."""

T = TypeVar("T")

_alert = msgspec.json.Decoder(Alert)


class Calls:
    """The alerts of one desk, for one centre. The group is made when first needed, and begins with all there is."""

    def __init__(self, link: Link, desk: str, centre: str, *, idle: float = IDLE_S) -> None:
        self._link, self._stream, self._centre = link, f"{names.STREAM}{desk}", centre
        self._idle = int(idle * 1000)

    def take(self, consumer: str, count: int = 100) -> list[tuple[str, Alert]]:
        """Return alerts to tell of, with the entries by which they are confirmed: forgotten ones first, then new."""

        def work(redis: Any) -> list[tuple[str, Alert]]:
            _, again, _ = redis.xautoclaim(
                self._stream, self._centre, consumer, min_idle_time=self._idle, start_id="0", count=count
            )
            left = count - len(again)
            found = redis.xreadgroup(self._centre, consumer, {self._stream: ">"}, count=left) if left else []
            fresh = [entry for _, entries in found for entry in entries]
            return [(entry.decode(), _alert.decode(fields[b"alert"])) for entry, fields in (*again, *fresh)]

        return self._grouped(work)

    def done(self, *entries: str) -> None:
        """Confirm what has been told."""
        self._grouped(lambda redis: redis.xack(self._stream, self._centre, *entries))

    def waiting(self) -> int:
        """Count the alerts that were taken and not confirmed yet."""
        return self._grouped(lambda redis: int(redis.xpending(self._stream, self._centre)["pending"]))

    def _grouped(self, work: Callable[[Any], T]) -> T:
        """Do something with the group, which is made if it is not there."""

        def tried(redis: Any) -> T:
            try:
                return work(redis)
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
            try:
                redis.xgroup_create(self._stream, self._centre, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):  # somebody else was quicker
                    raise
            return work(redis)

        return self._link(tried)
