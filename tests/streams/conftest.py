from __future__ import annotations

import dataclasses

import pytest
from packs import WEST, change, point, write_pack
from scenes import EASTGATE, Scene

from grids.city import City
from grids.duties.selectors import Component
from grids.rules import read_rules


@pytest.fixture(scope="session")
def city(small_city):
    return small_city


@pytest.fixture(scope="session")
def bent_city(small_city, tmp_path_factory):
    """Make a city on the same ground whose files are changed: (file, old, new) each."""

    def bend(*changes):
        directory = write_pack(tmp_path_factory.mktemp("bent") / "city")
        for file, old, new in changes:
            change(directory, file, old, new)
        return City(read_rules(directory), small_city.cells)

    return bend


@pytest.fixture(scope="session")
def manual_city(bent_city):
    """The small city where the system takes no step by itself."""
    return bent_city(("city.toml", 'mode = "auto"', 'mode = "manual"'))


@pytest.fixture(scope="session")
def lit_city(city):
    """The small city with a register of two components, one of them far outside."""
    lon, lat = point(EASTGATE)
    register = {
        "M-1": Component("M-1", "C-01-01", lon, lat, "990100-WC", "990100-WC"),
        "M-9": Component("M-9", "C-01-01", WEST - 0.2, lat, "", ""),
    }
    return City(dataclasses.replace(city.rules, components=register), city.cells)


@pytest.fixture
def scene(manual_city):
    """Desks where people take every step."""
    return Scene(manual_city)


@pytest.fixture
def auto(city):
    """Desks where the system takes the steps that the pack lets it take."""
    return Scene(city)
