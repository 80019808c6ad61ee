"""Answers that all paths give: JSON, and why something could not be kept."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi.responses import Response

from streams.inlets.gateway.problems import problem

if TYPE_CHECKING:
    from concurrent.futures import Future

_NOT_READY = ("NOT_READY", "the service has stopped and took nothing in; expected to be asked again later")

_NO_SPACE = (
    "NO_SPACE",
    "there is no space left on the disk, and nothing was taken in; expected to be asked again later",
)

_SPOOL_FULL = (
    "SPOOL_FULL",
    "Kafka is away and the local spool has reached its limit; nothing was taken in; expected to be asked again later",
)


def json(value: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


async def refused(kept: Future[None]) -> Response | None:
    """Wait until the host has something on disk; the answer if it has not, which its log says more of."""
    waiting = asyncio.wrap_future(kept)
    await asyncio.wait({waiting})
    error = waiting.exception()
    if error is None:
        return None
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return problem(507, *_NO_SPACE)
    if isinstance(error, OSError) and error.errno == errno.EDQUOT:
        return problem(507, *_SPOOL_FULL)
    return problem(503, *_NOT_READY)
