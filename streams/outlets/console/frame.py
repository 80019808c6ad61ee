"""The frame around every page: languages, navigation, keys, colours, and what a page may load."""

from __future__ import annotations

import json
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from nicegui import ui

from streams.inlets.gateway.guard import COOKIE as COOKIE_OF_SESSION
from streams.outlets.console import users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from streams.outlets.console.context import Console
    from streams.outlets.console.users import User

COOKIE = "onegrid-lang"

TITLES = {
    users.WALL: ("大屏", "Wall"),
    users.INTAKE: ("受理", "Intake"),
    users.DUTY: ("值班", "Duty officer"),
    users.DUTIES: ("职责", "Duties"),
    users.GRID: ("网格", "Grid"),
    users.MEASURES: ("指标", "Measures"),
    users.QUALITY: ("数据质量", "Data quality"),
}

PATHS = {page: "/" if page == users.WALL else f"/{page}" for page in users.PAGES}


class Seat(NamedTuple):
    """Somebody looking at a page: who, in which language, and what they asked for it with."""

    console: Console
    user: User
    zh: bool
    request: Request

    def t(self, zh: str, en: str) -> str:
        """Return a text in the language of who looks."""
        return zh if self.zh else en

    def of(self, dimension: str, code: str) -> str:
        """Return the name of a code in that language."""
        return self.console.room.names.of(dimension, code)[0 if self.zh else 1]

    def state(self, state: str) -> str:
        """Return a state's name as the pack says it."""
        return (
            self.console.city.rules.form.states.get(state, {}).get("zh" if self.zh else "en", "")
            or STATES.get(state, (state, state))[0 if self.zh else 1]
        )

    def verb(self, verb: str) -> str:
        """Return a verb's name."""
        return VERBS.get(verb, (verb, verb))[0 if self.zh else 1]

    def limit(self, text: str) -> str:
        """Return a limit such as `3.2 WORK_HOUR` in words."""
        amount, _, kind = text.partition(" ")
        return f"{amount} {self.t(*KINDS[kind])}" if kind in KINDS else text

    def method(self, method: str) -> str:
        """Return in words how a place was found."""
        return self.t(*METHODS[method]) if method in METHODS else method

    def words(self, text: str) -> str:
        """Return a line of a receipt with what is still a code in it put into words."""
        return " ".join(self.t(*_WORDS[part]) if part in _WORDS else part for part in text.split(" "))

    def channel(self, channel: str) -> str:
        """Return a channel's name."""
        return self.t(*CHANNELS[channel]) if channel in CHANNELS else channel

    def refusal(self, reason: str) -> str:
        """Return in words why something is a dead letter; the code itself where it has no words here."""
        return self.t(*REASONS[reason]) if reason in REASONS else reason

    def why(self, reason: str) -> str:
        """Return in words why an alert was sent or a reminder fired, such as `HANDLE 150%`."""
        head, _, tail = reason.partition(" ")
        if head == "severity":
            return f"{self.t('等级', 'severity')} {tail}"
        if head in CLOCKS and tail.endswith("%"):
            return f"{self.t(*CLOCKS[head])} {tail}"
        return self.state(reason)


def seat_of(console: Console, request: Request) -> Seat:
    """Return who asks, and in which language: that of `?lang=`, else of the cookie, else the pack's first."""
    said = request.query_params.get("lang") or request.cookies.get(COOKIE, "")
    first = console.city.rules.form.languages[0] if console.city.rules.form.languages else "zh"
    language = said if said in ("zh", "en") else first
    return Seat(console, console.user_of(request), language != "en", request)


