"""The board: cases, alerts and dead letters as they stand. `Board` is the port, each module one medium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.ledger.chain import DailyHead
    from streams.records import Alert, Case, DeadLetter, Transition


class BoardAwayError(Exception):
    """The board can't be asked now; whoever wants something of it asks again later."""


class Board(Protocol):
    """What gateways and consoles ask. A board on a server raises BoardAwayError while that is away."""

    def case(self, case_no: str) -> Case | None:
        """Return one case."""

    def cases(self, *, after: str = "", limit: int = 100, **equal: str) -> list[Case]:
        """List cases in the order of their numbers, behind `after`, whose fields equal the given values."""

    def may_have(self, case_no: str, alert_id: str = "") -> bool:
        """Say whether there may be such a case, with such an alert if one is named; only what is known is ruled out.

        A board that is away or behind knows nothing of what it doesn't show; it never raises for this.
        """

    def transitions(self, case_no: str) -> list[Transition]:
        """List the transitions of a case, in order."""

    def alerts(self, *, after: str = "", limit: int = 100, desk: str = "") -> list[Alert]:
        """List alerts in the order of their ids, behind `after`."""

    def alert(self, alert_id: str) -> Alert | None:
        """Return one alert."""

    def newest(self, *, desk: str = "", limit: int = 100) -> list[Alert]:
        """List the alerts that were sent last, of one desk if it is given, the newest last."""

    def heads(self, *, desk: str = "") -> list[DailyHead]:
        """List the last published head of each desk's hash chain."""

    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """List dead letters, the oldest first."""

    def dead_letter_reasons(self, *, of_reports: bool = False) -> dict[str, int]:
        """Count dead letters by reason, of reports only if asked."""

    def all_cases(self) -> Iterator[Case]:
        """Yield every case, in the order of their numbers."""

    def counters(self) -> dict[str, int]:
        """Return the counters of everything applied so far."""

    def count(self, table: str) -> int:
        """Count reports, cases, alerts, dead_letters or effects."""

    def close(self) -> None:
        """Let the medium go."""
