"""Evidence: what in a text moved the score of a topic, and by how much."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from training.errors import did_you_mean
from training.model.model import Model
from training.model.scorer import Scorer
from training.model.texts import as_string_array

Integers = npt.NDArray[np.int64]

Scores = npt.NDArray[np.float32]

MOST_WORDS, LEAST_MOVED = 10, 1e-4
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_LONGEST_WORD = 30


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
    """The evidence of every topic, most probable first, or of one.

    Raises:
        ValueError: the model has no such topic.
    """
    if topic is not None and topic not in model.topics:
        raise ValueError(f"The model has no topic {topic!r}.{did_you_mean(topic, model.topics)}")
    scorer = model.scorer
    score, probability, tagged = _verdict(model, text)
    found = _contributions(scorer, text)
    spans = list(zip(found.starts.tolist(), found.ends.tolist(), _terms(scorer, found.features), strict=True))
    return [
        Evidence(
            model.topics[at],
            bool(tagged[at]),
            float(probability[at]),
            float(model.decision.thresholds[at]),
            float(score[at]),
            float(scorer.intercepts[at]),
            tuple(Span(*span, value) for span, value in zip(spans, found.values[:, at].tolist(), strict=True) if value),
            found.passages[at] if found.passages else None,
        )
        for at in np.argsort(-probability, kind="stable").tolist()
        if topic in (None, model.topics[at])
    ]


def evidence_of_tags(model: Model, text: str) -> list[dict[str, Any]]:
    """What archives keep of :func:`explain`, as JSON: the words that moved the score of each tag, most probable first.

    The strongest of them alone, strongest first, and ``rest``, what all others add: they sum to the ``score`` with the
    ``intercept``.
    """
    score, probability, tagged = _verdict(model, text)
    if not tagged.any():
        return []
    found, intercepts = _contributions(model.scorer, text), model.scorer.intercepts
    kept = []
    for at in (at for at in np.argsort(-probability, kind="stable").tolist() if tagged[at]):
        moved = _spread(len(text), found.starts, found.ends, found.values[:, at])
        words = [word for word in word_contributions(text, moved) if abs(word[2]) > LEAST_MOVED]
        words = sorted(words, key=lambda word: -abs(word[2]))[:MOST_WORDS]
        rest = float(score[at] - intercepts[at]) - sum(value for _, _, value in words)
        kept.append(
            {
                "topic": model.topics[at],
                "probability": round(float(probability[at]), 4),
                "threshold": round(float(model.decision.thresholds[at]), 4),
                "score": round(float(score[at]), 4),
                "intercept": round(float(intercepts[at]), 4),
                "spans": [
                    {"start": start, "end": end, "term": text[start:end], "contribution": round(value, 4)}
                    for start, end, value in words
                ],
                "rest": round(rest, 4),
                "passage": found.passages[at] if found.passages else None,
            }
        )
    return kept


def _verdict(model: Model, text: str) -> tuple[Scores, Scores, npt.NDArray[np.bool_]]:
    """Scores, probabilities and tags of one text, each [topics]."""
    scores = model.scores(as_string_array([text]))
    probabilities = model.decision.probabilities(scores.copy())
    return scores[0], probabilities[0], model.decide(probabilities)[0]


def character_contributions(length: int, entry: Evidence) -> list[float]:
    """How much each character of the text moved the score: every span shares its contribution out evenly."""
    starts, ends = (np.array([getattr(span, end) for span in entry.spans], np.int64) for end in ("start", "end"))
    return _spread(length, starts, ends, np.array([span.contribution for span in entry.spans]))


def _spread(length: int, starts: Integers, ends: Integers, values: npt.NDArray[np.float64]) -> list[float]:
    shares = values / np.maximum(ends - starts, 1)
    steps = np.zeros(length + 1)
    np.add.at(steps, starts, shares)
    np.subtract.at(steps, ends, shares)
    return [float(value) for value in steps[:-1].cumsum()]


def word_contributions(text: str, contributions: Sequence[float]) -> list[tuple[int, int, float]]:
    """Start, end and contribution of each word: readers see words, where the model also counts parts of them.

    A run of letters that is too long for a word, as in scripts without spaces, is taken character by character.
    """
    words = []
    for match in _WORD.finditer(text[: len(contributions)]):
        step = match.end() - match.start() if match.end() - match.start() <= _LONGEST_WORD else 1
        starts = range(match.start(), match.end(), step)
        words += [(at, at + step, sum(contributions[at : at + step])) for at in starts]
    return words


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


def _terms(scorer: Scorer, features: Integers) -> list[str]:
    """The n-gram of each of ``features`` [n]."""
    terms, first = np.empty(features.size, object), 0
    for block in scorer.blocks:
        own = (features >= first) & (features < first + len(block.terms))
        terms[own] = block.terms.strings_at(features[own] - first)
        first += len(block.terms)
    return list(terms)
