"""Labels that are probably wrong: confident learning on out-of-fold probabilities, topic by topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Suspects:
    """``doubt`` float64 [n, topics]: how far each label is from what the model says; 0 to 1, higher is worse.

    ``confident`` bool [n, topics]: off the diagonal of the confident joint. ``errors`` float64 [topics, 2]: the
    estimated number of labels given wrongly and missing.
    """

    doubt: Floats
    confident: Bools
    errors: Floats


def suspects(labels: Bools, probabilities: Floats) -> Suspects:
    """Confident learning (Northcutt, Jiang & Chuang, JAIR 70, 2021, §3.1 and 3.2), each topic a problem of two classes.

    A label counts as confidently wrong if the probability of the other class reaches the mean probability of that class
    among those labelled with it, and is the larger one of both. ``labels`` and out-of-fold ``probabilities`` are
    [n, topics].
    """
    p = probabilities.astype(float)
    positives, negatives = labels.sum(axis=0), (~labels).sum(axis=0)
    mean_positive = (p * labels).sum(axis=0) / np.maximum(positives, 1)
    mean_negative = ((1 - p) * ~labels).sum(axis=0) / np.maximum(negatives, 1)
    says_yes = (p >= mean_positive) & ((1 - p < mean_negative) | (p >= 0.5))
    says_no = (1 - p >= mean_negative) & ((p < mean_positive) | (p < 0.5))
    confident = (labels & says_no & ~says_yes) | (~labels & says_yes)
    errors = np.stack(
        [
            _calibrated((labels & says_no & ~says_yes).sum(axis=0), (labels & says_yes).sum(axis=0), positives),
            _calibrated((~labels & says_yes).sum(axis=0), (~labels & says_no & ~says_yes).sum(axis=0), negatives),
        ],
        axis=1,
    )
    return Suspects(np.where(labels, 1 - p, p), confident, errors)


def _calibrated(off: Any, on: Any, total: Any) -> Floats:
    """A row of the confident joint scaled to the number of its labels (their eq. 3): the errors among them."""
    return np.asarray(total * off / np.maximum(off + on, 1))


def ranked(found: Suspects) -> list[tuple[int, int]]:
    """(row, topic) of the label in doubt of each paragraph, the worst paragraph first.

    A paragraph counts by its worst topic; those off the diagonal of the confident joint go before the others.
    """
    order_value = found.doubt + found.confident
    worst = order_value.argmax(axis=1)
    rows = np.argsort(-order_value.max(axis=1), kind="stable")
    return [(int(row), int(worst[row])) for row in rows]
