from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from training.config import Thresholds
from training.model.calibration import calibrate, platt
from training.model.model import Decision
from training.model.thresholds import NEARLY, _steady, choose_fallback, choose_thresholds, cuts_of

METHODS = ("pooled", "per_topic", "shrunk", "smoothed", "micro_macro")


def case(seed: int, n: int = 80, topics: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((n, topics)) < rng.uniform(0.05, 0.5, topics)
    return np.round(truth + rng.normal(scale=0.8, size=(n, topics)), 2), truth


def f1(truth: np.ndarray, tags: np.ndarray) -> float:
    return 2 * float((truth & tags).sum()) / (truth.sum() + tags.sum())


def thresholds(scores: np.ndarray, truth: np.ndarray, **settings: object) -> np.ndarray:
    return choose_thresholds(scores, truth, Thresholds(**settings))


@given(st.integers(0, 5000))
def test_per_topic_is_the_best_of_all_cuts(seed: int) -> None:
    scores, truth = case(seed)
    chosen = thresholds(scores, truth, method="per_topic")
    for at in range(truth.shape[1]):
        if truth[:, at].any():
            best = max(f1(truth[:, at], scores[:, at] >= cut) for cut in np.unique(scores[:, at]))
            assert f1(truth[:, at], scores[:, at] > chosen[at]) == pytest.approx(best)


@given(st.integers(0, 5000))
def test_pooled_is_one_threshold_and_the_best_for_micro_f1(seed: int) -> None:
    scores, truth = case(seed)
    chosen = thresholds(scores, truth, method="pooled")
    assert len(set(chosen)) == 1
    if truth.any():
        best = max(f1(truth, scores >= cut) for cut in np.unique(scores))
        assert f1(truth, scores > chosen[0]) == pytest.approx(best)


def test_shrinkage_runs_from_the_topics_own_to_what_its_support_makes_likely() -> None:
    scores, truth = case(3)
    own = thresholds(scores, truth, method="micro_macro")
    assert thresholds(scores, truth, shrinkage=0) == pytest.approx(own)
    by_support = thresholds(scores, truth, shrinkage=1e12)
    assert by_support == pytest.approx(np.full(4, thresholds(scores, truth, method="pooled")[0]))
    between = thresholds(scores, truth, shrinkage=20)
    assert ((np.minimum(own, by_support) - 0.3 <= between) & (between <= np.maximum(own, by_support) + 0.3)).all()


def test_rare_topics_are_drawn_to_the_thresholds_of_rare_topics() -> None:
    """Scores of rare topics lie low, and one of 3 positives has no hit of its own to say so."""
    rng = np.random.default_rng(1)
    positives = np.array([400] * 10 + [20] * 10 + [3])
    truth = np.zeros((1000, len(positives)), dtype=bool)
    for at, count in enumerate(positives):
        truth[rng.choice(1000, count, replace=False), at] = True
    level = np.where(positives == 400, 0.0, -1.0)
    scores = level + np.where(truth, 0.5, -0.5) + rng.normal(scale=0.2, size=truth.shape)
    chosen, pooled = thresholds(scores, truth), thresholds(scores, truth, method="pooled")
    assert chosen[-1] < min(pooled[0], chosen[:10].mean()) - 0.3


@given(st.integers(0, 5000))
def test_fallback_is_the_distance_that_serves_micro_f1_best(seed: int) -> None:
    scores, truth = case(seed)
    cuts = np.full(4, 0.8)
    distance = choose_fallback(scores, truth, cuts)

    def reached(distance: float) -> float:
        margins = scores - cuts
        tags = margins > 0
        for row in np.flatnonzero(~tags.any(axis=1)):
            tags[row, margins[row].argmax()] = distance > 0 and margins[row].max() > -distance
        return f1(truth, tags)

    assert distance >= 0
    assert reached(distance) == pytest.approx(max(reached(d) for d in np.linspace(0, 3, 31) * scores.std()))


def test_no_fallback_where_most_texts_have_no_topic() -> None:
    scores, truth = case(5, n=400)
    truth[: int(0.9 * len(truth))] = False
    assert choose_fallback(scores, truth, thresholds(scores, truth)) == 0


@given(st.integers(0, 5000))
def test_a_fallback_adds_one_topic_where_there_is_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cuts = rng.uniform(0.3, 0.9, 4).astype(np.float32)
    low = (cuts * rng.uniform(0.2, 1.0, 4)).astype(np.float32)
    probabilities = rng.random((50, 4), dtype=np.float32) ** 2
    plain = Decision(cuts).tags(probabilities)
    tags = Decision(cuts, "no", low).tags(probabilities)
    empty = ~plain.any(axis=1)
    assert np.array_equal(tags[~empty], plain[~empty])
    assert tags[empty].sum(axis=1).max(initial=0) <= 1
    assert np.array_equal(tags[empty].any(axis=1), (probabilities[empty] >= low).any(axis=1))
    assert (probabilities[tags] >= np.broadcast_to(low, tags.shape)[tags]).all()


@given(st.integers(0, 5000), st.sampled_from(METHODS), st.sampled_from(["micro_f1", "macro_f1", "example_f1"]))
def test_thresholds_are_finite_whatever_the_labels(seed: int, method: str, objective: str) -> None:
    scores, truth = case(seed, n=12)
    truth[:, 0] = False
    truth[:, 1] = True
    assert np.isfinite(thresholds(scores, truth, method=method, objective=objective)).all()


def test_micro_macro_is_no_worse_for_micro_f1_than_one_threshold() -> None:
    for seed in range(20):
        scores, truth = case(seed)
        reached = {
            method: f1_score(truth, scores > thresholds(scores, truth, method=method), average="micro")
            for method in ("pooled", "micro_macro")
        }
        assert reached["micro_macro"] >= reached["pooled"] - 0.02


def test_example_objective_serves_example_f1() -> None:
    for seed in range(10):
        scores, truth = case(seed)
        plain = scores > thresholds(scores, truth)
        moved = scores > thresholds(scores, truth, objective="example_f1")

        def figure(tags: np.ndarray, truth: np.ndarray = truth) -> float:
            full = (truth | tags).any(axis=1)
            return float(f1_score(truth[full], tags[full], average="samples", zero_division=0))

        assert figure(moved) >= figure(plain) - 1e-9


@pytest.mark.parametrize("target", [0.5, 0.8, 1.0])
def test_wanted_precision_and_recall_are_kept_on_the_scores_they_were_chosen_by(target: float) -> None:
    scores, truth = case(11, n=300)
    strict = scores > thresholds(scores, truth, method="per_topic", objective="precision", target=target)
    precise = (truth & strict).sum(axis=0) / np.maximum(1, strict.sum(axis=0))
    assert ((precise >= target) | ~strict.any(axis=0)).all()
    wide = scores > thresholds(scores, truth, method="per_topic", objective="recall", target=target)
    assert ((truth & wide).sum(axis=0) >= target * truth.sum(axis=0)).all()


@given(
    st.integers(0, 5000),
    st.sampled_from(METHODS),
    st.sampled_from(["micro_f1", "precision"]),
    st.integers(1, 4),
)
def test_rarity_is_the_number_of_negatives_behind_each(seed: int, method: str, objective: str, times: int) -> None:
    """Of one topic: as if each negative stood there so many times."""
    scores, truth = case(seed, topics=1)
    target = 0.8 if objective == "precision" else None
    rule = Thresholds(method=method, objective=objective, target=target, shrinkage=0)
    repeats = np.where(truth[:, 0], 1, times)
    repeated = choose_thresholds(np.repeat(scores, repeats, axis=0), np.repeat(truth, repeats, axis=0), rule)
    assert choose_thresholds(scores, truth, rule, np.array([float(times)])) == pytest.approx(repeated)


def test_cuts_never_part_equal_scores() -> None:
    cuts = cuts_of(np.array([1.0, 1.0, 0.5, 0.5, 0.5]), np.array([True, False, True, False, False]))
    assert cuts.tagged.tolist() == [2, 5]
    assert cuts.tp.tolist() == [1, 2]


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
    logits = rng.normal(size=(30_000, 3)) * 1.5
    shares = np.exp(logits)
    none = np.ones((30_000, 1)) if exclusive == "at_most_one" else np.zeros((30_000, 0))
    shares = np.hstack([shares, none])
    shares /= shares.sum(axis=1, keepdims=True)
    drawn = (rng.random((30_000, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    truth = drawn[:, None] == np.arange(3)
    matrix, offsets = calibrate(logits / 2, truth, exclusive)  # type: ignore[arg-type]
    decision = Decision(np.zeros(3, dtype=np.float32), exclusive)  # type: ignore[arg-type]
    probabilities = decision.probabilities((logits / 2 @ matrix + offsets).astype(np.float32))
    assert np.abs(probabilities - shares[:, :3]).mean() < 0.01
    total = probabilities.sum(axis=1)
    assert total.max() <= 1 + 1e-5
    if exclusive == "exactly_one":
        assert total == pytest.approx(np.ones(30_000), abs=1e-5)
    assert decision.tags(probabilities).sum(axis=1).max() == 1


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 1)), min_size=1, max_size=40, unique_by=lambda cut: cut[0]))
def test_the_steady_cut_is_nearly_the_best(cuts: list[tuple[float, float]]) -> None:
    at, values = np.array(sorted(cuts, reverse=True)).T
    assert values[_steady(at, values)] >= values.max() - NEARLY


def test_the_steady_cut_is_in_the_middle_of_good_ones_unless_they_lie_apart() -> None:
    at = np.linspace(3, -3, 25)
    plateau = np.where(np.abs(at - 1) <= 1, 0.7, 0.3)
    plateau[8] += 0.001  # a little better by chance, at the right end of it
    assert at[_steady(at, plateau)] == pytest.approx(1, abs=0.13)
    apart = np.where(np.abs(at) > 2, 0.7, 0.3)
    apart[0] += 0.001
    assert _steady(at, apart) == 0
