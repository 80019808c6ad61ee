"""Examples and forms for OpenAPI: bodies are read by hand, so that the document has to be told of them."""

from __future__ import annotations

from typing import Any

_REPORT: dict[str, Any] = {
    "system": "12345",
    "system_no": "B-1",
    "channel": "HOTLINE",
    "reported_at": "2026-03-02T08:15:00+08:00",
    "scheme": "city",
    "category": "C-01-01",
    "urgency": "CRITICAL",
    "text": "井盖缺失 a manhole cover is missing",
    "lon": 104.0778,
    "lat": 30.6507,
    "datum": "GCJ02",
}
_INQUIRY: dict[str, Any] = {
    "system": "12345",
    "system_no": "B-2",
    "channel": "HOTLINE",
    "reported_at": "2026-03-02T08:16:00+08:00",
    "matter": "INQUIRY",
    "text": "共享单车停放区在哪里 where may shared bicycles be parked",
}
_BY_ADDRESS: dict[str, Any] = {
    "system": "12345",
    "system_no": "B-3",
    "channel": "HOTLINE",
    "reported_at": "2026-03-02T08:17:00+08:00",
    "scheme": "city",
    "category": "E-01-10",
    "address": "锦江区春熙路街道",
    "attributes": {"person": {"name": "王某", "phone": "13800000000"}},
}

_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_TEXTS = (
    "system", "system_no", "report_id", "scheme", "category", "condition", "text", "address", "component_id",
    "source_layer", "source_grid", "source_status", "reporter",
)  # fmt: skip

REPORT_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["system", "system_no", "channel", "reported_at"],
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(_TEXTS, _TEXT),
        **dict.fromkeys(("reported_at", "occurred_at", "source_updated_at"), _TIME),
        "channel": {"enum": [
            "GRID_WORKER", "HOTLINE", "PUBLIC_APP", "VIDEO", "SENSOR", "INSPECTION", "LEADER", "MEDIA", "DEPARTMENT",
        ]},
        "matter": {"enum": ["INCIDENT", "INQUIRY", "SUGGESTION", "PRAISE", "COMPLAINT"], "default": "INCIDENT"},
        "net": {"enum": ["ZZ", "CG", "YJ", "HB", "MS"]},
        "severity": {"enum": [1, 2, 3, 4], "default": 4},
        "urgency": {"enum": ["NORMAL", "URGENT", "CRITICAL"], "default": "NORMAL"},
        "lon": {"type": "number", "minimum": -180, "maximum": 180},
        "lat": {"type": "number", "minimum": -90, "maximum": 90},
        "datum": {"enum": ["CGCS2000", "WGS84", "GCJ02", "BD09"]},
        "accuracy_m": {"type": "number"},
        "media": {"type": "array", "items": _TEXT},
        "self_handled": {"type": "boolean", "default": False},
        "attributes": {"type": "object"},
    },
}  # fmt: skip

_PROBLEM_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["title", "status", "detail", "reason"],
    "properties": {
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "detail_zh": _TEXT,
        "reason": _TEXT,
        "field": _TEXT,
        "type": _TEXT,
    },
}

_PROBLEM = {
    "title": "UNKNOWN_FIELD",
    "status": 422,
    "detail": "colour: a field of this name; expected a field of Report; extras go into attributes",
    "reason": "UNKNOWN_FIELD",
    "field": "colour",
    "detail_zh": "未知字段：colour",
}

_NAMED = {
    "incident": {"summary": "一件事件 an incident", "value": _REPORT},
    "inquiry": {"summary": "一件咨询，无需地点 an inquiry needs no place", "value": _INQUIRY},
    "by address": {"summary": "只有地址，带来电人 by address, with whoever called", "value": _BY_ADDRESS},
    "several": {"summary": "一批 several", "value": [_REPORT, _INQUIRY]},
}

REPORTS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [REPORT_FORM, {"type": "array", "minItems": 1, "items": REPORT_FORM}]},
                "examples": _NAMED,
            },
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"system": "12345", "system_no": "B-1", …}\n{"system": "12345", "system_no": "B-2", …}\n',
            },
        },
    },
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "maxLength": 255},
            "description": "同一键重发同一请求，得到同一回答 the same request again gets the same answer, for a day",
        }
    ],
}
"""What POST /v1/reports takes."""


def _problem(text: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _PROBLEM_FORM, "example": _PROBLEM}}
    return {"description": text, "content": content}


TAKEN: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "至少一件已写入磁盘 at least one is on disk; each is told what became of it",
        "content": {
            "application/json": {
                "example": {
                    "results": [
                        {"index": 0, "report_id": "01a20285-56a6-7168-bb8f-0d0eaf9cdbaa"},
                        {"index": 1, "error": {k: _PROBLEM[k] for k in ("reason", "field", "detail", "detail_zh")}},
                    ]
                }
            }
        },
    },
    400: _problem("不是 JSON 或条数过多 no JSON, or too many"),
    401: _problem("未登录 not signed in"),
    403: _problem("无权 may not report"),
    408: _problem("请求体停顿过久 the body has stood still"),
    409: _problem("同一键的请求尚未回答 another request of this key is not answered yet"),
    413: _problem("过大 too large"),
    422: _problem("字段有误 a field is wrong"),
    429: _problem("过快 too fast"),
    503: _problem("暂不受理 not now"),
    507: _problem("磁盘已满 the disk is full"),
}
"""What it answers."""

ACTION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["verb"],
                    "additionalProperties": False,
                    "properties": {
                        "verb": _TEXT,
                        "actor": _TEXT,
                        "actor_unit": _TEXT,
                        "action_id": _TEXT,
                        "at": _TIME,
                        "reason": _TEXT,
                        "payload": {"type": "object"},
                    },
                },
                "examples": {
                    "sign": {"value": {"verb": "SIGN", "actor": "W-17", "actor_unit": "510104-WT"}},
                    "finish": {"value": {
                        "verb": "FINISH", "actor": "W-17", "actor_unit": "510104-WT",
                        "payload": {"evidence": ["sha256:…"]},
                    }},
                },
            }
        },
    }
}  # fmt: skip
"""What POST /v1/cases/{no}/actions takes."""
