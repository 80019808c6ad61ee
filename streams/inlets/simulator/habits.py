"""How a simulated city reports: how many see a thing, how well they place it, what they send twice or late."""

from __future__ import annotations

import msgspec


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """Shares are between 0 and 1: of incidents for `reporters` and `beside`, of reports for the rest.

    `reporters[n]` is the share of incidents that n + 1 people report. `beside` is how many incidents happen next
    to the one before: another matter of the same category, under 50 m away and within a few hours. `error_m` is
    how far positions are off, at least and at most; None leaves it to the channel. Who uses a wrong datum knows
    it and says so if `datum_named`, else nobody does.
    """

    reporters: tuple[float, ...] = (0.82, 0.13, 0.05)
    beside: float = 0.0
    error_m: tuple[float, float] | None = None
    wrong_datum: float = 0.01
    datum_named: bool = False
    repeated: float = 0.03
    updated: float = 0.02
    late: float = 0.02
    other_matter: float = 0.05

    @property
    def sendings(self) -> float:
        """Reports of an incident on average, those sent again included."""
        return sum(n * share for n, share in enumerate(self.reporters, 1)) + self.repeated + self.updated


CROWDED = Habits(
    reporters=(0.25, 0.2, 0.2, 0.15, 0.1, 0.06, 0.04),
    beside=0.12,
    error_m=(5.0, 30.0),
    wrong_datum=0.05,
    datum_named=True,
)
"""Where duplicates are hardest: three reporters on average, and at least a fifth of the incidents beside another."""
