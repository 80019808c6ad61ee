"""What hangs on places and units: grid workers, area classes, alert channels, components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely

from grids.synthetic import terrain, topology
from grids.synthetic.files import DIGITS
from grids.synthetic.places import rows
from grids.synthetic.units import CITY, ZONE_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

    from grids.synthetic.layers import Drawn
    from grids.synthetic.places import Places
    from grids.synthetic.terrain import Truth

COMPONENTS = 20_000

_CLASSES = ((3.2, "A", 0.8), (8.5, "B", 1.0), (np.inf, "C", 1.5))
"""Area class and factor of a street by its distance from the centre in km: busier places get less time."""

_SHIFTS = (("08:00", "16:00"), ("08:00", "18:00"), ("09:00", "18:00"), ("14:00", "22:00"))


def worker_rows(grids: Drawn, rng: Generator) -> Iterator[tuple[str, ...]]:
    """Give each 综治 grid a worker of its street office, and every ninth grid a second one for the evening."""
    number = 0
    for code, second in zip(grids.codes, rng.random(len(grids.codes)) < 1 / 9, strict=True):
        for shift in (_SHIFTS[int(rng.integers(3))], _SHIFTS[3])[: 1 + int(second)]:
            number += 1
            skills = sorted({"ZZ", *rng.choice(["CG", "YJ", "HB", "MS"], 2)})
            yield (f"W{number:05d}", f"{code[:9]}-OF", code, ";".join(skills), *shift)


def area_class_rows(places: Places) -> Iterator[tuple[str, str, float]]:
    """Class each street by how central it is."""
    far = np.hypot(places.streets.east_km, places.streets.north_km)
    for code, km in zip(places.streets.codes, far, strict=True):
        yield next((code, name, factor) for reach, name, factor in _CLASSES if km < reach)


def channels_toml(places: Places) -> str:
    """Say how each centre is told of an alert: the console, then its Redis stream; the city by mail as well."""
    lines = ["# 告警渠道 · How units and centres are told, tried in this order"]
    for desk in (CITY, *places.districts.codes, ZONE_UNITS):
        told = [("console", desk), ("redis", f"alerts:{desk}")]
        if desk == CITY:
            told.append(("smtp", "duty@chengdu.invalid"))
        for order, (kind, target) in enumerate(told, start=1):
            lines.append(f'\n[[channel]]\nunit = "{desk}-CC"\nkind = "{kind}"\ntarget = "{target}"\norder = {order}')
    return "\n".join(lines) + "\n"


def components(truth: Truth, rng: Generator) -> pa.Table:
    """Scatter components over the communities, denser where communities are small, with owner and maintainer."""
    kinds = rows("components.csv")
    share = np.array([float(kind["share"]) for kind in kinds])
    weight = np.sqrt(shapely.area(truth.communities))
    counts = rng.multinomial(COMPONENTS, weight / weight.sum())
    points = [
        topology.scatter(shape, int(count), rng, rounds=0)
        for shape, count in zip(truth.communities, counts, strict=True)
    ]
    lon, lat = terrain.to_degrees(*np.concatenate(points).T)
    streets = np.repeat(truth.community_streets, counts)
    chosen = rng.choice(len(kinds), COMPONENTS, p=share / share.sum())
    order = np.lexsort((lon, chosen, streets))
    serials: dict[str, int] = {}
    ids, owners, maintainers = [], [], []
    for index in order:
        kind, street = kinds[chosen[index]], str(streets[index])
        head = street[:6] + kind["category"][2:].replace("-", "")
        serials[head] = serials.get(head, 0) + 1
        ids.append(f"{head}{serials[head]:06d}")
        owners.append(_unit(str(rng.choice(kind["owners"].split(";"))), street))
        maintainers.append(_unit(str(rng.choice(kind["maintainers"].split(";"))), street))
    return pa.table(
        {
            "id": ids,
            "category": [kinds[kind]["category"] for kind in chosen[order]],
            "lon": np.round(lon[order], DIGITS),
            "lat": np.round(lat[order], DIGITS),
            "owner": owners,
            "maintainer": maintainers,
        }
    )


def _unit(pattern: str, street: str) -> str:
    """Read `D-WT` as the district's water bureau, `S` as the street office; other names stand for themselves."""
    if pattern == "S":
        return f"{street}-OF"
    return f"{street[:6]}{pattern[1:]}" if pattern.startswith("D-") else pattern
