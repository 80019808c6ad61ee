"""The page of data quality names whatever intake may say of a position."""

from __future__ import annotations

import re

from streams.outlets.console.qualitypage import SUSPECTS
from streams.stages import doubts


def test_every_doubt_about_a_position_has_a_name_in_both_languages():
    told = set(re.findall(r"^    ([A-Z_]+)  ", doubts.__doc__, re.MULTILINE))
    assert len(told) > 5
    assert told <= set(SUSPECTS)
    assert all(zh and en and zh != en for zh, en in SUSPECTS.values())
