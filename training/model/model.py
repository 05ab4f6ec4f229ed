"""A trained model: texts in; scores, calibrated probabilities and tags out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from training.model.texts import as_string_array

if TYPE_CHECKING:
    from training.model.explaining import Evidence
    from training.model.scorer import Scorer

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Exclusive = Literal["no", "competing", "at_most_one", "exactly_one"]


@dataclass(frozen=True)
class Decision:
    """How scores, which are log-odds, become probabilities and tags.

    ``thresholds`` are probabilities, float32 [topics].

    Independent topics (``no``) have a sigmoid each. Where topics exclude one another their probabilities sum to 1
    (``exactly_one``), or leave the rest to no topic (``at_most_one``, ``competing``). With the first two only the most
    probable topic can be set: always, or where it reaches its threshold; with ``competing`` every topic that does,
    which is the better bet where two are close.

    ``fallback``, float32 [topics] and nowhere above the thresholds, is for texts in which no topic reaches its
    threshold: of those that reach their fallback the one that comes nearest is set. It is there only where training
    showed that a topic too many is the better bet than none.
    """

    thresholds: Floats
    exclusive: Exclusive = "no"
    fallback: Floats | None = None

    def probabilities(self, scores: Floats) -> Floats:
        """float32 [n, topics] from ``scores`` [n, topics]."""
        clipped = np.clip(scores, -30, 30)
        if self.exclusive == "no":
            odds: Floats = np.exp(-clipped)
            odds += np.float32(1)
            return np.reciprocal(odds)
        odds = np.exp(clipped)
        total = odds.sum(axis=1, keepdims=True, dtype=np.float32)
        if self.exclusive != "exactly_one":
            total += np.float32(1)
        odds /= total
        return odds

    def tags(self, probabilities: Floats) -> Bools:
        """bool [n, topics]."""
        reached = probabilities >= self.thresholds
        if self.fallback is not None:
            self._add_nearest(probabilities, reached)
        if self.exclusive in ("no", "competing"):
            return reached
        best = np.zeros(probabilities.shape, dtype=bool)
        best[np.arange(len(best)), probabilities.argmax(axis=1)] = True
        return best if self.exclusive == "exactly_one" else best & reached

    def _add_nearest(self, probabilities: Floats, tags: Bools) -> None:
        """Set the topic that is nearest to its threshold, on the way there from its fallback, where none is set."""
        rows = np.flatnonzero(~tags.any(axis=1))
        low, high = _log_odds(self.fallback), _log_odds(self.thresholds)
        way = (_log_odds(probabilities[rows]) - low) / np.maximum(high - low, 1e-6)
        nearest = way.argmax(axis=1)
        tags[rows, nearest] = way[np.arange(len(rows)), nearest] >= 0


def _log_odds(probabilities: Any) -> npt.NDArray[np.float64]:
    clipped = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


@dataclass(frozen=True)
class Model:
    """A model as loaded from its folder. ``texts`` are a list of str, a pandas or polars Series or Arrow strings."""

    id: str
    topics: list[str]
    scorer: Scorer
    decision: Decision
    settings: dict[str, Any]
    folder: Path | None = None

    def scores(self, texts: Any, threads: int = 1) -> Floats:
        """Raw linear scores, float32 [n, topics]; a missing text scores as an empty one."""
        return self.scorer.scores(as_string_array(texts), threads=threads)

    def predict_proba(self, texts: Any, threads: int = 1) -> Floats:
        """Calibrated probabilities, float32 [n, topics]."""
        return self.decision.probabilities(self.scores(texts, threads))

    def decide(self, probabilities: Floats) -> Bools:
        """Tags from probabilities, bool [n, topics]. No evidence, no tag: a text without any known n-gram has none."""
        tags = self.decision.tags(probabilities)
        if self._prior_tags.any():
            tags[(probabilities == self._prior).all(axis=1)] = False
        return tags

    @cached_property
    def _prior(self) -> Floats:
        """The probabilities of a text in which nothing is known, float32 [1, topics]."""
        return self.decision.probabilities(self.scorer.intercepts[None, :].copy())

    @cached_property
    def _prior_tags(self) -> Bools:
        return self.decision.tags(self._prior)

    def predict(self, texts: Any, threads: int = 1) -> Bools:
        """Tags, bool [n, topics], each topic at its own threshold."""
        return self.decide(self.predict_proba(texts, threads))

    def tag(self, texts: Any, threads: int = 1) -> list[list[str]]:
        """The topics of each text, most probable first."""
        probabilities = self.predict_proba(texts, threads)
        tags = self.decide(probabilities)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [[self.topics[at] for at in ranked if row[at]] for row, ranked in zip(tags, order, strict=True)]

    def explain(self, text: str, topic: str | None = None) -> list[Evidence]:
        """The evidence of every topic, most probable first, or of one; each with its spans in the order of the text."""
        from training.model.explaining import explain

        return explain(self, text, topic)

    def evidence(self, text: str) -> list[dict[str, Any]]:
        """The evidence of each tag in short: what ``tag --explain`` writes."""
        from training.model.explaining import evidence_of_tags

        return evidence_of_tags(self, text)
