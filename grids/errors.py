"""What goes wrong in `grids`, said so that a clerk can act on it: where, what was found, what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, order=True)
class Problem:
    """One fault of one file.

    `row` counts as a person counts in the file: the header of a CSV is row 1, the first feature of a layer is
    row 1; 0 stands for the file as a whole. `field` is a column, a key path or empty.
    """

    file: str
    row: int
    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        """Say it on one line: file, row, field, what was found, what was expected."""
        where = ", ".join(part for part in (self.file, f"row {self.row}" if self.row else "", self.field) if part)
        return f"{where}: {self.found}; expected {self.expected}"


class GridsError(Exception):
    """The root of every error that this package raises on purpose; carries all problems at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class LayerError(GridsError):
    """A map layer can't be used as it is."""


class PackError(GridsError):
    """A city pack contradicts itself or its format."""


class CodeError(ValueError):
    """A code doesn't have the form that its standard prescribes."""
