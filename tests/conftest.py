"""Makes tests/ importable, so that every test can use the helpers that lie beside this file; and the small city."""

from __future__ import annotations

import pytest
from packs import write_pack
from redrawn import write_redrawn

from grids.city import open_city

pytest_plugins = ["servers", "week"]


@pytest.fixture(scope="session")
def small_pack(tmp_path_factory):
    """The folder of the small pack of packs.py, as it is; a test that bends one writes its own."""
    return write_pack(tmp_path_factory.mktemp("small") / "city")


@pytest.fixture(scope="session")
def small_city(small_pack):
    """The small city, fused once."""
    return open_city(small_pack)


@pytest.fixture(scope="session")
def redrawn_city(tmp_path_factory):
    """The small city whose grid is drawn anew, both versions fused once."""
    return open_city(write_redrawn(tmp_path_factory.mktemp("redrawn") / "city"))