@contextmanager
def frame(seat: Seat, page: str, title: str = "", *, dark: bool = False) -> Iterator[None]:
    """Draw the frame of a page and let its content be drawn inside; a page that isn't the user's says so."""
    t, form = seat.t, seat.console.city.rules.form
    seat.console.seats[ui.context.client] = seat
    name = t(form.name_zh, form.name_en)
    ui.page_title(f"{title or t(*TITLES[page])} · {name}")
    ui.add_head_html('<link rel="stylesheet" href="/console/static/console.css">')
    ui.add_head_html('<script src="/console/static/console.js"></script>')
    ui.query("html").props(f'lang="{"zh-CN" if seat.zh else "en"}"')
    ui.query("body").classes("og-dark" if dark else "og-light")
    ui.colors(primary="#1a56a0", secondary="#37516b", accent="#7a4b00", positive="#1f6f34", negative="#a8201a")
    ui.dark_mode(dark)
    with ui.header(elevated=False).classes("og-header"):
        ui.html(f'<a class="og-skip" href="#main">{t("跳到内容", "Skip to content")}</a>', sanitize=False)
        ui.label(name).classes("og-city").props(f'title="{escape(name)}"')
        with ui.element("nav").props(f'aria-label="{t("导航", "Navigation")}"').classes("og-nav"):
            for number, (key, names) in enumerate(TITLES.items(), start=1):
                if key in seat.user.pages:
                    link = ui.link(t(*names), PATHS[key]).classes("og-here" if key == page else "")
                    link.props(
                        f'data-key="{number}" title="Alt+{number}"' + (' aria-current="page"' if key == page else "")
                    )
        who = t("本机", "this machine") if seat.user == users.LOCAL else seat.user.name
        ui.label(who).classes("og-user").props(f'title="{t("当前用户", "Who you are")}"')
        ui.button(t("English", "中文")).props('flat dense no-caps id="og-lang"').classes("og-button").on(
            "click", js_handler=f"() => og.language('{t('en', 'zh')}')"
        )
        if COOKIE_OF_SESSION in seat.request.cookies:
            ui.button(t("退出", "Sign out")).props('flat dense no-caps id="og-out"').classes("og-button").on(
                "click", js_handler="() => og.signOut()"
            )
        ui.button("?").props(f'flat dense aria-label="{t("快捷键", "Keys")}"').classes("og-button").on(
            "click", js_handler="() => og.help()"
        )
    if form.illustrative or form.notice_zh:
        ui.label(t(form.notice_zh, form.notice_en)).classes("og-notice")
    ui.element("dialog").props('id="og-help"').classes("og-help")
    given = {
        "keys": _keys(seat),
        "clocks": {key: t(*names) for key, names in CLOCKS.items()},
        "states": {key: seat.state(key) for key in STATES},
    }
    ui.add_body_html(f"<script>og.texts({json.dumps(given, ensure_ascii=False).replace('<', '')})</script>")
    with ui.element("main").props('id="main" tabindex="-1"').classes("og-main"):
        if page in seat.user.pages:
            yield
        else:
            with ui.element("div"):
                ui.label(t("此页未向您开放", "This page is not open to you")).classes("og-empty")
                yield


def _keys(seat: Seat) -> list[str]:
    t = seat.t
    lines = [
        f"Alt+{n}  {t(*names)}" for n, (key, names) in enumerate(TITLES.items(), start=1) if key in seat.user.pages
    ]
    return [*lines, t("/  跳到搜索", "/  go to the search field"), t("L  切换语言", "L  change the language"),
            t("?  快捷键", "?  this list"), t("Esc  关闭", "Esc  close")]  # fmt: skip


def open_to(seat: Seat, page: str) -> bool:
    """Say whether a page is open to who looks."""
    return page in seat.user.pages


def case_link(case_no: str) -> str:
    """Return the path of a case's page."""
    return f"/case/{quote(case_no, safe='')}"


