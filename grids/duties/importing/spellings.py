"""How a list spells its units: which spellings mean one unit, which a selector, and which nobody can tell."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from grids.duties.importing.form import UnitsForm
    from grids.units import Units

_NEAR, _NEAREST = 0.3, 3
_SIMILAR = 0.75


class Office(msgspec.Struct, frozen=True):
    """A unit that a list names: its code, the name that counts, all spellings, and how often they stand there.

    `similar` are other units of the list with names so near that a person should look: nothing joins them by itself.
    """

    code: str
    name: str
    spellings: tuple[str, ...]
    times: int
    similar: tuple[str, ...] = ()


class Unmatched(msgspec.Struct, frozen=True):
    """A spelling that means no one unit: why, and what it may mean."""

    spelling: str
    times: int
    why: str
    nearest: tuple[str, ...]


@dataclass(frozen=True)
class Resolved:
    """What every spelling of a list means: a code or selector, or why none. `offices` are the units named."""

    meaning: Mapping[str, str]
    offices: tuple[Office, ...]
    unmatched: tuple[Unmatched, ...]


def is_relative(part: str, form: UnitsForm) -> bool:
    """Say whether a part names a unit by its relation to the place: `所属街办`."""
    return part.startswith(tuple(form.relative_prefixes))


def resolve(parts: Iterable[str], form: UnitsForm, units: Units | None = None) -> Resolved:
    """Find out what the parts of a list's cells mean.

    Without `units` every office the list names becomes a unit of the draft, with a code of its own; with them it
    must be one of those, or is unmatched. Of two spellings that differ only by words that the map calls prefixes or
    fillers both mean one office.
    """
    times = Counter(parts)
    meaning = {part: form.relative[part] for part in times if part in form.relative}
    unclear = {part: why for part in times if part not in meaning and (why := _fault(part, form))}
    groups = _groups([part for part in times if part not in meaning and part not in unclear], form)
    offices: list[Office] = []
    for group in groups:
        name = _name(group, times, form)
        total = sum(times[part] for part in group)
        if units is None:
            code = "-".join(filter(None, (form.area_code, f"D{len(offices) + 1:03d}")))
        elif len(codes := _codes(group, form, units)) == 1:
            code = codes.pop()
        else:
            why = "SEVERAL_UNITS " + " ".join(sorted(codes)) if codes else "NO_SUCH_UNIT"
            unclear |= dict.fromkeys(group, why)
            continue
        offices.append(Office(code, name, tuple(group), total))
        meaning |= dict.fromkeys(group, code)
    known = {name: code for office in offices for name, code in dict.fromkeys(office.spellings, office.code).items()}
    if units is not None:
        known |= {name: unit.code for unit in units.by_code.values() for name in (unit.name_zh, *unit.aliases)}
    known |= form.relative
    keys = {name: _keys(name, form) for name in known}
    unmatched = [
        Unmatched(part, times[part], why, _nearest(part, known, keys, form)) for part, why in unclear.items()
    ]
    return Resolved(meaning, tuple(_with_similar(offices, form)), tuple(unmatched))


def _with_similar(offices: Sequence[Office], form: UnitsForm) -> Iterator[Office]:
    names = {office.code: office.name for office in offices}
    keys = {code: _keys(name, form) for code, name in names.items()}
    for office in offices:
        mine = _keys(office.name, form)
        shares = ((_share(mine, keys[code], _SIMILAR), f"{code} {name}") for code, name in names.items())
        near = sorted((-share, other) for share, other in shares if share >= _SIMILAR)
        yield msgspec.structs.replace(
            office, similar=tuple(other for _, other in near if not other.startswith(f"{office.code} "))[:_NEAREST]
        )


def _share(one: set[str], other: set[str], least: float) -> float:
    """Say how much of two names is the same, from 0 to 1, or 0 if it is less than `least`.

    Both are given by what they say, as `_keys` has it.
    """
    best = 0.0
    for mine in one:
        for theirs in other:
            matcher = difflib.SequenceMatcher(None, mine, theirs)
            needed = max(best, least)
            if matcher.real_quick_ratio() >= needed and matcher.quick_ratio() >= needed:
                best = max(best, matcher.ratio())
    return best if best >= least else 0.0


def _fault(part: str, form: UnitsForm) -> str:
    """Say why a part by itself names no one unit, "" if it may."""
    for connective in form.connectives:
        first, found, second = part.partition(connective)
        if found and second and first.endswith(tuple(form.endings)):
            return "SEVERAL_NAMES"
    if is_relative(part, form):
        return "NO_SELECTOR"
    if form.endings and not part.endswith(tuple(form.endings)):
        return "NO_OFFICE"
    return ""


def _keys(name: str, form: UnitsForm) -> set[str]:
    """Return what a name says without its prefixes, if it has any, and without fillers."""
    bare = {name.removeprefix(prefix) for prefix in ("", *form.prefixes)}
    for filler in form.fillers:
        bare = {short.replace(filler, "") for short in bare}
    return {short for short in bare if short not in form.endings} or {name}


def _groups(parts: Sequence[str], form: UnitsForm) -> list[list[str]]:
    """Group spellings of one office, in the order of the list; `same` of the map joins what no rule could know."""
    heads = {part: head for head, others in form.same.items() for part in (head, *others)}
    groups: list[tuple[set[str], list[str]]] = []
    for part in parts:
        keys = _keys(part, form) | _keys(heads.get(part, part), form)
        alike = [group for group in groups if group[0] & keys]
        joined = (keys.union(*(known for known, _ in alike)), [name for _, names in alike for name in names] + [part])
        at = groups.index(alike[0]) if alike else len(groups)
        groups = [group for group in groups if group not in alike]
        groups.insert(at, joined)
    return [names for _, names in groups]


def _name(group: Sequence[str], times: Mapping[str, int], form: UnitsForm) -> str:
    """Choose the name that counts: the map's, else the commonest, else the longest."""
    stated = [head for head, others in form.same.items() if set(group) & {head, *others}]
    return stated[0] if stated else max(group, key=lambda part: (times[part], len(part), part))


def _codes(group: Sequence[str], form: UnitsForm, units: Units) -> set[str]:
    exact = {code for part in group if (code := units.named(part))}
    if exact:
        return exact
    keys = set().union(*(_keys(part, form) for part in group))
    names = ((unit.code, name) for unit in units.by_code.values() for name in (unit.name_zh, *unit.aliases))
    return {code for code, name in names if _keys(name, form) & keys}


def _nearest(part: str, known: Mapping[str, str], keys: Mapping[str, set[str]], form: UnitsForm) -> tuple[str, ...]:
    """Return up to three units that a spelling may mean, each by code and name, the likeliest first."""
    mine = _keys(part, form)
    shares = {name: _share(mine, keys[name], _NEAR) + (part in name) for name in known}
    near = sorted((name for name, share in shares.items() if share >= _NEAR), key=lambda name: (-shares[name], name))
    found: dict[str, str] = {}
    for name in near:
        found.setdefault(known[name], name)
    return tuple(f"{code} {name}" for code, name in found.items())[:_NEAREST]
