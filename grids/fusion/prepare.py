"""Layers made ready: in the working CRS, valid, units in the order of their ids. Every repair is written down."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import shapely

from grids.cells import RESERVED
from grids.errors import LayerError, Problem
from grids.geofiles import parse_crs
from grids.projection import WGS84, centre, is_metric, project, transformer, utm_crs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pyproj import CRS

    from grids.layers import Layer

_PLACE = re.compile(r"^(?P<reason>[^\[]*)\[(?P<x>\S+) (?P<y>[^\]\s]+)\]$")


class Repair(msgspec.Struct, frozen=True):
    """A shape that was invalid and was made valid: where it stands in the file, where on the ground, and why."""

    net: str
    file: str
    row: int
    unit: str
    reason: str
    lon: float | None
    lat: float | None


@dataclass(frozen=True, eq=False)
class Prepared:
    """A layer's units, sorted by id: `polygons` are valid and metric. Texts as in Layer."""

    net: str
    source: str
    ids: NDArray[Any]
    parents: NDArray[Any]
    polygons: NDArray[Any]
    repairs: tuple[Repair, ...]
    names: NDArray[Any]
    names_en: NDArray[Any]


def invalid_place(reason: str) -> tuple[str, tuple[float, float] | None]:
    """Split GEOS's account of an invalid shape, `Self-intersection[x y]`, into the reason and the place."""
    if (match := _PLACE.match(reason)) is None:
        return reason, None
    return match["reason"], (float(match["x"]), float(match["y"]))


def in_order(layers: Sequence[Layer], base: str | None, special: str | None = None) -> list[Layer]:
    """Put the base layer first and the others by name. Raises LayerError on names that don't work."""
    nets = [layer.net for layer in layers]
    problems = []
    if not layers:
        problems.append(Problem("", 0, "layer", "no layer", "at least one layer"))
    for layer in layers:
        if nets.count(layer.net) > 1 or layer.net in RESERVED or not layer.net:
            expected = f"a name of its own, none of {', '.join(RESERVED)}"
            problems.append(Problem(layer.source, 0, "net", repr(layer.net), expected))
    if base is not None and base not in nets:
        problems.append(Problem("", 0, "base", repr(base), f"one of {', '.join(nets)}"))
    if special is not None and (special not in nets or special == (base or nets[0])):
        problems.append(Problem("", 0, "special", repr(special), f"one of {', '.join(nets)}, not the base layer"))
    if problems:
        raise LayerError(problems)
    first = nets[0] if base is None else base
    return sorted(layers, key=lambda layer: (layer.net != first, layer.net))


def working_crs(base: Layer, crs: str | None) -> CRS:
    """Return the CRS to work in: the one named, else the base layer's if it is metric, else its UTM zone.

    Raises LayerError for a CRS that is not a projection in metres.
    """
    if crs is None:
        return base.crs if is_metric(base.crs) else utm_crs(*centre(base.geometries, base.crs))
    chosen = parse_crs(crs, "")
    if not is_metric(chosen):
        expected = "a projection in metres, such as EPSG:4544"
        raise LayerError([Problem("", 0, "crs", f"{crs} ({chosen.name})", expected)])
    return chosen


def prepare(layer: Layer, crs: CRS) -> Prepared:
    """Project a layer, repair what is invalid, and sort it by id. Raises LayerError where no area is left."""
    polygons = project(layer.geometries, layer.crs, crs)
    broken = np.flatnonzero(~shapely.is_valid(polygons))
    repairs = tuple(_repair(layer, int(index), polygons[index], crs) for index in broken)
    polygons[broken] = shapely.make_valid(polygons[broken], method="structure", keep_collapsed=False)
    flat = np.flatnonzero(~(shapely.area(polygons) > 0.0))
    if len(flat):
        raise LayerError(
            Problem(
                layer.source, layer.row_of(int(i)), "geometry", f"{layer.ids[i]}: a shape without area", "a polygon"
            )
            for i in flat
        )
    order = np.argsort(layer.ids.astype(str), kind="stable")
    names_en = np.full(len(order), "", dtype=object) if layer.names_en is None else layer.names_en
    return Prepared(
        net=layer.net,
        source=layer.source,
        ids=layer.ids[order],
        parents=layer.parents[order],
        polygons=polygons[order],
        repairs=repairs,
        names=layer.names[order],
        names_en=names_en[order],
    )


def _repair(layer: Layer, index: int, polygon: Any, crs: CRS) -> Repair:
    reason, place = invalid_place(shapely.is_valid_reason(polygon))
    lon, lat = (None, None) if place is None else transformer(crs, WGS84)(*place)
    return Repair(layer.net, layer.source, layer.row_of(index), str(layer.ids[index]), reason, lon, lat)
