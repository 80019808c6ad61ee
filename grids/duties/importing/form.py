"""The map file: what a person must say about a duty list so that it can be read. docs/duty-lists.md explains it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from grids.catalogue import CATEGORY_KINDS, FILING_CLOCKS, NETS
from grids.duties.importing.limits import CLOCK_WORDS
from grids.duties.rows import BACKSTOP, ROLES
from grids.errors import PackError, Problem
from grids.tables import Problems, read_toml
from grids.units import KINDS, LEVELS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_BUILT_IN = Path(__file__).parent / "maps"

FORMATS = ("yuncheng",)
"""Formats whose map files come with the program: one for XLSX and one for CSV each."""

ColumnName = Annotated[str, msgspec.Meta(min_length=1)]


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a map file."""


class ColumnsForm(_Form, frozen=True):
    """Where things stand: a column's letter, or its title in the header row. Only `name` is needed.

    `units` are handling units of whom the list does not say who leads; a list that does say names the columns of
    the roles instead.
    """

    name: ColumnName
    code: str = ""
    group_code: str = ""
    group: str = ""
    kind: str = ""
    condition: str = ""
    limit: str = ""
    closing_test: str = ""
    units: str = ""
    lead: str = ""
    cooperate: str = ""
    supervise: str = ""
    approve: str = ""
    enforce: str = ""
    basis: str = ""

    def roles(self) -> dict[str, str]:
        """Return the columns that name units, by the role they suggest; "" suggests none."""
        named = {"": self.units} | {role: getattr(self, role.lower()) for role in ROLES if role != BACKSTOP}
        return {role: column for role, column in named.items() if column}


class SheetForm(_Form, frozen=True):
    """One sheet: its name (empty: the first), its header row (0: none), first and last row of data, and its kind."""

    name: str = ""
    header: Annotated[int, msgspec.Meta(ge=0)] = 1
    first: Annotated[int, msgspec.Meta(ge=1)] = 2
    last: Annotated[int, msgspec.Meta(ge=0)] = 0
    kind: str = ""


class UnitsForm(_Form, frozen=True):
    """How the list names units.

    `separators` stand between two of them; a part that begins with one of `relative_prefixes` names no unit of its
    own; `relative` says which selector such a part means. `prefixes` and `fillers` may be missing from a spelling
    without its becoming another unit; `same` lists spellings that mean one unit, under the name that counts;
    `endings` are how a name of an office ends, `connectives` join two names into one part.
    `area_code`, `level` and `kinds` (kind by the end of a name, else DEPARTMENT) are given to the draft's units.
    """

    separators: Annotated[list[str], msgspec.Meta(min_length=1)] = msgspec.field(default_factory=lambda: ["、", "\n"])
    relative_prefixes: list[str] = msgspec.field(default_factory=lambda: ["所属", "属地", "各", "及各"])
    relative: dict[str, str] = msgspec.field(default_factory=dict)
    prefixes: list[str] = msgspec.field(default_factory=list)
    fillers: list[str] = msgspec.field(default_factory=list)
    same: dict[str, list[str]] = msgspec.field(default_factory=dict)
    endings: list[str] = msgspec.field(default_factory=list)
    connectives: list[str] = msgspec.field(default_factory=list)
    area_code: str = ""
    level: str = "CITY"
    kinds: dict[str, str] = msgspec.field(default_factory=dict)


class MapForm(_Form, frozen=True):
    """A whole map file. `spans` says how a cell that holds for several rows looks: `merged`, or `blank` below it."""

    columns: ColumnsForm
    sheet: Annotated[list[SheetForm], msgspec.Meta(min_length=1)]
    spans: Literal["merged", "blank"] = "blank"
    encoding: str = "utf-8-sig"
    net: str = "CG"
    kinds: dict[str, str] = msgspec.field(default_factory=dict)
    clocks: dict[str, str] = msgspec.field(default_factory=dict)
    units: UnitsForm = UnitsForm()

    @property
    def clock_words(self) -> dict[str, str]:
        """The clock words of the published standards and this map's own."""
        return {**CLOCK_WORDS, **self.clocks}


def built_in(name: str, file: Path) -> Path:
    """Return the map file of a format of FORMATS for a file: the layouts of XLSX and CSV differ."""
    return _BUILT_IN / f"{name}-{'csv' if file.suffix.lower() == '.csv' else 'xlsx'}.toml"


def read_map(path: Path) -> MapForm:
    """Read a map file. Raises PackError with what is wrong in it."""
    problems = Problems()
    raw = read_toml(path, problems)
    problems.raise_if_any()
    try:
        form = msgspec.convert(raw, MapForm)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        field = where.strip("`").rpartition("$.")[2]
        expected = "the form described in docs/duty-lists.md"
        raise PackError([Problem(path.name, 0, field, text, expected)]) from error
    for field, value, allowed in _choices(form):
        if value not in allowed:
            problems.note(path.name, 0, field, repr(value), "one of " + " ".join(sorted(allowed)))
    if form.columns.units and form.columns.lead:
        problems.note(path.name, 0, "columns", "both units and lead", "the one that the list has")
    problems.raise_if_any()
    return form


def _choices(form: MapForm) -> Iterator[tuple[str, str, Collection[str]]]:
    """List the values that must be codes of ours: where each stands, what it is, and what it may be."""
    yield "net", form.net, NETS
    for number, sheet in enumerate(form.sheet):
        if sheet.kind or not form.columns.kind:
            yield f"sheet[{number}].kind", sheet.kind, CATEGORY_KINDS
    yield from ((f"kinds.{word}", kind, CATEGORY_KINDS) for word, kind in form.kinds.items())
    yield from ((f"clocks.{word}", clock, FILING_CLOCKS) for word, clock in form.clocks.items())
    yield "units.level", form.units.level, LEVELS
    yield from ((f"units.kinds.{ending}", kind, KINDS) for ending, kind in form.units.kinds.items())
