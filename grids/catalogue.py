"""The catalogue: categories of the city and of foreign schemes, filing conditions, limits and closing tests.

A category is always (scheme, code). Rules, duties and limits speak of the scheme `city`; every other scheme is
mapped onto it. A leaf is a city category that is nobody's parent.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from grids.tables import Problems, read_rows
from grids.when import VALUES, When
from grids.worktime import Limit, parse_limit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date
    from pathlib import Path

CITY = "city"
NETS = frozenset({"ZZ", "CG", "YJ", "HB", "MS"})
CATEGORY_KINDS = frozenset({"COMPONENT", "EVENT"})
URGENCIES: tuple[str, ...] = tuple(VALUES["urgency"])
FILING_CLOCKS = frozenset({"URGENT_HOUR", "NATURAL_DAY", "WORK_HOUR", "WORK_DAY"})


class Category(NamedTuple):
    """One category of one scheme."""

    scheme: str
    code: str
    name_zh: str
    name_en: str
    kind: str
    parent: str
    net: str


class CategoryRule(NamedTuple):
    """One way from a foreign category to a city category, under a condition."""

    to: str
    when: When


class FilingCondition(NamedTuple):
    """When a matter counts as a case: it fixes the limit, its clock and the closing test."""

    category: str
    condition: str
    text: str
    limit: Limit
    closing_test: str
    urgency: str
    effective_from: date
    effective_to: date


_MEMORY = 1000
"""Unknown categories whose nearest are kept: a source that sends one sends it all day, and looking takes long."""


class CategoryError(ValueError):
    """A category of a report can't be placed in the city's catalogue; `reason` is its code for dead letters."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


@dataclass(frozen=True)
class Catalogue:
    """Categories by (scheme, code), mappings likewise, filing conditions by city leaf in the file's order."""

    categories: Mapping[tuple[str, str], Category]
    mappings: Mapping[tuple[str, str], tuple[CategoryRule, ...]]
    conditions: Mapping[str, tuple[FilingCondition, ...]]
    _said: dict[tuple[str, str], str] = field(default_factory=dict, compare=False)

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """City categories that are nobody's parent, in order."""
        parents = {category.parent for category in self.categories.values() if category.scheme == CITY}
        return tuple(sorted(code for scheme, code in self.categories if scheme == CITY and code not in parents))

    @cached_property
    def _leaf_set(self) -> frozenset[str]:
        return frozenset(self.leaves)

    def __getitem__(self, code: str) -> Category:
        """Return a city category; KeyError if there is none."""
        return self.categories[CITY, code]

    def to_city(self, scheme: str, code: str, facts: Mapping[str, Any]) -> str:
        """Map a category onto a city leaf.

        Of the mappings whose condition holds the one with more comparisons counts; an equal one with another
        target is a fault of the pack. Raises CategoryError, naming the nearest codes, when the scheme or code is
        unknown, not mapped, not a leaf, or ambiguous.
        """
        if (scheme, code) not in self.categories:
            text = self._said.get((scheme, code))
            if text is None:
                if len(self._said) >= _MEMORY:
                    self._said.clear()
                text = self._said[scheme, code] = self._unknown(scheme, code)
            raise CategoryError("UNKNOWN_CATEGORY", text)
        if scheme == CITY:
            if code not in self._leaf_set:
                leaves = ", ".join(leaf for leaf in self.leaves if self[leaf].parent == code)
                raise CategoryError("UNKNOWN_CATEGORY", f"category: {code!r} is a group; expected one of {leaves}")
            return code
        holding = [rule for rule in self.mappings.get((scheme, code), ()) if rule.when(facts)]
        if not holding:
            raise CategoryError(
                "UNMAPPED_CATEGORY",
                f"category: {scheme}:{code} is not mapped to the city's catalogue under severity "
                f"{facts.get('severity')}; expected a row in category_map.csv",
            )
        most = max(rule.when.comparisons for rule in holding)
        targets = sorted({rule.to for rule in holding if rule.when.comparisons == most})
        if len(targets) > 1:
            raise CategoryError(
                "AMBIGUOUS_CATEGORY",
                f"category: {scheme}:{code} is mapped to {' and '.join(targets)} alike; expected one",
            )
        return targets[0]

    def _unknown(self, scheme: str, code: str) -> str:
        schemes = sorted({known for known, _ in self.categories})
        if scheme not in schemes:
            return f"scheme: {scheme!r} is not known; expected one of {', '.join(schemes)}"
        known = {category.code: category for (of, _), category in self.categories.items() if of == scheme}
        near = difflib.get_close_matches(code, known, n=3, cutoff=0.4)
        by_name = [c.code for c in known.values() if code and code in (c.name_zh, c.name_en)]
        named = ", ".join(f"{c} {known[c].name_zh}" for c in dict.fromkeys(by_name + near))
        return f"category: {code!r} is not in scheme {scheme!r}; nearest: {named or 'none'}"

    def condition(self, category: str, name: str | None, day: date) -> FilingCondition | None:
        """Return the filing condition of a leaf on a city date: the named one, else the category's first."""
        for found in self.conditions.get(category, ()):
            if (name is None or found.condition == name) and found.effective_from <= day < found.effective_to:
                return found
        return None


