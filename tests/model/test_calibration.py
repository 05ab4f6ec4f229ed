"""The sigmoid that makes probabilities of scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from training.model.calibration import LEAST_SLOPE, PRIOR_SLOPE, RIDGE, calibrate, platt
from training.model.model import Decision


def loss_of(scores, truth):
    positives, negatives = truth.sum(), (~truth).sum()
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(parameters):
        logits = parameters[0] * scores + parameters[1]
        return float(np.sum(np.logaddexp(0, logits) - target * logits))

    return loss


@pytest.mark.parametrize(
    ("slope", "offset", "rows"),
    [(2, -1, 3000), (0.01, -1, 3000), (-1, 0, 500), (9, -6, 3000), (4, 0, 20), (100, 0, 60)],
)
def test_no_sigmoid_fits_better(slope, offset, rows):
    random = np.random.default_rng(0)
    scores = random.normal(-0.5, 0.6, rows)
    truth = random.random(rows) < expit(slope * scores + offset)
    loss = loss_of(scores, truth)
    found = platt(scores, truth)
    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", bounds=[(LEAST_SLOPE, None), (None, None)], tol=1e-9).fun
    assert found[0] >= LEAST_SLOPE
    assert loss(found) <= best + 1e-6


def test_one_positive_below_all_others_gets_the_prior():
    scores = np.full(6000, -1.01) + np.linspace(0, 0.05, 6000)
    truth = np.zeros(6000, bool)
    truth[0] = True
    slope, offset = platt(scores, truth)
    assert slope == LEAST_SLOPE
    assert expit(slope * scores + offset).mean() == pytest.approx((2 / 3 + 5999 / 6001) / 6000, rel=1e-3)


def test_without_a_positive_nothing_is_likely():
    slope, offset = platt(np.linspace(-1.5, -0.5, 1000), np.zeros(1000, bool))
    assert slope >= LEAST_SLOPE
    assert expit(slope * -0.5 + offset) < 0.01


@pytest.mark.parametrize(("slope", "offset", "rows"), [(2, -1, 3000), (-1, 0, 500), (9, -6, 3000), (4, -4, 60)])
def test_where_the_search_begins_does_not_matter(slope, offset, rows):
    random = np.random.default_rng(1)
    scores = random.normal(-0.5, 0.6, (rows, 2))
    truth = random.random((rows, 2)) < expit(slope * scores + offset)
    half = np.arange(rows) % 2 == 0
    near = calibrate(scores[half], truth[half], "no")
    (matrix, offsets), (begun, begun_offsets) = (calibrate(scores, truth, "no", start) for start in (None, near))
    assert begun == pytest.approx(matrix, abs=1e-4)
    assert begun_offsets == pytest.approx(offsets, abs=1e-4)


@pytest.mark.parametrize("exclusive", ["exactly_one", "at_most_one", "competing"])
def test_labels_that_are_not_exclusive_leave_the_calibration_finite(exclusive):
    """A user may know better than the labels, or topics are left out, so that rows have none."""
    random = np.random.default_rng(3)
    carried = random.integers(0, 5, 2000)
    truth = carried[:, None] == np.arange(4)
    scores = truth + random.normal(0, 0.7, truth.shape)
    matrix, offsets = calibrate(scores, truth, exclusive)
    if exclusive == "exactly_one":
        without = calibrate(scores[carried < 4], truth[carried < 4], exclusive)
        assert matrix == pytest.approx(without[0]) and offsets == pytest.approx(without[1])
    several = truth | (random.random(truth.shape) < 0.4)
    matrix, offsets = calibrate(several + random.normal(0, 0.7, truth.shape), several, exclusive)
    assert np.abs(offsets).max() < 20 and np.abs(matrix).max() < 20
    assert (np.diag(matrix) > 0).all()


def test_sigmoid_finds_the_truth() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=20_000)
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(2.0 * scores - 1.0)))
    slope, offset = platt(scores, truth)
    assert slope == pytest.approx(2.0, abs=0.1)
    assert offset == pytest.approx(-1.0, abs=0.1)


def test_scores_that_mislead_do_not_turn_the_order_round() -> None:
    scores = np.linspace(-1, 1, 50)
    assert platt(scores, scores < 0)[0] > 0


@pytest.mark.parametrize("exclusive", ["exactly_one", "at_most_one"])
def test_exclusive_probabilities_are_calibrated_together(exclusive: str) -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(30_000, 3)) * 3
    shares = np.exp(logits)
    none = np.ones((30_000, 1)) if exclusive == "at_most_one" else np.zeros((30_000, 0))
    shares = np.hstack([shares, none])
    shares /= shares.sum(axis=1, keepdims=True)
    drawn = (rng.random((30_000, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    truth = drawn[:, None] == np.arange(3)
    scores = logits / 3 + [0.5, -1, 2]  # so that neither the slopes nor the offsets are those that it begins with
    matrix, offsets = calibrate(scores, truth, exclusive)  # type: ignore[arg-type]
    decision = Decision(np.zeros(3, dtype=np.float32), exclusive)  # type: ignore[arg-type]
    probabilities = decision.probabilities((scores @ matrix + offsets).astype(np.float32))
    assert np.abs(probabilities - shares[:, :3]).mean() < 0.01
    total = probabilities.sum(axis=1)
    assert total.max() <= 1 + 1e-5
    if exclusive == "exactly_one":
        assert total == pytest.approx(np.ones(30_000), abs=1e-5)
    assert decision.tags(probabilities).sum(axis=1).max() == 1


@pytest.mark.parametrize("exclusive", ["exactly_one", "at_most_one"])
def test_no_exclusive_calibration_fits_better(exclusive):
    random = np.random.default_rng(4)
    drawn = random.integers(0, 3 if exclusive == "exactly_one" else 4, 80)
    truth = drawn[:, None] == np.arange(3)
    scores = np.column_stack([truth + random.normal(0, 0.8, truth.shape), random.normal(0, 1, (80, 2))])

    def loss(matrix, offsets):
        logits = scores @ matrix + offsets
        if exclusive == "at_most_one":
            logits = np.column_stack([logits, np.zeros(80)])
        away = RIDGE / 2 * ((matrix - PRIOR_SLOPE * np.eye(5, 3)) ** 2).sum()
        return away - (logits - logsumexp(logits, axis=1, keepdims=True))[np.arange(80), drawn].sum()

    matrix, offsets = calibrate(scores, truth, exclusive)
    best = minimize(lambda flat: loss(flat[:15].reshape(5, 3), flat[15:]), np.append(matrix, offsets), tol=1e-9).fun
    assert loss(matrix, offsets) <= best + 1e-4 * abs(best)


@pytest.mark.parametrize("exclusive", ["exactly_one", "at_most_one"])
@pytest.mark.parametrize("scale", [-1e4, 1e4])
def test_scores_of_any_size_are_calibrated(exclusive, scale):
    truth = np.arange(60)[:, None] % 3 == np.arange(3)
    matrix, offsets = calibrate(scale + truth, truth, exclusive)
    assert np.isfinite(matrix).all() and np.isfinite(offsets).all()
