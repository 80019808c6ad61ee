"""The path by which reports come in: one, an array, or lines without end, each told what became of it.

Lines are taken in as they come, some hundred kilobytes at a time, and what is answered for them waits in a file, so
that a request of any length takes the same memory. Once a part of it can't be kept (a full disk), the lines from
there on are answered with that reason: whoever sent them sends them again.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from streams.identity.current import user_of
from streams.identity.sight import may
from streams.inlets.gateway import examples
from streams.inlets.gateway.answers import refused
from streams.inlets.gateway.bodies import LONGEST, STATUS, is_lines, read_body, read_lines, split_reports
from streams.inlets.gateway.limits import too_deep
from streams.inlets.gateway.problems import error_of, forbidden, problem
from streams.inlets.gateway.replays import HEADER, LONGEST_KEY, Answered, digest_of
from streams.inlets.lines import accept_line
from streams.stages.acceptance import Accepted, Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from fastapi import FastAPI

    from streams.identity.principals import Principal
    from streams.inlets.gateway.app import Engine, Scraped
    from streams.inlets.gateway.inlet import Inlet

_IN_MEMORY = 1 << 20
"""Bytes of answers beyond which they wait in a file."""

_READ = 1 << 16
_PARSED = 1000
"""Lines that are read at a stretch, so that other calls get their turn."""

_UNDER_WAY = 4
"""Such stretches of one request that may be on their way to the disk while the next one is read."""

_encode = msgspec.json.Encoder().encode


class Taken(NamedTuple):
    """What became of some lines: their results, how many were taken in, and why the first other one was not."""

    results: list[dict[str, Any]]
    taken: int
    first: Refusal | None
    failed: Response | None = None


class Intake:
    """Takes lines in for callers; `take` is all that other ways in need of it."""

    def __init__(self, engine: Engine, metrics: Scraped, clock: Callable[[], datetime], inlet: Inlet) -> None:
        self.engine, self.metrics, self.clock, self.inlet = engine, metrics, clock, inlet

    async def take(
        self, lines: Sequence[bytes], user: Principal, first: int = 0, turn: asyncio.Lock | None = None
    ) -> Taken:
        """Check lines and hand the good ones over; done once they are on disk. Indexes begin at `first`.

        Stretches of one request share a `turn`, so that they are handed over in the order in which they came.
        """
        at = self.clock()
        results: list[dict[str, Any]] = []
        taken: list[Accepted] = []
        refusal: Refusal | None = None
        for index, line in enumerate(lines, first):
            found = self._check(line, at, user)
            if isinstance(found, Refusal):
                refusal = refusal or found
                self.metrics.rejected.labels(found.reason).inc()
                results.append({"index": index, "error": error_of(found)})
            else:
                taken.append(found)
                results.append({"index": index, "report_id": found.report.report_id})
        if not taken:
            return Taken(results, 0, refusal)
        async with turn or asyncio.Lock():
            handed = self.engine.accept(await self.inlet.seal(taken, user))
        failed = await refused(handed)
        return Taken(results, 0 if failed else len(taken), refusal, failed)

    def _check(self, line: bytes, at: datetime, user: Principal) -> Accepted | Refusal:
        if len(line) > LONGEST:
            return Refusal("TOO_LARGE", "", f"{len(line)} bytes", f"at most {LONGEST} a report")
        found = accept_line(line, at)
        if isinstance(found, Refusal):
            return found
        report = found.report
        if report.attributes and too_deep(report.attributes):
            return Refusal("TOO_DEEP", "attributes", "lists and objects in each other", "at most 32 deep")
        if user.systems and report.system not in user.systems:
            return Refusal("NOT_YOURS", "system", report.system, "a system of this key: " + " ".join(user.systems))
        if user.role == "worker" and report.reporter not in (None, "", user.name):
            return Refusal("NOT_YOU", "reporter", report.reporter or "", user.name)
        return self.inlet.check(found)


def add_reports(app: FastAPI, intake: Intake) -> None:
    """Add the path."""
    way = _Way(intake)

    @app.post(
        "/v1/reports",
        status_code=202,
        summary="Send one report, an array, or NDJSON",
        openapi_extra=examples.REPORTS,
        responses=examples.TAKEN,
    )
    async def post_reports(request: Request) -> Response:
        user = user_of(request)
        if not may(user, "REPORT"):
            return forbidden("REPORT")
        key = request.headers.get(HEADER, "")
        if key:
            return await way.once(request, user, key)
        if is_lines(request.headers.get("content-type", "")):
            return await way.stream(request, user)
        return await way.whole(await read_body(request, intake.inlet.budget), request, user)


class _Way:
    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    async def once(self, request: Request, user: Principal, key: str) -> Response:
        """Answer a request under a key: the same one as before gets the same answer."""
        if len(key) > LONGEST_KEY:
            return problem(400, "BAD_KEY", f"{HEADER}: {len(key)} characters; expected at most {LONGEST_KEY}")
        replays = self.intake.inlet.replays
        name = replays.begin(user.name, key)
        if name is None:
            return problem(409, "IN_PROGRESS", f"{HEADER}: another request under it is not answered yet")
        try:
            body = await read_body(request, self.intake.inlet.budget)
            if isinstance(body, Refusal):
                return await self.whole(body, request, user)
            digest = digest_of(body, request.headers.get("content-type", ""))
            known = await run_in_threadpool(lambda: replays.find(name))
            if known is not None and known.digest != digest:
                return problem(422, "KEY_REUSED", f"{HEADER}: it was used for another body; expected a new key")
            if known is not None:
                kind = "application/json" if known.status < 400 else "application/problem+json"  # noqa: PLR2004
                return Response(known.body, known.status, {"Idempotent-Replay": "true"}, kind)
            answer = await self.whole(body, request, user)
            if answer.status_code < 500 and answer.status_code != 429:  # noqa: PLR2004
                kept = Answered(digest, answer.status_code, bytes(answer.body))
                await run_in_threadpool(lambda: replays.keep(name, kept))
            return answer
        finally:
            replays.end(name)

    async def whole(self, body: bytes | Refusal, request: Request, user: Principal) -> Response:
        """Take in a body that has been read."""
        lines = body if isinstance(body, Refusal) else split_reports(body, request.headers.get("content-type", ""))
        if isinstance(lines, Refusal):
            return _none(lines)
        if wait := self.intake.inlet.rates.wait_s(user.name, user.rate, len(lines)):
            return too_fast(wait)
        taken = await self.intake.take(lines, user)
        if taken.failed is not None:
            return taken.failed
        if not taken.taken:
            assert taken.first is not None
            return _none(taken.first)
        return Response(_encode({"results": taken.results}), status_code=202, media_type="application/json")

    async def stream(self, request: Request, user: Principal) -> Response:
        """Take in lines as they come."""
        kept = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - whoever sends the answer closes it
        try:
            told = await self._stream(request, user, kept)  # type: ignore[arg-type]
        except BaseException:
            kept.close()
            raise
        if isinstance(told, Response):
            kept.close()
            return told
        size = kept.tell()
        kept.seek(0)
        head = {"Content-Length": str(size)}
        return StreamingResponse(_read(kept), status_code=202, headers=head, media_type="application/json")  # type: ignore[arg-type]

    async def _stream(self, request: Request, user: Principal, kept: BinaryIO) -> Response | None:
        """Write what became of each line; the answer itself where none was taken."""
        index = 0
        first: Refusal | None = None
        told, turn = _Told(kept), asyncio.Lock()
        async for lines in read_lines(request, self.intake.inlet.budget):
            if isinstance(lines, Refusal):
                await told.settle()
                first = lines
                told.write([{"index": index, "error": error_of(lines)}])
                break
            for part in _parts(lines):
                wait = self.intake.inlet.rates.wait_s(user.name, user.rate, len(part))
                await told.add(
                    self.intake.take(part, user, index, turn) if not wait else _late(wait), index, len(part)
                )
                index += len(part)
        await told.settle()
        if not told.taken:
            return told.failed or _none(told.first or first or _EMPTY)
        kept.write(b"]}")
        return None


_EMPTY = Refusal("NOT_JSON", "", "an empty body", "at least one report")


class _Told:
    """What became of the lines of one request, in their order; a few stretches of them are under way at a time."""

    def __init__(self, kept: BinaryIO) -> None:
        self.taken = 0
        self.first: Refusal | None = None
        self.failed: Response | None = None
        self._kept = kept
        self._tasks: deque[tuple[asyncio.Task[Taken], int, int]] = deque()
        self._wrote = False
        kept.write(b'{"results":[')

    async def add(self, work: Coroutine[Any, Any, Taken], index: int, count: int) -> None:
        """Begin with a stretch of lines; done once few enough are under way."""
        self._tasks.append((asyncio.create_task(work), index, count))
        await asyncio.sleep(0)
        while len(self._tasks) > _UNDER_WAY:
            await self._next()

    async def settle(self) -> None:
        """Wait for all."""
        while self._tasks:
            await self._next()

    def write(self, results: Sequence[dict[str, Any]]) -> None:
        """Put results down."""
        if results:
            self._kept.write((b"," if self._wrote else b"") + _encode(results)[1:-1])
            self._wrote = True

    async def _next(self) -> None:
        task, index, count = self._tasks.popleft()
        taken = await task
        self.taken += taken.taken
        self.first, self.failed = self.first or taken.first, self.failed or taken.failed
        self.write(_unkept(taken.failed, index, count) if taken.failed else taken.results)


async def _late(wait_s: float) -> Taken:
    return Taken([], 0, None, too_fast(wait_s))


def _parts(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for begin in range(0, len(lines), _PARSED):
        yield lines[begin : begin + _PARSED]


async def _read(kept: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while piece := kept.read(_READ):
            yield piece
    finally:
        kept.close()


def _unkept(failed: Response, index: int, count: int) -> list[dict[str, Any]]:
    """Tell lines that could not be kept why."""
    said = msgspec.json.decode(failed.body)
    error = {"reason": said["reason"], "field": "", "detail": said["detail"], "detail_zh": said["detail_zh"]}
    return [{"index": number, "error": error} for number in range(index, index + count)]


def _none(first: Refusal) -> Response:
    """Answer a request of which nothing was taken."""
    return problem(STATUS.get(first.reason, 422), first.reason, str(first), field=first.field)


def too_fast(wait_s: float) -> Response:
    """Tell a caller to slow down."""
    text = f"more reports a second than this key may send; expected to be asked again in {wait_s:.1f} s"
    answer = problem(429, "TOO_FAST", text)
    answer.headers["Retry-After"] = str(max(1, round(wait_s + 0.5)))
    return answer
