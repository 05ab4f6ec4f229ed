from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from training.config import Thresholds
from training.model.model import Decision
from training.model.thresholds import (
    NEARLY,
    _by_support,
    _steady,
    choose_fallback,
    choose_thresholds,
    cuts_of,
)

METHODS = ("pooled", "per_topic", "shrunk", "smoothed", "micro_macro")


def case(seed: int, n: int = 80, topics: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((n, topics)) < rng.uniform(0.05, 0.5, topics)
    return np.round(truth + rng.normal(scale=0.8, size=(n, topics)), 2), truth


def f1(truth: np.ndarray, tags: np.ndarray) -> float:
    return 2 * float((truth & tags).sum()) / (truth.sum() + tags.sum())


def weighed_f1(truth: np.ndarray, tags: np.ndarray, rarity: np.ndarray) -> float:
    """Where a wrong tag of a topic counts ``rarity`` times."""
    wrong = float(((tags & ~truth) * rarity).sum())
    hits = (truth & tags).sum()
    return 2 * float(hits) / (truth.sum() + hits + wrong)


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


@given(st.integers(0, 5000), st.booleans())
def test_pooled_is_one_threshold_and_the_best_for_micro_f1(seed: int, rare: bool) -> None:
    scores, truth = case(seed)
    rarity = np.array([1.0, 2.0, 5.0, 1.5]) if rare else np.ones(4)
    chosen = choose_thresholds(scores, truth, Thresholds(method="pooled"), rarity)
    assert len(set(chosen)) == 1
    if truth.any():
        best = max(weighed_f1(truth, scores >= cut, rarity) for cut in np.unique(scores))
        assert weighed_f1(truth, scores > chosen[0], rarity) == pytest.approx(best)


@given(st.integers(0, 5000))
def test_smoothed_is_the_best_with_one_more_success_and_failure(seed: int) -> None:
    scores, truth = case(seed, n=30)
    chosen = thresholds(scores, truth, method="smoothed")
    for at in range(truth.shape[1]):
        if truth[:, at].any():

            def smoothed(tags: np.ndarray, hits: np.ndarray = truth[:, at]) -> float:
                return (2 * (hits & tags).sum() + 1) / (hits.sum() + tags.sum() + 1)

            best = max(smoothed(scores[:, at] >= cut) for cut in np.unique(scores[:, at]))
            assert smoothed(scores[:, at] > chosen[at]) == pytest.approx(best)


@given(st.integers(0, 5000), st.booleans())
def test_micro_macro_ends_where_the_rarest_topic_can_gain_nothing(seed: int, rare: bool) -> None:
    """The last one to be chosen for, so that nothing has moved since; a cut nearly as good as the best will do."""
    scores, truth = case(seed)
    if not truth.any(axis=0).all():
        return
    rarity = np.array([1.0, 2.0, 5.0, 1.5]) if rare else np.ones(4)
    chosen = choose_thresholds(scores, truth, Thresholds(method="micro_macro"), rarity)
    last = np.argsort(-truth.sum(axis=0), kind="stable")[-1]

    def reached(cut: float) -> float:
        tags = scores > np.where(np.arange(4) == last, cut, chosen)
        own = weighed_f1(truth[:, [last]], tags[:, [last]], rarity[[last]])
        return 4 * weighed_f1(truth, tags, rarity) + own

    best = max(reached(cut - 0.001) for cut in np.unique(scores[:, last]))
    assert reached(chosen[last]) >= best - NEARLY - 1e-9


def test_shrinkage_runs_from_the_topics_own_to_what_its_support_makes_likely() -> None:
    scores, truth = case(3)
    own = thresholds(scores, truth, method="micro_macro")
    assert thresholds(scores, truth, shrinkage=0) == pytest.approx(own)
    by_support = thresholds(scores, truth, shrinkage=1e12)
    assert by_support == pytest.approx(np.full(4, thresholds(scores, truth, method="pooled")[0]))
    between = thresholds(scores, truth, shrinkage=20)
    assert ((np.minimum(own, by_support) - 0.3 <= between) & (between <= np.maximum(own, by_support) + 0.3)).all()


def test_what_support_makes_likely_is_a_line_over_its_logarithm_through_the_pooled_threshold() -> None:
    positives = np.array([3, 10, 40, 200, 700])
    truth = np.arange(1000)[:, None] < positives
    logs = np.log1p(positives) - np.average(np.log1p(positives), weights=positives)
    found = _by_support(0.3 + 2 * logs, 0.3, truth, shrinkage=20)
    slopes = np.diff(found) / np.diff(logs)
    assert slopes == pytest.approx(np.full(4, slopes[0]))
    assert 1 < slopes[0] < 2
    assert np.average(found, weights=positives) == pytest.approx(0.3)
    stray = np.where(positives == 3, -9.0, 0.3)  # of three positives, which is not trusted far
    drawn, wholly = (np.ptp(_by_support(stray, 0.3, truth, shrinkage)) for shrinkage in (20.0, 0.0))
    assert drawn < wholly / 2


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


@given(st.integers(0, 5000), st.booleans())
def test_fallback_is_the_distance_that_serves_micro_f1_best(seed: int, rare: bool) -> None:
    scores, truth = case(seed)
    cuts = np.full(4, 0.8)
    rarity = np.array([1.0, 2.0, 5.0, 1.5]) if rare else np.ones(4)
    distance = choose_fallback(scores, truth, cuts, rarity)

    def reached(distance: float) -> float:
        margins = scores - cuts
        tags = margins > 0
        for row in np.flatnonzero(~tags.any(axis=1)):
            tags[row, margins[row].argmax()] = distance > 0 and margins[row].max() > -distance
        return weighed_f1(truth, tags, rarity)

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


def test_thresholds_that_nothing_can_be_gained_by_moving_stay() -> None:
    truth = np.arange(40)[:, None] % 4 == np.arange(4)
    scores = np.where(truth, 1.0, -1.0)
    for method, objective in (("shrunk", "example_f1"), ("pooled", "macro_f1")):
        assert thresholds(scores, truth, method=method, objective=objective) == pytest.approx(np.zeros(4))


@given(st.integers(0, 5000))
def test_rarity_counts_in_the_step_of_all_thresholds(seed: int) -> None:
    scores, truth = case(seed)
    truth[:, ~truth.any(axis=0)] = True
    rarity = np.array([1.0, 2.0, 5.0, 1.5])
    start = choose_thresholds(scores, truth, Thresholds(method="pooled"), rarity)
    chosen = choose_thresholds(scores, truth, Thresholds(method="pooled", objective="macro_f1"), rarity)

    def figure(cuts: np.ndarray) -> float:
        columns = ([at] for at in range(4))
        return float(np.mean([weighed_f1(truth[:, at], scores[:, at] > cuts[at], rarity[at]) for at in columns]))

    steps = np.linspace(-1, 1, 81) * scores.std()
    assert figure(chosen) == pytest.approx(max(figure(start + step) for step in steps))


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


@given(st.integers(0, 5000), st.sampled_from([0.5, 0.8, 1.0]))
def test_a_wanted_precision_is_kept_by_the_most_tags_and_a_wanted_recall_by_the_fewest(
    seed: int, target: float
) -> None:
    scores, truth = (part[:, 0] for part in case(seed))
    if not truth.any():
        return

    cuts = [scores >= cut for cut in np.unique(scores)]
    rule = {"method": "per_topic", "target": target}
    for objective, least in (("precision", False), ("recall", True)):
        tags = scores > thresholds(scores[:, None], truth[:, None], objective=objective, **rule)[0]
        kept = [cut.sum() for cut in cuts if (truth & cut).sum() >= target * (truth.sum() if least else cut.sum())]
        assert tags.sum() == (min(kept) if least else max(kept, default=0))


def test_a_target_of_rare_topics_is_shrunk_towards_that_of_all() -> None:
    scores, truth = case(4, n=300)
    rule = {"objective": "precision", "target": 0.8}
    own, pooled, between = (thresholds(scores, truth, method=m, **rule) for m in ("per_topic", "pooled", "shrunk"))
    positives = truth.sum(axis=0)
    assert between == pytest.approx((positives * own + 20 * pooled) / (positives + 20))


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


@given(st.integers(0, 5000))
def test_cuts_count_what_scores_above_them(seed: int) -> None:
    scores, truth = (part[:, 0] for part in case(seed, n=20))
    cuts = cuts_of(scores, truth, 3.0)
    for at, tp, tagged in zip(cuts.at, cuts.tp, cuts.tagged, strict=True):
        tags = scores > at
        assert tp == (tags & truth).sum()
        assert tagged == tp + 3 * (tags & ~truth).sum()
    assert cuts.tp[-1] == cuts.positives == truth.sum()


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 1)), min_size=1, max_size=40, unique_by=lambda cut: cut[0]))
def test_the_steady_cut_is_nearly_the_best(cuts: list[tuple[float, float]]) -> None:
    at, values = np.array(sorted(cuts, reverse=True)).T
    assert values[_steady(at, values)] >= values.max() - NEARLY


def test_the_steady_cut_is_in_the_middle_of_good_ones_unless_they_lie_apart() -> None:
    at = np.linspace(3, -3, 25)
    plateau = np.where(np.abs(at - 1) <= 1, 0.7, 0.3)
    plateau[12] += 0.001  # a little better by chance, at the right end of it
    assert at[_steady(at, plateau)] == pytest.approx(1, abs=0.13)
    dense = np.concatenate([np.linspace(3, 2.1, 4), np.linspace(2, 1.9, 40), np.linspace(1.8, 0, 10), [-1, -2]])
    plateau = np.where(np.abs(dense - 1) <= 1, 0.7, 0.3)
    assert dense[_steady(dense, plateau)] == pytest.approx(1, abs=0.13)  # the middle of the way, not of the cuts
    apart = np.where(np.abs(at) > 2, 0.7, 0.3)
    apart[0] += 0.001
    assert _steady(at, apart) == 0
