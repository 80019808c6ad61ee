"""How things are called in Redis. Everything but the alert streams begins with `onegrid:`."""

from __future__ import annotations

POSITION = "onegrid:position:"
"""Hash of one partition: offset, epoch and applied of the last record, its mark, and whether more follows."""

CASE = "onegrid:case:"
"""Hash of one case: its body, what it is listed by, its steps as `s1`, `s2` …, and the desk that last took it in."""

CASES = "onegrid:cases"
"""Sorted set of all case numbers; `onegrid:cases:desk:…` and so on are those of one desk, state, unit or street."""

LISTED = ("desk", "state", "unit", "street")
"""What cases are listed by; whatever else is asked for is looked up in each."""

SOURCE = "onegrid:source:"
"""String of one source number: when its case took it in, and which case that is."""

ALERT, ALERTS, SENT = "onegrid:alert:", "onegrid:alerts", "onegrid:sent"
"""String of one alert; sorted sets of all their ids, and of these by when they were sent; `…:desk` of one desk."""

STREAM = "alerts:"
"""Stream of the alerts of one desk, for its command centre."""

ENDED = "onegrid:ended:"
"""Sorted set of the cases of one partition that have ended, by when they did."""

HEADS, LAST = "onegrid:heads", "onegrid:last"
"""Hashes by desk: its last daily head, and where its chain stands with the desk's time."""

COUNTERS, REASONS, LETTERS = "onegrid:counters", "onegrid:reasons", "onegrid:letters"
"""Hash of counters, hash of dead letters by stage and reason, stream of the last dead letters."""

RECORDS = " records"
"""The counter of records, which no counter of a desk can be called."""


def source(system: str, system_no: str) -> str:
    """Return the key of a source number."""
    return f"{SOURCE}{len(system)}:{system}:{system_no}"
