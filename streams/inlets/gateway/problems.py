"""Errors as RFC 9457 problem documents that name the field, in English and Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi.responses import Response

if TYPE_CHECKING:
    from streams.stages.acceptance import Refusal

_ZH = {
    "NOT_JSON": "不是合法的 JSON",
    "UNKNOWN_FIELD": "未知字段",
    "MISSING_FIELD": "缺少必填字段",
    "BAD_FIELD": "字段类型或取值不符",
    "BAD_TIME": "时间不合法（须带时区偏移）",
    "FUTURE": "时间在未来",
    "TOO_OLD": "上报时间过早",
    "BAD_POSITION": "坐标不合法",
    "TOO_LARGE": "请求体过大",
    "TOO_MANY": "条数过多",
    "NOT_FOUND": "不存在",
    "UNKNOWN_CATEGORY": "类别不在目录中或不是小类",
    "UNMAPPED_CATEGORY": "类别未映射到本市目录",
    "AMBIGUOUS_CATEGORY": "类别映射到多个本市小类",
    "UNKNOWN_CONDITION": "没有这一立案条件",
    "NOT_READY": "服务已停止，未受理，请稍后重试",
    "NO_SPACE": "磁盘空间不足，未受理，请稍后重试",
    "SPOOL_FULL": "Kafka 不可用，本机暂存已满，未受理，请稍后重试",
    "BOARD_AWAY": "看板暂不可读，上报与处置照常受理，请稍后重试",
    "NOT_CAP": "不是合法的 CAP 1.2 报文",
    "FORGED_ACK": "确认未签名或签名不符",
    "EXPIRED_ACK": "确认签名已过期",
    "REPLAYED_ACK": "确认已使用过",
    "LOOPBACK_ONLY": "未配置密钥时只接受本机请求",
}


class Problem(msgspec.Struct, omit_defaults=True):
    """One problem document."""

    title: str
    status: int
    detail: str
    reason: str
    field: str = ""
    detail_zh: str = ""
    type: str = "about:blank"


def error_of(refusal: Refusal) -> dict[str, str]:
    """Word a refusal as one entry of a result list."""
    detail_zh = _in_chinese(refusal.reason, refusal.field)
    return {"reason": refusal.reason, "field": refusal.field, "detail": str(refusal), "detail_zh": detail_zh}


def _in_chinese(reason: str, field: str) -> str:
    return _ZH.get(reason, reason) + (f"：{field}" if field else "")


def problem(status: int, reason: str, detail: str, *, field: str = "") -> Response:
    """Answer with a problem document."""
    detail_zh = _in_chinese(reason, field)
    body = Problem(title=reason, status=status, detail=detail, reason=reason, field=field, detail_zh=detail_zh)
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/problem+json")
