"""`onegrid case`: what the gateway offers about cases, from the command line, one by one or many at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

import typer
from rich.markup import escape
from rich.table import Table

from streams.cli import console

app = typer.Typer(name="case", help="案件 Cases: show, list, act.", no_args_is_help=True)

To = Annotated[str, typer.Option("--to", envvar="ONEGRID_URL", help="Where the gateway is.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]

_HERE = "http://127.0.0.1:8311"
_PAGE = 500
_TIMEOUT_S = 30.0
_FILTERS = ("desk", "state", "unit", "street")


class GatewayError(OSError):
    """The gateway can't be asked, or says no."""


@app.command()
def show(
    no: Annotated[str, typer.Argument(help="The case's number.")], to: To = _HERE, as_json: Json = False
) -> None:
    """Show a case: where it stands, its clocks, and every step. 查看案件.

    Example: onegrid case show 5101042026030200001
    """
    case = _ask(to, f"/v1/cases/{quote(no, safe='')}")
    if as_json:
        console.emit(case)
        return
    receipt = case["receipt"]
    console.out.print(
        f"[bold]{case['case_no']}[/] {case['state']}  {case['category']}  {escape(case.get('text', ''))}"
    )
    console.out.print(f"牵头 lead {case.get('unit') or receipt['lead']}  结果 outcome {receipt['outcome']}")
    clocks = Table(box=None)
    for name in ("计时 clock", "单位 unit", "到期 due", "灯 light"):
        clocks.add_column(name)
    for clock in case.get("clocks", ()):
        if clock.get("ended") is None:
            clocks.add_row(clock["name"], clock["unit"], clock.get("due") or "", clock.get("light") or "")
    if clocks.row_count:
        console.out.print(clocks)
    steps = Table(box=None)
    for name in ("#", "时间 at", "动作 verb", "状态 state", "谁 who", "理由 reason"):
        steps.add_column(name)
    for step in case["transitions"]:
        who = step["actor_unit"] or step["actor"]
        steps.add_row(f"{step['seq']}", step["at"], step["verb"], step["to"], who, escape(step.get("reason", "")))
    console.out.print(steps)


@app.command("list")
def list_cases(
    desk: Annotated[str, typer.Option("--desk")] = "",
    state: Annotated[str, typer.Option("--state", help="Such as DISPATCHED.")] = "",
    unit: Annotated[str, typer.Option("--unit")] = "",
    street: Annotated[str, typer.Option("--street")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1)] = 50,
    to: To = _HERE,
    as_json: Json = False,
) -> None:
    """List cases in the order of their numbers. 列出案件.

    Example: onegrid case list --desk 510104 --state DISPATCHED
    """
    wanted = {"desk": desk, "state": state, "unit": unit, "street": street}
    found = [case for case, _ in zip(_cases(to, wanted), range(limit), strict=False)]
    if as_json:
        console.emit({"items": found})
        return
    table = Table(box=None)
    for name in ("案号 case", "状态 state", "类别 category", "单位 unit", "立于 opened"):
        table.add_column(name, no_wrap=True)
    for case in found:
        table.add_row(case["case_no"], case["state"], case["category"], case.get("unit", ""), case["opened_at"])
    console.out.print(table)
    console.out.print(f"{len(found)} 件 cases")


@app.command()
def act(
    words: Annotated[list[str], typer.Argument(metavar="[NO] VERB", help="A case and a verb; with --filter a verb.")],
    unit: Annotated[
        str, typer.Option("--unit", help="The unit that acts; by default the one that holds the case.")
    ] = "",
    actor: Annotated[str, typer.Option("--actor", help="Who acts for it.")] = "cli",
    reason: Annotated[str, typer.Option("--reason")] = "",
    payload: Annotated[
        str, typer.Option("--payload", help='What the verb needs, as JSON: \'{"team": "2"}\'.')
    ] = "{}",
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="Which cases, as state=FILED; may be given again.")
    ] = None,
    to: To = _HERE,
    as_json: Json = False,
) -> None:
    """Ask a verb of a case, or of all cases that a filter finds. 处理案件.

    What an action has led to shows in the case; one that is refused is a dead letter. Exit 1 if any was not taken in.

    Examples: onegrid case act 5101042026030200001 SIGN;
    onegrid case act --filter state=FILED --filter desk=510104 --unit 510104-CC DISPATCH
    """
    *numbers, verb = words
    if len(words) > 2 or bool(numbers) == bool(filters):  # noqa: PLR2004 - a case and a verb
        raise typer.BadParameter("expected NO VERB, or --filter and VERB", param_hint="[NO] VERB")
    try:
        asked = json.loads(payload)
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"{error}; expected a JSON object", param_hint="--payload") from error
    path = f"/v1/cases/{quote(numbers[0], safe='')}" if numbers else ""
    cases = list(_cases(to, _filters(filters))) if filters else [_ask(to, path)]
    done: list[dict[str, str]] = []
    refused: list[dict[str, str]] = []
    with console.progress(quiet=as_json or len(cases) < _PAGE) as step:
        for count, case in enumerate(cases, start=1):
            body = {
                "verb": verb, "actor": actor, "actor_unit": unit or case.get("unit", ""), "reason": reason,
                "payload": asked,
            }  # fmt: skip
            try:
                taken = _ask(to, f"/v1/cases/{case['case_no']}/actions", body)
                done.append({"case_no": case["case_no"], "action_id": taken["action_id"]})
            except GatewayError as error:
                refused.append({"case_no": case["case_no"], "error": str(error)})
            step("处理 act", count / len(cases))
    if as_json:
        console.emit({"taken": done, "refused": refused})
    else:
        console.out.print(f"已受理 taken in {len(done)}，未受理 not taken in {len(refused)}")
        for one in refused[:20]:
            console.err.print(f"{one['case_no']}  {one['error']}", markup=False)
    if refused:
        raise typer.Exit(console.FINDINGS)


def _filters(said: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in said:
        name, equals, value = one.partition("=")
        if not equals or name not in _FILTERS or not value:
            raise typer.BadParameter(f"{one!r}; expected {'=…, '.join(_FILTERS)}=…", param_hint="--filter")
        found[name] = value
    return found


def _cases(to: str, wanted: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the cases that fit, page by page."""
    after = ""
    while True:
        query = {name: value for name, value in {**wanted, "after": after, "limit": f"{_PAGE}"}.items() if value}
        page = _ask(to, f"/v1/cases?{urlencode(query)}")
        yield from page["items"]
        if page["next"] is None:
            return
        after = page["next"]


def _ask(to: str, path: str, body: Any = None) -> Any:
    """Ask the gateway. Raises GatewayError with what it says."""
    if urlsplit(to).scheme not in ("http", "https"):
        raise typer.BadParameter(f"{to!r}; expected an address such as {_HERE}", param_hint="--to")
    sent = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(to.rstrip("/") + path, sent), timeout=_TIMEOUT_S) as answered:  # noqa: S310 - held above
            return json.loads(answered.read())
    except HTTPError as error:
        said = json.loads(error.read() or b"{}")
        raise GatewayError(f"{said.get('reason', error.code)}: {said.get('detail', error.reason)}") from error
    except (URLError, json.JSONDecodeError) as error:
        raise GatewayError(f"{to}: {getattr(error, 'reason', error)}; expected a running onegrid") from error
