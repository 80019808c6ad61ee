"""Whether a source's positions are in the datum that it says: pure statistics over what its reports themselves name.

    evidence = Evidence(declared="WGS84", misses={"WGS84": 512.0, "GCJ02": 6.1, "BD09": 730.4})
    verdict = judge([evidence, …], least=5, odds=12)

A report that names a component, or the old grid that it lies in, says where it ought to be. `misses` are the metres
from there to its position, taken once as each datum. Under the right datum misses are small, but for a few that name
the wrong thing; so each report speaks for the datum under which its miss is likelier, by how much, and never by more
than a stray report may. A source is named once another datum explains all of them `odds` powers of e better.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CANDIDATES = ("WGS84", "GCJ02", "BD09")
"""What positions in degrees may be in; CGCS2000 is WGS84 within decimetres."""

_SCALE_M = 25.0
"""Metres by which a right position typically misses: a phone's error, and the size of what is named."""

_STRAY, _SPREAD_M = 0.05, 4000.0
"""The share of reports that name the wrong thing, and over how many metres those lie."""


class Evidence(NamedTuple):
    """One report that says where it ought to be."""

    declared: str
    misses: Mapping[str, float]
    scale_m: float = _SCALE_M


class Verdict(NamedTuple):
    """What is known of a source: RIGHT, WRONG (`better` explains it), ASTRAY (no datum does), or UNKNOWN."""

    verdict: str
    declared: str
    better: str
    judged: int
    odds: float
    miss_m: float | None
    better_miss_m: float | None


def same(datum: str) -> str:
    """Return the name under which datums that are equal here are compared."""
    return "WGS84" if datum == "CGCS2000" else datum


def likelihood(miss_m: float, scale_m: float = _SCALE_M) -> float:
    """Return how likely a miss is if the datum is right, as a density by metre (natural logarithm)."""
    return math.log((1 - _STRAY) * math.exp(-miss_m / scale_m) / scale_m + _STRAY / _SPREAD_M)


def judge(evidence: Sequence[Evidence], *, least: int = 5, odds: float = 12.0, astray_m: float = 120.0) -> Verdict:
    """Judge a source by its reports with evidence; they all have to declare one datum."""
    if not evidence:
        return Verdict("UNKNOWN", "", "", 0, 0.0, None, None)
    declared = same(evidence[0].declared)
    scores = {
        name: sum(likelihood(one.misses[name], one.scale_m) for one in evidence)
        for name in CANDIDATES
        if all(name in one.misses for one in evidence)
    }
    own = scores.get(declared)
    if own is None:
        return Verdict("UNKNOWN", declared, "", len(evidence), 0.0, None, None)
    others = {name: score for name, score in scores.items() if name != declared}
    best = max(others, key=lambda name: (others[name], name)) if others else declared
    gain = others.get(best, own) - own
    miss = median(one.misses[declared] for one in evidence)
    better = median(one.misses[best] for one in evidence)
    if len(evidence) < least:
        verdict = "UNKNOWN"
    elif gain >= odds:
        verdict = "WRONG"
    elif miss > astray_m:
        verdict = "ASTRAY"
    else:
        verdict = "RIGHT" if gain <= -odds / 2 else "UNKNOWN"
    named = best if verdict == "WRONG" else ""
    return Verdict(
        verdict, declared, named, len(evidence), round(gain, 1), round(miss, 1), round(better, 1) if named else None
    )
