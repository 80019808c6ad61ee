"""A synthetic city for tests, benchmarks and whoever wants to try the engine: nets, noise and defects as parameters.

    city = make_city(5_000, noise_m=2.0)          # micro-grids, and three departments' layers drawn by other hands
    fusion = fuse(city, base="ZZ")
    broken, planted = plant(city[1], "OVERLAP")   # one fault, and where it is

Micro-grids stand in a bent lattice; a department's unit is a block of them whose border follows theirs, drawn again
with its own corners and its own error, or cuts through their middle. The same arguments give the same city.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from pyproj import CRS

from grids.layers import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

METRIC: Final = CRS.from_epsg(4544)
"""CGCS2000, 3-degree Gauss-Krüger at 105 degrees east: Chengdu's."""

CORNER: Final = (400_000.0, 3_380_000.0)
SIDE_M: Final = 100.0
"""Side of a micro-grid: a hectare is the 万米单元网格 of GB/T 30428.1."""

COMMUNITY: Final = 8
"""A community is a block of so many by so many micro-grids."""


@dataclass(frozen=True)
class Department:
    """How a department draws: blocks of `columns` x `rows` micro-grids, whose borders cut through them if `cuts`.

    `corners` is how many points it puts between two crossings.
    """

    net: str
    columns: int
    rows: int
    cuts: bool = False
    corners: int = 2


DEPARTMENTS: Final = (
    Department("CG", 6, 6),
    Department("HB", 5, 8),
    Department("YJ", 7, 5, cuts=True),
)


