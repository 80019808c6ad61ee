"""Small layers for tests: boxes in metres on EPSG:4544, and random partitions with digitising noise."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import shapely
from pyproj import CRS

from grids.layers import Layer

METRIC = CRS.from_epsg(4544)
WEST, SOUTH = 410_000.0, 3_390_000.0
"""A corner near Chengdu; boxes count their metres from here."""


def box(x0, y0, x1, y1):
    return shapely.box(WEST + x0, SOUTH + y0, WEST + x1, SOUTH + y1)


def layer(net, units, parents=None, crs=METRIC):
    """Make a layer of {id: polygon}; `parents` is {id: parent}."""
    ids = np.array(list(units), dtype=object)
    geometries = np.array(list(units.values()), dtype=object)
    texts = np.array([(parents or {}).get(unit, "") for unit in units], dtype=object)
    return Layer(net, ids, np.full(len(ids), "", dtype=object), texts, geometries, crs, f"{net}.geojson")


def columns(net, *edges, height=1000):
    """Make units 1, 2, … that stand side by side between the given x edges."""
    return layer(net, {str(n): box(a, 0, b, height) for n, (a, b) in enumerate(pairwise(edges), start=1)})


def rows(net, *edges, width=1000):
    """Make units a, b, … that lie above each other between the given y edges."""
    return layer(net, {chr(97 + n): box(0, a, width, b) for n, (a, b) in enumerate(pairwise(edges))})


def partition(net, seed, units, noise=0.0, size=1000.0):
    """Cut a square into Voronoi units, each then drawn with its own `noise` in metres, so gaps and overlaps arise."""
    rng = np.random.default_rng(seed)
    seeds = shapely.multipoints(np.add(rng.uniform(0, size, (units, 2)), (WEST, SOUTH)))
    frame = box(0, 0, size, size)
    shapes = shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=frame))
    shapes = shapely.intersection(shapes, frame)
    shapes = shapes[shapely.area(shapes) > 400.0]
    drawn = [_drawn(shapely.segmentize(shape, size / 25.0), rng, noise) for shape in shapes] if noise else shapes
    return layer(net, {f"{net}{number:03d}": shape for number, shape in enumerate(drawn)})


def _drawn(shape, rng, noise):
    """Draw a shape again with an unsteady hand: every point moves by at most `noise`, neighbours alike."""
    phase, wave = rng.uniform(0.0, 6.3, (2, 2)), rng.uniform(20.0, 60.0, (2, 2))

    def move(xy):
        return xy + noise * np.column_stack([np.sin(xy / wave[k] + phase[k]).mean(axis=1) for k in range(2)])

    return shapely.make_valid(shapely.transform(shape, move), method="structure", keep_collapsed=False)


def shuffled(one, seed):
    order = np.random.default_rng(seed).permutation(len(one.ids))
    return Layer(one.net, one.ids[order], one.names[order], one.parents[order], one.geometries[order], one.crs, "x")


def write_geojson(path, features, crs=None):
    """Write [(properties, shape or None)]; with `crs` the old crs member is added."""
    content = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": properties,
                "geometry": None if shape is None else json.loads(shapely.to_geojson(shape)),
            }
            for properties, shape in features
        ],
    }
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
