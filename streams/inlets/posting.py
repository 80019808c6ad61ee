"""Sending reports to a gateway over HTTP, many lines a request, until it says that they are on disk."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import msgspec

from streams.inlets.feeding import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from types import TracebackType

PATIENCE = 60.0
"""Seconds for which a gateway that does not answer, or can't take anything in now, is asked again."""

_PAUSE = 0.5

_PASSING = frozenset({"NOT_READY", "NO_SPACE", "SPOOL_FULL", "TOO_FAST", "BUSY"})
"""Reasons for which a line is sent again."""

_TAKEN, _BAD, _TOO_LARGE, _WRONG = 202, 400, 413, 422


class GatewayError(OSError):
    """The gateway does not answer, or answers what nobody expects; what was sent last may be in."""


class HttpSender:
    """One connection to one gateway. A context; not for two threads. Raises GatewayError."""

    def __init__(self, address: str, *, patience: float = PATIENCE, key: str = "") -> None:
        parts = urlsplit(address)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address, self._patience = address, patience
        self._link = kind(parts.hostname or "", parts.port, timeout=30)
        self._headers = {"Content-Type": "application/x-ndjson"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._path = parts.path.rstrip("/") + "/v1/reports"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()

    def send(self, lines: Sequence[bytes], at: datetime) -> list[Refused]:
        """Post lines, and return which the gateway refused. Raises GatewayError."""
        # Inside a JSON text a bare carriage return is only a space, but to the gateway it ends a line.
        status, said = self._post(b"\n".join(line.replace(b"\r", b" ") for line in lines))
        if status == _TAKEN:
            return [
                Refused(one["index"], one["error"]["reason"], one["error"]["detail"])
                for one in said["results"]
                if "error" in one
            ]
        if len(lines) == 1:
            return [Refused(0, said["reason"], said["detail"])]
        # None was taken, and the gateway names the first one's reason only.
        return [
            Refused(index, one.reason, one.text) for index, line in enumerate(lines) for one in self.send([line], at)
        ]

    def _post(self, body: bytes) -> tuple[int, Any]:
        """Post until there is an answer that says which lines are in."""
        until = time.monotonic() + self._patience
        while True:
            try:
                self._link.request("POST", self._path, body, self._headers)
                answer = self._link.getresponse()
                status, text = answer.status, answer.read()
                if status in (_TAKEN, _BAD, _TOO_LARGE, _WRONG):
                    said = msgspec.json.decode(text)
                    if status != _TAKEN or not _unkept(said):
                        return status, said
                    trouble = "some lines could not be kept"  # all go again: those that are in are known
                else:
                    trouble = f"{status} {text[:200].decode(errors='replace')}"
            except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
                self._link.close()
                trouble = str(error) or type(error).__name__
            if time.monotonic() > until:
                raise GatewayError(f"{self._address}: {trouble}; expected a gateway that takes reports in")
            time.sleep(_PAUSE)


def _unkept(said: Any) -> bool:
    """Say whether lines of a request are not in only because they could not be kept just now."""
    return any("error" in one and one["error"]["reason"] in _PASSING for one in said["results"])
