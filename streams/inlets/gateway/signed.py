"""Signed confirmations: whether who confirms an alert knows the secret of its way, and says so now and once.

A unit whose ways name a secret signs as it is written to (`streams/outlets/delivery/channels.py`): the header
X-Onegrid-Signature holds `t=SECONDS,v1=HMAC-SHA256 of "SECONDS.ALERT_ID.BODY"` in hex.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grids.rules import Rules

HEADER = "x-onegrid-signature"
VALID_S = 300
"""How long a signature holds, and how far a clock may be off, in seconds."""


def sign(secret: str, seconds: int, alert_id: str, body: bytes) -> str:
    """Return the header's value."""
    text = f"{seconds}.{alert_id}.".encode() + body
    return f"t={seconds},v1={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"


class Signatures:
    """Checks signatures, and remembers those of the last minutes."""

    def __init__(self, rules: Rules, environment: Mapping[str, str] = os.environ) -> None:
        self._rules, self._environment = rules, environment
        self._seen: dict[str, float] = {}

    def fault(self, by: str, said: str, alert_id: str, body: bytes, now: float) -> str:
        """Return why a confirmation by a unit, or `unit/person`, is refused; empty if it is not.

        FORGED_ACK: no signature, or another secret's; EXPIRED_ACK: made at another time; REPLAYED_ACK: seen before.
        """
        secrets = self._secrets(by.partition("/")[0])
        if not secrets:
            return ""
        seconds, _, _ = said.removeprefix("t=").partition(",")
        if not seconds.isdecimal() or not any(
            hmac.compare_digest(sign(secret, int(seconds), alert_id, body), said) for secret in secrets
        ):
            return "FORGED_ACK"
        if abs(now - int(seconds)) > VALID_S:
            return "EXPIRED_ACK"
        self._seen = {one: at for one, at in self._seen.items() if at > now - 2 * VALID_S}
        if said in self._seen:
            return "REPLAYED_ACK"
        self._seen[said] = now
        return ""

    def _secrets(self, unit: str) -> list[str]:
        """Return the secrets with which a unit may sign: those of its ways, or of the unit above it that has some."""
        for one in self._rules.units.line(unit):
            named = [way.secret_env for way in self._rules.alerting.ways.get(one, ()) if way.secret_env]
            if named:
                return [secret for name in named if (secret := self._environment.get(name))] or [os.urandom(16).hex()]
        return []
