"""The points of precision–recall and reliability curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.evaluation.metrics import Bools, Floats

MOST_POINTS = 60


def precision_recall(truth: Bools, scores: Floats) -> list[dict[str, float]]:
    """Precision and recall of one topic at up to 60 cuts spread evenly over recall; empty without positives."""
    positives = int(truth.sum())
    if not positives:
        return []
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = np.cumsum(truth[order])[last]
    recall, precision = hits / positives, hits / (last + 1)
    wanted = np.unique(np.searchsorted(recall, np.linspace(recall[0], 1, MOST_POINTS)))
    kept = wanted[wanted < len(recall)]
    return [{"recall": round(float(recall[at]), 4), "precision": round(float(precision[at]), 4)} for at in kept]


def reliability(truth: Bools, probabilities: Floats, bins: int = 10) -> list[dict[str, float]]:
    """For each bin of predicted probability: the mean prediction, the observed share and the number of decisions."""
    flat, hit = probabilities.ravel().astype(float), truth.ravel()
    at = np.minimum((flat * bins).astype(int), bins - 1)
    number = np.bincount(at, minlength=bins)
    predicted = np.bincount(at, weights=flat, minlength=bins)
    observed = np.bincount(at, weights=hit, minlength=bins)
    return [
        {
            "predicted": round(float(predicted[row] / number[row]), 4),
            "observed": round(float(observed[row] / number[row]), 4),
            "number": int(number[row]),
        }
        for row in range(bins)
        if number[row]
    ]


def mistaken_for(truth: Bools, tags: Bools, topics: tuple[str, ...]) -> list[dict[str, Any]]:
    """How often a paragraph that lacks its topic ``missed`` was tagged ``instead`` with one that it does not carry."""
    pairs = _together(truth & ~tags, tags & ~truth)
    order = np.argsort(-pairs, axis=None, kind="stable")
    found = [(int(pairs.flat[at]), *divmod(int(at), len(topics))) for at in order[:30]]
    return [{"missed": topics[m], "instead": topics[i], "paragraphs": n} for n, m, i in found if n]


def co_occurrence(labels: Bools, topics: tuple[str, ...]) -> list[dict[str, Any]]:
    """For each pair of topics: the number of paragraphs with both and its share of the paragraphs with the first."""
    both = _together(labels, labels)
    alone = np.maximum(np.diag(both), 1)
    return [
        {"topic": a, "with": b, "paragraphs": int(both[i, j]), "share": round(float(both[i, j] / alone[i]), 3)}
        for i, a in enumerate(topics)
        for j, b in enumerate(topics)
        if i != j and both[i, j]
    ]


def _together(one: Bools, other: Bools) -> Floats:
    """In how many rows a column of each is set, [columns, columns]: in float32, as BLAS has no integers."""
    return np.asarray(one.astype(np.float32).T @ other.astype(np.float32))
