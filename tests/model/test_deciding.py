"""The decision rule: thresholds of scores as probabilities, from other rows than those that it is measured on."""

from __future__ import annotations

import numpy as np
import pytest

from training.config import Thresholds
from training.model.deciding import LEAST_LONG, Rule, _passage_share, cross_fitted, decide, exclusivity
from training.model.thresholds import choose_fallback, choose_thresholds

RARITY = np.array([1.0, 4.0, 2.0])


def case(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores [n, 3] of labels of which each row has at least one, so that a fallback pays."""
    random = np.random.default_rng(seed)
    labels = random.random((n, 3)) < [0.3, 0.2, 0.1]
    labels[np.arange(n), random.integers(0, 3, n)] = True
    return (1.5 * labels + random.normal(-1, 0.8, labels.shape)).astype(np.float32), labels


def tags_of(rule: Rule, scores: np.ndarray) -> np.ndarray:
    return rule.decision.tags(rule.probabilities(scores))


def test_tags_are_those_of_the_thresholds_that_were_chosen_by_scores() -> None:
    scores, labels = case()
    for rarity in (None, RARITY):
        cuts = choose_thresholds(scores, labels, Thresholds(), rarity)
        distance = choose_fallback(scores, labels, cuts, rarity)
        assert distance > 0
        expected = scores > cuts
        for row in np.flatnonzero(~expected.any(axis=1)):
            nearest = (scores[row] - cuts).argmax()
            expected[row, nearest] = scores[row, nearest] - cuts[nearest] > -distance
        found = tags_of(decide(scores, labels, "no", Thresholds(), rarity), scores)
        assert (found != expected).any(axis=1).mean() < 0.005  # but for what lies on a cut
        without = decide(scores, labels, "no", Thresholds(fallback=False), rarity)
        assert (tags_of(without, scores) != (scores > cuts)).mean() < 0.005


@pytest.mark.parametrize("objective", ["precision", "recall"])
def test_a_promise_has_no_fallback(objective: str) -> None:
    scores, labels = case()
    assert decide(scores, labels, "no", Thresholds(objective=objective, target=0.9)).decision.fallback is None


@pytest.mark.parametrize("exclusive", ["no", "competing"])
def test_fixed_thresholds_are_probabilities(exclusive: str) -> None:
    scores, labels = case()
    labels[labels.sum(axis=1) > 1] = [True, False, False]
    for target, expected in ((None, 0.5), (0.8, 0.8)):
        rule = decide(scores, labels, exclusive, Thresholds(method="fixed", target=target))  # type: ignore[arg-type]
        assert rule.decision.thresholds == pytest.approx(np.full(3, expected))
        assert rule.decision.fallback is None


def test_rarity_counts_where_topics_exclude_one_another() -> None:
    scores, labels = case()
    labels[labels.sum(axis=1) > 1] = [True, False, False]
    plain, rare = (decide(scores, labels, "competing", Thresholds(), rarity) for rarity in (None, 20 * RARITY))
    assert (rare.decision.thresholds > plain.decision.thresholds).all()


@pytest.mark.parametrize("exclusive", ["no", "exactly_one"])
def test_what_a_fold_is_labelled_changes_nothing_in_its_estimate(exclusive: str) -> None:
    scores, labels = case()
    folds = np.arange(len(labels)) % 5
    estimates = []
    for _ in range(2):
        estimates.append(cross_fitted(scores, labels, folds, exclusive, Thresholds(), threads=2))  # type: ignore[arg-type]
        labels = np.where((folds == 3)[:, None], ~labels, labels)
    first, second = estimates
    assert (first.probabilities[folds == 3] == second.probabilities[folds == 3]).all()
    assert (first.tags[folds == 3] == second.tags[folds == 3]).all()
    assert (first.probabilities[folds != 3] != second.probabilities[folds != 3]).any()


def test_topics_exclude_one_another_where_no_row_has_two_and_there_are_several() -> None:
    one = np.eye(3, dtype=bool)
    assert exclusivity(one, "auto") == "exactly_one"
    assert exclusivity(np.vstack([one, np.zeros((1, 3), bool)]), "auto") == "competing"
    assert exclusivity(np.vstack([one, np.ones((1, 3), bool)]), "auto") == "no"
    assert exclusivity(np.ones((4, 1), bool), "auto") == exclusivity(np.zeros((4, 1), bool), "auto") == "no"
    assert exclusivity(one, "no") == "no"


def test_passages_must_tell_much_more_and_of_enough_long_texts() -> None:
    scores, labels = case(2 * LEAST_LONG)
    much, little, less = ((scores + more * (labels - 0.5)).astype(np.float32) for more in (1.5, 0.02, -1.5))
    assert _passage_share(np.hstack([scores, much]), labels, None) > 0.5
    assert _passage_share(np.hstack([scores, little]), labels, None) == 0
    assert _passage_share(np.hstack([scores, less]), labels, None) == 0
    for long, decides in ((LEAST_LONG - 1, False), (LEAST_LONG, True)):
        best = np.where(np.arange(len(scores))[:, None] < long, much, scores)
        rule = decide(np.hstack([scores, best]), labels, "no", Thresholds())
        assert (rule.passage_share > 0) == decides
