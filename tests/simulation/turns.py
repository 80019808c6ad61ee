"""Taking turns: parts of the system that run up to their next call of a port, one at a time.

    class Clock(Actor):
        def main(self):
            while True:
                self.call("strike", bell.strike)      # others may go first, the call may fail, the part may crash

    clock.step()      # runs up to the next call and stands before it
    clock.crash()     # what it had in memory is gone; its next step begins at the beginning

A part is a greenlet: it is left and taken up again inside whatever it calls, without threads, so the order of all
calls is the scheduler's alone.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from greenlet import greenlet

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")


class Crash(BaseException):
    """The process is gone, with all that it had in memory."""


class BrokenError(AssertionError):
    """A law does not hold."""


class Trouble(Protocol):
    """What goes wrong with calls (`storm.py`)."""

    def fault(self, actor: Actor) -> str:
        """Say whether the call that an actor makes now fails: `before` or `after` it is done, or not (empty)."""


class Actor:
    """A part of the system that can be stopped between any two of its calls.

    `standing` is the call that it makes next; `until` the turn from which on it is there again, while it is `out`:
    frozen or down. `asleep` says, while it has nothing to do, that this is still so.
    """

    def __init__(self, name: str, trouble: Trouble) -> None:
        self.name, self._trouble = name, trouble
        self.standing = "start"
        self.out, self.until = "", 0
        self.asleep: Callable[[], bool] | None = None
        self._run: greenlet | None = None

    def main(self) -> None:
        """Work forever; memory is what lies in here and below."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Say whether there is something to do."""
        return not self.out and (self.asleep is None or not self.asleep())

    def step(self) -> None:
        """Make the call that it stands before, and go on up to the next one."""
        if self._run is None:
            self._run = greenlet(self.main)
        self.asleep = None
        try:
            self._run.switch()
        except (BrokenError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise BrokenError(f"{self.name}: {type(error).__name__}: {error}") from error

    def crash(self) -> None:
        """Lose all memory."""
        run, self._run = self._run, None
        self.standing, self.asleep = "start", None
        if run:
            with suppress(Crash):
                run.throw(Crash)
        self.lost()

    def lost(self) -> None:
        """Let go of what the scheduler sees of its memory."""

    def call(self, what: str, act: Callable[[], Answer]) -> Answer:
        """Make one call of a port: others go first; it may fail with OSError, done or not."""
        self.standing = what
        self._yield()
        fault = self._trouble.fault(self)
        if fault == "before":
            raise OSError(f"{what}: the line went dead")
        answer = act()
        if fault == "after":
            raise OSError(f"{what}: done, but the line went dead")
        return answer

    def rest(self, asleep: Callable[[], bool]) -> None:
        """Wait until there is something to do."""
        self.standing, self.asleep = "rest", asleep
        self._yield()

    def _yield(self) -> None:
        assert self._run is not None
        self._run.parent.switch()
