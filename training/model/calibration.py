"""From out-of-fold scores to log-odds: linear maps, so that they fold into the weights of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from training.model.model import Exclusive

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Calibration = tuple[Floats, Floats]  # matrix and offsets
RIDGE, PRIOR_SLOPE = 10.0, 2.0
LEAST_SLOPE = 0.05
LEAST_GAIN = 1e-6  # of the loss, relative: what more steps gain decides one text in a thousand otherwise
NEWTON_STEPS, NEWTON_TOLERANCE, NEWTON_LEAST, NEWTON_RIDGE = 100, 1e-6, 1e-10, 1e-12


def calibrate(scores: Floats, truth: Bools, exclusive: Exclusive, near: Calibration | None = None) -> Calibration:
    """``matrix`` [columns, topics] and ``offsets`` [topics] with ``scores @ matrix + offsets`` as log-odds.

    Independent topics get a sigmoid each, so the matrix is diagonal; exclusive ones are fitted together. Their
    ``scores`` [n, columns] may have more columns than those of the topics, which come first. ``near`` is what like
    scores of independent topics gave: it changes how soon the minimum is found, not where it is.
    """
    scores = scores.astype(float)
    if exclusive == "no":
        starts = zip(np.diag(near[0]), near[1], strict=True) if near else [None] * truth.shape[1]
        fitted = [platt(scores[:, at], truth[:, at], start) for at, start in enumerate(starts)]
        return np.diag([slope for slope, _ in fitted]), np.array([offset for _, offset in fitted])
    return multinomial(scores, truth, with_none=exclusive != "exactly_one")


def platt(scores: Floats, truth: Bools, start: tuple[float, float] | None = None) -> tuple[float, float]:
    """Slope (never below 0.05) and offset of the sigmoid that fits ``truth`` [n] best; ``start`` is a guess of them.

    Platt (1999) with the smoothed targets of his §2.2, so that a topic with few positives does not become certain.
    """
    positives, negatives = int(truth.sum()), int((~truth).sum())
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    prior = float(np.log((positives + 1) / (negatives + 1)))
    slope, offset = _newton(scores, target, *(start or (1.0, prior)))
    if slope < LEAST_SLOPE:
        # From the prior again: where a slope below zero has led, the loss may be too flat to come back.
        slope, offset = _newton(scores, target, LEAST_SLOPE, prior, with_slope=False)
    return slope, offset


def _newton(
    scores: Floats, target: Floats, slope: float, offset: float, *, with_slope: bool = True
) -> tuple[float, float]:
    """Newton's method with halved steps for logistic loss (Lin, Lin & Weng, Machine Learning 68, 2007)."""

    def loss(slope: float, offset: float) -> float:
        logits = slope * scores + offset
        # log(1 + exp(logits)), which np.logaddexp takes several times as long for.
        return float(np.sum(np.maximum(logits, 0) + np.log(1 + np.exp(-np.abs(logits))) - target * logits))

    value = loss(slope, offset)
    for _ in range(NEWTON_STEPS):
        probability = expit(slope * scores + offset)
        error, curvature = probability - target, probability * (1 - probability)
        # Sums, not products: for so few numbers the threads of a BLAS cost more than they save.
        weighted = curvature * scores
        moments = [float(curvature.sum()), float(weighted.sum()), float((weighted * scores).sum())]
        slopes = np.array([(error * scores).sum(), error.sum()])
        hessian = np.array([[moments[2], moments[1]], [moments[1], moments[0]]]) + NEWTON_RIDGE * np.eye(2)
        if not with_slope:
            slopes[0], hessian[0, 1], hessian[1, 0] = 0.0, 0.0, 0.0
        if np.abs(slopes).max() < NEWTON_TOLERANCE:
            break
        step = np.linalg.solve(hessian, slopes)
        size = 1.0
        while size > NEWTON_LEAST:
            following = loss(slope - size * step[0], offset - size * step[1])
            if following <= value - 1e-4 * size * float(slopes @ step):
                break
            size /= 2
        else:
            break
        slope, offset, value = slope - size * step[0], offset - size * step[1], following
    return float(slope), float(offset)


def multinomial(scores: Floats, truth: Bools, *, with_none: bool) -> tuple[Floats, Floats]:
    """Multinomial logistic regression on the scores, drawn by a ridge to ``2 · identity``, further columns to 0.

    Matrix scaling (Guo et al., ICML 2017, §4.2) with regularised off-diagonal terms (Kull et al., NeurIPS 2019, §3).
    With ``with_none`` a row without topic belongs to a further class, whose log-odds are fixed at 0; else it says
    nothing. A row of several topics is shared out evenly, or the offsets would have no end.
    """
    topics, carried = truth.shape[1], truth.sum(axis=1)
    prior = PRIOR_SLOPE * np.eye(scores.shape[1], topics)
    told = np.flatnonzero(carried > 0) if not with_none else np.arange(len(truth))
    scores, target = scores[told], (truth / np.maximum(carried, 1)[:, None])[told]

    def loss(flat: Floats) -> tuple[float, Floats]:
        matrix, offsets = flat[:-topics].reshape(prior.shape), flat[-topics:]
        logits = scores @ matrix + offsets
        greatest = logits.max(axis=1, keepdims=True, initial=0.0 if with_none else -np.inf)
        error = np.exp(logits - greatest)
        total = error.sum(axis=1, keepdims=True) + (np.exp(-greatest) if with_none else 0.0)
        error = error / total - target
        likelihood = float((target * logits).sum() - np.log(total).sum() - greatest.sum())
        value = RIDGE / 2 * float(((matrix - prior) ** 2).sum()) - likelihood
        slope = scores.T @ error + RIDGE * (matrix - prior)
        return value, np.concatenate([slope.ravel(), error.sum(axis=0)])

    start = np.concatenate([prior.ravel(), np.zeros(topics)])
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500, "maxcor": 30, "ftol": LEAST_GAIN}
    )
    return found.x[:-topics].reshape(prior.shape), found.x[-topics:]
