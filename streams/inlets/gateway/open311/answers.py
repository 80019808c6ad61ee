"""Answers in the two formats of GeoReport: JSON, and XML of the same fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import msgspec
from fastapi.responses import Response

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMATS = ("json", "xml")
_TYPES = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}


def many(form: str, whole: str, one: str, items: Sequence[dict[str, Any]], status: int = 200) -> Response:
    """Answer with a list: in XML an element `whole` of elements `one`."""
    if form == "json":
        return Response(msgspec.json.encode(items), status, media_type=_TYPES[form])
    inside = "".join(_element(one, item) for item in items)
    return _xml(f"<{whole}>{inside}</{whole}>", status)


def single(form: str, name: str, item: dict[str, Any], status: int = 200) -> Response:
    """Answer with one object."""
    if form == "json":
        return Response(msgspec.json.encode(item), status, media_type=_TYPES[form])
    return _xml(_element(name, item), status)


def error(form: str, status: int, text: str) -> Response:
    """Answer with an error as GeoReport has it; in JSON where the format is none of the two."""
    said = [{"code": status, "description": text}]
    return many(form if form in FORMATS else "json", "errors", "error", said, status)


def _xml(text: str, status: int) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8"?>\n{text}'
    return Response(body.encode("utf-8", "replace"), status, media_type=_TYPES["xml"])


def _element(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(key, one) for key, one in value.items())}</{name}>"
    if isinstance(value, list):
        singular = _SINGULAR.get(name, "item")
        return f"<{name}>{''.join(_element(singular, one) for one in value)}</{name}>"
    if value is None:
        return f"<{name}/>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(_plain(text))}</{name}>"


_SINGULAR = {"attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format"}


def _plain(text: str) -> str:
    """Leave out what XML can't hold."""
    return "".join(letter for letter in text if letter in "\t\n\r" or letter >= " ")
