"""Who may call: seven roles, each with an area or a unit that it is for."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Role = Literal["worker", "unit", "street", "district", "city", "auditor", "system"]
"""A grid worker, a unit that handles, a street office, a district's or zone's centre, the city's centre, whoever
checks without acting, and a system that sends reports and fetches what became of them."""

ROLES: tuple[str, ...] = get_args(Role)


class Principal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whoever a request comes from.

    `area` is a street's code, or for a district the code of its desk; `unit` the unit in whose name one acts;
    `systems` what a system may call itself. `rate` is how many reports a second it may send, 0 for any number;
    `kind` is local (no keys are configured), account or key.
    """

    name: str
    role: Role
    area: str = ""
    unit: str = ""
    systems: tuple[str, ...] = ()
    rate: float = 0.0
    kind: Literal["local", "account", "key"] = "account"


LOCAL = Principal("local", "city", kind="local")
"""Whoever calls from this machine while no keys are configured: everything is theirs."""
