"""Masks: how people's names and numbers look on a screen, and how they are found in what somebody wrote."""

from __future__ import annotations

import re
from typing import Any

_MOBILE = re.compile(r"(?<![\d.])(1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?!\d)")
_CITIZEN = re.compile(r"(?<![\d.])(\d{6})(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)")
_MAIL = re.compile(r"([\w.+-])[\w.+-]*@([\w-]+(?:\.[\w-]+)+)")
_SHOWN = 4


def mask_text(text: str) -> str:
    """Return a text with mobile numbers, citizens' numbers and mail addresses masked; the same one if it has none."""
    if "@" in text:
        text = _MAIL.sub(r"\1***@\2", text)
    text = _CITIZEN.sub(lambda found: found[1] + "********" + found[0][-_SHOWN:], text)
    return _MOBILE.sub(r"\1****\3", text)


def is_personal(text: str) -> bool:
    """Say whether a text that should be a pseudonym is a number or an address by which somebody can be reached."""
    return mask_text(text) != text or bool(re.fullmatch(r"\+?[\d -]{7,20}", text.strip()))


def mask_value(name: str, value: Any) -> Any:
    """Mask one field of what is known of a person, so that whoever knows it recognises it."""
    if isinstance(value, dict):
        return {key: mask_value(key, one) for key, one in value.items()}
    if isinstance(value, list):
        return [mask_value(name, one) for one in value]
    text = str(value)
    if (masked := mask_text(text)) != text:
        return masked
    if name == "text":
        return text
    if any(letter.isdecimal() for letter in text) and len(text) > 2 * _SHOWN:
        return text[:3] + "****" + text[-_SHOWN:]
    return text[:1] + "*" * max(1, min(len(text) - 1, 6))
