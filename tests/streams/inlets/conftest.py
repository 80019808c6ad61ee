from __future__ import annotations

import pytest
from gates import Gate


@pytest.fixture
def gate(city, tmp_path):
    gate = Gate(city, tmp_path)
    yield gate
    gate.service.stop()


@pytest.fixture(scope="module")
def old_gate(city, tmp_path_factory):
    """A gateway that many tests may throw things at."""
    gate = Gate(city, tmp_path_factory.mktemp("gate"))
    yield gate
    gate.service.stop()
