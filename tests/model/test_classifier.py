from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import pytest
from scipy.sparse import csr_array, eye_array, hstack, random_array
from sklearn.naive_bayes import ComplementNB
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator

from training.model.classifier import TopicClassifier
from training.model.weighting import log_lift

KINDS = ("nbsvm", "linear_svm", "logistic_regression", "complement_nb")


@pytest.mark.parametrize("kind", KINDS)
def test_scikit_learn_conventions(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(TopicClassifier(kind=kind), on_skip=None)  # type: ignore[arg-type]


def problem(seed: int = 0, n: int = 300, features: int = 60, topics: int = 4) -> tuple[csr_array, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = csr_array(random_array((n, features), density=0.2, rng=rng, dtype=np.float32), dtype=np.float32)
    truth = np.asarray(X @ rng.normal(size=(features, topics))) + rng.normal(scale=0.3, size=(n, topics)) > 0.4
    return X, truth


def svm_objective(X: csr_array, positive: np.ndarray, weights: np.ndarray, intercept: float, cost: float) -> float:
    margin = np.where(positive, 1, -1) * (X @ weights + intercept)
    return 0.5 * (weights @ weights + intercept**2) + cost * (np.maximum(0, 1 - margin) ** 2).sum()


def logistic_objective(X: csr_array, positive: np.ndarray, weights: np.ndarray, intercept: float, cost: float) -> float:
    margin = np.where(positive, 1, -1) * (X @ weights + intercept)
    return 0.5 * (weights @ weights + intercept**2) + cost * np.logaddexp(0, -margin).sum()


@pytest.mark.parametrize("strength", [0.1, 1.0, 10.0])
def test_svm_reaches_the_objective_of_liblinear(strength: float) -> None:
    X, truth = problem()
    ours = TopicClassifier(kind="linear_svm", strength=strength, epochs=1000, tolerance=1e-3).fit(X, truth)
    for topic in range(truth.shape[1]):
        theirs = LinearSVC(C=strength, tol=1e-6, max_iter=100_000).fit(X, truth[:, topic])
        best = svm_objective(X, truth[:, topic], theirs.coef_[0], theirs.intercept_[0], strength)
        reached = svm_objective(X, truth[:, topic], ours.coef_[topic], float(ours.intercept_[topic]), strength)
        assert reached <= best * 1.001


def test_features_of_one_row_alone_are_learned_as_liblinear_does() -> None:
    X, truth = problem(5, n=200)
    alone = csr_array(hstack([X, 0.7 * eye_array(200, dtype=np.float32)]), dtype=np.float32)
    ours = TopicClassifier(kind="linear_svm", epochs=1000, tolerance=1e-4).fit(alone, truth)
    for topic in range(truth.shape[1]):
        theirs = LinearSVC(C=1.0, tol=1e-6, max_iter=100_000).fit(alone, truth[:, topic])
        assert ours.coef_[topic] == pytest.approx(theirs.coef_[0], abs=2e-3)


@pytest.mark.parametrize("kind", ["nbsvm", "linear_svm"])
def test_a_topic_does_not_depend_on_the_others(kind: Literal["nbsvm", "linear_svm"]) -> None:
    X, truth = problem(6, topics=37)
    together = TopicClassifier(kind=kind, threads=2).fit(X, truth)
    for topic in (0, 17, 36):
        alone = TopicClassifier(kind=kind).fit(X, truth[:, [topic, 5]])
        assert (alone.coef_[0] == together.coef_[topic]).all()
        assert alone.intercept_[0] == together.intercept_[topic]


@pytest.mark.parametrize("kind", ["nbsvm", "linear_svm"])
def test_where_an_svm_begins_does_not_change_where_it_ends(kind: Literal["nbsvm", "linear_svm"]) -> None:
    X, truth = problem(7)
    some, like = np.arange(240), csr_array((X.data * np.float32(1.1), X.indices, X.indptr), shape=X.shape)
    settings = {"kind": kind, "epochs": 1000, "tolerance": 1e-4}
    whole = TopicClassifier(**settings).fit(like, truth)
    from_zeros = TopicClassifier(**settings).fit(X[some], truth[some])
    from_whole = TopicClassifier(**settings).fit(X[some], truth[some], duals=whole.duals_[some])
    assert from_whole.coef_ == pytest.approx(from_zeros.coef_, abs=2e-3)
    assert from_whole.intercept_ == pytest.approx(from_zeros.intercept_, abs=2e-3)
    assert (whole.duals_[~truth] <= 0).all()
    assert (whole.duals_[truth] >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("topics", [1, 19])
def test_scores_of_unseen_rows_are_those_of_the_fitted_model(kind: str, topics: int) -> None:
    """Features that one training row has, many have, and none."""
    X, truth = problem(9, topics=topics)
    X, unseen = csr_array(hstack([X, eye_array(300, dtype=np.float32)])[:200], dtype=np.float32), X[200:]
    unseen = csr_array(hstack([abs(unseen), random_array((100, 300), density=0.5, rng=1)]), dtype=np.float32)
    truth[:, 0] &= topics > 1  # no row has this topic
    emphasis = [np.array([3, 7])] * topics
    for among in (None, np.arange(200)[:, None] % (np.arange(topics) + 2) > 0):
        classifier = TopicClassifier(kind=kind, emphasis_factor=3)  # type: ignore[arg-type]
        found = classifier.fit_scores(X, truth[:200], unseen, among, emphasis)
        expected = classifier.fit(X, truth[:200], among, emphasis).decision_function(unseen)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_an_svm_that_begins_at_its_own_end_is_there_at_once() -> None:
    X, truth = problem(8)
    ended = TopicClassifier(kind="nbsvm", epochs=1000, tolerance=1e-4).fit(X, truth)
    again = TopicClassifier(kind="nbsvm", epochs=1, tolerance=1e-4).fit(X, truth, duals=ended.duals_)
    assert again.coef_ == pytest.approx(ended.coef_, abs=1e-3)


def test_logistic_regression_cannot_be_improved_by_small_steps() -> None:
    X, truth = problem(1)
    ours = TopicClassifier(kind="logistic_regression", epochs=1000, tolerance=1e-4).fit(X, truth)
    rng = np.random.default_rng(0)
    for topic in range(truth.shape[1]):
        weights, intercept = ours.coef_[topic].astype(float), float(ours.intercept_[topic])
        reached = logistic_objective(X, truth[:, topic], weights, intercept, 1.0)
        for size in (1e-1, 1e-2):
            step = rng.normal(scale=size, size=len(weights))
            assert logistic_objective(X, truth[:, topic], weights + step, intercept, 1.0) > reached - 1e-4


def test_complement_naive_bayes_ranks_as_scikit_learn() -> None:
    X, truth = problem(2)
    ours = TopicClassifier(kind="complement_nb").fit(X, truth).decision_function(X)
    for topic in range(truth.shape[1]):
        joint = ComplementNB(alpha=1.0).fit(X, truth[:, topic]).predict_log_proba(X)
        theirs = joint[:, 1] - joint[:, 0]
        assert ours[:, topic] == pytest.approx(theirs, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_change_a_bit(kind: str) -> None:
    X, truth = problem(3)
    one = TopicClassifier(kind=kind).fit(X, truth)  # type: ignore[arg-type]
    two = TopicClassifier(kind=kind, threads=2).fit(X, truth)  # type: ignore[arg-type]
    assert (one.coef_ == two.coef_).all()
    assert (one.intercept_ == two.intercept_).all()


def test_a_topic_of_all_or_no_rows_is_constant() -> None:
    X, truth = problem(4)
    truth[:, 0], truth[:, 1] = True, False
    model = TopicClassifier().fit(X, truth)
    assert (model.decision_function(X)[:, 0] > 0).all()
    assert (model.decision_function(X)[:, 1] < 0).all()
    assert not model.coef_[:2].any()


@pytest.mark.parametrize("kind", ["nbsvm", "logistic_regression"])
def test_one_topic_is_learned_as_one_of_several(kind: Literal["nbsvm", "logistic_regression"]) -> None:
    X, truth = problem(seed=7)
    X.data = abs(X.data)
    several, one = TopicClassifier(kind=kind).fit(X, truth), TopicClassifier(kind=kind).fit(X, truth[:, :1])
    assert one.decision_function(X).shape == (len(truth), 1)
    np.testing.assert_array_equal(one.predict(X), several.predict(X)[:, :1])
    nowhere = TopicClassifier(kind=kind).fit(X, truth[:, :1] & False)
    assert not nowhere.predict(X).any()


def test_log_lift_prefers_what_sets_a_topic_apart() -> None:
    held = np.array([100, 100, 10, 0])
    with_topic = np.array([80, 20, 2, 0])
    weight = log_lift(held, with_topic, positives=200, rows=1000)
    assert weight[0] > weight[1] == pytest.approx(weight[2]) == pytest.approx(weight[3])
    assert (held * weight**2).sum() / held.sum() == pytest.approx(1, abs=1e-5)


def test_log_lift_is_that_of_naive_bayes_with_what_chance_expects_and_of_root_mean_square_1() -> None:
    held, positive = np.array([4, 4, 4, 40, 1]), np.array([4, 0, 1, 30, 0])
    lift = log_lift(held, positive, 25, 100)
    expected = held / 4
    ratio = np.log((positive + 1) / (expected + 1)) - np.log((held - positive + 1) / (held - expected + 1))
    assert lift / lift[2] == pytest.approx(1 + np.abs(ratio), rel=1e-5)  # the third is as chance expects it
    assert np.average(lift.astype(float) ** 2, weights=held) == pytest.approx(1)