KINDS = {
    "URGENT_MINUTE": ("分钟（紧急）", "urgent minutes"), "URGENT_HOUR": ("紧急工作时", "urgent hours"),
    "NATURAL_DAY": ("自然日", "calendar days"), "WORK_MINUTE": ("工作分钟", "working minutes"),
    "WORK_HOUR": ("工作时", "working hours"), "WORK_DAY": ("工作日", "working days"),
}  # fmt: skip
METHODS = {
    "POINT": ("坐标定位", "by position"), "SNAP": ("就近吸附", "snapped"), "COMPONENT": ("按部件", "by component"),
    "CROSSWALK": ("按旧网格", "by an old grid"), "ADDRESS": ("按地址", "by address"), "MANUAL": ("人工定位", "by hand"),
    "NONE": ("未定位", "not located"),
}  # fmt: skip
CLOCKS = {
    "ACCEPT": ("受理", "Accept"), "FILE": ("立案", "File"), "ANSWER": ("答复", "Answer"), "DISPATCH": ("派遣", "Dispatch"),
    "SIGN": ("签收", "Sign"), "HANDLE": ("处置", "Handle"), "HELP": ("支援", "Help"), "CHECK": ("核查", "Check"),
    "VERIFY": ("核实", "Verify"), "DISPUTE": ("裁定", "Rule"), "ACK": ("确认告警", "Confirm the alert"),
}  # fmt: skip
LEVELS = {"STREET": ("街道", "the street"), "DISTRICT": ("区", "the district"), "CITY": ("市", "the city")}
ROLES = {
    "LEAD": ("牵头", "Lead"), "COOPERATE": ("配合", "Cooperate"), "SUPERVISE": ("监管", "Supervise"), "APPROVE": ("审批", "Approve"),
    "ENFORCE": ("执法", "Enforce"), "BACKSTOP": ("兜底", "Backstop"),
}  # fmt: skip
_WORDS = {**METHODS, **LEVELS, **ROLES}
CHANNELS = {
    "GRID_WORKER": ("网格员", "grid worker"), "HOTLINE": ("热线", "hotline"), "PUBLIC_APP": ("公众应用", "public app"),
    "VIDEO": ("视频", "video"), "SENSOR": ("传感器", "sensor"), "INSPECTION": ("巡查", "inspection"), "LEADER": ("领导交办", "leader"),
    "MEDIA": ("媒体", "media"), "DEPARTMENT": ("部门", "department"),
}  # fmt: skip
STAGES = {
    "inlet": ("收件", "inlet"),
    "intake": ("分派", "intake"),
    "desk": ("办理", "desk"),
    "gateway": ("网关", "gateway"),
}
REASONS = {
    "NOT_JSON": ("不是 JSON", "not JSON"), "UNKNOWN_FIELD": ("未知字段", "unknown field"), "MISSING_FIELD": ("缺少字段", "missing field"),
    "BAD_FIELD": ("字段有误", "bad field"), "BAD_TIME": ("时间有误", "bad time"), "FUTURE": ("时间在未来", "in the future"),
    "TOO_OLD": ("过于久远", "too old"), "BAD_POSITION": ("坐标有误", "bad position"), "TOO_LARGE": ("过大", "too large"),
    "UNKNOWN_CATEGORY": ("未知类别", "unknown category"), "OUT_OF_CITY": ("不在本市", "out of the city"),
    "ILLEGAL_TRANSITION": ("当前状态不可为", "not from this state"), "NOT_ALLOWED": ("无权", "not allowed"), "NO_REASON": ("缺理由", "no reason given"),
    "NO_PAYLOAD": ("缺内容", "something is missing"), "NO_SUCH_CASE": ("没有此案", "no such case"), "NO_SUCH_MASTER": ("没有此主案", "no such master"),
    "IS_A_MASTER": ("本身是主案", "is a master itself"), "OVERDUE": ("已超期", "overdue"), "LATE_UPDATE": ("过期更新", "late update"),
    "NOT_INDEPENDENT": ("检查者不独立", "checker not independent"), "RETURN_WINDOW_OVER": ("超过回退时限", "too late to return"),
}  # fmt: skip
"""What kinds of time, ways of locating and clocks are called."""

