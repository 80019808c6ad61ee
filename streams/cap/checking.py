"""Checking a CAP 1.2 document against the rules of the standard: which elements, in which order, with which content.

From the element tables of Common Alerting Protocol Version 1.2 (OASIS, 1 July 2010), §3.2, and its schema, §3.4. What
the standard demands is a fault where it is missing; what it only advises is told apart, so that nobody is refused for
it. The parser refuses entities, document types and documents that are too large, so nothing that is read can blow up.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from streams.cap.writing import HEADLINE, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from xml.etree.ElementTree import Element

LARGEST = 1_000_000
"""Bytes of a document at most."""


class CapError(ValueError):
    """A document that is no CAP document; the text says what was found and expected."""


class Part(NamedTuple):
    """One element of the schema: its name, how often it may stand, and what its text must be."""

    name: str
    least: int
    most: int
    holds: Callable[[str], bool] | None = None


_MANY = 10_000
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
_NAME = re.compile(r"[^\s,<&]+")
_REFERENCE = re.compile(rf"[^\s,<&]+,[^\s,<&]+,{_TIME.pattern}")
_PAIR = re.compile(r"[-+]?\d+(\.\d+)?,[-+]?\d+(\.\d+)?")
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
"""What may stand behind all elements of a document (§3.3.4.1)."""
_CORNERS = 4
"""Pairs of a polygon at least: three corners, and the first one again."""


def _one_of(*words: str) -> Callable[[str], bool]:
    return frozenset(words).__contains__


def _is(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _time(text: str) -> bool:
    """Say whether a text is a moment as CAP writes it (§3.3.2): real, to the second, its offset in digits."""
    if _TIME.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _references(text: str) -> bool:
    """Say whether a text is a list of `sender,identifier,sent`."""
    found = text.split()
    return bool(found) and all(_REFERENCE.fullmatch(one) and _time(one.rsplit(",", 1)[1]) for one in found)


def _on_globe(pair: str) -> bool:
    """Say whether a text is `lat,lon` in degrees (WGS-84)."""
    if _PAIR.fullmatch(pair) is None:
        return False
    lat, lon = map(float, pair.split(","))
    return abs(lat) <= 90 and abs(lon) <= 180  # noqa: PLR2004 - degrees


def _polygon(text: str) -> bool:
    """Say whether a text is a closed ring of `lat,lon` pairs."""
    pairs = text.split()
    return len(pairs) >= _CORNERS and pairs[0] == pairs[-1] and all(map(_on_globe, pairs))


def _circle(text: str) -> bool:
    """Say whether a text is a `lat,lon` pair and a radius in kilometres."""
    centre, _, radius = text.partition(" ")
    return _on_globe(centre) and re.fullmatch(r"\d+(\.\d+)?", radius) is not None


def _quoted(text: str) -> bool:
    """Say whether a text is a list of names parted by blanks, those with blanks inside in quotation marks."""
    return re.fullmatch(r'\s*(("[^"]+"|[^\s"]+)(\s+|$))+', text) is not None


def _some(text: str) -> bool:
    return bool(text.strip())


_CATEGORIES = (
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other",
)  # fmt: skip
_RESPONSES = (
    "Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None",
)  # fmt: skip

_ALERT = (
    Part("identifier", 1, 1, _is(_NAME)),
    Part("sender", 1, 1, _is(_NAME)),
    Part("sent", 1, 1, _time),
    Part("status", 1, 1, _one_of("Actual", "Exercise", "System", "Test", "Draft")),
    Part("msgType", 1, 1, _one_of("Alert", "Update", "Cancel", "Ack", "Error")),
    Part("source", 0, 1),
    Part("scope", 1, 1, _one_of("Public", "Restricted", "Private")),
    Part("restriction", 0, 1, _some),
    Part("addresses", 0, 1, _quoted),
    Part("code", 0, _MANY),
    Part("note", 0, 1),
    Part("references", 0, 1, _references),
    Part("incidents", 0, 1, _quoted),
    Part("info", 0, _MANY),
)
_INFO = (
    Part("language", 0, 1, _is(re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"))),
    Part("category", 1, _MANY, _one_of(*_CATEGORIES)),
    Part("event", 1, 1, _some),
    Part("responseType", 0, _MANY, _one_of(*_RESPONSES)),
    Part("urgency", 1, 1, _one_of("Immediate", "Expected", "Future", "Past", "Unknown")),
    Part("severity", 1, 1, _one_of("Extreme", "Severe", "Moderate", "Minor", "Unknown")),
    Part("certainty", 1, 1, _one_of("Observed", "Likely", "Possible", "Unlikely", "Unknown")),
    Part("audience", 0, 1),
    Part("eventCode", 0, _MANY),
    Part("effective", 0, 1, _time),
    Part("onset", 0, 1, _time),
    Part("expires", 0, 1, _time),
    Part("senderName", 0, 1),
    Part("headline", 0, 1),
    Part("description", 0, 1),
    Part("instruction", 0, 1),
    Part("web", 0, 1),
    Part("contact", 0, 1),
    Part("parameter", 0, _MANY),
    Part("resource", 0, _MANY),
    Part("area", 0, _MANY),
)
_NUMBER = _is(re.compile(r"[-+]?\d+(\.\d+)?"))
_PAIR_PARTS = (Part("valueName", 1, 1, _some), Part("value", 1, 1))
_AREA = (
    Part("areaDesc", 1, 1, _some),
    Part("polygon", 0, _MANY, _polygon),
    Part("circle", 0, _MANY, _circle),
    Part("geocode", 0, _MANY),
    Part("altitude", 0, 1, _NUMBER),
    Part("ceiling", 0, 1, _NUMBER),
)
_RESOURCE = (
    Part("resourceDesc", 1, 1, _some),
    Part("mimeType", 1, 1, _is(re.compile(r"[\w.+-]+/[\w.+-]+(;.*)?"))),
    Part("size", 0, 1, _is(re.compile(r"\d+"))),
    Part("uri", 0, 1),
    Part("derefUri", 0, 1),
    Part("digest", 0, 1, _is(re.compile(r"[0-9A-Fa-f]{40}"))),
)
_INSIDE = {
    "info": _INFO,
    "eventCode": _PAIR_PARTS,
    "parameter": _PAIR_PARTS,
    "geocode": _PAIR_PARTS,
    "area": _AREA,
    "resource": _RESOURCE,
}

_ANSWERS = frozenset({"Update", "Cancel", "Ack", "Error"})
"""Kinds of message that speak of an earlier one."""


def parse(document: bytes) -> Element:
    """Return the root of a document. Raises CapError if it is too large, dangerous, or no XML."""
    if len(document) > LARGEST:
        raise CapError(f"{len(document)} bytes; expected at most {LARGEST}")
    try:
        root: Element = fromstring(document)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise CapError(f"{type(error).__name__}: {error}; expected a CAP 1.2 document") from error
    return root


def faults(document: bytes) -> list[str]:
    """Return what is wrong with a document, each with its place; empty if it is valid CAP 1.2. Raises CapError."""
    root = parse(document)
    if root.tag != f"{{{NAMESPACE}}}alert":
        return [f"{root.tag}; expected alert of {NAMESPACE}"]
    return [*_within("alert", root, _ALERT), *_together(root)]


def advice(document: bytes) -> list[str]:
    """Return what a valid document lacks of what the standard advises, each with its place. Raises CapError."""
    root = parse(document)
    kind, found = text_of(root, "msgType"), []
    if kind == "Error" and not text_of(root, "note"):
        found.append("alert.note: nothing; better why, in an Error")
    if text_of(root, "status") == "Exercise" and not text_of(root, "note"):
        found.append("alert.note: nothing; better which exercise it is")
    if kind in ("Alert", "Update") and root.find(f"{{{NAMESPACE}}}info") is None:
        found.append("alert.info: nothing; better at least one")
    for info in root.iterfind(f"{{{NAMESPACE}}}info"):
        expires, sent = text_of(info, "expires"), text_of(root, "sent")
        if expires and datetime.fromisoformat(expires) <= datetime.fromisoformat(sent):
            found.append(f"alert.info.expires: {expires}; better after it is sent")
        if len(text_of(info, "headline")) > HEADLINE:
            found.append(f"alert.info.headline: {len(text_of(info, 'headline'))} characters; better {HEADLINE}")
    return found


def text_of(element: Element, name: str) -> str:
    """Return the text of the first child of a name; empty if there is none."""
    return (element.findtext(f"{{{NAMESPACE}}}{name}") or "").strip()


def _within(where: str, element: Element, parts: tuple[Part, ...]) -> Iterator[str]:
    """Yield what is wrong with the children of an element: names, order, number, content."""
    names = [part.name for part in parts]
    counts = dict.fromkeys(names, 0)
    furthest = 0
    for child in element:
        if child.tag == _SIGNATURE and where == "alert":
            furthest = len(names)
            continue
        name = child.tag.removeprefix(f"{{{NAMESPACE}}}") if isinstance(child.tag, str) else ""
        if name not in counts:
            yield f"{where}: {child.tag}; expected one of {' '.join(names)}"
            continue
        if names.index(name) < furthest:
            behind = "the signature" if furthest == len(names) else names[furthest]
            yield f"{where}.{name}: stands behind {behind}; expected the order of the standard"
        furthest = max(furthest, names.index(name))
        counts[name] += 1
        part = parts[names.index(name)]
        if part.holds is not None and not part.holds((child.text or "").strip()):
            yield f"{where}.{name}: {(child.text or '')[:80]!r}; expected what the standard allows"
        if name in _INSIDE:
            yield from _within(f"{where}.{name}", child, _INSIDE[name])
    for part in parts:
        if not part.least <= counts[part.name] <= part.most:
            most = "any number" if part.most == _MANY else str(part.most)
            yield f"{where}.{part.name}: {counts[part.name]} times; expected {part.least} to {most}"


def _together(root: Element) -> Iterator[str]:
    """Yield what elements say that doesn't go together."""
    scope, kind = text_of(root, "scope"), text_of(root, "msgType")
    if scope == "Private" and not text_of(root, "addresses"):
        yield "alert.addresses: nothing; expected addresses where the scope is Private"
    if scope == "Restricted" and not text_of(root, "restriction"):
        yield "alert.restriction: nothing; expected a restriction where the scope is Restricted"
    if kind in _ANSWERS and not text_of(root, "references"):
        yield f"alert.references: nothing; expected what this {kind} speaks of"
    for area in root.iter(f"{{{NAMESPACE}}}area"):
        if text_of(area, "ceiling") and not text_of(area, "altitude"):
            yield "alert.info.area.ceiling: without altitude; expected both"
