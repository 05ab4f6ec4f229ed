"""Dual coordinate descent for logistic regression, compiled, on CSR arrays that are shared and never copied.

A constant feature of 1 stands for the intercept and is regularised with the rest, as with LIBLINEAR's ``-B 1``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from training.model.kernels import compiled, unordered
from training.model.kernels_svm import shuffle

Array = Any  # a NumPy array inside compiled code


@unordered
def _dot(weights: Array, indices: Array, data: Array, begin: int, end: int) -> np.float32:
    total = np.float32(0)
    for at in range(begin, end):
        total += weights[indices[at]] * data[at]
    return total


@unordered
def _step(weights: Array, square: Array, indices: Array, data: Array, begin: int, end: int, by: np.float32) -> None:
    for at in range(begin, end):
        feature = indices[at]
        weights[feature] += by * data[at] * square[feature]


@compiled
def fit_logistic(
    indptr: Array, indices: Array, data: Array, sign: Array, cost: Array, scale: Array, epochs: int, tolerance: float
) -> tuple[Array, float, int]:
    """min ½‖w‖² + Σ costᵢ·log(1 + exp(−signᵢ·w·xᵢ)): Yu, Huang & Lin, Machine Learning 85, 2011, algorithm 5.

    ``sign`` (±1) and ``cost`` are float64 [n], ``scale`` float32 [features]: the model is trained
    on ``x_ij * scale_j``.
    Returns the weights float32 [features] for unscaled rows, the intercept, and the epochs used.
    """
    n = len(sign)
    weights = np.zeros(len(scale), np.float32)
    square = scale * scale
    alpha = np.empty(n)
    intercept = 0.0
    diagonal = np.empty(n)
    for row in range(n):
        begin, end = indptr[row], indptr[row + 1]
        norm = 1.0
        for at in range(begin, end):
            norm += data[at] * data[at] * square[indices[at]]
        diagonal[row] = norm
        alpha[row] = min(0.001 * cost[row], 1e-8)
        _step(weights, square, indices, data, begin, end, np.float32(alpha[row] * sign[row]))
        intercept += alpha[row] * sign[row]
    order = np.arange(n)
    state = np.uint64(88172645463325252)
    epoch = 0
    while epoch < epochs:
        worst = 0.0
        state = shuffle(order, state)
        for place in range(n):
            row = order[place]
            begin, end = indptr[row], indptr[row + 1]
            margin = sign[row] * (_dot(weights, indices, data, begin, end) + intercept)
            whole, old = cost[row], alpha[row]
            moved = old
            gradient = margin + np.log(moved / (whole - moved))
            worst = max(worst, min(abs(gradient), 1e6))
            if abs(gradient) <= 0.01 * tolerance:
                continue
            for _ in range(20):
                proposal = moved - gradient / (diagonal[row] + whole / (moved * (whole - moved)))
                if proposal <= 0.0:
                    proposal = moved * 0.1
                elif proposal >= whole:
                    proposal = whole - (whole - moved) * 0.1
                moved = proposal
                gradient = margin + diagonal[row] * (moved - old) + np.log(moved / (whole - moved))
                if abs(gradient) < 0.1 * tolerance:
                    break
            alpha[row] = moved
            by = (moved - old) * sign[row]
            _step(weights, square, indices, data, begin, end, np.float32(by))
            intercept += by
        epoch += 1
        if worst <= tolerance:
            break
    return weights, intercept, epoch
