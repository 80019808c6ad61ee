"""How commands speak: a JSON object for machines, a table for people, a progress bar on a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DONE, FINDINGS, BAD_INPUT = 0, 1, 2
"""Exit codes of every command."""

out = Console()
err = Console(stderr=True)


def emit(value: Any) -> None:
    """Print one JSON object on standard output, for `--json`."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def fail(error: Exception) -> None:
    """Print what went wrong on standard error, without a traceback."""
    err.print(f"[bold red]错误 error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """Show named steps with bars on a terminal; silent elsewhere.

    Yields `step(name, share)`: `share` of the step `name` is done, from 0 to 1.
    """
    bars = Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=err,
        disable=quiet or not err.is_terminal,
    )
    tasks: dict[str, Any] = {}

    def step(name: str, share: float) -> None:
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=1.0)
        bars.update(tasks[name], completed=share)

    with bars:
        yield step
