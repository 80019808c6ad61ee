"""The five departments' layers: who groups the ground how, and with what codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from grids.synthetic import terrain, topology
from grids.synthetic.digitise import Hand, draw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from grids.synthetic.places import Level, Places
    from grids.synthetic.terrain import Truth

HANDS = {
    "ZZ": Hand(noise_m=1.0, jitter_m=0.3, thin_m=14.0, gaps=12, overlaps=10),
    "CG": Hand(noise_m=2.0, jitter_m=0.8, thin_m=15.0, gaps=25, overlaps=25),
    "YJ": Hand(noise_m=4.0, jitter_m=1.5, thin_m=20.0, gaps=4, overlaps=3),
    "HB": Hand(noise_m=4.0, jitter_m=1.5, thin_m=12.0, gaps=2, overlaps=2),
    "MS": Hand(noise_m=2.2, jitter_m=0.8, thin_m=16.0, gaps=6, overlaps=6),
}

COUNTS = {"demo": {"ZZ": 1500, "CG": 2500}, "full": {"ZZ": 5750, "CG": 46_500}}
"""About how many 综治 and 城管 grids. Full: 400 of some 2.3 million households, and 10,000 m² each."""

CROWDING = {"ZZ": 0.55, "CG": 1.0}
"""综治 grids are cut by households, so they are small where people live close together; 城管 grids by area."""

STEP_M = {"demo": terrain.STEP_M, "full": 40.0}

YJ_ZONES, MS_AREAS = 60, 150
_MIXED_STREETS = 8
"""Streets at either end of the size order that the emergency office joined or split."""


@dataclass(frozen=True)
class Drawn:
    """One department's layer: codes and names by shape, in metres. `parents` are communities, or empty."""

    net: str
    codes: NDArray[Any]
    names: NDArray[Any]
    parents: NDArray[Any]
    shapes: NDArray[Any]


def draw_all(truth: Truth, places: Places, density: str, rng: Generator) -> list[Drawn]:
    """Draw the five layers over the ground, each independently."""
    name_of = dict(zip(places.communities.codes, places.communities.names_zh, strict=True))
    street_of = dict(zip(places.streets.codes, places.streets.names_zh, strict=True))
    return [
        _grids("ZZ", "网格", truth, name_of, density, rng),
        _grids("CG", "单元", truth, name_of, density, rng),
        _emergency(truth, places.streets, rng),
        _environment(truth, rng),
        _services(truth, street_of, rng),
    ]


def _drawn(
    net: str, codes: Iterable[str], names: Iterable[str], parents: Iterable[str], truth: NDArray[Any], rng: Generator
) -> Drawn:
    code, name, parent = (np.array(list(column), dtype=object) for column in (codes, names, parents))
    return Drawn(net, code, name, parent, draw(truth, HANDS[net], rng))


def _grids(net: str, word: str, truth: Truth, names: dict[str, str], density: str, rng: Generator) -> Drawn:
    """Cut each community into grids: its 12 digits and a serial of three, counted from the north-west."""
    parts, of = terrain.cut(truth, COUNTS[density][net], CROWDING[net], STEP_M[density], rng)
    parents = truth.community_codes[of]
    serials = np.arange(len(of)) - np.searchsorted(of, of) + 1
    codes = [f"{parent}{serial:03d}" for parent, serial in zip(parents, serials, strict=True)]
    called = [f"{names[parent]}{word}{serial}" for parent, serial in zip(parents, serials, strict=True)]
    return _drawn(net, codes, called, parents, parts, rng)


def _emergency(truth: Truth, streets: Level, rng: Generator) -> Drawn:
    """Draw about the streets: the smallest joined with a neighbour of their district, the largest in two."""
    order = np.argsort(shapely.area(truth.streets), kind="stable")
    borders = topology.shared_borders(truth.streets)
    merged = {int(i): [int(i)] for i in order}
    for small in map(int, order[:_MIXED_STREETS]):
        near = [
            (metres, pair[0] if pair[1] == small else pair[1])
            for pair, metres in borders.items()
            if small in pair and streets.parents[pair[0]] == streets.parents[pair[1]]
        ]
        mate = max(near)[1] if near else small
        if mate != small and merged.get(small) == [small] and merged.get(mate) == [mate]:
            merged[mate] += merged.pop(small)
    shapes: list[shapely.Geometry] = []
    names: list[str] = []
    codes: list[str] = []
    for head, members in sorted(merged.items()):
        inside = truth.communities[np.isin(truth.community_streets, streets.codes[members])]
        halves = np.zeros(len(inside), dtype=int)
        if head in order[-(YJ_ZONES - len(merged)) :]:
            halves = _north_first(inside, topology.groups(inside, 2, rng))
        for half in np.unique(halves):
            label = ("北片", "南片")[int(half)] if halves.any() else "片"
            names.append("·".join(streets.names_zh[m].removesuffix("街道") for m in members) + label)
            codes.append(f"YJ-{len(codes) + 1:03d}")
            shapes.append(topology.dissolve(list(inside[halves == half])))
    return _drawn("YJ", codes, names, [""] * len(codes), np.array(shapes, dtype=object), rng)


def _north_first(parts: NDArray[Any], halves: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number the northern one of two groups 0."""
    north = shapely.get_coordinates(shapely.centroid(parts))[:, 1]
    return halves if north[halves == 0].mean() >= north[halves == 1].mean() else 1 - halves


def _environment(truth: Truth, rng: Generator) -> Drawn:
    """Draw ring-road and river sectors, whatever streets there are."""
    shapes = terrain.rings(truth, rng)
    centres = shapely.get_coordinates(shapely.centroid(shapes)) - shapely.get_coordinates(truth.outline.centroid)
    order = np.argsort(np.hypot(*centres.T), kind="stable")
    codes = [f"HB{number:02d}" for number in range(1, len(order) + 1)]
    winds = ["东", "东北", "北", "西北", "西", "西南", "南", "东南"]
    bearings = np.round(np.arctan2(centres[order, 1], centres[order, 0]) / (np.pi / 4)).astype(int) % 8
    names = [f"{winds[wind]}部控制区{code[2:]}" for wind, code in zip(bearings, codes, strict=True)]
    return _drawn("HB", codes, names, [""] * len(codes), shapes[order], rng)


def _services(truth: Truth, street_of: dict[str, str], rng: Generator) -> Drawn:
    """Group each street's communities into service areas."""
    shapes: list[shapely.Geometry] = []
    names: list[str] = []
    codes: list[str] = []
    share = MS_AREAS / len(truth.communities)
    for street in sorted(set(truth.community_streets)):
        inside = truth.communities[truth.community_streets == street]
        group = topology.groups(inside, max(1, round(len(inside) * share)), rng)
        for number in np.unique(group):
            shapes.append(topology.dissolve(list(inside[group == number])))
            codes.append(f"MS{street[4:]}{int(number) + 1:02d}")
            names.append(f"{street_of[street].removesuffix('街道')}民生服务{int(number) + 1}区")
    return _drawn("MS", codes, names, [""] * len(codes), np.array(shapes, dtype=object), rng)
