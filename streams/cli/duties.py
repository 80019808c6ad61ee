"""`onegrid duties`: lint, prove, ask, check and compare duty lists; `duties_import` makes them."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from grids.catalogue import CategoryError
from grids.city import City, open_city
from grids.duties.compare import compare
from grids.duties.faults import Finding
from grids.duties.lint import lint
from grids.duties.proof import Proof, prove
from grids.duties.readable import LANGUAGES, in_words
from grids.duties.receipts import Receipt
from grids.duties.routing import ask, recheck
from grids.errors import PackError
from grids.rules import read_rules
from streams.cli import console, duties_import, rulings
from streams.cli.places import cache_dir

if TYPE_CHECKING:
    from grids.errors import Problem

app = typer.Typer(help="Who is responsible: lint, prove, ask, check, compare, import. 职责清单", no_args_is_help=True)
app.command("import")(duties_import.import_list)
app.command("worksheet")(duties_import.worksheet)
app.command("matrix")(duties_import.matrix)
app.command("rulings")(rulings.rulings)

_City = Annotated[Path, typer.Option("--city", help="The city pack.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
_At = Annotated[str, typer.Option("--at", help="As 2026-03-02 or 2026-03-02T08:15:00+08:00; now by default.")]

_CATALOGUE_FAULTS = {("duties.csv", "category"), ("categories.csv", "category"), ("conditions.csv", "category")}
"""Faults of loading that are the lint's L9: a category unknown or defined twice."""


@app.command("lint")
def lint_duties(city: _City, at: _At = "", as_json: _Json = False) -> None:
    """Lint a duty list, L1 to L12: each finding with its row, an example cell, and the pairs at stake.

    Delegations are judged by the date of --at. Exit 0: clean; 1: findings; 2: the pack can't be read.

    Example: onegrid duties lint --city config/chengdu
    """
    try:
        with console.progress(quiet=as_json) as step:
            opened = open_city(city, cache_dir(), step)
            today = _moment(at, opened).astimezone(opened.zone).date()
            findings = lint(opened.rules, opened.cell_places, today, step)
    except PackError as error:
        findings = [_unknown(problem) for problem in error.problems if _is_l9(problem)]
        if len(findings) < len(error.problems):
            raise
    counts = dict(sorted(Counter(finding.rule for finding in findings).items(), key=lambda item: int(item[0][1:])))
    if as_json:
        console.emit({"findings": findings, "counts": counts})
    elif not findings:
        console.out.print("没有问题 clean")
    else:
        table = Table("", "行 row", "类别 category", "例 example", "对 pairs", "说明 what")
        for one in findings:
            table.add_row(one.rule, one.row, one.category, one.place, f"{one.pairs:,}", one.message)
        console.out.print(table)
    raise typer.Exit(console.FINDINGS if findings else console.DONE)


def _is_l9(problem: Problem) -> bool:
    return (problem.file, problem.field) in _CATALOGUE_FAULTS


def _unknown(problem: Problem) -> Finding:
    return Finding("L9", f"{problem.file}:{problem.row}", problem.found.strip("'"), "", 0, str(problem))


@app.command("prove")
def prove_duties(city: _City, as_json: _Json = False) -> None:
    """Prove a pack's duty list over every cell, leaf category, date and condition.

    Exit 0: no pair is disputed, uncovered or supervises itself; 1: examples say which are.

    Example: onegrid duties prove --city config/chengdu
    """
    with console.progress(quiet=as_json) as step:
        opened = open_city(city, cache_dir(), step)
        started = time.perf_counter()
        proof = prove(opened.rules.duties, opened.rules.catalogue.leaves, opened.cell_places, step)
        seconds = round(time.perf_counter() - started, 3)
    if as_json:
        fields = {name: getattr(proof, name) for name in Proof.__struct_fields__}
        console.emit({**fields, "seconds": seconds})
    else:
        console.out.print(
            f"{proof.pairs:,} 对 pairs: 明确 explicit {proof.explicit:,} "
            f"({proof.explicit / max(proof.pairs, 1):.2%}), "
            f"兜底 backstop {proof.backstop:,}, 争议 disputed {proof.disputed:,}, 无主责 none {proof.none:,}, "
            f"自我监督 self-supervised {proof.self_supervised:,} · {proof.classes:,} classes · {seconds} s"
        )
        for example in proof.examples:
            console.out.print(
                f"  {example.fault} {example.cell} {example.category} {example.day} {example.facts} "
                f"rows {', '.join(example.rows)} ({example.pairs} pairs)"
            )
    raise typer.Exit(console.DONE if proof.holds else console.FINDINGS)


