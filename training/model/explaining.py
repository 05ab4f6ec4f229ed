"""Evidence: what in a text moved the score of a topic, and by how much."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from training.model.model import Model
from training.model.scorer import Scorer
from training.model.texts import as_string_array

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Span:
    """One n-gram of the text that moved a score, at characters ``start`` to ``end`` of the text as given."""

    start: int
    end: int
    term: str
    contribution: float


@dataclass(frozen=True)
class Evidence:
    """Why a topic got its score: the contributions of ``spans`` plus the ``intercept`` sum to the ``score``.

    ``passage`` is where the best passage of a long text begins and ends, for models that score passages.
    """

    topic: str
    tagged: bool
    probability: float
    threshold: float
    score: float
    intercept: float
    spans: tuple[Span, ...]
    passage: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def explain(model: Model, text: str, topic: str | None = None) -> list[Evidence]:
    """The evidence of every topic, most probable first, or of one."""
    scorer = model.scorer
    score = model.scores(as_string_array([text]))[0]
    probability = model.decision.probabilities(score[None, :].copy())
    tagged = model.decide(probability)[0]
    found = _contributions(scorer, text)
    terms = [_term(scorer, feature) for feature in found.features.tolist()]
    spans = list(zip(found.starts.tolist(), found.ends.tolist(), terms, strict=True))
    return [
        Evidence(
            model.topics[at],
            bool(tagged[at]),
            float(probability[0, at]),
            float(model.decision.thresholds[at]),
            float(score[at]),
            float(scorer.intercepts[at]),
            tuple(Span(*span, value) for span, value in zip(spans, found.values[:, at].tolist(), strict=True) if value),
            found.passages[at] if found.passages else None,
        )
        for at in np.argsort(-probability[0], kind="stable").tolist()
        if topic in (None, model.topics[at])
    ]


class _Contributions(NamedTuple):
    """n-grams in the order of the text, int64 [n] each, and float64 [n, topics] what they add to the scores.

    passages: the best passage for each topic, or nothing.
    """

    starts: Integers
    ends: Integers
    features: Integers
    values: npt.NDArray[np.float64]
    passages: list[tuple[int, int]]


def _contributions(scorer: Scorer, text: str) -> _Contributions:
    places, scores = scorer.passage_scores(text)
    if scorer.passages is None or not places:
        parts = [_of_part(scorer, text, 0, np.ones(scorer.intercepts.size))]
        chosen = []
    else:
        share, best = scorer.passages.share, scores.argmax(axis=0)
        parts = [_of_part(scorer, text, 0, np.full(best.size, 1 - share))]
        parts += [
            _of_part(scorer, text[places[at][0] : places[at][1]], places[at][0], share * (best == at))
            for at in np.unique(best).tolist()
        ]
        chosen = [places[at] for at in best.tolist()]
    where = np.concatenate([where for where, _ in parts])
    values = np.concatenate([values for _, values in parts])
    distinct, which = np.unique(where, axis=0, return_inverse=True)
    total = np.zeros((len(distinct), values.shape[1]))
    np.add.at(total, which.reshape(-1), values)
    return _Contributions(distinct[:, 0], distinct[:, 1], distinct[:, 2], total, chosen)


def _of_part(
    scorer: Scorer, text: str, first: int, shares: npt.NDArray[np.float64]
) -> tuple[Integers, npt.NDArray[np.float64]]:
    """Start, end and feature of each n-gram, [n, 3], and its contributions, [n, topics], times ``shares`` [topics]."""
    found = scorer.evidence(text)
    where = np.column_stack([found.starts + first, found.ends + first, found.features.astype(np.int64)])
    return where, found.values[:, None] * scorer.weights[found.features] * shares


def _term(scorer: Scorer, feature: int) -> str:
    for block in scorer.blocks:
        if feature < len(block.terms):
            return block.terms[feature]
        feature -= len(block.terms)
    raise IndexError("there is no such feature")
