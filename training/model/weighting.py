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
    expected = with_feature * (positives / rows)
    negative_with_feature = with_feature - positive_with_feature
    ratio = np.log((positive_with_feature + 1.0) / (expected + 1.0)) - np.log(
        (negative_with_feature + 1.0) / (with_feature - expected + 1.0)
    )
    weight = np.abs(ratio) + 1.0
    occurrences = with_feature.sum()
    if not occurrences:
        return np.ones(len(weight), dtype=np.float32)
    return np.asarray(weight / np.sqrt((with_feature * weight**2).sum() / occurrences), dtype=np.float32)
