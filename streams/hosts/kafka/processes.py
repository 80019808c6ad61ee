"""Processes that outlive whoever started them, and are ended by their own ids only.

A process id is given again once its process is gone; with the moment at which the process began, as the kernel counts
it, it names one process for good.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SLEEP_S = 0.05

_BEGAN, _STATE = 19, 0
"""Fields of /proc/PID/stat behind the process's name."""


class Process(msgspec.Struct, frozen=True):
    """One process: `began` is in ticks since the machine's start."""

    name: str
    pid: int
    began: int


def spawn(folder: Path, name: str, command: Sequence[str]) -> Process:
    """Start a process apart from ours; what it says goes to `name`.out and `name`.log in the folder."""
    with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.log").open("ab") as log:
        made = subprocess.Popen(  # noqa: S603 - the command is ours
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True
        )
    return Process(name, made.pid, _stat(made.pid)[_BEGAN])


def known(name: str, pid: int) -> Process:
    """Return a process that somebody else has started. Raises ProcessLookupError if there is none."""
    return Process(name, pid, _stat(pid)[_BEGAN])


def runs(process: Process) -> bool:
    """Whether a process still is there."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)  # a child of ours that has ended would stay otherwise
    try:
        found = _stat(process.pid)
    except ProcessLookupError:
        return False
    return found[_BEGAN] == process.began and found[_STATE] != ord("Z")


def end(processes: Iterable[Process], patience: float) -> list[str]:
    """Ask processes to end, and kill after `patience` seconds those that have not; return the names of these."""
    asked = [process for process in processes if send(process, signal.SIGTERM)]
    until = time.monotonic() + patience
    while (left := [process for process in asked if runs(process)]) and time.monotonic() < until:
        time.sleep(_SLEEP_S)
    for process in left:
        send(process, signal.SIGKILL)
    while any(runs(process) for process in left):
        time.sleep(_SLEEP_S)
    return [process.name for process in left]


def send(process: Process, how: signal.Signals) -> bool:
    """Send a signal to a process, if it still is there."""
    if not runs(process):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, how)
    return True


def _stat(pid: int) -> list[int]:
    """Return the fields of /proc/PID/stat behind the name; the state as its letter's number."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        raise ProcessLookupError(f"no process {pid}") from None
    return [ord(state), *map(int, rest)]
