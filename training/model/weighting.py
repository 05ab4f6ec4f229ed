"""Supervised weights of features, one set a topic, in the place of one idf for all topics."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float32]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def document_frequency(indptr: Any, indices: Any, rows: Any, features: int) -> Any:
    """The number of ``rows`` that hold each feature, int64 [features]."""
    counts = np.zeros(features, np.int64)
    for row in rows:
        for at in range(indptr[row], indptr[row + 1]):
            counts[indices[at]] += 1
    return counts


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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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
