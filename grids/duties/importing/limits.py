"""Limits as lists write them: `2紧急工作时`, `15天`, `种植季节15工作日`."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

CLOCK_WORDS: Mapping[str, str] = {
    "紧急工作小时": "URGENT_HOUR",
    "紧急工作时": "URGENT_HOUR",
    "紧急工作日": "NATURAL_DAY",
    "自然日": "NATURAL_DAY",
    "工作小时": "WORK_HOUR",
    "工作时": "WORK_HOUR",
    "小时": "WORK_HOUR",
    "工作日": "WORK_DAY",
    "天": "WORK_DAY",
}
"""Words of the published standards (DOMAIN §4); a map file may say more, or otherwise."""

_NUMBERS = {character: number for number, character in enumerate("一二三四五六七八九十", start=1)} | {
    "两": 2,
    "半": 0.5,
}


class Reading(NamedTuple):
    """An amount of a clock, and the words that stand beside it."""

    amount: float
    clock: str
    words: str

    @property
    def written(self) -> str:
        """The amount as conditions.csv has it."""
        return f"{self.amount:g}"


def read_limit(text: str, clock_words: Mapping[str, str] = CLOCK_WORDS) -> Reading | None:
    """Read one limit; None if there is no amount with a clock word, or more than one amount.

    The longest clock word counts: `紧急工作时` is not `工作时`. Words left over are returned, never dropped.
    """
    plain = "".join(unicodedata.normalize("NFKC", text).split())
    words = "|".join(sorted(map(re.escape, clock_words), key=len, reverse=True))
    found = list(re.finditer(rf"(\d+(?:\.\d+)?|[一二两三四五六七八九十半])个?({words})", plain))
    if len(found) != 1:
        return None
    amount = _NUMBERS.get(found[0][1]) or float(found[0][1] if found[0][1][0].isdigit() else 0)
    left = (plain[: found[0].start()] + " " + plain[found[0].end() :]).strip()
    if amount <= 0 or any(character.isdigit() or character in _NUMBERS for character in left):
        return None
    return Reading(amount, clock_words[found[0][2]], left)
