"""`onegrid verify`: whether a data folder still says what was written into it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from streams.cli import clustered, console
from streams.hosts.embedded.beside import audit_folder
from streams.ledger.audit import Anchor

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.hosts.embedded.audit import Audit
    from streams.hosts.kafka.audit import ClusterAudit

_KINDS = {
    "LOG_GAP": "日志缺号 records are missing from the log",
    "LOG_UNREADABLE": "日志不可读 a record can't be read",
    "LOG_REWRITTEN": "日志被改写 a record was rewritten",
    "STRAY_RECORD": "多余记录 records that do not count",
    "CHAIN": "哈希链断裂 a hash chain is broken",
    "ANCHOR": "与已公布的链头不符 not the head that was published",
    "CONTRADICTION": "前后矛盾 two records of one step differ",
    "STEP_GAP": "步骤缺失 a step of a case is missing",
    "SERIAL_GAP": "案号不连续 a case number is missing",
    "NO_FOLD": "无法复算 a record does not fold",
    "CASES_DIFFER": "案件与日志不符 cases are not what the log says",
    "STEPS_DIFFER": "步骤索引与日志不符 the index of steps is not what the log says",
    "ALERTS_DIFFER": "预警与日志不符 alerts are not what the log says",
    "COUNTERS_DIFFER": "计数与日志不符 counters are not what the log says",
    "SNAPSHOT": "快照与日志不符 a snapshot is not what the log says",
    "MARK": "文件标记与日志不符 a mark of the file is not what the log says",
    "ROW_MISSING": "表中缺行 rows are missing",
    "INBOX_UNREADABLE": "收件箱不可读 an input can't be read",
    "INPUT_LOST": "输入无结果 nothing came of an input",
    "REPORT_LOST": "上报丢失 nothing came of an accepted report",
    "TAKEN_TWICE": "重复处理 a report was taken in more often than accepted",
    "NOT_ACCEPTED": "来源不明 an effect of a report that was never accepted",
    "LETTER_MISSING": "退信缺失 a dead letter is missing",
    "FILE": "文件损坏 a file beside the log is broken",
    "TRAIL": "查看记录被改写 the trail of who looked was changed",
    "MEDIA": "图片缺失或被截断 a picture is missing or cut off",
    "PERSONS": "个人信息密钥不可用 what is known of persons can't be read",
    "LETTER_STRAY": "多余退信 a dead letter that the log does not have",
}


class _Kept(msgspec.Struct):
    """A file of anchors; a saved answer of /v1/alerts is one, too."""

    heads: list[Anchor]


class AnchorFile(msgspec.Struct):
    """What `--write-anchor` writes: where each desk's chain stood, and when that was read."""

    at: datetime
    heads: list[Anchor]


def verify(
    data: Annotated[Path | None, typer.Option("--data", help="The folder of onegrid run. It may be running.")] = None,
    broker: Annotated[
        str | None, typer.Option("--broker", help="Instead: Kafka of a cluster, host:port. It may be at work.")
    ] = None,
    anchor: Annotated[
        Path | None,
        typer.Option(help="Heads kept elsewhere: a file of --write-anchor, or a saved answer of /v1/alerts."),
    ] = None,
    write_anchor: Annotated[
        Path | None, typer.Option("--write-anchor", help="Write the heads of all desks to this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as one JSON object.")] = False,
) -> None:
    """Audit a data folder or a cluster: logs and their hash chains, tables, and that no report was lost.

    Keep an anchor where nobody who can write to the folder can: held against it, the log convicts even somebody who
    rewrote it whole, hash chain and all. Exit 0: nothing found, 1: findings.

    Example: onegrid verify --data data/chengdu --anchor monday.json
    """
    if (data is None) == (broker is None):
        raise typer.BadParameter("expected a data folder or a broker, one of them", param_hint="--data, --broker")
    anchors = _read(anchor) if anchor else []
    with console.progress(quiet=as_json) as step:
        found = audit_folder(data, anchors, step) if data is not None else _cluster(broker or "", anchors, step)
    if write_anchor:
        kept = AnchorFile(datetime.now(UTC), found.heads)
        write_anchor.write_bytes(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
    if as_json:
        console.emit(found)
    else:
        show(found)
    raise typer.Exit(console.DONE if found.clean else console.FINDINGS)


def _cluster(broker: str, anchors: list[Anchor], step: Callable[[str, float], None]) -> ClusterAudit:
    settings = clustered.settings(broker)
    with clustered.extra():
        from streams.hosts.kafka.audit import audit as audit_cluster  # noqa: PLC0415 - an extra
    return audit_cluster(settings, anchors, step)


def _read(path: Path) -> list[Anchor]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept).heads
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        text = f"{path}: {error}; expected a file of --write-anchor, or a saved answer of /v1/alerts"
        raise typer.BadParameter(text, param_hint="--anchor") from None


def show(found: Audit | ClusterAudit) -> None:
    """Print what an audit found."""
    console.out.print(
        f"日志 log {found.records:,} 条记录 records · 上报 reports 已受 accepted {found.accepted:,}, 已办 applied "
        f"{found.applied:,}, 待办 waiting {found.waiting:,} · {_said(ok=found.chain_ok)} 哈希链 chain · "
        f"{_said(ok=found.cases_equal_fold)} 案件=日志 cases = log",
        highlight=False,
    )
    if found.clean:
        console.out.print("[green]无异常 nothing found[/]")
        return
    table = Table("n", "发现 finding", "where", "text", title="发现 findings")
    for one in found.findings:
        text = _KINDS[one.kind]
        table.add_row(f"{found.counts[one.kind]:,}", text, escape(one.where), escape(one.text))
    console.out.print(table)


def _said(*, ok: bool | None) -> str:
    if ok is None:
        return "[dim]–[/]"
    return "[green]✓[/]" if ok else "[red]✗[/]"
