"""From out-of-fold scores to a decision rule, calibration and thresholds together, and the estimate of how it does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from training.config import Classifier, Thresholds
from training.model.calibration import Calibration, calibrate
from training.model.model import Decision, Exclusive
from training.model.thresholds import choose_fallback, choose_thresholds

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

SHARE_STEP = 0.25
# What passages must take from the log loss of long texts, as they double the time that those cost.
LEAST_GAIN, LEAST_ERRORS = 0.05, 2.0
LEAST_LONG = 100  # long texts without which chance would choose


@dataclass(frozen=True)
class OutOfFold:
    """What the training rows look like to a model that has not seen them; all [n, topics].

    Calibration and thresholds are cross-fitted too: those for a fold come from the scores of the other folds.
    """

    probabilities: Floats
    tags: Bools


class Rule(NamedTuple):
    """Columns of scores, ``@ matrix + offsets``, are log-odds, which ``decision`` turns into tags.

    ``passage_share`` is how much of a score is the best passage's.
    """

    matrix: npt.NDArray[Any]
    offsets: npt.NDArray[Any]
    decision: Decision
    passage_share: float = 0.0

    def probabilities(self, scores: Floats) -> Floats:
        """float32 [n, topics] from ``scores`` [n, columns]."""
        return self.decision.probabilities((scores @ self.matrix + self.offsets).astype(np.float32))


def decide(
    scores: Floats,
    labels: Bools,
    exclusive: Exclusive,
    rule: Thresholds,
    rarity: npt.NDArray[np.float64] | None = None,
    near: Rule | None = None,
) -> Rule:
    """Calibration (see :func:`calibrate`), thresholds and the share of passages, all from out-of-fold scores.

    ``scores`` [n, columns] and ``labels`` [n, topics]. Behind the columns of the topics exclusive topics may have those
    of their contests, and others the scores of the best passage, which are those of the whole if it has no passages.
    ``near`` is the rule of like scores, as in :func:`calibrate`.
    """
    topics = labels.shape[1]
    if exclusive == "no" and scores.shape[1] > topics:
        if near is not None:
            near = near._replace(matrix=near.matrix[:topics] + near.matrix[topics:])
        share = _passage_share(scores, labels, near)
        mixed = decide(_mixed(scores, share), labels, exclusive, rule, rarity, near)
        return mixed._replace(matrix=np.vstack([(1 - share) * mixed.matrix, share * mixed.matrix]), passage_share=share)
    matrix, offsets = calibrate(scores, labels, exclusive, near[:2] if near else None)
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
    return Rule(matrix, offsets, Decision(thresholds.astype(np.float32), exclusive, fallback))


def _mixed(scores: Floats, share: float) -> Floats:
    whole, best = np.split(scores, 2, axis=1)
    return whole + np.float32(share) * (best - whole)


def _passage_share(scores: Floats, labels: Bools, near: Rule | None) -> float:
    """The share of the best passage with the least log loss on long texts; 0 if it takes too little from it.

    Also 0 if long texts are too few to tell.
    """
    whole, best = np.split(scores, 2, axis=1)
    long = (whole != best).any(axis=1)
    if long.sum() < LEAST_LONG:
        return 0.0
    scores, labels = scores[long], labels[long]
    losses, fitted = _losses(_mixed(scores, 0.0), labels, near[:2] if near else None)
    first, share = losses, 0.0
    while share < 1:
        following, fitted = _losses(_mixed(scores, share + SHARE_STEP), labels, fitted)
        if following.sum() >= losses.sum():
            break
        share, losses = share + SHARE_STEP, following
    gained = first - losses
    error = gained.std() / np.sqrt(len(gained))
    enough = gained.mean() > max(LEAST_ERRORS * error, LEAST_GAIN * first.mean())
    return share if enough else 0.0


def _losses(scores: Floats, labels: Bools, near: Calibration | None) -> tuple[npt.NDArray[np.float64], Calibration]:
    """The log loss of calibrated scores, all topics together, float64 [n]; and the calibration."""
    matrix, offsets = calibrate(scores, labels, "no", near)
    odds = scores @ matrix + offsets
    return np.asarray((np.logaddexp(0, odds) - labels * odds).sum(axis=1)), (matrix, offsets)


def cross_fitted(
    scores: Floats,
    labels: Bools,
    folds: npt.NDArray[np.intp],
    exclusive: Exclusive,
    rule: Thresholds,
    rarity: npt.NDArray[np.float64] | None = None,
    near: Rule | None = None,
    threads: int = 1,
) -> OutOfFold:
    """Probabilities and tags of each fold by the decision rule that the other folds give; ``near`` is that of all."""
    probabilities, tags = np.zeros(labels.shape, dtype=np.float32), np.zeros(labels.shape, dtype=bool)

    def fill(fold: int) -> None:
        others, held_out = folds != fold, folds == fold
        found = decide(scores[others], labels[others], exclusive, rule, rarity, near)
        probabilities[held_out] = found.probabilities(scores[held_out])
        tags[held_out] = found.decision.tags(probabilities[held_out])

    with ThreadPoolExecutor(max(1, threads)) as pool:
        list(pool.map(fill, np.unique(folds)))
    return OutOfFold(probabilities, tags)


def exclusivity(labels: Bools, wanted: str) -> Exclusive:
    """Whether topics exclude one another: as ``wanted``, or with ``auto`` as the labels show it."""
    if wanted != "auto":
        return wanted  # type: ignore[return-value]
    carried = labels.sum(axis=1)
    if labels.shape[1] < 2 or carried.max(initial=0) > 1:
        return "no"
    return "exactly_one" if carried.min(initial=1) == 1 else "competing"


def passage_tokens(labels: Bools, config: Classifier) -> int | None:
    """How long the passages are that a :class:`~training.model.task.Task` needs: exclusive topics do without."""
    return config.passages if exclusivity(labels, config.exclusive) == "no" else None
