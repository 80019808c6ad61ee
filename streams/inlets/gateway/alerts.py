"""The paths of alerts: lists, documents, a feed and a stream of them, and their confirmation, signed or by CAP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated
from xml.sax.saxutils import escape, quoteattr

import msgspec
from fastapi import FastAPI, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from uuid_utils import uuid7

from grids.codes import DISTRICT
from streams.cap.checking import CapError, faults, parse, text_of
from streams.cap.writing import answer, sender_of, stamp
from streams.identity.current import user_of
from streams.identity.sight import Sight, may
from streams.inlets.gateway.answers import json, refused
from streams.inlets.gateway.bodies import read_deed
from streams.inlets.gateway.problems import forbidden, problem
from streams.inlets.gateway.signed import HEADER, Signatures
from streams.records import Ack, DeadLetter
from streams.stages.acceptance import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from grids.city import City
    from streams.identity.principals import Principal
    from streams.inlets.gateway.app import Engine
    from streams.outlets.board import Board
    from streams.records import Alert

CAP = "application/cap+xml"
FEED = 100
"""Alerts that a feed shows, and that a stream looks at each time."""

_PAUSE_S = 0.5
_Limit = Annotated[int, Query(ge=1, le=1000)]
_encode = msgspec.json.Encoder().encode


class _AckBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who confirms an alert: a unit, or `unit/person`."""

    by: str


def add_alerts(
    app: FastAPI,
    engine: Engine,
    open_board: Callable[[], Board],
    city: City,
    clock: Callable[[], datetime],
    folder: Path | None = None,
) -> None:
    """Add the paths of alerts to an application; what was confirmed of late is remembered in a folder."""
    sight = Sight(city.rules)
    _lists(app, open_board, city, clock, sight)
    _documents(app, open_board, sight)
    acks = _Acks(engine, open_board, Signatures(city.rules, folder), city, clock, sight)

    @app.post("/v1/alerts/{alert_id}/ack", status_code=202, summary="Confirm an alert")
    async def post_ack(alert_id: str, request: Request) -> Response:
        return await acks.one(alert_id, request)

    @app.post("/v1/cap", status_code=202, summary="Confirm alerts, or say what is wrong with them, by a CAP document")
    async def post_document(request: Request) -> Response:
        return await acks.document(request)


