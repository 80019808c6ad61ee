"""Reading request bodies: one object, an array, or NDJSON, within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST = 32 * 1024 * 1024
"""Bytes of a body."""

MOST = 20_000
"""Reports of one request."""

LONGEST = 256 * 1024
"""Bytes of one report."""

_raw_list = msgspec.json.Decoder(list[msgspec.Raw])


async def read_body(request: Request) -> bytes | Refusal:
    """Read a body piece by piece and stop at the limit, whatever length it declares."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            return Refusal("TOO_LARGE", "", f"over {LARGEST} bytes", "a smaller body")
    return bytes(body)


async def read_deed(request: Request) -> bytes | Refusal:
    """Read what somebody asks, which is no longer than a report may be."""
    body = await read_body(request)
    if not isinstance(body, Refusal) and len(body) > LONGEST:
        return Refusal("TOO_LARGE", "", f"{len(body)} bytes", f"at most {LONGEST}")
    return body


def split_reports(body: bytes, content_type: str) -> list[bytes] | Refusal:
    """Split a body into the JSON texts of its reports."""
    if content_type.lower().startswith(("application/x-ndjson", "application/ndjson")):
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
