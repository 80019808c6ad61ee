"""How alike two descriptions are: whether they may speak of one thing, by what they share and what contradicts.

Both have passed the gates of category, place and time before, so they are about the same kind of thing in the same
street. What any such report says (the category's own words, the road, turns of phrase) is therefore no evidence;
what tells two matters apart is: a house number, a shop, a detail.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")

NEUTRAL = 0.5
"""What texts are worth that say nothing for or against, such as two empty ones."""

_READ = 400
"""Characters of a text that are read: what and where stand at its beginning, and a long one may not cost time."""

_BY_CHANCE = 10
"""Of how many things that a text says one is shared by chance."""

_AGAINST = -0.1
"""The evidence of two texts that both say much and share nothing; enough for a person to be asked."""

_OTHERWISE = 0.25
"""How much another name for a place of the same kind speaks against: people name what is next to a place, too."""

_ABOUT = 10
"""How far off a number may be that is said to be nearby or opposite."""

_DIGITS = 9
"""Digits of a number that count; nobody's house number has more."""

_STEM = 6
"""Letters of a Latin word that count, so that its endings don't matter."""

_HAN = "\u4e00-\u9fff"
_NUMERALS = {char: number for number, char in enumerate("零一二三四五六七八九")} | {"\u3007": 0, "两": 2}
_NUMERAL = re.compile(r"[\u3007零一二两三四五六七八九十百]+(?=号楼|号|栋|幢|座|单元|室|层|楼|弄|段)")

_KINDS = {
    "号": "number", "号楼": "building", "栋": "building", "幢": "building", "座": "building", "单元": "unit",
    "室": "room", "层": "floor", "楼": "floor", "号门": "gate", "号口": "gate", "弄": "lane",
    "no": "number", "number": "number", "house": "number", "building": "building", "block": "building",
    "tower": "building", "unit": "unit", "entrance": "gate", "gate": "gate", "exit": "gate", "room": "room",
    "flat": "room", "apartment": "room", "apt": "room", "floor": "floor", "lane": "lane",
}  # fmt: skip
"""What numbers a place, in Chinese behind the number and in English before it; several words for one kind."""

_BEHIND = re.compile(
    r"(\d+(?:\s*[-~至到、]\s*\d+)*)\s*"
    r"(号楼|号门(?![口前外])|号口|号|栋|幢|座|单元|室|层|楼|弄)(附近|旁|对面|左右|一带)?"
)
_BEFORE = re.compile(
    r"(near\s+|opposite\s+|by\s+)?"
    r"\b(no|number|house|building|block|tower|unit|entrance|gate|exit|room|flat|apartment|apt|floor|lane)"
    r"[.\s#]*(\d+)"
)
_ROAD_EN = re.compile(r"\b(?:[a-z]+\s+)?(?:street|st|road|rd|avenue|ave|drive|boulevard|blvd)\b")
_STREET_NUMBER = re.compile(rf"(near\s+|opposite\s+|by\s+)?\b(\d+)\s+(?:[a-z]+\s+){{0,2}}{_ROAD_EN.pattern}")
_ROAD = re.compile(rf"[{_HAN}]{{1,3}}(?:街道|大道|社区|[路街巷](?![面口边上中灯障]))")
_NAMED = re.compile(rf"(?=([{_HAN}]{{2}})([{_HAN}][店馆铺吧所园场院校厦区市行房楼]))")
_NAMED_EN = re.compile(
    r"\b([a-z']{3,})\s+(shop|store|market|supermarket|hotel|hospital|pharmacy|school|park|station|bank|pub|church|"
    r"restaurant|mall|tower|court)\b"
)
_PARTICLES = re.compile("[的了有在是和也就都很被把着这那个]")
_PAIR = re.compile(rf"(?=([{_HAN}]{{2}}))")
_LATIN = re.compile("[a-z]")
_WIDE = re.compile("[\uff10-\uff5a]")  # digits and letters as wide as Chinese characters
_WORD = re.compile(r"(?=\d*-?[a-z])[a-z0-9]+(?:-[a-z0-9]+)*")
_FUNCTION_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "for", "from", "has", "have", "in", "is", "it",
    "its", "near", "no", "not", "of", "on", "or", "please", "road", "since", "so", "street", "that", "the", "their",
    "them", "there", "they", "this", "to", "was", "were", "with", "you",
})  # fmt: skip


class Reading(NamedTuple):
    """What one text says: its words, the numbers of places in it by kind, and their names by the kind of place.

    `about` are the kinds whose number is said to be nearby.
    """

    words: frozenset[str]
    numbers: dict[str, frozenset[int]]
    about: frozenset[str]
    names: dict[str, frozenset[str]]


