"""The register of city components: manholes, lamps, hydrants, each with its place, owner and maintainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from pyarrow import ArrowInvalid

from grids.duties.selectors import Component

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from grids.tables import Problems

FILE = "components.parquet"
_COLUMNS = ("id", "category", "lon", "lat", "owner", "maintainer")


def read_components(directory: Path, problems: Problems) -> Mapping[str, Component]:
    """Read components.parquet (positions in CGCS2000) by id; a city without a register has none.

    Notes missing columns, a file that is no Parquet, and ids used twice.
    """
    path = directory / FILE
    if not path.exists():
        return {}
    try:
        table = pq.read_table(path)
    except ArrowInvalid as error:
        problems.note(FILE, 0, "", str(error), "a Parquet file")
        return {}
    if missing := [name for name in _COLUMNS if name not in table.column_names]:
        problems.note(FILE, 0, ", ".join(missing), "no such column", "columns " + ", ".join(_COLUMNS))
        return {}
    columns = [table.column(name).to_pylist() for name in _COLUMNS]
    found: dict[str, Component] = {}
    for number, values in enumerate(zip(*columns, strict=True), start=1):
        component = Component(*values)
        if component.component_id in found:
            problems.note(FILE, number, "id", repr(component.component_id), "an id that no other row has")
        found[component.component_id] = component
    return found
