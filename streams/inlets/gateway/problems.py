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
    "OUTBOX_ELSEWHERE": "待回传事项由另一个网关负责（启动时带 --outbox）",
    "NOT_CAP": "不是合法的 CAP 1.2 报文",
    "FORGED_ACK": "确认未签名或签名不符",
    "EXPIRED_ACK": "确认签名已过期",
    "REPLAYED_ACK": "确认已使用过",
    "LOOPBACK_ONLY": "未配置密钥时只接受本机请求",
    "TOO_DEEP": "嵌套过深",
    "SLOW": "请求体停顿过久",
    "BUSY": "正在读取的请求体过多，请稍后重试",
    "TOO_FAST": "上报过快，请稍后重试",
    "BAD_KEY": "密钥无效或已停用",
    "IN_PROGRESS": "同一键的请求尚未回答",
    "KEY_REUSED": "同一键已用于另一请求",
    "NOT_SIGNED_IN": "未登录，也未带密钥",
    "WRONG_PASSWORD": "账号或口令不对",
    "TOO_MANY_TRIES": "同一地址试口令过频，请稍后重试",
    "LOCKED": "口令多次有误，账号已锁定",
    "NO_CSRF_TOKEN": "缺少或不符的 CSRF 令牌",
    "OTHER_ORIGIN": "来自其他网站的页面",
    "FORBIDDEN": "该角色无权进行此项操作",
    "NOT_YOUR_UNIT": "不得以该单位名义进行",
    "NOT_YOU": "不得以他人名义进行",
    "NOT_YOURS": "不是该密钥的来源系统",
    "NO_REASON": "缺少理由",
    "BAD_MEDIA": "不是可接受的图片",
    "UNKNOWN_MEDIA": "没有这一媒体文件",
    "UNKNOWN_SERVICE": "没有这一服务",
    "UNKNOWN_SYSTEM": "没有这一来源系统",
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


def forbidden(doing: str) -> Response:
    """Answer whoever may not do such a thing at all."""
    return problem(403, "FORBIDDEN", f"{doing}: not for this role; expected another one")