def likeness(one: str, other: str, usual: frozenset[str] = frozenset()) -> float:
    """Return how alike two descriptions are, from 0 to 1; NEUTRAL if they say nothing for or against.

    Symmetric. Compared are Chinese characters and pairs of them, and whole Latin words cut to six letters: pairs of
    Latin letters coincide by chance in a third of all cases, pairs of characters hardly ever, and single characters
    find what people put in other words. `usual` are the words that are no evidence. A number of a place that both
    give (a house, a building, a gate) settles most of it, either way; another name for a place of the same kind
    speaks against.
    """
    a, b = read(one), read(other)
    shared = (a.words & b.words) - usual
    said = min(len(a.words - usual), len(b.words - usual))
    otherwise = _named_otherwise(a, b, usual)
    if otherwise:  # then what these names have in common, as the word shop, is no evidence either
        shared = frozenset(word for word in shared if otherwise.isdisjoint({word, *word}))
    numbered = _numbers(a, b)
    found = _shared(len(shared), said) + numbered - (_OTHERWISE if otherwise else 0.0)
    if numbered < 0:
        found = min(found, _AGAINST)  # two houses stay two houses, however alike the complaints about them
    return round(min(1.0, max(0.0, NEUTRAL + found)), 4)


def words(text: str) -> frozenset[str]:
    """Return a text's words in no order: Chinese characters and pairs of them, Latin words cut to six letters."""
    return read(text).words


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """Take a text apart. What was read lately is remembered, for a report is compared with several cases."""
    plain = text[:_READ].casefold()
    if _WIDE.search(plain):
        plain = unicodedata.normalize("NFKC", plain).casefold()
    plain = _NUMERAL.sub(lambda found: str(_value(found[0])), plain)
    numbers: dict[str, set[int]] = {}
    about: set[str] = set()
    for digits, word, nearby in _BEHIND.findall(plain):
        _note(numbers, about, _KINDS[word], digits, nearby)
    latin = _LATIN.search(plain) is not None
    if latin:
        for nearby, word, digits in _BEFORE.findall(plain):
            _note(numbers, about, _KINDS[word], digits, nearby)
        for nearby, digits in _STREET_NUMBER.findall(plain):
            _note(numbers, about, "number", digits, nearby)
    kept = _ROAD.sub(" ", _BEHIND.sub(" ", plain) if numbers else plain)
    if latin:
        kept = _ROAD_EN.sub(" ", kept)
    names: dict[str, set[str]] = {}
    for name, kind in (*_NAMED.findall(kept), *(_NAMED_EN.findall(kept) if latin else ())):
        names.setdefault(kind, set()).add(name)
    kept = _PARTICLES.sub(" ", kept)
    pairs = _PAIR.findall(kept)
    latin_words = [_stem(word) for word in _WORD.findall(kept) if word not in _FUNCTION_WORDS] if latin else []
    said = frozenset((*pairs, *"".join(pairs), *latin_words))
    return Reading(said, _frozen(numbers), frozenset(about), _frozen(names))


def _note(numbers: dict[str, set[int]], about: set[str], kind: str, digits: str, nearby: str) -> None:
    numbers.setdefault(kind, set()).update(int(number[-_DIGITS:]) for number in re.findall(r"\d+", digits))
    if nearby:
        about.add(kind)


def _stem(word: str) -> str:
    """Return a Latin word without its ending; a code, which has digits in it, whole."""
    return word if any(map(str.isdigit, word)) else word[:_STEM]


def _shared(shared: int, said: int) -> float:
    """Return the evidence, from -0.1 to 0.5, of the words that two texts share, when the shorter one says so many.

    A part of them is shared by chance. The first word beyond that says most, each further one half as much; fewer
    than by chance speak against, for both had something to say.
    """
    surplus = shared - said // _BY_CHANCE
    return 0.5 * (1 - 0.5**surplus) if surplus >= 0 else _AGAINST


def _numbers(a: Reading, b: Reading) -> float:
    """Return the evidence of numbered places: 0.5 for each number that both give, -0.5 for one given differently."""
    evidence = 0.0
    for kind in a.numbers.keys() & b.numbers.keys():
        x, y = a.numbers[kind], b.numbers[kind]
        if x & y:
            evidence += 0.5
        elif kind not in a.about | b.about or min(abs(p - q) for p in x for q in y) > _ABOUT:
            evidence -= 0.5
    return evidence


def _named_otherwise(a: Reading, b: Reading, usual: frozenset[str]) -> set[str]:
    """Return the characters or words of the places of one kind that both name, each by names of its own."""
    parts: set[str] = set()
    for kind in a.names.keys() & b.names.keys():
        x, y = a.names[kind] - usual, b.names[kind] - usual
        if x and y and not x & y:
            for name in (kind, *x, *y):
                parts.update([name[:_STEM]] if name[0] < "\u4e00" else name)
    return parts


def _value(numeral: str) -> int:
    """Read a Chinese numeral under a thousand: 十二, 二十, 三百零五, or digits in a row, 一二八."""
    if "十" not in numeral and "百" not in numeral:
        return int("".join(str(_NUMERALS[char]) for char in numeral)[-_DIGITS:])
    total, digit = 0, 0
    for char in numeral:
        if char in "十百":
            total += (digit or 1) * (10 if char == "十" else 100)
            digit = 0
        else:
            digit = _NUMERALS[char]
    return total + digit


def _frozen(sets: dict[str, set[_T]]) -> dict[str, frozenset[_T]]:
    return {key: frozenset(values) for key, values in sets.items()}
