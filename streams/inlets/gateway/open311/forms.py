"""Reading what clients post: a form, urlencoded or in parts, as a line that the gateway takes like any other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from streams.inlets.gateway.open311.services import CONDITION, MATTERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from starlette.types import Message

SYSTEM = "open311"
_PERSONAL = ("first_name", "last_name", "email", "phone", "device_id", "account_id")
_ATTRIBUTE = re.compile(r"attribute\[([^\]]+)\](\[\])?")
_FIELDS = 200


class FormError(ValueError):
    """A form that can't be read, or says too little; the text names the field."""


async def read_form(request: Request, body: bytes) -> dict[str, str]:
    """Read a form out of a body that is here already. Raises FormError."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        form = await Request(request.scope, receive).form(max_files=1, max_fields=_FIELDS, max_part_size=1 << 18)
    except (MultiPartException, ValueError, AssertionError) as error:
        raise FormError(f"body: {error}") from None
    except Exception as error:  # noqa: BLE001 - Starlette wraps its own refusals
        raise FormError(f"body: {error}; expected a form") from None
    return {name: value for name, value in form.multi_items() if not isinstance(value, UploadFile)}


def line_of(form: Mapping[str, str], number: str, at: datetime, system: str = SYSTEM) -> bytes:
    """Turn a form into a report's line. Raises FormError."""
    code = form.get("service_code", "").strip()
    if not code:
        raise FormError("service_code was not provided")
    report: dict[str, Any] = {
        "system": system,
        "system_no": number,
        "channel": "PUBLIC_APP",
        "reported_at": at.isoformat(),
        "text": form.get("description", "")[:8000],
    }
    if code in MATTERS:
        report["matter"] = MATTERS[code][0]
    else:
        report |= {"scheme": "city", "category": code}
    report |= _position(form)
    if address := form.get("address_string", "").strip():
        report["address"] = address[:500]
    if component := form.get("address_id", "").strip():
        report["component_id"] = component
    if code not in MATTERS and not ({"lon", "address", "component_id"} & report.keys()):
        raise FormError("lat and long, address_string or address_id was not provided")
    attributes = _attributes(form)
    if condition := attributes.pop(CONDITION, ""):
        report["condition"] = condition
    if url := form.get("media_url", "").strip():
        report["media"] = [url[:1000]]
    if attributes:
        report["attributes"] = attributes
    return msgspec.json.encode(report)


def _position(form: Mapping[str, str]) -> dict[str, Any]:
    lat, long = form.get("lat", "").strip(), form.get("long", "").strip()
    if not lat and not long:
        return {}
    try:
        return {"lat": float(lat), "lon": float(long), "datum": "WGS84"}
    except ValueError:
        raise FormError(f"lat, long: {lat!r}, {long!r}; expected degrees (WGS-84)") from None


def _attributes(form: Mapping[str, str]) -> dict[str, Any]:
    """Return what else is said: attributes of the service, and whoever asks as a person."""
    found: dict[str, Any] = {}
    for name, value in form.items():
        if value and (named := _ATTRIBUTE.fullmatch(name)):
            found[named[1][:64]] = value
    if person := {name: form[name] for name in _PERSONAL if form.get(name, "").strip()}:
        found["person"] = person
    return found
