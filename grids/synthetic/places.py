"""The real codes and names the pack is built on, and the table they are read from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUTS = Path(__file__).parent / "inputs"


@dataclass(frozen=True)
class Level:
    """All places of one administrative level, in code order; positions only where the table gives them."""

    codes: NDArray[Any]
    names_zh: NDArray[Any]
    names_en: NDArray[Any]
    parents: NDArray[Any]
    east_km: NDArray[np.float64]
    north_km: NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """The city, its districts, streets and communities."""

    city: Level
    districts: Level
    streets: Level
    communities: Level

    def levels(self) -> list[tuple[str, Level]]:
        """List the levels from the city down, with their names in the pack."""
        return [
            ("CITY", self.city),
            ("DISTRICT", self.districts),
            ("STREET", self.streets),
            ("COMMUNITY", self.communities),
        ]


def rows(name: str) -> list[dict[str, str]]:
    """Read one of the generator's own tables."""
    with (INPUTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_places() -> Places:
    """Read places.csv: codes and names are facts; a street's position is a rough one, in km from the centre."""
    table = rows("places.csv")
    city = next(row["code"] for row in table if row["level"] == "CITY")

    above = {"CITY": "", "DISTRICT": city}

    def level(name: str) -> Level:
        found = sorted((row for row in table if row["level"] == name), key=lambda row: row["code"])
        return Level(
            codes=np.array([row["code"] for row in found], dtype=object),
            names_zh=np.array([row["name_zh"] for row in found], dtype=object),
            names_en=np.array([row["name_en"] for row in found], dtype=object),
            parents=np.array([above.get(name, row["code"][:-3]) for row in found], dtype=object),
            east_km=np.array([float(row["east_km"] or "nan") for row in found]),
            north_km=np.array([float(row["north_km"] or "nan") for row in found]),
        )

    return Places(
        city=level("CITY"), districts=level("DISTRICT"), streets=level("STREET"), communities=level("COMMUNITY")
    )
