from __future__ import annotations

import pytest
from packs import change, write_pack
from scenes import Scene

from grids.city import City
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


@pytest.fixture
def scene(manual_city):
    """Desks where people take every step."""
    return Scene(manual_city)


@pytest.fixture
def auto(city):
    """Desks where the system takes the steps that the pack lets it take."""
    return Scene(city)