def read_catalogue(directory: Path, problems: Problems) -> Catalogue:
    """Read categories.csv, category_map.csv and conditions.csv; note whatever doesn't fit together."""
    categories = _read_categories(directory, problems)
    leaves = Catalogue(categories, {}, {}).leaves
    return Catalogue(
        categories,
        _read_mappings(directory, categories, leaves, problems),
        _read_conditions(directory, leaves, problems),
    )


def _read_categories(directory: Path, problems: Problems) -> dict[tuple[str, str], Category]:
    columns = ("scheme", "category", "name_zh", "name_en", "kind", "parent", "net")
    categories: dict[tuple[str, str], Category] = {}
    rows = list(read_rows(directory / "categories.csv", columns, problems))
    for row in rows:
        scheme, code = row.text("scheme"), row.text("category")
        if (scheme, code) in categories:
            row.fault("category", "a code that no other row of this scheme has")
        categories[scheme, code] = Category(
            scheme,
            code,
            row.text("name_zh"),
            row.text("name_en", needed=False),
            row.choice("kind", CATEGORY_KINDS),
            row.text("parent", needed=False),
            row.choice("net", NETS),
        )
    for row in rows:
        scheme, code, parent = (row.cells.get(name, "").strip() for name in ("scheme", "category", "parent"))
        if parent and (parent == code or (scheme, parent) not in categories):
            row.fault("parent", "another category of the same scheme, or empty")
    return categories


def _read_mappings(
    directory: Path, categories: Mapping[tuple[str, str], Category], leaves: Collection[str], problems: Problems
) -> dict[tuple[str, str], tuple[CategoryRule, ...]]:
    mappings: dict[tuple[str, str], tuple[CategoryRule, ...]] = {}
    columns = ("scheme", "category", "to_category", "when")
    for row in read_rows(directory / "category_map.csv", columns, problems, optional=True):
        source, target = (row.text("scheme"), row.text("category")), row.text("to_category")
        if source not in categories:
            row.fault("category", "a category of this scheme in categories.csv")
        if target not in leaves:
            row.fault("to_category", "a leaf of scheme city in categories.csv, not a group")
        rule, others = CategoryRule(target, row.when()), mappings.get(source, ())
        if any(rule.when.text == other.when.text and rule.to != other.to for other in others):
            row.fault("to_category", "one category under one condition; another row gives another")
        mappings[source] = (*others, rule)
    return mappings


def _read_conditions(
    directory: Path, leaves: Collection[str], problems: Problems
) -> dict[str, tuple[FilingCondition, ...]]:
    conditions: dict[str, tuple[FilingCondition, ...]] = {}
    columns = (
        "category", "condition", "text", "limit", "clock", "closing_test", "urgency", "effective_from",
        "effective_to",
    )  # fmt: skip
    for row in read_rows(directory / "conditions.csv", columns, problems):
        category = row.text("category")
        if category not in leaves:
            row.fault("category", "a leaf of scheme city in categories.csv, not a group")
        clock = row.choice("clock", FILING_CLOCKS)
        try:
            limit = parse_limit(f"{row.text('limit')} WORK_DAY")._replace(clock=clock)
        except ValueError:
            row.fault("limit", "an amount above 0")
            limit = Limit(1, "WORK_DAY")
        start, end = row.span()
        found = FilingCondition(
            category,
            row.text("condition"),
            row.text("text"),
            limit,
            row.text("closing_test", needed=False),
            row.choice("urgency", URGENCIES, default="NORMAL"),
            start,
            end,
        )
        earlier = conditions.get(category, ())
        if _overlaps(found, earlier):
            row.fault("condition", "a condition of this category that no other row gives for the same days")
        conditions[category] = (*earlier, found)
    return conditions


def _overlaps(one: FilingCondition, others: Iterable[FilingCondition]) -> bool:
    return any(
        one.condition == other.condition
        and one.effective_from < other.effective_to
        and other.effective_from < one.effective_to
        for other in others
    )
