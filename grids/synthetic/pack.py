"""A whole pack from a seed, file by file."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np

from grids.synthetic import files, layers, matters, people, terrain
from grids.synthetic.places import INPUTS, read_places
from grids.synthetic.units import UnitRow, unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from grids.synthetic.layers import Drawn
    from grids.synthetic.places import Places

SEED = 20260301
DENSITIES = tuple(layers.COUNTS)

_LAYER_NAMES = {
    "ZZ": ("综治网格", "Comprehensive governance grids"),
    "CG": ("城管单元网格", "Urban management unit grids"),
    "YJ": ("应急责任片区", "Emergency zones"),
    "HB": ("环保控制区", "Environment control zones"),
    "MS": ("民生服务区", "Livelihood service areas"),
}


def write_pack(directory: Path, density: str = "demo", seed: int = SEED) -> list[Drawn]:
    """Write the illustrative pack of Chengdu's five central districts, and return its layers as drawn, in metres.

    `density` is `demo` (about 1,500 综治 and 2,500 城管 grids) or `full` (300-500 households and 10,000 m² each).
    The same arguments give the same bytes. Raises ValueError for an unknown density, or a seed whose lines
    happen to pinch a face shut.
    """
    if density not in DENSITIES:
        raise ValueError(f"density {density!r}; expected one of {', '.join(DENSITIES)}")
    ground_rng, layers_rng, people_rng, components_rng = np.random.default_rng(seed).spawn(4)
    places = read_places()
    truth = terrain.build(places, ground_rng)
    drawn = layers.draw_all(truth, places, density, layers_rng)
    directory.mkdir(parents=True, exist_ok=True)
    for layer in drawn:
        files.write_layer(directory, layer)
    (directory / "layers.toml").write_text(_layers_toml(drawn), encoding="utf-8")
    _write_tables(directory, places)
    grids = next(layer for layer in drawn if layer.net == "ZZ")
    header = ("worker", "unit", "grid", "skills", "shift_from", "shift_to")
    files.write_csv(directory / "workers.csv", header, people.worker_rows(grids, people_rng))
    (directory / "channels.toml").write_text(people.channels_toml(places), encoding="utf-8")
    files.write_parquet(directory / "components.parquet", people.components(truth, components_rng))
    for path in sorted((INPUTS / "verbatim").iterdir()):
        shutil.copyfile(path, directory / path.name)
    return drawn


def _write_tables(directory: Path, places: Places) -> None:
    files.write_csv(directory / "areas.csv", ("code", "name_zh", "name_en", "level", "parent"), _areas(places))
    files.write_csv(
        directory / "area_classes.csv", ("area_code", "area_class", "factor"), people.area_class_rows(places)
    )
    files.write_csv(directory / "units.csv", UnitRow._fields, unit_rows(places))
    files.write_csv(directory / "categories.csv", matters.CATEGORY_COLUMNS, matters.category_rows())
    files.write_csv(directory / "category_map.csv", matters.MAP_COLUMNS, matters.map_rows())
    files.write_csv(directory / "conditions.csv", matters.CONDITION_COLUMNS, matters.condition_rows())
    files.write_csv(directory / "duties.csv", matters.DUTY_COLUMNS, matters.duty_rows())


def _areas(places: Places) -> Iterator[tuple[str, ...]]:
    for name, level in places.levels():
        for code, zh, en, parent in zip(level.codes, level.names_zh, level.names_en, level.parents, strict=True):
            yield (code, zh, en, name, parent)


def _layers_toml(drawn: list[Drawn]) -> str:
    lines = ["# 五个部门的图层 · The five departments' layers; boundaries are generated and illustrative"]
    for layer in drawn:
        zh, en = _LAYER_NAMES[layer.net]
        keys = {
            "net": layer.net,
            "file": files.layer_file(layer.net),
            "id": "code",
            "name": "name",
            **({"parent": "community"} if any(layer.parents) else {}),
            "datum": "GCJ02" if layer.net in files.GCJ02_LAYERS else "CGCS2000",
            "valid_from": "2025-01-01",
            "name_zh": zh,
            "name_en": en,
        }
        lines += ["\n[[layer]]", *(f'{key} = "{value}"' for key, value in keys.items())]
    return "\n".join(lines) + "\n"
