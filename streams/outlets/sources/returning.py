"""办结回传: telling a source system what became of its report, in its own words, over HTTP.

    POST url, Authorization: Bearer …, Idempotency-Key: system/number/state
    {"system": "12345", "system_no": "B-1", "case_no": "…", "state": "CLOSED", "at": "…", "result": "…"}

How an adapter's system wants it told, its adapter says (`streams/inlets/adapters`): a table of fields here.
"""

from __future__ import annotations

import http.client
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from streams.outlets.sources.outcomes import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from grids.inlets import SystemForm
    from streams.outlets.sources.outcomes import Outcome

_PATIENCE_S = 10
_TOOK = range(200, 300)


class ReturnError(Exception):
    """A system could not be told, or did not take it."""


def _plain(one: Outcome) -> dict[str, object]:
    said = shown(one)
    return {name: said[name] for name in ("system", "system_no", "case_no", "state", "at", "unit", "result", "ended")}


_ZH = {
    "REPORTED": "已上报", "VERIFYING": "核实中", "ACCEPTED": "已受理", "FILED": "已立案", "DISPATCHED": "已派遣",
    "SIGNED": "已签收", "HANDLING": "处置中", "HANDLED": "处置完成", "CHECKING": "核查中", "CLOSED": "已结案",
    "EVALUATED": "已评价", "NOT_ACCEPTED": "不予受理", "NOT_FILED": "不予立案", "CANCELLED": "作废", "MERGED": "并案",
    "FORCED_CLOSED": "强制结案", "RETURNED": "回退", "REWORK": "返工", "SUSPENDED": "挂账", "DISPUTED": "权责争议",
}  # fmt: skip


def _hotline(one: Outcome) -> dict[str, object]:
    return {
        "工单号": one.system_no,
        "案卷号": one.case_no,
        "状态": _ZH.get(one.state, one.state),
        "承办单位": one.unit,
        "办理结果": one.result,
        "更新时间": one.at.isoformat(),
        "是否办结": one.ended,
    }


def _city_management(one: Outcome) -> dict[str, object]:
    return {
        "任务号": one.system_no,
        "案卷号": one.case_no,
        "案卷状态": _ZH.get(one.state, one.state),
        "处置部门": one.unit,
        "处置结果": one.result,
        "结案时间": one.at.isoformat() if one.ended else "",
    }


WORDINGS: dict[str, Callable[[Outcome], dict[str, object]]] = {
    "": _plain,
    "hotline": _hotline,
    "city-management": _city_management,
}
"""How each kind of system is told, by the name of its adapter."""


def wording(system: SystemForm, one: Outcome) -> dict[str, object]:
    """Put an outcome in a system's words."""
    return WORDINGS.get(system.adapter, _plain)(one)


def tell(system: SystemForm, one: Outcome) -> None:
    """Tell a system of an outcome. Raises ReturnError unless it answers 2xx."""
    parts = urlsplit(system.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Idempotency-Key": f"{one.system}/{one.system_no}/{one.state}".encode("ascii", "backslashreplace").decode(),
    }
    if system.token_env and (token := os.environ.get(system.token_env)):
        headers["Authorization"] = f"Bearer {token}"
    link = kind(parts.hostname or "", parts.port, timeout=_PATIENCE_S)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        link.request("POST", path, msgspec.json.encode(wording(system, one)), headers)
        answer = link.getresponse()
        answer.read(1 << 16)
    except (OSError, http.client.HTTPException) as error:
        raise ReturnError(f"{system.url}: {error or type(error).__name__}") from error
    finally:
        link.close()
    if answer.status not in _TOOK:
        raise ReturnError(f"{system.url}: {answer.status}; expected 2xx")
