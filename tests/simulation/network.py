"""The network between people and the gateway: letters are dropped, doubled, delayed and overtaken.

Whoever sends a letter sends it again until it is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter
    from random import Random

    from streams.records import Ack, Action, Attendance


@dataclass(eq=False)
class Letter:
    """A report as bytes, or a deed. `answer` is None until the sender has one, empty if it is no."""

    name: str
    body: bytes = b""
    deed: Action | Ack | Attendance | None = None
    answer: str | None = None


class Network:
    """Letters under way, and those that have arrived."""

    def __init__(self, dice: Random, figures: Counter[str]) -> None:
        self._dice, self._figures = dice, figures
        self.flying: list[Letter] = []
        self.arrived: list[Letter] = []
        self.open: list[Letter] = []
        self.acknowledged: dict[str, Letter] = {}

    def send(self, letter: Letter) -> None:
        """Send a letter for the first time."""
        self.open.append(letter)
        self.flying.append(letter)

    def move(self, *, calm: bool) -> None:
        """Let something happen to one letter: one arrives, is lost, is doubled, or is sent again."""
        dice = self._dice
        if self.flying and (not self.open or dice.random() < 0.8):
            number = dice.randrange(len(self.flying))
            fate = 1.0 if calm else dice.random()
            if fate < 0.1:
                self._figures["letters dropped"] += 1
                self.flying.pop(number)
            elif fate < 0.2:
                self._figures["letters doubled"] += 1
                self.arrived.append(self.flying[number])
            else:
                self.arrived.append(self.flying.pop(number))
        elif self.open:
            letter = dice.choice(self.open)
            if letter not in self.flying and letter not in self.arrived:
                self._figures["letters sent again"] += 1
                self.flying.append(letter)

    def answer(self, letter: Letter, answer: str) -> None:
        """Tell a sender what has become of a letter; answers get lost too, which is a failure of this call."""
        if answer:
            self.acknowledged[answer] = letter
        letter.answer = answer
        if letter in self.open:
            self.open.remove(letter)

    @property
    def still(self) -> bool:
        """Whether nothing is under way and nobody waits for an answer."""
        return not (self.flying or self.arrived or self.open)