STATES = {
    "REPORTED": ("上报", "Reported"), "VERIFYING": ("核实", "Verifying"), "ACCEPTED": ("受理", "Accepted"),
    "FILED": ("立案", "Filed"), "DISPATCHED": ("派遣", "Dispatched"), "SIGNED": ("签收", "Signed"),
    "HANDLING": ("处置", "Handling"), "HANDLED": ("处置完成", "Handled"), "CHECKING": ("核查", "Checking"),
    "REWORK": ("返工", "Rework"), "RETURNED": ("回退", "Returned"), "DISPUTED": ("权责争议", "Disputed"),
    "SUSPENDED": ("挂账", "Suspended"), "CLOSED": ("结案", "Closed"), "EVALUATED": ("评价", "Evaluated"),
    "FORCED_CLOSED": ("强制结案", "Closed by force"), "MERGED": ("并案", "Merged"), "CANCELLED": ("作废", "Cancelled"),
    "NOT_ACCEPTED": ("不予受理", "Not accepted"), "NOT_FILED": ("不予立案", "Not filed"),
}  # fmt: skip
"""What states are called where the pack says nothing (docs/lifecycle.md)."""

VERBS = {
    "REQUEST_VERIFY": ("请求核实", "Ask to verify"), "VERIFY_TRUE": ("核实属实", "Verified"),
    "VERIFY_FALSE": ("核实不实", "Found false"), "ACCEPT": ("受理", "Accept"), "REFUSE": ("不予受理", "Refuse"),
    "FILE": ("立案", "File"), "DECLINE": ("不予立案", "Decline"), "DISPATCH": ("派遣", "Dispatch"),
    "REDISPATCH": ("改派", "Redispatch"), "SIGN": ("签收", "Sign"), "ASSIGN": ("指派班组", "Assign a team"),
    "UNASSIGN": ("取消指派", "Unassign"), "START": ("开始处置", "Start"), "FINISH": ("处置完成", "Finish"),
    "REQUEST_HELP": ("吹哨请援", "Ask for help"), "REPLY_HELP": ("报到回复", "Reply to help"), "RETURN": ("回退", "Return"),
    "DISPUTE": ("提请裁定", "Dispute"), "RULE": ("裁定", "Rule"), "REQUEST_CHECK": ("请求核查", "Ask to check"),
    "CHECK_PASS": ("核查通过", "Check passed"), "CHECK_FAIL": ("核查不通过", "Check failed"), "REWORK": ("返工", "Rework"),
    "CLOSE": ("结案", "Close"), "ASK_EXTENSION": ("申请延期", "Ask for an extension"),
    "ASK_SUSPENSION": ("申请挂账", "Ask for a suspension"), "APPEAL": ("申诉", "Appeal"), "GRANT": ("批准", "Grant"),
    "DENY": ("驳回", "Deny"), "RESUME": ("恢复", "Resume"), "URGE": ("催办", "Urge"), "APPEND": ("补充", "Append"),
    "WITHDRAW": ("撤回", "Withdraw"), "SUPERVISE": ("督办", "Supervise"), "RELOCATE": ("重新定位", "Relocate"),
    "RECLASSIFY": ("重新归类", "Reclassify"), "TRANSFER": ("移交", "Transfer"), "MERGE": ("并案", "Merge"),
    "UNMERGE": ("撤销并案", "Unmerge"), "KEEP_APART": ("分别办理", "Keep apart"), "REOPEN": ("重启", "Reopen"),
    "FORCE_CLOSE": ("强制结案", "Close by force"), "CANCEL": ("作废", "Cancel"), "CONTACT": ("回访", "Call back"),
    "SATISFACTION": ("满意度", "Satisfaction"), "EVALUATE": ("评价", "Evaluate"), "ABSORB": ("并入", "Absorbed"),
    "ACK": ("确认", "Confirmed"), "CORRECT": ("更正", "Corrected"), "FOLLOW": ("随网格调整", "Followed the grid"),
    "RECEIVE": ("接收", "Received"), "RELEASE": ("拆出", "Released"), "REMIND": ("提醒", "Reminded"),
    "REPORT": ("上报", "Reported"),
}  # fmt: skip
"""What verbs are called (docs/lifecycle.md)."""