@app.command()
def who(
    city: _City,
    lon: Annotated[float, typer.Option(help="Longitude, WGS-84.")],
    lat: Annotated[float, typer.Option(help="Latitude, WGS-84.")],
    category: Annotated[str, typer.Option(help="A leaf of the city's catalogue, or SCHEME:CODE.")],
    at: _At = "",
    severity: Annotated[int, typer.Option(min=1, max=4)] = 4,
    language: Annotated[str, typer.Option("--lang", help="zh or en.")] = "zh",
    as_json: _Json = False,
) -> None:
    """Say who is responsible at a place for a matter, and why.

    Example: onegrid duties who --city config/chengdu --lon 104.06 --lat 30.66 --category C-01-01
    """
    if language not in LANGUAGES:
        raise typer.BadParameter(f"{language!r}; expected one of {' '.join(LANGUAGES)}", param_hint="--lang")
    opened = open_city(city, cache_dir())
    try:
        receipt = ask(opened, (lon, lat), category, _moment(at, opened), severity)
    except CategoryError as error:
        console.fail(error)
        raise typer.Exit(console.BAD_INPUT) from error
    if as_json:
        console.emit(receipt)
        return
    table = Table.grid(padding=(0, 2))
    for label, text in in_words(receipt, opened.rules, language):
        table.add_row(f"[bold]{label}[/]", text)
    console.out.print(table)


@app.command("check-receipt")
def check_receipt(
    file: Annotated[Path, typer.Argument(help="A receipt, or a routed report with one, as JSON.")],
    city: _City,
    as_json: _Json = False,
) -> None:
    """Derive a receipt anew from a pack, offline. Exit 0: the same; 1: what differs; 2: not a receipt.

    Example: onegrid duties check-receipt receipt.json --city config/chengdu
    """
    try:
        receipt = _read_receipt(file.read_bytes())
    except msgspec.DecodeError as error:
        console.fail(ValueError(f"{file}: {error}; expected a receipt as JSON"))
        raise typer.Exit(console.BAD_INPUT) from error
    differences = recheck(open_city(city, cache_dir()), receipt)
    if as_json:
        console.emit({"receipt_id": receipt.receipt_id, "differences": [one._asdict() for one in differences]})
    elif not differences:
        console.out.print(f"{receipt.receipt_id}: 一致 the same")
    else:
        table = Table("字段 field", "凭据 said", "重算 derived")
        for one in differences:
            table.add_row(*one)
        console.out.print(table)
    raise typer.Exit(console.FINDINGS if differences else console.DONE)


def _read_receipt(body: bytes) -> Receipt:
    raw = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.decode(raw.get("receipt", body), type=Receipt)


@app.command("diff")
def diff_duties(
    old: Annotated[Path, typer.Argument(help="The pack as it was.")],
    new: Annotated[Path, typer.Argument(help="The pack as it will be; its grid is the ground of the comparison.")],
    at: _At = "",
    as_json: _Json = False,
) -> None:
    """Say which pairs change their lead, cooperators or supervisors, and what each unit gains and loses.

    Exit 0: nothing changes; 1: something does.

    Example: onegrid duties diff config/chengdu config/chengdu-next
    """
    with console.progress(quiet=as_json) as step:
        before, after = read_rules(old), open_city(new, cache_dir(), step)
        day = _moment(at, after).astimezone(after.zone).date()
        found = compare(before, after.rules, after.cell_places, day, step)
    if as_json:
        console.emit(found)
    else:
        console.out.print(f"{found.pairs:,} 对 pairs · 变化 changed {found.changed:,}")
        balance = Table("单位 unit", "角色 role", "增 gains", "减 loses")
        for one in found.by_unit:
            balance.add_row(one.unit, one.role, f"{one.gains:,}", f"{one.loses:,}")
        changes = Table("类别 category", "角色 role", "原 before", "现 after", "例 example", "对 pairs")
        for change in found.changes:
            sides = ", ".join(change.before), ", ".join(change.after)
            changes.add_row(change.category, change.role, *sides, change.place, f"{change.pairs:,}")
        if found.changes:
            console.out.print(balance, changes)
    raise typer.Exit(console.FINDINGS if found.changed or found.only_old or found.only_new else console.DONE)


def _moment(text: str, city: City) -> datetime:
    """Read a moment; a date is its noon in the city, nothing is now."""
    if not text:
        return datetime.now(UTC)
    try:
        if "T" not in text:
            return datetime.combine(date.fromisoformat(text), datetime.min.time().replace(hour=12), city.zone)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r}; expected 2026-03-02 or 2026-03-02T08:15:00+08:00"
        raise typer.BadParameter(message, param_hint="--at") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=city.zone)
