"""The small expression language of `when` columns, such as `severity <= 2 and (hour >= 22 or hour < 6)`.

It knows the variables severity (1-4), urgency, hour (0-23, city time), area_class and zone; the comparisons
== != < <= > >= and `in (…)`, of texts only == != and in; and, or, not. It is read by Python's own parser,
checked node by node, and evaluated here: nothing else can be called or reached.
"""

from __future__ import annotations

import ast
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from grids.places import Place

VARIABLES: dict[str, type] = {"severity": int, "urgency": str, "hour": int, "area_class": str, "zone": str}

VALUES: dict[str, Sequence[Any]] = {
    "severity": range(1, 5),
    "urgency": ("NORMAL", "URGENT", "CRITICAL"),
    "hour": range(24),
}
"""All values of the variables that have only a few, in order: what is compared with must be one of them."""

_LONGEST = 400
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


class WhenError(ValueError):
    """An expression is not of the small language."""


@dataclass(frozen=True)
class When:
    """A condition; the empty text always holds.

    `variables` are those it depends on; `comparisons` counts them: of two rows the one with more is the more
    specific. A place in several zones holds `zone == "X"` if any of them is X.
    """

    text: str
    variables: frozenset[str]
    comparisons: int
    _test: Callable[[Mapping[str, Any]], bool]

    def __call__(self, facts: Mapping[str, Any]) -> bool:
        """Say whether the condition holds; `facts` has at least `variables`, and `zone` is a tuple of codes."""
        return self._test(facts)


def _always(_: Mapping[str, Any]) -> bool:
    return True


def facts(severity: int, urgency: str, moment: datetime, place: Place) -> dict[str, Any]:
    """Return what conditions may ask of a matter; `moment` is in city time."""
    return {
        "severity": severity,
        "urgency": urgency,
        "hour": moment.hour,
        "area_class": place.area_class,
        "zone": place.zones,
    }


ALWAYS = When("", frozenset(), 0, _always)


def parse_when(text: str) -> When:
    """Read an expression. Raises WhenError that says which part is not of the language."""
    text = text.strip()
    if not text:
        return ALWAYS
    if len(text) > _LONGEST:
        raise WhenError(f"{len(text)} characters; expected at most {_LONGEST}")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise WhenError(f"{text!r} is no expression; expected one such as severity <= 2 and hour >= 22") from None
    variables: set[str] = set()
    comparisons = [0]
    test = _compile(tree, variables, comparisons)
    return When(text, frozenset(variables), comparisons[0], test)


def _compile(node: ast.expr, variables: set[str], comparisons: list[int]) -> Callable[[Mapping[str, Any]], bool]:
    """Turn a node into a test, noting its variables and counting its comparisons."""
    if isinstance(node, ast.BoolOp):
        parts = [_compile(value, variables, comparisons) for value in node.values]
        if isinstance(node.op, ast.And):
            return lambda facts: all(part(facts) for part in parts)
        return lambda facts: any(part(facts) for part in parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _compile(node.operand, variables, comparisons)
        return lambda facts: not inner(facts)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.left, ast.Name):
        name, compare = node.left.id, _COMPARE.get(type(node.ops[0]))
        if name not in VARIABLES:
            raise WhenError(f"{name!r} is no variable; expected one of {' '.join(sorted(VARIABLES))}")
        if compare is None:
            raise WhenError(f"the comparison in {ast.unparse(node)!r} is not known; expected == != < <= > >= in")
        if VARIABLES[name] is str and not isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
            raise WhenError(f"{ast.unparse(node)!r} puts texts in order; {name} is compared with == != in or not in")
        wanted = _constant(node.comparators[0], name, many=isinstance(node.ops[0], ast.In | ast.NotIn))
        variables.add(name)
        comparisons[0] += 1
        if name == "zone":
            return _zone_test(node.ops[0], wanted)
        return lambda facts: compare(facts[name], wanted)
    raise WhenError(f"{ast.unparse(node)!r} is not a comparison of a variable with a constant")


def _zone_test(op: ast.cmpop, wanted: Any) -> Callable[[Mapping[str, Any]], bool]:
    """Build the test of a zone: a place may lie in several, so == and in ask whether any of them fits."""
    codes = set(wanted) if isinstance(wanted, tuple) else {wanted}
    inside = isinstance(op, ast.Eq | ast.In)
    return lambda facts: bool(codes.intersection(facts["zone"])) is inside


def _constant(node: ast.expr, name: str, *, many: bool) -> Any:
    if many:
        if not isinstance(node, ast.Tuple | ast.List):
            raise WhenError(f"{ast.unparse(node)!r} after `in`; expected constants in parentheses")
        return tuple(_constant(element, name, many=False) for element in node.elts)
    kind, values = VARIABLES[name], VALUES.get(name)
    if not (isinstance(node, ast.Constant) and type(node.value) is kind):
        expected = "a whole number" if kind is int else "a text in quotes"
        raise WhenError(f"{ast.unparse(node)!r}; expected {expected}")
    if values is not None and node.value not in values:
        raise WhenError(f"{node.value!r} is no {name}; expected one of {' '.join(map(str, values))}")
    return node.value
