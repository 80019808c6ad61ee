"""The board as tables of the embedded host's file, which keeps them in the transaction of each effects record."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from streams.ledger.chain import DailyHead
from streams.ledger.records import Claim
from streams.ledger.sqlite import SqliteLog
from streams.records import Alert, Case, DeadLetter, Transition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_case = msgspec.json.Decoder(Case)

_LOOKED_BACK = 100
"""Records of the log in which the latest transitions are looked for, at most."""


class SqliteBoard:
    """The board over an embedded host's file: every call sees whole transactions only. Not for two threads."""

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        """`shared`: threads may use it, one after another."""
        self.db = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=not shared
        )
        self.log = SqliteLog(self.db)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def case(self, case_no: str) -> Case | None:
        """Return one case."""
        row = self.db.execute("SELECT body FROM cases WHERE case_no = ?", (case_no,)).fetchone()
        return _case.decode(row[0]) if row else None

    def cases(self, *, after: str = "", limit: int = 100, **equal: str) -> list[Case]:
        """List cases in the order of their numbers, behind `after`, whose columns equal the given values."""
        allowed = [name for name in ("desk", "state", "unit", "street", "category", "matter") if equal.get(name)]
        where = "".join(f" AND {name} = :{name}" for name in allowed)
        query = f"SELECT body FROM cases WHERE case_no > :after{where} ORDER BY case_no LIMIT :limit"  # noqa: S608
        rows = self.db.execute(query, {**{name: equal[name] for name in allowed}, "after": after, "limit": limit})
        return [_case.decode(body) for (body,) in rows]

    def may_have(self, case_no: str, alert_id: str = "") -> bool:
        """Say whether there is such a case, with such an alert if one is named: this board is never behind."""
        case = self.case(case_no)
        return case is not None and (not alert_id or alert_id in case.alerts)

    def transitions(self, case_no: str) -> list[Transition]:
        """List the transitions of a case, in order."""
        rows = self.db.execute('SELECT "offset" FROM steps WHERE case_no = ? ORDER BY "offset"', (case_no,))
        found = []
        for (offset,) in rows.fetchall():
            record = self.log.at(offset)
            if not isinstance(record, Claim):
                found += [step for step in record.effects.transitions if step.case_no == case_no]
        return found

    def latest(self, limit: int) -> list[Transition]:
        """List the transitions that were taken last, at most so many, the newest last."""
        found: list[Transition] = []
        rows = self.db.execute('SELECT "offset" FROM effects ORDER BY "offset" DESC LIMIT ?', (_LOOKED_BACK,))
        for (offset,) in rows:
            record = self.log.at(offset)
            if not isinstance(record, Claim):
                found[:0] = record.effects.transitions
            if len(found) >= limit:
                break
        return found[-limit:]

    def alerts(self, *, after: str = "", limit: int = 100, desk: str = "") -> list[Alert]:
        """List alerts in the order of their ids, behind `after`, of one desk if it is given."""
        rows = self.db.execute(
            "SELECT body FROM alerts WHERE alert_id > ? AND (? = '' OR desk = ?) ORDER BY alert_id LIMIT ?",
            (after, desk, desk, limit),
        )
        return [msgspec.json.decode(body, type=Alert) for (body,) in rows]

    def alert(self, alert_id: str) -> Alert | None:
        """Return one alert."""
        row = self.db.execute("SELECT body FROM alerts WHERE alert_id = ?", (alert_id,)).fetchone()
        return msgspec.json.decode(row[0], type=Alert) if row else None

    def newest(self, *, desk: str = "", limit: int = 100) -> list[Alert]:
        """List the alerts that were sent last, of one desk if it is given, the newest last."""
        where = "WHERE desk = ? " if desk else ""
        query = f"SELECT body FROM alerts {where}ORDER BY sent_at DESC, alert_id DESC LIMIT ?"  # noqa: S608
        rows = self.db.execute(query, (desk, limit) if desk else (limit,)).fetchall()
        return [msgspec.json.decode(body, type=Alert) for (body,) in reversed(rows)]

    def heads(self, *, desk: str = "") -> list[DailyHead]:
        """List the last published head of each desk, of one desk if it is given."""
        rows = self.db.execute(
            "SELECT MAX(day), desk, \"offset\", head FROM heads WHERE ? = '' OR desk = ? GROUP BY desk ORDER BY desk",
            (desk, desk),
        )
        return [DailyHead(date.fromisoformat(day), code, offset, head) for day, code, offset, head in rows]

    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """List dead letters, the oldest first."""
        rows = self.db.execute(
            "SELECT body FROM dead_letters WHERE position > ? ORDER BY position LIMIT ?", (after, limit)
        )
        return [msgspec.json.decode(body, type=DeadLetter) for (body,) in rows]

    def dead_letter_reasons(self, *, of_reports: bool = False) -> dict[str, int]:
        """Count dead letters by reason, of reports only if asked: a desk's others are refused actions."""
        stages = "stage != 'desk' OR reason IN ('LATE_UPDATE', 'NO_NUMBER_LEFT')" if of_reports else "TRUE"
        query = f"SELECT reason, COUNT(*) FROM dead_letters WHERE {stages} GROUP BY reason ORDER BY reason"  # noqa: S608
        return dict(self.db.execute(query))

    def all_cases(self) -> Iterator[Case]:
        """Yield every case, in the order of their numbers."""
        for (body,) in self.db.execute("SELECT body FROM cases ORDER BY case_no"):
            yield _case.decode(body)

    def counters(self) -> dict[str, int]:
        """Return the counters of everything applied so far."""
        return dict(self.db.execute("SELECT name, value FROM counters"))

    def count(self, table: str) -> int:
        """Count the rows of a table of this file."""
        if table not in ("reports", "inbox", "cases", "alerts", "dead_letters", "effects"):
            raise KeyError(table)
        return int(self.db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 - named above
