"""What a text may be about: categories suggested to a person, never taken by themselves.

    suggester = Suggester(rules, past)
    suggester.suggest("小区门口井盖没了")      # [Guess("C-01-01", 0.61), …]

A small linear model over pieces of one to three characters (no word list is needed for Chinese), learnt anew in this
process from the pack's own names, filing conditions and keywords, and from the texts of past cases. Nothing is
loaded from elsewhere, and nothing is kept but numbers in memory.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import SGDClassifier

    from grids.rules import Rules

FEATURES = 1 << 14
MOST_PAST = 20_000
"""Past cases that are learnt from, the first of each category first."""

_PER_CATEGORY = 300
_LEAST = 0.03


class Guess(NamedTuple):
    """A category, and how much of the belief falls on it, 0 to 1."""

    category: str
    share: float


class _Model(NamedTuple):
    """What was learnt: how a text is cut into pieces, and what they weigh for each category."""

    pieces: HashingVectorizer
    lines: SGDClassifier


class Suggester:
    """Learns when it is first asked. Any thread may ask; `past` yields (category, text) of past cases."""

    def __init__(self, rules: Rules, past: Callable[[], Iterable[tuple[str, str]]] = lambda: ()) -> None:
        self._rules, self._past = rules, past
        self._model: _Model | None = None
        self._lock = threading.Lock()

    def suggest(self, text: str, count: int = 3) -> list[Guess]:
        """Return the likeliest categories of a text, the likeliest first; none for a text that says nothing."""
        if not text.strip():
            return []
        model = self._learnt()
        if model is None:
            return []
        shares = model.lines.predict_proba(model.pieces.transform([text[:2000]]))[0]
        best = np.argsort(-shares, kind="stable")[:count]
        named = model.lines.classes_
        return [Guess(str(named[at]), round(float(shares[at]), 3)) for at in best if shares[at] >= _LEAST]

    def forget(self) -> None:
        """Learn anew when asked next."""
        with self._lock:
            self._model = None

    def _learnt(self) -> _Model | None:
        # Over 100 MB and most of a second, for which a service has no use until somebody asks.
        from sklearn.feature_extraction.text import HashingVectorizer  # noqa: PLC0415
        from sklearn.linear_model import SGDClassifier  # noqa: PLC0415

        with self._lock:
            if self._model is None:
                texts, categories = self._examples()
                if len(set(categories)) < 2:  # noqa: PLR2004 - one category needs no choice
                    return None
                pieces = HashingVectorizer(
                    analyzer="char", ngram_range=(1, 3), n_features=FEATURES, alternate_sign=False, lowercase=True
                )
                lines = SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=30, tol=None, random_state=0)
                lines.fit(pieces.transform(texts), categories)
                self._model = _Model(pieces, lines)
            return self._model

    def _examples(self) -> tuple[list[str], list[str]]:
        catalogue = self._rules.catalogue
        texts: list[str] = []
        categories: list[str] = []

        def add(category: str, text: str, times: int = 1) -> None:
            if text.strip():
                texts.extend([text] * times)
                categories.extend([category] * times)

        for code in catalogue.leaves:
            one = catalogue[code]
            add(code, one.name_zh, 3)
            add(code, one.name_en, 3)
            for condition in catalogue.conditions.get(code, ()):
                add(code, condition.text)
            for word in self._rules.inlets.keywords.get(code, ()):
                add(code, word, 3)
        known, counts = set(catalogue.leaves), dict.fromkeys(catalogue.leaves, 0)
        for number, (category, text) in enumerate(self._past()):
            if number >= MOST_PAST:
                break
            if category in known and counts[category] < _PER_CATEGORY:
                counts[category] += 1
                add(category, text)
        return texts, categories
