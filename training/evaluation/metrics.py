"""Multi-label metrics: overall and for each topic, nothing hidden for rare ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
LIKELY = 0.1  # a probability that people look at


@dataclass(frozen=True)
class Counts:
    """True positives, false positives and false negatives; arrays of one shape, or numbers."""

    tp: Any
    fp: Any
    fn: Any

    @property
    def precision(self) -> Any:
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Any:
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> Any:
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def sum(self) -> Counts:
        return Counts(self.tp.sum(axis=-1), self.fp.sum(axis=-1), self.fn.sum(axis=-1))


def ratio(part: Any, whole: Any) -> Any:
    """``part / whole``, 0 where ``whole`` is 0."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


def count(truth: Bools, tags: Bools) -> Counts:
    """Counts by topic over the rows of ``truth`` and ``tags``, bool [n, topics]."""
    return Counts((truth & tags).sum(axis=0), (~truth & tags).sum(axis=0), (truth & ~tags).sum(axis=0))


def example_f1(truth: Bools, tags: Bools) -> Floats:
    """F1 of each row's set of topics; NaN for rows empty in both. float64 [n]."""
    both = 2.0 * (truth & tags).sum(axis=1)
    size = truth.sum(axis=1) + tags.sum(axis=1)
    return np.asarray(np.divide(both, size, out=np.full(len(truth), np.nan), where=size > 0))


def average_precision(truth: Bools, scores: Floats) -> float | None:
    """Area under the precision–recall steps of one topic, ties as one step; None without positives.

    The same as ``sklearn.metrics.average_precision_score``.
    """
    positives = int(truth.sum())
    if not positives:
        return None
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = np.cumsum(truth[order])[last]
    precision = hits / (last + 1)
    return float(np.sum(np.diff(hits, prepend=0) * precision) / positives)


def calibration_error(truth: Bools, probabilities: Floats, bins: int = 10, least: float = 0.0) -> float:
    """Expected calibration error over the (paragraph, topic) decisions of probability ``least`` or more.

    In bins of equal width (Guo et al., On Calibration of Modern Neural Networks, ICML 2017, eq. 3); 0 of none.
    """
    counted = probabilities >= least
    flat, hit = probabilities[counted].astype(float), truth[counted]
    at = np.minimum((flat * bins).astype(int), bins - 1)
    gap = np.abs(np.bincount(at, weights=flat - hit, minlength=bins))
    return float(gap.sum() / max(1, len(flat)))


def evaluate(truth: Bools, tags: Bools, probabilities: Floats, topics: Sequence[str]) -> dict[str, Any]:
    """The metrics of ``tags`` and ``probabilities`` against ``truth``, all [n, topics].

    Macro figures average over the topics that have positives here, those the model never learned included.
    ``example_f1`` leaves out the rows that are empty in truth and in prediction; ``example_f1_all_rows`` counts
    them as right. ``calibration_error`` is next to nothing where most decisions are near 0;
    ``calibration_error_likely`` is that of probabilities of 0.1 or more, which people look at.
    """
    by_topic = count(truth, tags)
    overall = by_topic.sum()
    support = truth.sum(axis=0)
    seen = support > 0
    per_row = example_f1(truth, tags)
    precisions = [average_precision(truth[:, at], probabilities[:, at]) for at in range(len(topics))]
    return {
        "paragraphs": len(truth),
        "micro_f1": float(overall.f1),
        "micro_precision": float(overall.precision),
        "micro_recall": float(overall.recall),
        "macro_f1": _mean(by_topic.f1[seen]),
        "macro_precision": _mean(by_topic.precision[seen]),
        "macro_recall": _mean(by_topic.recall[seen]),
        "example_f1": _mean(per_row[~np.isnan(per_row)]),
        "example_f1_all_rows": _mean(np.nan_to_num(per_row, nan=1.0)),
        "mean_average_precision": _mean([value for value in precisions if value is not None]),
        "exact_match": _mean((truth == tags).all(axis=1)),
        "false_tags_per_thousand": float(1000 * overall.fp / max(1, len(truth))),
        "calibration_error": calibration_error(truth, probabilities),
        "calibration_error_likely": calibration_error(truth, probabilities, least=LIKELY),
        "topics": {
            topic: {
                "support": int(support[at]),
                "tagged": int(tags[:, at].sum()),
                "precision": float(by_topic.precision[at]),
                "recall": float(by_topic.recall[at]),
                "f1": float(by_topic.f1[at]),
                "average_precision": precisions[at],
            }
            for at, topic in enumerate(topics)
        },
    }


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else 0.0
