"""The pack of the default seed, generated once a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from grids.synthetic.pack import write_pack

if TYPE_CHECKING:
    from pathlib import Path

    from grids.synthetic.layers import Drawn


class Pack(NamedTuple):
    directory: Path
    layers: dict[str, Drawn]


@pytest.fixture(scope="session")
def pack(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pack")
    return Pack(directory, {layer.net: layer for layer in write_pack(directory)})
