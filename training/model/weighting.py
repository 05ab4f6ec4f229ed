"""Supervised weights of features, one set a topic, in the place of one idf for all topics."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from training.model.kernels import compiled
from training.model.kernels_weighing import document_frequency

Floats = npt.NDArray[np.float32]


def lift_of_topic(
    rows: csr_array, positive: npt.NDArray[np.bool_], taken: npt.NDArray[np.intp] | None, held: npt.NDArray[np.int64]
) -> Floats:
    """:func:`log_lift` of the topic that ``positive`` [n] marks, over the rows ``taken``; over all if that is None.

    ``held`` [features] counts all rows that hold each feature.
    """
    count, indptr = rows.shape[0], np.asarray(rows.indptr, np.int64)
    if taken is not None:
        held, count = document_frequency(indptr, rows.indices, taken, rows.shape[1]), len(taken)
    with_topic = np.flatnonzero(positive) if taken is None else taken[positive[taken]]
    held_positive = document_frequency(indptr, rows.indices, with_topic, rows.shape[1])
    return log_lift(held, held_positive, len(with_topic), count)


def log_lift(
    with_feature: npt.NDArray[np.int64], positive_with_feature: npt.NDArray[np.int64], positives: int, rows: int
) -> Floats:
    """How strongly a feature speaks for or against a topic, float32 [features], of root mean square 1.

    The naive-Bayes log-count ratio of Wang & Manning (ACL 2012, §2.1, NBSVM) on binary features, with the counts
    expected by chance as the prior in place of 1, so that a feature that says nothing weighs nothing however rare
    the topic; plus a constant of 1, so that no feature is lost. ``with_feature`` counts the rows that hold each
    feature, ``positive_with_feature`` those of them that carry the topic.
    """
    at_most = int(with_feature.max(initial=0))
    held = np.arange(at_most + 1, dtype=float)
    expected = held * (positives / rows)
    weight, square = _weigh(
        with_feature,
        positive_with_feature,
        np.log(held + 1.0),
        np.log(expected + 1.0),
        np.log(held - expected + 1.0),
    )
    occurrences = int(with_feature.sum())
    if not occurrences:
        return np.ones(len(weight), dtype=np.float32)
    return np.asarray(weight / np.sqrt(square / occurrences), dtype=np.float32)


@compiled
def _weigh(
    held: Any, held_positive: Any, log: Any, log_expected: Any, log_expected_negative: Any
) -> tuple[npt.NDArray[np.float64], float]:
    """The weights before they are brought to scale, and the sum of their squares over all occurrences.

    Counts are small numbers that come again and again, so their logarithms are looked up.
    """
    weight = np.empty(held.size)
    square = 0.0
    for at in range(held.size):
        count, positive = held[at], held_positive[at]
        ratio = log[positive] - log_expected[count] - log[count - positive] + log_expected_negative[count]
        weight[at] = abs(ratio) + 1.0
        square += count * weight[at] * weight[at]
    return weight, square


def complement_weights(rows: csr_array, positive: npt.NDArray[np.bool_], smoothing: float) -> Floats:
    """Naive Bayes (Rennie et al., ICML 2003, §3.1 and 3.2), float32 [features].

    With one topic against the rest its complement is the rest.
    """
    inside = rows[np.flatnonzero(positive)].sum(axis=0) + smoothing
    outside = rows[np.flatnonzero(~positive)].sum(axis=0) + smoothing
    return np.asarray(np.log(inside / inside.sum()) - np.log(outside / outside.sum()), dtype=np.float32)
