"""What commands about a cluster have in common: the addresses they are given, and what they say without the extra.

with clustered.extra():
    from streams.hosts.kafka import admin
settings = clustered.settings(broker)
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.settings import ClusterSettings

Broker = Annotated[
    str,
    typer.Option(
        "--broker",
        envvar="ONEGRID_BROKER",
        help="Kafka's brokers, host:port, several with commas. TLS and SASL: ONEGRID_KAFKA_… in the environment.",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]

_EXTRA = {"aiokafka", "cramjam", "faust", "kafka", "pydantic_settings", "redis"}


@contextmanager
def extra() -> Iterator[None]:
    """Import what only a cluster needs; where it is not installed say so in one line and end with exit code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        text = f"{error.name}: 未安装 not installed; expected the extra `cluster`: pip install 'onegrid[cluster]'"
        console.fail(ModuleNotFoundError(text))
        raise typer.Exit(console.BAD_INPUT) from None
    # A tool says once what is wrong; its library says the same for every try.
    logging.getLogger("kafka").propagate = False
    logging.getLogger("kafka").addHandler(logging.NullHandler())


def moment(said: str | None, option: str) -> datetime | None:
    """Read a moment with its offset. Raises typer.BadParameter."""
    if said is None:
        return None
    with suppress(ValueError):
        if (found := datetime.fromisoformat(said)).tzinfo is not None:
            return found
    raise typer.BadParameter(f"{said!r}; expected a moment as 2026-03-02T08:00:00+08:00", param_hint=option)


def settings(broker: str, redis: str | None = None) -> ClusterSettings:
    """Return how the cluster is reached. Raises typer.BadParameter for what the environment says wrongly."""
    with extra():
        from pydantic import ValidationError  # noqa: PLC0415 - an extra

        from streams.settings import ClusterSettings  # noqa: PLC0415
    try:
        return ClusterSettings(broker=broker) if redis is None else ClusterSettings(broker=broker, redis=redis)
    except ValidationError as error:
        wrong = (f"ONEGRID_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())
        raise typer.BadParameter("; ".join(wrong)) from None
