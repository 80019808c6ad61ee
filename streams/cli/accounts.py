"""`onegrid accounts` and `onegrid keys`: who may call a gateway."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import typer

from streams.cli import clustered, console
from streams.identity.accounts import AccountError, Accounts, Holder
from streams.identity.principals import ROLES, Principal, Role

if TYPE_CHECKING:
    from collections.abc import Callable

Made = TypeVar("Made")

app = typer.Typer(help="People who may sign in: each with a role, an area and a unit.", no_args_is_help=True)
keys = typer.Typer(help="Keys of systems, each shown once when it is made.", no_args_is_help=True)

Data = Annotated[Path, typer.Option("--data", help="The data folder of `onegrid run`, or of `onegrid gateway`.")]
Area = Annotated[str, typer.Option("--area", help="A street's code; for a district the code of its desk; a grid.")]
Unit = Annotated[str, typer.Option("--unit", help="The unit in whose name one acts.")]
RoleName = Annotated[str, typer.Option("--role", help=" ".join(ROLES))]

PASSWORD = "ONEGRID_PASSWORD"  # noqa: S105 - the name of a variable


def _open(data: Path) -> Accounts:
    return Accounts(data, lambda: datetime.now(UTC))


def _checked(principal: Principal) -> Principal:
    """Return a principal that has what its role needs; a wrong one ends the command."""
    needs = {"worker": ("unit",), "unit": ("unit",), "street": ("area", "unit"), "district": ("area", "unit")}
    if principal.role == "system" and not principal.systems:
        raise typer.BadParameter("nothing; a system needs the names it reports under", param_hint="--system")
    for field in needs.get(principal.role, ()):
        if not getattr(principal, field):
            raise typer.BadParameter(f"nothing; role {principal.role} needs it", param_hint=f"--{field}")
    return principal


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Whom to let in; for a worker the pseudonym of workers.csv.")],
    data: Data,
    role: RoleName,
    area: Area = "",
    unit: Unit = "",
) -> None:
    """Make an account. The password is asked for, or taken from the environment as ONEGRID_PASSWORD.

    Example: onegrid accounts add W00001 --data data/chengdu --role worker --unit 510104017-OF
    """
    principal = _checked(Principal(name, _role(role), area, unit))
    _try(lambda: _open(data).add(principal, _password()))
    console.out.print(f"{name}: {role} {area} {unit}".rstrip())


@app.command("password")
def password(name: Annotated[str, typer.Argument(help="Whose.")], data: Data) -> None:
    """Give an account another password; its sessions end.

    Example: onegrid accounts password W00001 --data data/chengdu
    """
    _try(lambda: _open(data).set_password(name, _password()))


@app.command("list")
def list_accounts(data: Data, as_json: clustered.Json = False) -> None:
    """List the accounts.

    Example: onegrid accounts list --data data/chengdu
    """
    _show(_open(data).all("account"), as_json=as_json)


@app.command("disable")
def disable(
    name: Annotated[str, typer.Argument(help="Whom to let in no more.")],
    data: Data,
    enable: Annotated[bool, typer.Option("--enable", help="Let them in again; a lock is lifted, too.")] = False,
) -> None:
    """Let an account in no more, or again; its sessions end.

    Example: onegrid accounts disable W00001 --data data/chengdu
    """
    _try(lambda: _open(data).disable("account", name, disabled=not enable))


@keys.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="What to call it: ASCII letters and digits.")],
    data: Data,
    role: RoleName = "system",
    area: Area = "",
    unit: Unit = "",
    system: Annotated[
        list[str] | None, typer.Option("--system", help="What it may call itself in reports; may come twice.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0, help="Reports a second at most; 0: any number.")] = 0,
    as_json: clustered.Json = False,
) -> None:
    """Make a key and print it. It is kept as its argon2id hash only, so this is the one time it is seen.

    Example: onegrid keys add hotline --data data/chengdu --system 12345 --rate 200
    """
    principal = _checked(Principal(name, _role(role), area, unit, tuple(system or ()), rate, "key"))
    key = _try(lambda: _open(data).add_key(principal))
    if as_json:
        console.emit({"name": name, "key": key})
    else:
        console.out.print(key, highlight=False, soft_wrap=True)


@keys.command("list")
def list_keys(data: Data, as_json: clustered.Json = False) -> None:
    """List the keys, without what they are.

    Example: onegrid keys list --data data/chengdu
    """
    _show(_open(data).all("key"), as_json=as_json)


@keys.command("disable")
def disable_key(
    name: Annotated[str, typer.Argument(help="Which one.")],
    data: Data,
    enable: Annotated[bool, typer.Option("--enable", help="Let it in again.")] = False,
) -> None:
    """Let a key in no more, or again.

    Example: onegrid keys disable hotline --data data/chengdu
    """
    _try(lambda: _open(data).disable("key", name, disabled=not enable))


def _try(work: Callable[[], Made]) -> Made:
    try:
        return work()
    except AccountError as error:
        raise typer.BadParameter(str(error)) from None


def _role(name: str) -> Role:
    if name not in ROLES:
        raise typer.BadParameter(f"{name!r}; expected one of {' '.join(ROLES)}", param_hint="--role")
    return cast("Role", name)


def _password() -> str:
    if said := os.environ.get(PASSWORD, ""):
        return said
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("口令 password", hide_input=True, confirmation_prompt=True))


def _show(holders: list[Holder], *, as_json: bool) -> None:
    now = datetime.now(UTC).timestamp()
    rows = [
        {
            "name": one.principal.name,
            "role": one.principal.role,
            "area": one.principal.area,
            "unit": one.principal.unit,
            "systems": list(one.principal.systems),
            "rate": one.principal.rate,
            "disabled": one.disabled,
            "locked": one.locked_until > now,
        }
        for one in holders
    ]
    if as_json:
        console.emit({"items": rows})
        return
    for row in rows:
        marks = " 停用 disabled" * bool(row["disabled"]) + " 锁定 locked" * bool(row["locked"])
        systems = " ".join(cast("list[str]", row["systems"]))
        line = f"{row['name']:<20} {row['role']:<9} {row['area']:<14} {row['unit']:<16} {systems}{marks}"
        console.out.print(line.rstrip(), highlight=False)
