"""From out-of-fold scores to thresholds: a family behind one function, :func:`choose_thresholds`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


def choose_thresholds(scores: Floats, truth: Bools, method: str, shrinkage: float) -> Floats:
    """A threshold for each topic, float64 [topics], from out-of-fold ``scores`` and ``truth`` [n, topics].

    ============  ========================================================================================
    ``pooled``    one threshold for all topics, the best for micro-F1
    ``per_topic`` for each topic the best for its own F1
    ``shrunk``    each topic's own drawn towards the pooled one, with weight ``n / (n + shrinkage)`` for a
                  topic of n positives: rare topics have too few scores to choose by
    ============  ========================================================================================
    """
    pooled = best_threshold(scores.ravel(), truth.ravel())
    if method == "pooled":
        return np.full(scores.shape[1], pooled)
    own = np.array([best_threshold(scores[:, at], truth[:, at], pooled) for at in range(scores.shape[1])])
    if method == "per_topic":
        return own
    positives = truth.sum(axis=0)
    weight = positives / np.maximum(positives + shrinkage, 1e-9)
    return weight * own + (1 - weight) * pooled


def best_threshold(scores: Floats, truth: Bools, without_positives: float = 0.0) -> float:
    """The cut, midway between two scores, that gives the best F1; the highest of equally good ones."""
    positives = int(truth.sum())
    if not positives:
        return without_positives
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(float)
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(ranked) + 1) + positives)
    f1[:-1][ranked[:-1] == ranked[1:]] = -1.0  # no cut between equal scores
    best = int(f1.argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else ranked[best] - 1.0
    return float((ranked[best] + below) / 2)
