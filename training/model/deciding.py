"""From out-of-fold scores to a decision rule, calibration and thresholds together, and the estimate of how it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from training.config import Thresholds
from training.model.calibration import calibrate
from training.model.model import Decision, Exclusive
from training.model.thresholds import choose_fallback, choose_thresholds

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class OutOfFold:
    """What the training rows look like to a model that has not seen them; all [n, topics].

    Calibration and thresholds are cross-fitted too: those for a fold come from the scores of the other folds.
    """

    probabilities: Floats
    tags: Bools


def decide(
    scores: Floats,
    labels: Bools,
    exclusive: Exclusive,
    rule: Thresholds,
    rarity: npt.NDArray[np.float64] | None = None,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Decision]:
    """The calibration (matrix and offsets, see :func:`calibrate`) and decision rule from out-of-fold scores.

    ``scores`` [n, columns] and ``labels`` [n, topics]; exclusive topics may have further columns behind their own.
    """
    matrix, offsets = calibrate(scores, labels, exclusive)
    uncut = Decision(np.zeros(labels.shape[1], dtype=np.float32), exclusive)
    probabilities = uncut.probabilities((scores @ matrix + offsets).astype(np.float32))
    fallback = None
    if rule.method == "fixed":
        thresholds = np.full(labels.shape[1], 0.5 if rule.target is None else rule.target)
    elif exclusive == "no":
        cuts = choose_thresholds(scores, labels, rule, rarity)
        thresholds = expit(cuts * np.diag(matrix) + offsets)
        if rule.fallback and rule.objective not in ("precision", "recall"):
            distance = choose_fallback(scores, labels, cuts, rarity)
            if distance:
                fallback = expit((cuts - distance) * np.diag(matrix) + offsets).astype(np.float32)
    else:
        thresholds = choose_thresholds(probabilities, labels, rule, rarity)
    return matrix, offsets, Decision(thresholds.astype(np.float32), exclusive, fallback)


def cross_fitted(
    scores: Floats,
    labels: Bools,
    folds: npt.NDArray[np.intp],
    exclusive: Exclusive,
    rule: Thresholds,
    rarity: npt.NDArray[np.float64] | None = None,
) -> OutOfFold:
    """Probabilities and tags of each fold by the decision rule that the other folds give."""
    probabilities, tags = np.zeros(labels.shape, dtype=np.float32), np.zeros(labels.shape, dtype=bool)
    for fold in np.unique(folds):
        others, held_out = folds != fold, folds == fold
        matrix, offsets, decision = decide(scores[others], labels[others], exclusive, rule, rarity)
        probabilities[held_out] = decision.probabilities((scores[held_out] @ matrix + offsets).astype(np.float32))
        tags[held_out] = decision.tags(probabilities[held_out])
    return OutOfFold(probabilities, tags)


def exclusivity(labels: Bools, wanted: str) -> Exclusive:
    """Whether topics exclude one another: as ``wanted``, or with ``auto`` as the labels show it."""
    if wanted != "auto":
        return wanted  # type: ignore[return-value]
    carried = labels.sum(axis=1)
    if labels.shape[1] < 2 or carried.max(initial=0) > 1:
        return "no"
    return "exactly_one" if carried.min(initial=1) == 1 else "competing"
