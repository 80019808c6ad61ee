"""Reading request bodies: one object, an array, or NDJSON, within limits."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from streams.inlets.gateway import limits
from streams.inlets.gateway.limits import BusyError, SlowError, pieces
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.requests import Request

    from streams.inlets.gateway.limits import Budget

LARGEST = 32 * 1024 * 1024
"""Bytes of a body that is read as a whole."""

MOST = 20_000
"""Reports of one array, or of lines sent under an Idempotency-Key; other lines are streamed, without end."""

LONGEST = 256 * 1024
"""Bytes of one report."""

CHUNK = 512 * 1024
"""Bytes of lines that are taken in together."""

STATUS = {"TOO_LARGE": 413, "SLOW": 408, "BUSY": 503, "TOO_MANY": 400, "NOT_JSON": 400, "TOO_DEEP": 400}
"""What a refusal of a body is told as; anything else is 422."""

_raw_list = msgspec.json.Decoder(list[msgspec.Raw])

_SLOW = Refusal("SLOW", "", f"nothing came for {limits.IDLE_S:g} seconds", "a body that keeps coming")
_BUSY = Refusal("BUSY", "", "as many bytes are being read as may be", "to be asked again later")


async def read_body(request: Request, budget: Budget | None = None, most: int | None = None) -> bytes | Refusal:
    """Read a body piece by piece and stop at the limit, whatever length it declares."""
    most = LARGEST if most is None else most
    body = bytearray()
    with _held(budget) as hold:
        try:
            async with asyncio.timeout(limits.WHOLE_S):
                async for piece in pieces(request):
                    hold(len(piece))
                    body += piece
                    if len(body) > most:
                        return Refusal("TOO_LARGE", "", f"over {most} bytes", "a smaller body")
        except (SlowError, TimeoutError):
            return _SLOW
        except BusyError:
            return _BUSY
    return bytes(body)


async def read_deed(request: Request, budget: Budget | None = None) -> bytes | Refusal:
    """Read what somebody asks, which is no longer than a report may be."""
    body = await read_body(request, budget)
    if not isinstance(body, Refusal) and len(body) > LONGEST:
        return Refusal("TOO_LARGE", "", f"{len(body)} bytes", f"at most {LONGEST}")
    return body


async def read_lines(request: Request, budget: Budget | None = None) -> AsyncIterator[list[bytes] | Refusal]:
    """Yield the lines of a body as they come, some hundred kilobytes at a time; the last one need not end.

    A line that is too long is handed on as far as it was kept, so that it is refused as such: what is held stays
    bounded. A Refusal ends it.
    """
    rest = bytearray()
    with _held(budget) as hold:
        hold(2 * CHUNK)
        try:
            async for piece in pieces(request):
                rest += piece
                if len(rest) < CHUNK:
                    continue
                whole, found, tail = rest.rpartition(b"\n")
                if found:
                    yield [line for line in bytes(whole).splitlines() if line.strip()]
                    rest = bytearray(tail)
                elif len(rest) > 2 * CHUNK:
                    del rest[CHUNK:]
        except SlowError:
            yield _SLOW
            return
    yield [line for line in bytes(rest).splitlines() if line.strip()]


@contextmanager
def _held(budget: Budget | None) -> Iterator[Callable[[int], None]]:
    """Count bytes as held, and give them back at the end."""
    counted = 0

    def hold(count: int) -> None:
        nonlocal counted
        if budget is not None:
            budget.take(count)
            counted += count

    try:
        yield hold
    finally:
        if budget is not None:
            budget.give(counted)


def is_lines(content_type: str) -> bool:
    """Say whether a body declares itself as lines."""
    return content_type.lower().startswith(("application/x-ndjson", "application/ndjson"))


def split_reports(body: bytes, content_type: str) -> list[bytes] | Refusal:
    """Split a body into the JSON texts of its reports."""
    if is_lines(content_type):
        lines = [line for line in body.splitlines() if line.strip()]
    elif body.lstrip()[:1] == b"[":
        try:
            lines = [bytes(raw) for raw in _raw_list.decode(body)]
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return Refusal("NOT_JSON", "", str(error) or "nested too deeply", "an array of JSON objects")
    else:
        lines = [body]
    if len(lines) > MOST:
        return Refusal("TOO_MANY", "", f"{len(lines)} reports", f"at most {MOST} a request")
    if not lines:
        return Refusal("NOT_JSON", "", "an empty body", "at least one report")
    return lines
