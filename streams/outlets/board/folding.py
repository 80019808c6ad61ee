"""Folding a log into the board's tables from its beginning, with no more in memory than what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.records import Case
from streams.stages.desk.casebook import apply
from streams.stages.desk.lifecycle import OPEN

if TYPE_CHECKING:
    from streams.outlets.board.tables import Tables
    from streams.records import Effects

_case = msgspec.json.Decoder(Case)


class Folding:
    """Records in the order of the log, turned into rows. Ended cases are put down at once, the others at the end."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._open: dict[str, Case] = {}

    @property
    def open(self) -> int:
        """How many cases are open after what was added."""
        return len(self._open)

    def case(self, case_no: str) -> Case | None:
        """Return a case as it is after what was added; None if there is none."""
        case = self._open.get(case_no)
        if case is None:
            row = self._tables.db.execute("SELECT body FROM main.cases WHERE case_no = ?", (case_no,)).fetchone()
            case = _case.decode(row[0]) if row else None
        return case

    def add(self, offset: int, effects: Effects) -> None:
        """Take in all that the record at an offset holds. A step that a case has taken already is passed over."""
        changed: dict[str, Case] = {}
        for step in effects.transitions:
            case = changed.get(step.case_no) or self.case(step.case_no)
            if case is None or step.seq > case.seq:
                changed[step.case_no] = apply(case, step)
        ended = []
        for case in changed.values():
            if case.state in OPEN:
                self._open[case.case_no] = case
            else:
                self._open.pop(case.case_no, None)
                ended.append(case)
        self._tables.put(ended)
        self._tables.step(changed, offset)
        self._tables.tell(effects)

    def finish(self) -> None:
        """Put down the cases that are open."""
        self._tables.put(self._open.values())
