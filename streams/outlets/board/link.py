"""The way to a Redis that may be away: whatever goes wrong on it is one error, and nobody is kept waiting for it.

link = connect(settings)
link(lambda redis: redis.ping())    # BoardAwayError while it is away, at once but for one try a second
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as LateError
from redis.retry import Retry

from streams.outlets.board import BoardAwayError

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.settings import ClusterSettings

PAUSE_S = 1.0
"""How long nobody tries again after a try has failed."""

PATIENCE_S = 2.0
"""How long a call may take before the server counts as away."""

_AWAY = (LostError, LateError, ReadOnlyError, OutOfMemoryError, OSError)

T = TypeVar("T")


class Link:
    """Calls a Redis. For any number of threads; `clock` counts seconds."""

    def __init__(self, redis: Any, clock: Callable[[], float] = time.monotonic) -> None:  # noqa: TID251 - a pause is no time of the data
        self._redis, self._clock = redis, clock
        self._lock = threading.Lock()
        self._text = ""
        self._resting = 0.0

    @property
    def away(self) -> bool:
        """Whether the last try failed."""
        return bool(self._text)

    def __call__(self, work: Callable[[Any], T]) -> T:
        """Do something with the server. Raises BoardAwayError, without a try if one failed less than a second ago."""
        if self._text:
            with self._lock:
                if self._clock() < self._resting:
                    raise BoardAwayError(self._text)
                self._resting = self._clock() + PAUSE_S  # for everybody but this one, who tries
        try:
            found = work(self._redis)
        except _AWAY as error:
            self._text = f"Redis 不可用 · is away: {error}"
            self._resting = self._clock() + PAUSE_S
            raise BoardAwayError(self._text) from error
        self._text = ""
        return found

    def close(self) -> None:
        """Let the connections go."""
        self._redis.close()


class _Nowhere:
    """The Redis of a cluster that has none: it is always away."""

    def __getattr__(self, name: str) -> Any:
        raise LostError(f"没有配置 none is configured; expected ONEGRID_REDIS for {name}")

    def close(self) -> None:
        """Let nothing go."""


def connect(settings: ClusterSettings, patience: float = PATIENCE_S) -> Link:
    """Return the way to the Redis of a cluster, whether it is there or not; a call may take `patience` seconds.

    Where none is configured it is always away.
    """
    if not settings.redis:
        return Link(_Nowhere())
    host, _, port = settings.redis.rpartition(":")
    return Link(
        Redis(
            host=host.strip("[]"),
            port=int(port),
            password=settings.redis_password.get_secret_value() or None,
            ssl=settings.redis_tls,
            socket_timeout=patience,
            socket_connect_timeout=patience,
            retry=Retry(NoBackoff(), 0),
            decode_responses=False,
        )
    )
