"""Contests between exclusive topics, and that they fold into the weights of the model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from training.config import Classifier, Config
from training.model.classifier import TopicClassifier
from training.model.contests import MOST_SIDES, contests_of, each_contest
from training.model.deciding import decide
from training.model.fitting import fit, fold_scores, out_of_fold_scores, trained
from training.model.task import CountedFeatures, Task
from training.model.texts import as_string_array

WORDS = (("convoy", "shells"), ("harvest", "rain"), ("election", "vote"), ("river", "stone"))
CONFIG = Config(name="contests")


def texts_of(rows: int = 160):
    """Texts, the class that each speaks of mostly (3 is none), and their folds."""
    rng = np.random.default_rng(3)
    kinds = np.arange(rows) % 4
    chosen = [[*rng.choice(WORDS[kind], 3), *rng.choice(np.ravel(WORDS), 2)] for kind in kinds]
    return as_string_array([" ".join(words) for words in chosen]).cast("large_string"), kinds, np.arange(rows) // 4 % 3


def one_hot(kinds, topics: int):
    return kinds[:, None] == np.arange(topics)


def test_each_side_meets_each_other_and_all_topics_meet_none():
    labels = one_hot(np.array([0, 1, 2, 3, 0]), 3)
    first, among = contests_of(labels, "competing")
    assert first.shape == among.shape == (5, 6 + 1)
    rows = [np.flatnonzero(column).tolist() for column in among.T]
    assert rows == [[0, 1, 4], [0, 2, 4], [0, 3, 4], [1, 2], [1, 3], [2, 3], [0, 1, 2, 3, 4]]
    assert first[rows[0], 0].tolist() == [True, False, True]
    assert first[:, -1].tolist() == [True, True, True, False, True]
    assert contests_of(labels, "exactly_one")[0].shape == (5, 3)


@pytest.mark.parametrize(
    ("topics", "exclusive"), [(5, "no"), (2, "exactly_one"), (MOST_SIDES + 1, "exactly_one"), (MOST_SIDES, "competing")]
)
def test_no_contests_where_they_say_nothing_new_or_would_be_too_many(topics, exclusive):
    assert [part.shape for part in contests_of(one_hot(np.arange(40) % topics, topics), exclusive)] == [(40, 0)] * 2


@pytest.mark.parametrize("kind", ["nbsvm", "linear_svm", "logistic_regression", "complement_nb"])
def test_a_contest_learns_from_its_two_sides_alone(kind):
    texts, kinds, _ = texts_of()
    counted = CountedFeatures(Task(texts, one_hot(kinds, 4), np.zeros(len(texts))), CONFIG.features)
    every = np.arange(len(texts))
    matrix = counted.matrix(counted.learn(every), every)
    config = Classifier(kind=kind)
    ((contests, first, among),) = each_contest(one_hot(kinds, 4), "exactly_one", config, 2)
    found = contests.fit(matrix, first, among)
    rows = np.flatnonzero(kinds < 2)
    alone = TopicClassifier(kind, config.strength).fit(csr_array(matrix[rows]), kinds[rows] == 0)
    np.testing.assert_allclose(
        found.decision_function(matrix[rows])[:, 0], alone.decision_function(matrix[rows]), atol=0.05
    )
    unseen = np.bincount(matrix[rows].indices, minlength=matrix.shape[1]) == 0
    assert np.abs(found.coef_[0, unseen]).max() < 0.01  # naive Bayes smooths


def test_a_contest_without_one_side_is_won_by_the_other():
    matrix = csr_array(np.eye(6, dtype=np.float32))
    labels = one_hot(np.array([0, 0, 0, 1, 1, 1]), 3)
    ((contests, first, among),) = each_contest(labels, "exactly_one", Classifier(), 1)
    scores = contests.fit(matrix, first, among).decision_function(matrix)
    assert (scores[:, 0] > 0).tolist() == [True] * 3 + [False] * 3
    assert (scores[:, 1:] == 1).all()


def test_pairwise_can_be_left_out():
    labels = one_hot(np.arange(6) % 3, 3)
    assert list(each_contest(labels, "exactly_one", Classifier(pairwise=False), 1)) == []


@pytest.mark.parametrize("topics", [3, 4])
def test_contests_fold_into_the_weights(topics):
    """The scores of the model are the calibrated scores of all classifiers, and do not depend on threads."""
    texts, kinds, folds = texts_of()
    labels = one_hot(kinds, topics)
    exclusive = "competing" if topics == 3 else "exactly_one"
    fitted = fit(texts, labels, folds, CONFIG, 1)
    task = Task(texts, labels, folds)
    counted = CountedFeatures(task, CONFIG.features)
    _, whole = trained(task, counted, CONFIG, np.arange(len(labels)), 2)
    out_of_fold = out_of_fold_scores(task, counted, CONFIG, 2, whole)
    assert out_of_fold.shape == (len(labels), topics + (7 if topics == 3 else 6))
    rule = decide(out_of_fold, labels, exclusive, CONFIG.thresholds)
    assert np.abs(rule.matrix[topics:]).max() > 0.01
    # All rows learned from, and the same ones scored: fold 1 of a task in which fold 0 has everything to learn from.
    twice = Task(as_string_array(texts.to_pylist() * 2).cast("large_string"), np.vstack([labels] * 2), np.zeros(0))
    twice.folds = np.repeat([0, 1], len(labels))
    again = CountedFeatures(twice, CONFIG.features)
    rows, seen = next(iter(fold_scores(twice, again, CONFIG, 1)))
    assert rows.tolist() == list(range(len(labels)))
    expected = rule.probabilities(seen)
    found = fitted.decision.probabilities(fitted.scorer.scores(texts, threads=1))
    np.testing.assert_allclose(found, expected, atol=1e-4)
