"""Where a running service asks its measures: the facts follow the log, and are worked out again now and then."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from streams.outlets.measures.asking import Asker
from streams.outlets.measures.folding import Keeper, facts_at
from streams.outlets.measures.published import with_published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from streams.outlets.board.sqlite import SqliteBoard
    from streams.outlets.measures.asking import Figure, Question
    from streams.outlets.measures.names import Names

FRESH_S = 15.0
"""Seconds for which facts are fresh enough: measures are of days, and a week's facts take a second to make."""


class Room:
    """Measures over a file that is being written to. Any thread may ask.

    `usual` may be set: it tells the questions that pages will ask of new facts.
    """

    def __init__(
        self,
        open_board: Callable[[], SqliteBoard],
        names: Names,
        folder: Path,
        clock: Callable[[], datetime],
        fresh_s: float = FRESH_S,
    ) -> None:
        """`folder` holds what was published; `clock` tells how old facts are."""
        self.names, self.folder = names, folder
        self._open_board, self._clock, self._fresh_s = open_board, clock, fresh_s
        self._keeper, self._lock, self._readying = Keeper(names), threading.Lock(), threading.Lock()
        self._asker: Asker | None = None
        self._ready: Asker | None = None
        self.usual: Callable[[Asker], Iterable[Question]] = lambda _asker: ()
        self._made = 0.0

    def asker(self) -> Asker:
        """Return the measures as the log stands, or stood a moment ago. Raises MeasureError for an empty log."""
        with self._lock:
            board, now = self._open_board(), self._clock().timestamp()
            old = self._asker
            if old is not None and (now - self._made < self._fresh_s or board.log.last() == old.facts.position):
                return old
            self._asker = Asker(self._keeper.facts(board), self.names.city)  # whoever still asks the old one may
            self._made = self._clock().timestamp()
            return self._asker

    def soon(self) -> Asker:
        """Return the measures as they were last worked out, and have them worked out again behind whoever asks.

        For pages that must not wait; only the first one does. What is `usual` to ask is answered before.
        """
        if self._ready is None:
            return self._asker or self.asker()
        if self._readying.acquire(blocking=False):
            threading.Thread(target=self._behind, name="onegrid-measures", daemon=True).start()
        return self._ready

    def ready(self) -> None:
        """Work the measures out, and what is usual to ask. Raises MeasureError for an empty log."""
        asker = self.asker()
        if asker is not self._ready:
            for question in self.usual(asker):
                asker.ask(question)
            self._ready = asker

    def _behind(self) -> None:
        try:
            self.ready()
        finally:
            self._readying.release()

    def ask(self, question: Question, position: int | None = None) -> list[Figure]:
        """Return figures as they are now, published months as they were published; or those of a position."""
        if position is None:
            return with_published(self.folder, self.asker().ask(question.checked()))
        question.checked()
        asker = Asker(facts_at(self._open_board(), self.names, position), self.names.city)
        try:
            return asker.ask(question)
        finally:
            asker.close()
