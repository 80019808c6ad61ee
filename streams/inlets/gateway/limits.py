"""What a gateway allows: bytes held at once, time for a body, and reports a second for each caller."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from starlette.requests import Request

HELD = 256 * 1024 * 1024
"""Bytes of unfinished bodies that all callers together may leave in memory."""

IDLE_S = 30.0
"""Seconds for which a body may bring nothing before its caller is given up."""

WHOLE_S = 300.0
"""Seconds that a body which is read as a whole may take: a stream of lines may take as long as it likes."""

DEEPEST = 32
"""How deep `attributes` and `payload` may be nested: whoever reads them later must not run out of stack."""

_FORGOTTEN_S = 3600.0
_BUCKETS = 10_000


class SlowError(Exception):
    """A caller has sent nothing for too long."""


class BusyError(Exception):
    """All callers together hold as much as may be held."""


class Budget:
    """Bytes of bodies that are being read, of all callers together."""

    def __init__(self, most: int = HELD) -> None:
        self.most, self.held = most, 0

    def take(self, count: int) -> None:
        """Hold so many more bytes. Raises BusyError."""
        if self.held + count > self.most:
            raise BusyError
        self.held += count

    def give(self, count: int) -> None:
        """Hold so many fewer."""
        self.held -= count


async def pieces(request: Request, idle_s: float | None = None) -> AsyncIterator[bytes]:
    """Yield the pieces of a body as they come. Raises SlowError if none comes for `idle_s` (IDLE_S) seconds."""
    wait = IDLE_S if idle_s is None else idle_s
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(wait):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise SlowError from None
        yield piece


class Rates:
    """A bucket for each caller: it holds as much as `burst` seconds bring, and what is over has to wait."""

    def __init__(self, clock: Callable[[], datetime], burst: float = 2.0) -> None:
        self._clock, self._burst = clock, burst
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, name: str, rate: float, count: int = 1) -> float:
        """Take `count` out of a caller's bucket; return 0, or the seconds after which to ask again.

        A call of more than the bucket holds is let through once it is full, and then makes the next one wait.
        """
        if rate <= 0:
            return 0.0
        now, most = self._clock().timestamp(), rate * self._burst
        left, seen = self._buckets.get(name, (most, now))
        left = min(most, left + max(0.0, now - seen) * rate)
        if left < min(count, most):
            return (min(count, most) - left) / rate
        if len(self._buckets) >= _BUCKETS:
            self._buckets = {one: held for one, held in self._buckets.items() if held[1] > now - _FORGOTTEN_S}
        self._buckets[name] = (left - count, now)
        return 0.0


def too_deep(value: object, depth: int = DEEPEST) -> bool:
    """Say whether lists and objects are nested deeper than that, without going deeper oneself."""
    if isinstance(value, dict):
        return depth == 0 or any(too_deep(one, depth - 1) for one in value.values())
    if isinstance(value, list):
        return depth == 0 or any(too_deep(one, depth - 1) for one in value)
    return False
