"""Playing a simulation on against a running engine, as a clock reaches it, so that a page has something to show."""

from __future__ import annotations

import heapq
import queue
import threading
from typing import TYPE_CHECKING, Protocol

from streams.inlets.lines import read_line
from streams.records import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from streams.inlets.simulator.people import People, Planned
    from streams.inlets.simulator.reporters import Arrival
    from streams.outlets.board import Board
    from streams.records import Deed, Effects
    from streams.stages.acceptance import Accepted

_PACE_S = 0.5
"""Real seconds between two looks at what has become due."""


class Engine(Protocol):
    """What the follower hands over to."""

    def accept(self, reports: Sequence[Accepted], letters: Sequence[DeadLetter] = ()) -> Future[None]:
        """Take reports in, and keep lines that are none."""

    def submit(self, deeds: Sequence[tuple[Deed, datetime]]) -> Future[None]:
        """Take actions and acknowledgements in."""


class Follower:
    """Feeds arrivals and people's reactions to an engine as a clock reaches them."""

    def __init__(self, arrivals: Sequence[Arrival], people: People, clock: Callable[[], datetime]) -> None:
        self._arrivals = arrivals
        self._people = people
        self._clock = clock
        self._heard: queue.SimpleQueue[Effects] = queue.SimpleQueue()
        self._stop = threading.Event()

    def hear(self, effects: Effects) -> None:
        """Take note of what came of a batch; called on the engine's thread."""
        self._heard.put(effects)

    def start(self, engine: Engine, board: Callable[[], Board], agenda: list[Planned]) -> None:
        """Begin to feed; `agenda` is what people had planned already, `board` tells cases as they are."""
        run = threading.Thread(target=self._run, args=(engine, board, agenda), name="onegrid-follower", daemon=True)
        run.start()

    def stop(self) -> None:
        """Feed no more."""
        self._stop.set()

    def _run(self, engine: Engine, open_board: Callable[[], Board], agenda: list[Planned]) -> None:
        plans = [(planned.at, planned.name, planned) for planned in agenda]
        heapq.heapify(plans)
        board = open_board()
        number = 0
        while not self._stop.wait(_PACE_S):
            now = self._clock()
            while not self._heard.empty():
                for planned in self._react(self._heard.get(), board):
                    heapq.heappush(plans, (planned.at, planned.name, planned))
            lines = []
            while number < len(self._arrivals) and self._arrivals[number].at <= now:
                lines.append(read_line(self._arrivals[number].line, self._arrivals[number].at))
                number += 1
            good = [line for line in lines if not isinstance(line, DeadLetter)]
            bad = [line for line in lines if isinstance(line, DeadLetter)]
            if lines:
                engine.accept(good, bad)
            due = []
            while plans and plans[0][0] <= now:
                planned = heapq.heappop(plans)[2]
                due.append((planned.deed, planned.at))
            if due:
                engine.submit(due)

    def _react(self, effects: Effects, board: Board) -> list[Planned]:
        cases = ((step, board.case(step.case_no)) for step in effects.transitions)
        planned = self._people.react((step, case) for step, case in cases if case is not None)
        return [*planned, *self._people.confirm(effects.alerts)]
