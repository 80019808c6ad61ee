"""One document that speaks for many: made of theirs, with a name of its own, and true of each of them.

It is as grave as the gravest of them, counts them by what happened, shows the cells of all, and lists what has to be
confirmed. What is over is never in one document with what goes on: a Cancel cancels all that it refers to.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, unescape

from streams.cap.writing import HEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.records import Alert

_SHAPES = 20
"""Cells that a document shows with their shapes; those beyond are named."""

_KINDS = 5
"""Sorts of events that a description counts one by one."""

_INFO = re.compile(r"<info>.*?</info>", re.DOTALL)
_AREA = re.compile(r"<area>.*?</area>", re.DOTALL)
_GRID = re.compile(r"<valueName>GRID</valueName><value>([^<]*)</value>")

_WORDS = {
    "zh": {"count": "共 {} 起", "others": "其他", "gravest": "最重", "beyond": "另有 {} 个网格", "comma": "，"},
    "en": {
        "count": "{} cases",
        "others": "others",
        "gravest": "the gravest",
        "beyond": "{} more cells",
        "comma": ", ",
    },
}
_CONFIRM = {
    "zh": "请于 {} 前逐一确认：以参数 ack 的各项为 references 回一份 Ack",
    "en": "Please confirm each by {}: one Ack whose references are those of the parameter ack",
}


def digest(name: str, alerts: Sequence[Alert]) -> str:
    """Return a document about alerts to one unit, in their order; `name` makes its identifier.

    They all cancel, or none does.
    """
    gravest = min(reversed(alerts), key=lambda alert: alert.severity)
    asked = [alert for alert in alerts if alert.ack_due is not None]
    if alerts[0].kind == "CANCEL" or all(alert.references for alert in alerts):
        kind = "Cancel" if alerts[0].kind == "CANCEL" else "Update"
        found = dict.fromkeys(one for alert in alerts for one in _text(alert.cap, "references").split())
        references = f"<references>{' '.join(found)}</references>"
    else:
        kind, references = "Alert", ""
    head = gravest.cap[: gravest.cap.index("<info>")]
    cases = " ".join(dict.fromkeys(alert.case_no for alert in alerts))
    for tag, text in (
        ("identifier", f"{gravest.desk}-{name}"),
        ("sent", _text(alerts[-1].cap, "sent")),
        ("msgType", kind),
        ("incidents", cases),
    ):
        head = re.sub(f"<{tag}>[^<]*</{tag}>", f"<{tag}>{text}</{tag}>", head)
    head = re.sub("<references>[^<]*</references>", "", head).replace("<incidents>", f"{references}<incidents>")
    infos = [_INFO.findall(alert.cap) for alert in alerts]
    own = _INFO.findall(gravest.cap)
    made = [
        _info(info, number, alerts, [many[min(number, len(many) - 1)] for many in infos], asked)
        for number, info in enumerate(own)
    ]
    return f"{head}{''.join(made)}</alert>"


def _info(info: str, number: int, alerts: Sequence[Alert], infos: Sequence[str], asked: Sequence[Alert]) -> str:
    """Write what is said in one language; `info` is the gravest one's, `infos` are all of that language."""
    words = _WORDS[_text(info, "language")[:2]]
    cases = {alert.case_no: _text(one, "event") for alert, one in zip(alerts, infos, strict=True)}
    kinds = Counter(cases.values()).most_common()
    counted = [f"{event} {count}" for event, count in kinds[:_KINDS]]
    if rest := sum(count for _, count in kinds[_KINDS:]):
        counted.append(f"{words['others']} {rest}")
    summary = f"{words['count'].format(len(cases))}: {words['comma'].join(counted)}"
    gravest = _text(info, "headline")
    description = f"{summary}\n{words['gravest']}: {gravest}\n{_text(info, 'description')}"
    expires = [_text(one, "expires") for one in infos]
    info = _AREA.sub(
        "", re.sub("<parameter>.*?</parameter>|<(instruction|expires)>.*?</\\1>", "", info, flags=re.DOTALL)
    )
    info = _set(info, "headline", f"({len(cases)}) {unescape(gravest)}"[:HEADLINE], escaped=False)
    info = _set(info, "description", description)
    if all(expires):
        info = info.replace("<senderName>", f"<expires>{max(expires)}</expires><senderName>")
    parts = [f"<parameter><valueName>count</valueName><value>{len(alerts)}</value></parameter>"]
    instruction = ""
    if asked:
        first = min(asked, key=lambda alert: str(alert.ack_due))
        due = re.search("<valueName>ackDue</valueName><value>([^<]*)</value>", first.cap)
        by = due[1] if due else ""
        instruction = _CONFIRM[_text(info, "language")[:2]].format(by)
        parts.append(f"<parameter><valueName>ackDue</valueName><value>{by}</value></parameter>")
        if number == 0:  # once is enough
            names = " ".join(",".join(_text(one.cap, tag) for tag in _REFERENCE) for one in asked)
            parts.append(f"<parameter><valueName>ack</valueName><value>{names}</value></parameter>")
    said = f"<instruction>{instruction}</instruction>" if instruction else ""
    return info.replace("</info>", f"{said}{''.join(parts)}{''.join(_areas(infos, words))}</info>")


_REFERENCE = ("sender", "identifier", "sent")


def _areas(infos: Sequence[str], words: dict[str, str]) -> Iterator[str]:
    """Write the areas of all: the first cells with their shapes, those beyond by their codes."""
    found = list(dict.fromkeys(area for info in infos for area in _AREA.findall(info)))
    yield from found[:_SHAPES]
    codes = list(dict.fromkeys(code for area in found[_SHAPES:] for code in _GRID.findall(area)))
    if beyond := found[_SHAPES:]:
        geocodes = (f"<geocode><valueName>GRID</valueName><value>{code}</value></geocode>" for code in codes)
        yield f"<area><areaDesc>{words['beyond'].format(len(beyond))}</areaDesc>{''.join(geocodes)}</area>"


def _text(document: str, tag: str) -> str:
    """Return what stands in the first element of a name, as it is written; empty if there is none."""
    start = document.find(f"<{tag}>")
    return "" if start < 0 else document[start + len(tag) + 2 : document.index(f"</{tag}>", start)]


def _set(info: str, tag: str, text: str, *, escaped: bool = True) -> str:
    start, end = info.index(f"<{tag}>") + len(tag) + 2, info.index(f"</{tag}>")
    return f"{info[:start]}{text if escaped else escape(text)}{info[end:]}"
