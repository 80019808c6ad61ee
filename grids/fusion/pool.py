"""Sharing work out to processes; with one job it stays in this one."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Runner = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

POOL_FROM = 50_000
"""Below so many polygons starting processes costs more than it saves (3 s of 14 at 20,000)."""


@contextmanager
def runner(jobs: int, polygons: int) -> Iterator[Runner]:
    """Give a `map` that keeps the order of its results: over `jobs` processes if the work is worth it.

    Processes are started afresh, not forked: this one may have threads.
    """
    if jobs <= 1 or polygons < POOL_FROM:
        yield map
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield pool.map
