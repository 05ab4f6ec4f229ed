"""From out-of-fold scores to probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


def platt(scores: Floats, truth: Bools) -> tuple[float, float]:
    """Slope and offset of the sigmoid that fits ``truth`` [n] best, the slope never negative.

    Platt (1999) with the smoothed targets of his §2.2, so that a topic with few positives does not become certain.
    """
    positives, negatives = int(truth.sum()), int((~truth).sum())
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    spread = float(scores.std()) or 1.0
    standard = (scores - scores.mean()) / spread

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logits = parameters[0] * standard + parameters[1]
        error = expit(logits) - target
        value = float(np.sum(np.logaddexp(0, logits) - target * logits))
        return value, np.array([error @ standard, error.sum()])

    prior = np.log((positives + 1) / (negatives + 1))
    found = minimize(loss, [1.0, prior], jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    slope = float(found.x[0]) / spread
    return slope, float(found.x[1] - slope * scores.mean())
