"""What was worked out lately for one who looks, for others who look at the same."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

T = TypeVar("T")

_MOST = 64
"""Things kept at most: whoever looks at more kinds of them waits."""


class _Kept:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: datetime | None = None
        self.value: Any = None


class Lately:
    """Keeps values for some seconds. Any thread may ask; who asks for what is being worked out waits for it."""

    def __init__(self, fresh_s: float, clock: Callable[[], datetime]) -> None:
        """`fresh_s` is how many seconds by `clock` a value may be given to others."""
        self._fresh_s, self._clock = fresh_s, clock
        self._kept: dict[Hashable, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T], *, anew: bool = False) -> T:
        """Return the value of a key if it is fresh, and not to be worked out `anew`; else make it."""
        with self._lock:
            if key not in self._kept and len(self._kept) >= _MOST:
                self._kept = {one: kept for one, kept in self._kept.items() if self._fresh(kept)}
                if len(self._kept) >= _MOST:
                    self._kept.clear()
            kept = self._kept.setdefault(key, _Kept())
        with kept.lock:
            if anew or not self._fresh(kept):
                kept.value = make()
                kept.made = self._clock()
            value: T = kept.value
            return value

    def _fresh(self, kept: _Kept) -> bool:
        return kept.made is not None and 0 <= (self._clock() - kept.made).total_seconds() < self._fresh_s
