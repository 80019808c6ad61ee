"""What `run` and `gateway` are told of how to answer: HTTPS, and which proxies are believed."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.hosts.embedded.service import Serving

if TYPE_CHECKING:
    from collections.abc import Sequence

Cert = Annotated[
    Path | None, typer.Option("--tls-cert", exists=True, dir_okay=False, help="The certificate, for HTTPS (PEM).")
]
Key = Annotated[Path | None, typer.Option("--tls-key", exists=True, dir_okay=False, help="Its key (PEM).")]
Proxies = Annotated[
    list[str] | None,
    typer.Option("--trusted-proxy", help="An address or network whose X-Forwarded-… is believed; may come twice."),
]

_PAIR = "--tls-cert, --tls-key"


def serving(cert: Path | None, key: Path | None, proxies: Sequence[str] | None) -> Serving:
    """Return how to answer. Raises BadParameter for a pair that is none, and for what is no address or network."""
    if (cert is None) != (key is None):
        raise typer.BadParameter("只给了一个 only one of the two; expected both", param_hint=_PAIR)
    if cert is not None and key is not None:
        _check_pair(cert, key)
    return Serving(cert, key, tuple(_network(one) for one in proxies or ()))


def _check_pair(cert: Path, key: Path) -> None:
    """Load a certificate with its key, as the server will; a key under a password could not be loaded by one."""

    def password() -> str:
        raise typer.BadParameter(f"{key}: 密钥有口令 it is under a password; expected one without", param_hint=_PAIR)

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password)
    except (ssl.SSLError, OSError, ValueError) as error:
        why = getattr(error, "reason", "") or error
        text = f"{cert}, {key}: 证书不可用 {why}; expected a PEM certificate and its key"
        raise typer.BadParameter(text, param_hint=_PAIR) from None


def _network(text: str) -> str:
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        found = None
    if found is None or found.prefixlen == 0:
        expected = "an address or a network, such as 10.0.0.7 or 10.0.0.0/24"
        raise typer.BadParameter(f"{text!r}; expected {expected}", param_hint="--trusted-proxy")
    return str(found.network_address) if found.num_addresses == 1 else str(found)
