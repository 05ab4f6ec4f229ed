"""What a pass over an archive holds on to: the paragraphs nearest to each decision, and a sample at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from training.model.model import Decision
from training.review.archive import Paragraphs

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Found:
    """One unlabelled paragraph with the calibrated probability of each topic, float32 [topics]."""

    paragraph_id: str
    article_id: str | None
    text: str
    date: str | None
    probabilities: Floats
    kept: Mapping[str, str | None] = field(default_factory=dict)


def distance_to_decision(probabilities: Floats, decision: Decision) -> Floats:
    """How far each topic is from being decided the other way, float64 [n, topics].

    In log-odds from its own threshold; where topics exclude one another in log-probability from the most probable other
    topic, or from its own threshold if that is higher and there may be no topic.
    """
    if decision.exclusive == "no" or probabilities.shape[1] < 2:
        return np.asarray(np.abs(_log_odds(probabilities) - _log_odds(decision.thresholds)))
    logs = np.log(np.clip(probabilities.astype(float), 1e-6, 1))
    ordered = np.sort(logs, axis=1)
    best, second = ordered[:, -1:], ordered[:, -2:-1]
    bar = np.where(logs == best, second, best)
    if decision.exclusive != "exactly_one":
        bar = np.maximum(bar, np.log(np.clip(decision.thresholds.astype(float), 1e-6, 1)))
    return np.asarray(np.abs(logs - bar))


def _log_odds(probabilities: Floats) -> Floats:
    clipped = np.clip(probabilities.astype(float), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


class Pool:
    """Holds, in bounded memory, what :func:`~training.review.choose.choose` needs of an archive of any length.

    For each topic the ``per_topic`` paragraphs nearest to its decision; ``at_random`` paragraphs drawn with equal
    probability without replacement (those with the smallest of independent uniform keys); and for each topic that
    the model has not learned, a sample of what its keyword query finds. What is held does not depend on how the
    archive is cut into batches.
    """

    def __init__(
        self, decision: Decision, *, per_topic: int, at_random: int, seed: int, unlearned: Sequence[str] = ()
    ) -> None:
        self._decision = decision
        self._per_topic = per_topic
        self._at_random = at_random
        self._rng = np.random.default_rng(seed)
        self._held: dict[int, Found] = {}
        n_topics = len(decision.thresholds)
        self._nearest = [_Smallest(per_topic) for _ in range(n_topics)]
        self._random = _Smallest(at_random)
        self._queried = {topic: _Smallest(per_topic) for topic in unlearned}
        self.seen = 0

    def add(
        self, paragraphs: Paragraphs, probabilities: Floats, queried: Mapping[str, npt.NDArray[np.bool_]] | None = None
    ) -> None:
        """Take a batch with its ``probabilities`` [n, topics]; ``queried`` says what each keyword query finds [n]."""
        n = len(paragraphs)
        keys = self._rng.random(n)
        rows = np.arange(self.seen, self.seen + n)
        self.seen += n
        distance = distance_to_decision(probabilities, self._decision)
        wanted = [self._random.take(rows, keys)]
        wanted += [nearest.take(rows, distance[:, at]) for at, nearest in enumerate(self._nearest)]
        for topic, found in (queried or {}).items():
            wanted.append(self._queried[topic].take(rows[found], keys[found]))
        for row in np.unique(np.concatenate(wanted)) if n else ():
            at = int(row) - (self.seen - n)
            self._held[int(row)] = Found(
                str(paragraphs.ids[at].as_py()),
                paragraphs.articles[at].as_py(),
                paragraphs.texts[at].as_py(),
                paragraphs.dates[at].as_py(),
                probabilities[at].copy(),
                {name: column[at].as_py() for name, column in paragraphs.kept.items()},
            )
        everyone = (self._random, *self._nearest, *self._queried.values())
        if len(self._held) > 2 * sum(len(part.rows) for part in everyone) + 1000:
            needed = {int(row) for part in everyone for row in part.rows}
            self._held = {row: found for row, found in self._held.items() if row in needed}

    def random_sample(self) -> list[Found]:
        """Drawn at random, in random order."""
        return [self._held[int(row)] for row in self._random.rows]

    def nearest(self, topic: int) -> list[tuple[float, Found]]:
        """Of one topic, nearest first, each with its distance."""
        held = self._nearest[topic]
        return [(float(key), self._held[int(row)]) for key, row in zip(held.keys, held.rows, strict=True)]

    def queried(self) -> dict[str, list[Found]]:
        """Of each topic that is not learned, what its keyword query found, in random order."""
        return {topic: [self._held[int(row)] for row in part.rows] for topic, part in self._queried.items()}


class _Smallest:
    """The rows with the ``most`` smallest keys, ascending; the earlier row of equal ones."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.keys: Floats = np.zeros(0)
        self.rows: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def take(self, rows: npt.NDArray[np.int64], keys: Floats) -> npt.NDArray[np.int64]:
        """Add rows, and give those of them that are held now."""
        if len(self.keys) == self._most and self._most:
            low = keys < self.keys[-1]
            rows, keys = rows[low], keys[low]
        if not len(rows) or not self._most:
            return np.zeros(0, np.int64)
        every_key, every_row = np.concatenate([self.keys, keys]), np.concatenate([self.rows, rows])
        kept = np.lexsort((every_row, every_key))[: self._most]
        self.keys, self.rows = every_key[kept], every_row[kept]
        return np.intersect1d(self.rows, rows)
