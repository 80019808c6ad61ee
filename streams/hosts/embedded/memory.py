"""Looking for garbage less often, in a process that keeps a city and its books for as long as it lives."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def loading() -> Iterator[None]:
    """Load what stays without looking for garbage in it, which takes longer than loading."""
    wanted = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if wanted:
            gc.enable()


def settle() -> None:
    """Leave alone what is loaded, and look at what comes a hundred times less often: cases are no cycles.

    For a process of its own: a third of a busy host's time would go into looking, and desks would halt for it.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
