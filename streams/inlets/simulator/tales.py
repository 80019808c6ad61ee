"""What the simulated people write: the same matter in each one's own words, with what each of them noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.inlets.simulator.phrases import ANYWHERE, BYE, HELLO, SEEN, VAGUE

if TYPE_CHECKING:
    import random

    from grids.settings import Channel
    from streams.inlets.simulator.ground import Spot

_TRAINED = ("GRID_WORKER", "INSPECTION")
_CLUES: dict[str, tuple[int, int, int, int, int]] = {
    "GRID_WORKER": (86, 5, 6, 3, 0),
    "INSPECTION": (86, 5, 6, 3, 0),
    "HOTLINE": (68, 10, 12, 9, 1),
    "DEPARTMENT": (74, 8, 9, 9, 0),
    "LEADER": (50, 10, 20, 17, 3),
    "MEDIA": (45, 10, 25, 17, 3),
    "PUBLIC_APP": (42, 10, 22, 16, 10),
}
"""How people say where: the house number, one nearby, the shop, a landmark, or not at all; as weights."""


class Tale(NamedTuple):
    """What there is to tell of one incident: its filing condition, its details, and how large it looks.

    `taken` are the details of those beside it.
    """

    name: str
    fact: str
    details: tuple[tuple[str, ...], ...]
    size: int
    taken: frozenset[tuple[str, ...]]


def invent(rng: random.Random, category: str, name: str, facts: list[str], told: Tale | None = None) -> Tale:
    """Make up an incident's tale; one beside another (`told`) differs in its details."""
    known = told.taken.union(told.details) if told else frozenset()
    own = [detail for codes, detail in SEEN if category.startswith(tuple(codes.split())) and detail not in known]
    around = [detail for detail in ANYWHERE if detail not in known] or list(ANYWHERE)
    fact = rng.choice(facts) if facts else name
    return Tale(name, fact, (*rng.sample(own, min(1, len(own))), rng.choice(around)), rng.randint(2, 12), known)


def tell(rng: random.Random, channel: Channel, tale: Tale, spot: Spot, area: str) -> str:
    """Write one report of an incident; `area` is what the place's district or street is called."""
    if channel == "SENSOR":
        return f"设备S{spot.sensor:04d}（{spot.road}{spot.number}号）报警：{tale.name}"
    if channel == "VIDEO":
        where = f"，{spot.road}" if rng.random() < 0.5 else ""  # noqa: PLR2004 - every other camera knows its road
        return f"视频识别CAM-{spot.camera:04d}{where}：{tale.name}"
    where = _where(rng, channel, spot)
    noticed = [rng.choice(detail) for detail in tale.details if rng.random() < 0.75]  # noqa: PLR2004 - three of four
    if channel in _TRAINED:
        size = f"，约{max(1, tale.size + rng.randint(-1, 1))}平方米" if rng.random() < 0.2 else ""  # noqa: PLR2004
        return f"{where}，{tale.fact}，{'，'.join(noticed)}{size}。".replace("，，", "，").replace("，。", "。")
    if channel in ("HOTLINE", "DEPARTMENT") and rng.random() < 0.6:  # noqa: PLR2004 - operators ask for the district
        where = area + where
    what = rng.choice((tale.name, tale.fact, f"有{tale.name}"))
    parts = [where, what, *noticed]
    if rng.random() < 0.3:  # noqa: PLR2004 - some begin with what they saw
        parts = [*noticed, where, what]
    said = rng.choice("，， ").join(part for part in parts if part)
    return f"{rng.choice(HELLO)}{said}。{rng.choice(BYE)}"


def _where(rng: random.Random, channel: Channel, spot: Spot) -> str:
    clue = rng.choices(("number", "near", "shop", "landmark", ""), _CLUES[channel])[0]
    road = spot.road
    match clue:
        case "number":
            if rng.random() < 0.02:  # noqa: PLR2004 - one in fifty reads the number next door
                return f"{road}{spot.number + rng.choice((-1, 1, 2))}号"
            shop = spot.shop if rng.random() < 0.25 else ""  # noqa: PLR2004 - one in four adds the shop
            return f"{road}{spot.number}号{shop}{rng.choice(('', '门口', '门前', '外'))}"
        case "near":
            return f"{road}{max(1, spot.number + rng.choice((-4, -2, 2, 4)))}号附近"
        case "shop":
            return f"{rng.choice((road, ''))}{spot.shop}{rng.choice(('门口', '旁边', '外面', '对面'))}"
        case "landmark":
            return f"{rng.choice((road, ''))}{spot.landmark}{rng.choice(('门口', '旁边', '东门', '对面', '后面'))}"
        case _:
            return rng.choice(VAGUE)
