from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.reference import (
    EDGES,
    design_effect,
    histogram,
    unknown_share,
    unknown_words_out_of_fold,
    words_of,
)
from training.review.prevalence import competing, corrected, misfit, mixing_share, wilson


def scores(positives: int, negatives: int, rng: np.random.Generator) -> np.ndarray:
    """Probabilities of an honest classifier with errors: beta-distributed on either side."""
    return np.concatenate([rng.beta(4, 2, positives), rng.beta(1.2, 6, negatives)])


def test_the_share_is_found_where_counting_tags_is_biased() -> None:
    rng = np.random.default_rng(0)
    both = scores(2000, 8000, rng)
    positive, negative = histogram(both[:2000]).astype(float), histogram(both[2000:]).astype(float)
    for truth in (0.0, 0.02, 0.1, 0.5, 0.9):
        archive = scores(int(truth * 5000), 5000 - int(truth * 5000), rng)
        found = float(mixing_share(histogram(archive).astype(float), positive, negative))
        assert found == pytest.approx(truth, abs=0.025)
        counted = float((archive >= 0.5).mean())
        if truth in (0.0, 0.02, 0.9):
            assert abs(counted - truth) > 1.5 * abs(found - truth)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(60):
        both = scores(200, 1800, rng)
        positive, negative = histogram(both[:200]).astype(float), histogram(both[200:]).astype(float)
        positives = rng.binomial(600, 0.2)
        observed = histogram(scores(positives, 600 - positives, rng)).astype(float)[None]
        share, interval = corrected(observed, positive, negative, 1.0, rng)
        assert interval[0, 0] <= share[0] <= interval[0, 1]
        held.append(interval[0, 0] <= positives / 600 <= interval[0, 1])
    assert np.mean(held) >= 0.85


def test_topics_that_compete_are_estimated_together() -> None:
    """Three topics with normal scores; the probabilities are right for training, where shares are equal."""
    rng = np.random.default_rng(2)
    truth = np.array([0.7, 0.25, 0.05])
    names = rng.choice(3, 4000, p=truth)
    places = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 1.5]])
    points = places[names] + rng.normal(size=(4000, 2))
    likelihood = np.exp(-((points[:, None, :] - places) ** 2).sum(axis=2) / 2)
    probabilities = likelihood / likelihood.sum(axis=1, keepdims=True)
    share, interval = competing(probabilities, np.full(3, 1 / 3), 1.0, 100_000)
    actual = np.bincount(names) / 4000
    assert share == pytest.approx(actual, abs=0.03)
    counted = np.bincount(probabilities.argmax(axis=1)) / 4000
    assert np.abs(counted - actual).max() > 2 * np.abs(share - actual).max()
    assert ((interval[:, 0] <= actual) & (actual <= interval[:, 1])).all()


def test_scores_that_no_mixture_explains_are_told() -> None:
    rng = np.random.default_rng(3)
    both = scores(2000, 8000, rng)
    positive, negative = histogram(both[:2000]).astype(float), histogram(both[2000:]).astype(float)
    same = histogram(scores(900, 100, rng)).astype(float)
    other = histogram(rng.beta(8, 8, 1000)).astype(float)
    for observed, expected in ((same, False), (other, True)):
        gap, by_chance = misfit(observed, positive, negative)
        assert bool(gap > by_chance) is expected


def test_wilson_by_hand() -> None:
    """5 of 10: (0.5 + 1.9208 / 10 ± 1.96 sqrt(0.025 + 0.009604)) / 1.38416."""
    low, high = wilson(5, 10)
    assert (float(low), float(high)) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert [float(end) for end in wilson(0, 0)] == pytest.approx([0.0, 1.0])


def test_histogram_counts_every_probability_once() -> None:
    values = np.array([0.0, 0.5, 1.0, *EDGES])
    assert histogram(values).sum() == len(values)
    assert histogram(np.stack([values, values], axis=1)).shape == (len(EDGES) - 1, 2)


def test_design_effect_of_whole_articles() -> None:
    values = np.repeat([0.0, 1.0] * 10, 5)
    assert design_effect(values, np.repeat(np.arange(20), 5)) == pytest.approx(5.0)
    assert design_effect(values, np.arange(100)) == 1.0
    assert design_effect(np.ones(4), np.arange(4)) == 1.0


def _array(texts: list[str]) -> pa.LargeStringArray:
    return pa.array(texts, pa.large_string())


@given(st.lists(st.text(alphabet="aB1_ .-éİßΣς中a\u0301", max_size=12), min_size=1, max_size=5))
def test_unknown_words_of_training_texts_and_of_archives_are_counted_alike(texts: list[str]) -> None:
    every = np.arange(len(texts))
    vocabulary = {word for text in texts for word in words_of(text)}
    found = unknown_words_out_of_fold(_array(texts), every, every, vocabulary, min_df=1)
    shares = [
        unknown_share(text, {word for at, other in enumerate(texts) if at != own for word in words_of(other)})
        for own, text in enumerate(texts)
    ]
    told = [share for share in shares if share is not None]
    assert found["paragraphs"] == len(told)
    assert found["mean"] == pytest.approx(np.mean(told) if told else 0)


def test_unknown_words_are_those_of_no_other_fold() -> None:
    texts = ["alpha beta", "alpha gamma", "alpha delta delta"]
    found = unknown_words_out_of_fold(
        _array(texts), np.arange(3), np.arange(3), {"alpha", "beta", "gamma", "delta"}, min_df=1
    )  # fmt: skip
    assert found["mean"] == pytest.approx(np.mean([1 / 2, 1 / 2, 2 / 3]))
    texts = ["alpha beta", "?", "beta beta gamma", "alpha gamma omega"]
    found = unknown_words_out_of_fold(
        _array(texts), np.arange(4), np.array([1, 1, 5, 5]), {"alpha", "beta", "gamma"}, min_df=1
    )
    assert (found["mean"], found["paragraphs"]) == (pytest.approx(np.mean([0, 1 / 3, 2 / 3])), 3)
    assert unknown_words_out_of_fold(_array(["?"]), np.arange(1), np.arange(1), {"alpha"}, min_df=1)["paragraphs"] == 0
    assert unknown_share("Alpha, omega!", {"alpha"}) == 0.5
    assert unknown_share("?!", {"alpha"}) is None