def _lists(
    app: FastAPI, open_board: Callable[[], Board], city: City, clock: Callable[[], datetime], sight: Sight
) -> None:
    @app.get("/v1/alerts", summary="List alerts, and the heads to which the log is held")
    def get_alerts(request: Request, after: str = "", limit: _Limit = 100, desk: str = "") -> Response:
        user, board = user_of(request), open_board()
        if not may(user, "ALERTS"):
            return forbidden("ALERTS")
        found = board.alerts(after=after, limit=limit, desk=desk)
        following = found[-1].alert_id if len(found) == limit else None
        seen = [alert for alert in found if sight.hears(user, alert)]
        return json({"items": seen, "next": following, "heads": board.heads(desk=desk)})

    @app.get("/v1/alerts/stream", summary="Alerts as they come, as server-sent events")
    async def stream_alerts(request: Request, desk: str = "") -> Response:
        user = user_of(request)
        if not may(user, "ALERTS"):
            return forbidden("ALERTS")
        after = request.headers.get("last-event-id", "")
        return StreamingResponse(
            _events(request, open_board, desk, after, lambda alert: sight.hears(user, alert)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    @app.get("/v1/alerts/feed/{desk}", summary="The capIndex of a desk: an Atom feed of its newest alerts")
    def get_feed(desk: str, request: Request) -> Response:
        user = user_of(request)
        if not may(user, "ALERTS"):
            return forbidden("ALERTS")
        if desk not in city.rules.places.desks or (user.role == "district" and desk != user.area):
            return problem(404, "NOT_FOUND", f"desk {desk} is not known")
        told = [alert for alert in open_board().newest(desk=desk, limit=FEED) if sight.hears(user, alert)]
        return Response(_feed(city, told, desk, clock()), media_type="application/atom+xml")


def _documents(app: FastAPI, open_board: Callable[[], Board], sight: Sight) -> None:
    def heard(alert_id: str, user: Principal) -> Alert | Response:
        if not may(user, "ALERTS"):
            return forbidden("ALERTS")
        found = open_board().alert(alert_id)
        if found is None or not sight.hears(user, found):
            return problem(404, "NOT_FOUND", f"alert {alert_id} is not known")
        return found

    @app.get("/v1/alerts/{alert_id}", summary="One alert")
    def get_alert(alert_id: str, request: Request) -> Response:
        found = heard(alert_id, user_of(request))
        return found if isinstance(found, Response) else json(found)

    @app.get("/v1/alerts/{alert_id}/cap", summary="One alert as a CAP 1.2 document")
    def get_document(alert_id: str, request: Request) -> Response:
        found = heard(alert_id, user_of(request))
        return found if isinstance(found, Response) else Response(found.cap, media_type=CAP)


class _Acks:
    """Takes confirmations in."""

    def __init__(
        self,
        engine: Engine,
        open_board: Callable[[], Board],
        signatures: Signatures,
        city: City,
        clock: Callable[[], datetime],
        sight: Sight,
    ) -> None:
        self._sight = sight
        self._engine, self._open_board, self._city, self._clock = engine, open_board, city, clock
        self._signatures = signatures

    async def take(
        self, user: Principal, alert_ids: Sequence[str], by: str, said: str, name: str, body: bytes, at: datetime
    ) -> Response | None:
        """Take confirmations in; the answer if one is not taken. What is signed is the body, under a name."""
        acks = [Ack(alert_id, alert_id[:DISTRICT], by, at) for alert_id in dict.fromkeys(alert_ids)]
        unknown = await run_in_threadpool(self._unknown, user, acks)
        if len(unknown) == len(acks):
            return problem(404, "NOT_FOUND", f"alert {' '.join(unknown)} is not known")
        if not self._sight.acks(user, by):
            return problem(403, "NOT_YOUR_UNIT", f"by: {by!r}; expected {user.unit!r}", field="by")
        if fault := await run_in_threadpool(self._signatures.fault, by, said, name, body, at.timestamp()):
            text = f"{HEADER}: of {name} by {by}; expected one made just now with the way's secret"
            return await self._keep(fault, text, at, body, by) or problem(401, fault, text)
        if failed := await refused(self._engine.submit([(ack, at) for ack in acks if ack.alert_id not in unknown])):
            await run_in_threadpool(self._signatures.forget, said)
            return failed
        if unknown:
            return problem(404, "NOT_FOUND", f"alert {' '.join(unknown)} is not known; the others are confirmed")
        return None

    def _unknown(self, user: Principal, acks: Sequence[Ack]) -> list[str]:
        return [ack.alert_id for ack in acks if not self._hears(user, ack)]

    def _hears(self, user: Principal, ack: Ack) -> bool:
        """Say whether there may be such an alert for whoever asks; a board that is away rules out nothing."""
        board = self._open_board()
        if user.role == "city":
            return board.may_have(ack.case_no, ack.alert_id)
        alert = board.alert(ack.alert_id)
        return alert is not None and self._sight.hears(user, alert)

    async def one(self, alert_id: str, request: Request) -> Response:
        """Take one in that names who confirms."""
        user, said = user_of(request), request.headers.get(HEADER, "")
        if not may(user, "ACK"):
            return forbidden("ACK")
        body = await read_deed(request)
        if isinstance(body, Refusal):
            return problem(413, body.reason, str(body))
        try:
            asked = msgspec.json.decode(body, type=_AckBody)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return problem(422, "BAD_FIELD", str(error))
        failed = await self.take(user, [alert_id], asked.by, said, alert_id, body, self._clock())
        return failed or json({"alert_id": alert_id}, 202)

    async def document(self, request: Request) -> Response:
        """Take a CAP document in: an Ack confirms what it refers to, an Error is kept for a person to read."""
        body = await read_deed(request)
        if isinstance(body, Refusal):
            return problem(413, body.reason, str(body))
        try:
            found = faults(body)
        except CapError as error:
            return problem(422, "NOT_CAP", str(error))
        if found:
            return problem(422, "NOT_CAP", "; ".join(found[:10]))
        return await self._heed(user_of(request), parse(body), request.headers.get(HEADER, ""), body)

    async def _heed(self, user: Principal, root: Element, said: str, body: bytes) -> Response:
        if not may(user, "ACK"):
            return forbidden("ACK")
        at, sender, kind = self._clock(), text_of(root, "sender"), text_of(root, "msgType")
        name = f"{sender},{text_of(root, 'identifier')},{text_of(root, 'sent')}"
        if kind == "Error":
            failed = await self._keep("CAP_ERROR", text_of(root, "note"), at, body, sender)
            return failed or _answer(self._city, "Ack", sender, name, at, "已记录 recorded")
        if kind != "Ack":
            return problem(422, "NOT_CAP", f"alert.msgType: {kind}; expected Ack or Error")
        meant = [one.split(",")[1] for one in text_of(root, "references").split()]
        failed = await self.take(user, meant, sender, said, text_of(root, "identifier"), body, at)
        if failed is not None:
            note = bytes(failed.body).decode()
            return _answer(self._city, "Error", sender, name, at, note, failed.status_code)
        return _answer(self._city, "Ack", sender, name, at, "已确认 confirmed")

    async def _keep(self, reason: str, text: str, at: datetime, body: bytes, source: str) -> Response | None:
        letter = DeadLetter(str(uuid7()), "gateway", reason, text, at, body, source)
        return await refused(self._engine.refuse([letter]))


def _answer(city: City, kind: str, to: str, reference: str, at: datetime, note: str, status: int = 202) -> Response:
    """Answer a document with a document."""
    made = answer(city, kind, f"{sender_of(city)}-{uuid7()}", to, reference, at, note)
    return Response(made, status_code=status, media_type=CAP)


async def _events(
    request: Request, open_board: Callable[[], Board], desk: str, after: str, hears: Callable[[Alert], bool]
) -> AsyncIterator[bytes]:
    """Yield alerts as they come; behind one that the caller has had, else from now on."""
    seen: set[str] = set()
    first = True
    while not await request.is_disconnected():
        newest = await run_in_threadpool(lambda: open_board().newest(desk=desk, limit=FEED))
        known = {alert.alert_id for alert in newest}
        if first:
            missed = [alert.alert_id for alert in newest]
            seen = set(missed[: missed.index(after) + 1]) if after in missed else set() if after else known
            first = False
            yield b": alerts\n\n"
        for alert in newest:
            if alert.alert_id not in seen and hears(alert):
                yield b"id: %s\nevent: alert\ndata: %s\n\n" % (alert.alert_id.encode(), _encode(alert))
        seen = (seen & known) | known
        await asyncio.sleep(_PAUSE_S)


def _feed(city: City, found: Sequence[Alert], desk: str, now: datetime) -> str:
    """Write a desk's newest alerts as an Atom feed, the newest first."""
    place, zone = city.rules.places.desks[desk], city.rules.calendar.zone
    updated = found[-1].sent_at if found else now
    entries = []
    for alert in reversed(found):
        sent = stamp(alert.sent_at.astimezone(zone))
        title = f"{alert.kind} {alert.case_no} · {alert.reason}"
        link = quoteattr(f"/v1/alerts/{alert.alert_id}/cap")
        entries.append(
            f"<entry><id>{escape(alert.alert_id)}</id><title>{escape(title)}</title><updated>{sent}</updated>"
            f'<link rel="enclosure" type="{CAP}" href={link}/><category term={quoteattr(alert.category)}/></entry>'
        )
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>{escape(sender_of(city))}-{escape(desk)}</id>"
        f"<title>capIndex · {escape(place.name_zh)} {escape(place.name_en)}</title>"
        f"<updated>{stamp(updated.astimezone(zone))}</updated>"
        f"<author><name>{escape(sender_of(city))}</name></author>"
        f"{''.join(entries)}</feed>"
    )