def make_city(
    grids: int,
    *,
    departments: Sequence[Department] = DEPARTMENTS,
    noise_m: float = 2.0,
    corners: int = 3,
    seed: int = 1,
) -> list[Layer]:
    """Make a city of about `grids` micro-grids: the base layer ZZ with its communities, and the departments' layers.

    Every point of a department is drawn up to `noise_m` metres beside the true line. A micro-grid's side has
    `corners` points between its ends, so with 3 of them it has 16 vertices.
    """
    count = max(round(grids**0.5), 1)
    ground = _Ground(count, -(-grids // count), seed)
    layers = [ground.base(corners)]
    for number, department in enumerate(departments, start=1):
        layers.append(ground.department(department, noise_m, np.random.default_rng((seed, number))))
    return layers


class _Ground:
    """The bent lattice: where its crossings are, and how its lines run between them."""

    def __init__(self, columns: int, rows: int, seed: int) -> None:
        self.columns, self.rows = columns, rows
        rng = np.random.default_rng(seed)
        lattice = np.stack(np.meshgrid(np.arange(columns + 1), np.arange(rows + 1), indexing="ij"), axis=-1)
        self.node = np.add(CORNER, SIDE_M * (lattice + rng.uniform(-0.15, 0.15, lattice.shape)))
        # how far, at most, the lines east and north of each crossing bulge
        self.bulge = SIDE_M * rng.uniform(-0.06, 0.06, (2, columns + 1, rows + 1))

    def line(self, column: Ints, row: Ints, axis: int, share: Floats) -> Floats:
        """Return points at `share` (k, or n x k) of the line from each crossing (n) along an axis: n x k x 2."""
        share = np.broadcast_to(share, (len(column), np.shape(share)[-1]))
        start = self.node[column, row]
        end = self.node[column + (axis == 0), row + (axis == 1)]
        along = end - start
        across = along[:, ::-1] * (-1.0, 1.0) / np.linalg.norm(along, axis=1)[:, None]
        bulge = self.bulge[axis, column, row][:, None] * np.sin(np.pi * share)
        return np.asarray(
            start[:, None] + share[:, :, None] * along[:, None] + bulge[:, :, None] * across[:, None],
            dtype=np.float64,
        )

    def base(self, corners: int) -> Layer:
        """Draw the micro-grids."""
        column, row = (one.ravel() for one in np.meshgrid(np.arange(self.columns), np.arange(self.rows)))
        share = np.arange(corners + 1) / (corners + 1)
        back = 1.0 - share
        rings = np.concatenate(
            (
                self.line(column, row, 0, share),
                self.line(column + 1, row, 1, share),
                self.line(column, row + 1, 0, back),
                self.line(column, row, 1, back),
            ),
            axis=1,
        )
        wide = self.columns // COMMUNITY + 1
        community = (row // COMMUNITY) * wide + column // COMMUNITY
        parents = [f"510104{number // 99 + 1:03d}{number % 99 + 1:03d}" for number in community]
        ids = [
            f"{parent}-{r % COMMUNITY:d}{c % COMMUNITY:d}" for parent, c, r in zip(parents, column, row, strict=True)
        ]
        return _layer("ZZ", ids, shapely.polygons(np.round(rings, 3)), parents)

    def department(self, drawn: Department, noise_m: float, rng: np.random.Generator) -> Layer:
        """Draw a department's blocks with its own corners and its own error."""
        shift = 0.5 if drawn.cuts else 0.0
        east = _edges(self.columns, drawn.columns, shift)
        north = _edges(self.rows, drawn.rows, 0.0)
        share = np.arange(drawn.corners + 1) / (drawn.corners + 1)

        def pen(points: Floats) -> Floats:
            angle, reach = (
                rng.uniform(0.0, 2.0 * np.pi, len(points)),
                noise_m * np.sqrt(rng.uniform(0.0, 1.0, len(points))),
            )
            return points + np.column_stack((reach * np.cos(angle), reach * np.sin(angle)))

        def stretch(low: float, high: float, other: float, axis: int) -> Floats:
            """Draw the line from low to high along an axis, at `other` on the other one, both ends left out."""
            at = (np.arange(int(np.floor(low)), int(np.ceil(high)))[:, None] + share).ravel()
            at = at[(at > low) & (at < high)]
            return pen(self._at(at, np.full(len(at), other), axis))

        lines = {}
        for axis, (along, across) in enumerate(((east, north), (north, east))):
            for k, other in enumerate(across):
                for i, (low, high) in enumerate(pairwise(along)):
                    lines[axis, i, k] = stretch(low, high, other, axis)
        xs, ys = (one.ravel() for one in np.meshgrid(east, north, indexing="ij"))
        joints = pen(self._at(xs, ys, 0)).reshape(len(east), len(north), 2)
        ids: list[str] = []
        shapes = []
        for i in range(len(east) - 1):
            for k in range(len(north) - 1):
                south, east_side = lines[0, i, k], lines[1, k, i + 1]
                north_side, west = lines[0, i, k + 1][::-1], lines[1, k, i][::-1]
                turns = [joints[c, r, None] for c, r in ((i, k), (i + 1, k), (i + 1, k + 1), (i, k + 1))]
                ring = (turns[0], south, turns[1], east_side, turns[2], north_side, turns[3], west)
                ids.append(f"{drawn.net}{len(ids) + 1:06d}")
                shapes.append(shapely.Polygon(np.round(np.concatenate(ring), 3)))
        return _layer(drawn.net, ids, np.array(shapes, dtype=object))

    def _at(self, along: Floats, other: Floats, axis: int) -> Floats:
        """Return the ground's points at lattice positions; between two lines, those of both are mixed."""
        step = np.minimum(np.floor(along).astype(np.int64), (self.columns, self.rows)[axis] - 1)
        low = np.minimum(np.floor(other).astype(np.int64), (self.columns, self.rows)[1 - axis])
        high = np.minimum(low + 1, (self.columns, self.rows)[1 - axis])
        share = along - step
        drawn = []
        for line in (low, high):
            column, row = (step, line) if axis == 0 else (line, step)
            drawn.append(self.line(column, row, axis, share[:, None])[:, 0])
        mix = (other - low)[:, None]
        return np.asarray((1.0 - mix) * drawn[0] + mix * drawn[1], dtype=np.float64)


def _edges(count: int, block: int, shift: float) -> Floats:
    """Return where the borders of blocks of lattice squares run, from the first line to the last."""
    inner = np.arange(block, count, block) + shift
    return np.concatenate(([0.0], inner[inner <= count - 1], [float(count)]))


def _layer(net: str, ids: Sequence[str], shapes: NDArray[Any], parents: Sequence[str] | None = None) -> Layer:
    texts = np.array(ids, dtype=object)
    empty = np.full(len(texts), "", dtype=object)
    above = empty if parents is None else np.array(parents, dtype=object)
    return Layer(net, texts, empty, above, np.asarray(shapes, dtype=object), METRIC, f"{net}.geojson")


DEFECTS: Final = (
    "GAP", "OVERLAP", "SLIVER", "SELF_CROSSING", "HOLE", "MULTIPART", "DUPLICATE_ID", "MISSING_ID", "EMPTY",
    "VANISHED",
)  # fmt: skip
"""The kinds of faults that `plant` knows. The layer check calls all but SELF_CROSSING (an INVALID_SHAPE) the same."""


@dataclass(frozen=True)
class Planted:
    """A fault: its kind, the units it touches, and where it is in the layer's CRS (None if it is nowhere)."""

    kind: str
    units: tuple[str, ...]
    place: tuple[float, float] | None


def plant(layer: Layer, kind: str, seed: int = 1) -> tuple[Layer, Planted]:  # noqa: C901 - one branch a kind
    """Return a copy of a layer with one fault of a kind, and what was done. Raises ValueError for an unknown kind."""
    if kind not in DEFECTS:
        raise ValueError(f"defect {kind!r}; expected one of {', '.join(DEFECTS)}")
    metre = 1.0 / 111_320.0 if layer.crs.is_geographic else 1.0
    rng = np.random.default_rng(seed)
    one, two, place = _neighbours(layer, rng)
    ids, shapes = layer.ids.copy(), layer.geometries.copy()
    units: tuple[int, ...] = (one,)
    spot = shapely.Point(place)
    inside = shapely.point_on_surface(shapes[one])
    if kind == "GAP":
        hole = spot.buffer(15.0 * metre, quad_segs=2)
        shapes[[one, two]] = shapely.difference(shapes[[one, two]], hole)
        units = (one, two)
    elif kind == "OVERLAP":
        shapes[one] = shapely.union(shapes[one], spot.buffer(15.0 * metre, quad_segs=2))
        units = (one, two)
    elif kind == "SLIVER":
        x, y = inside.coords[0]
        strip = shapely.box(x - metre, y - 40.0 * metre, x + metre, y + 40.0 * metre)
        shapes[one] = shapely.difference(shapes[one], strip)
        return _with(layer, np.append(ids, "sliver"), np.append(shapes, strip)), Planted(kind, ("sliver",), (x, y))
    elif kind == "SELF_CROSSING":
        shapes[one], spot = _bow(shapes[one], 5.0 * metre)
    elif kind == "HOLE":
        spot = inside
        shapes[one] = shapely.difference(shapes[one], inside.buffer(10.0 * metre, quad_segs=2))
    elif kind == "MULTIPART":
        far = int(np.argmax(shapely.distance(shapes, shapes[one])))
        spot = shapely.point_on_surface(shapes[far])
        piece = shapely.intersection(spot.buffer(20.0 * metre, quad_segs=2), shapes[far])
        shapes[far], shapes[one] = shapely.difference(shapes[far], piece), shapely.union(shapes[one], piece)
    elif kind == "DUPLICATE_ID":
        ids[two] = ids[one]
        return _with(layer, ids, shapes), Planted(kind, (str(ids[one]),), None)
    elif kind == "MISSING_ID":
        ids[one] = ""
        return _with(layer, ids, shapes), Planted(kind, (f"row {one + 1}",), None)
    elif kind == "EMPTY":
        shapes[one] = None
        return _with(layer, ids, shapes), Planted(kind, (str(ids[one]),), None)
    else:
        shapes[one] = shapely.transform(
            shapes[one], lambda xy: np.asarray(inside.coords[0]) + (xy - inside.coords[0]) * 1e-9
        )
        spot = inside
    named = tuple(sorted(str(layer.ids[unit]) for unit in units))
    return _with(layer, ids, shapes), Planted(kind, named, (spot.x, spot.y))


def _with(layer: Layer, ids: NDArray[Any], shapes: NDArray[Any]) -> Layer:
    def longer(column: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate((column, np.full(len(ids) - len(column), "", dtype=object)))

    return replace(
        layer, ids=ids, names=longer(layer.names), parents=longer(layer.parents), geometries=shapes, rows=None
    )


def _neighbours(layer: Layer, rng: np.random.Generator) -> tuple[int, int, tuple[float, float]]:
    """Pick two valid units with a common border, and a point in the middle of its longest straight piece."""
    tree = shapely.STRtree(layer.geometries)
    for one in rng.permutation(len(layer.ids)):
        for two in np.sort(tree.query(layer.geometries[one])):
            if two != one and shapely.is_valid(layer.geometries[[one, two]]).all():
                shared = shapely.intersection(*shapely.boundary(layer.geometries[[one, two]]))
                pieces = [piece for piece in shapely.get_parts(shared) if piece.length > 0.0]
                if pieces:
                    longest = max(pieces, key=lambda piece: float(piece.length))
                    (x, y), *_ = shapely.line_interpolate_point(longest, 0.5, normalized=True).coords
                    return int(one), int(two), (x, y)
    raise ValueError(f"{layer.source}: no two valid units with a common border")


def _bow(shape: Any, size: float) -> tuple[Any, Any]:
    """Put a loop that crosses itself on a corner of a polygon's largest part; return it and where it crosses."""
    parts = list(shapely.get_parts(shape))
    largest = max(range(len(parts)), key=lambda n: float(parts[n].area))
    xy = shapely.get_coordinates(parts[largest].exterior)
    loop = xy[0] + size * np.array([(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
    rings = [ring.coords for ring in parts[largest].interiors]
    parts[largest] = shapely.Polygon(np.concatenate((xy[:1], loop, xy[1:])), rings)
    found = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return found, shapely.Point(xy[0] + size / 2.0)


def write_layer(layer: Layer, path: Path, id_field: str = "code") -> Path:
    """Write a layer as GeoJSON, faults and all, with its CRS stated; a missing shape is written as null."""
    features = [
        {
            "type": "Feature",
            "properties": {id_field: unit, "name": name, "parent": parent},
            "geometry": None if shape is None else json.loads(shapely.to_geojson(shape)),
        }
        for unit, name, parent, shape in zip(layer.ids, layer.names, layer.parents, layer.geometries, strict=True)
    ]
    crs = {"type": "name", "properties": {"name": layer.crs.to_string()}}
    content = {"type": "FeatureCollection", "crs": crs, "features": features}
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path
