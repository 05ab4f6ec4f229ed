from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from scipy.stats import t as student
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, precision_score, recall_score

from training.evaluation.comparison import Difference, compare_tags
from training.evaluation.intervals import LEAST_ARTICLES, Resampler, add_intervals, overall_figures
from training.evaluation.metrics import average_precision, calibration_error, evaluate, example_f1
from training.evaluation.table import comparison_table, results_table


def random_case(seed: int, n: int = 40, topics: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((n, topics)) < 0.3
    scores = np.round(rng.random((n, topics)), 1)
    return truth, scores > 0.6, scores


@given(st.integers(0, 10_000))
def test_figures_agree_with_scikit_learn(seed: int) -> None:
    truth, tags, scores = random_case(seed)
    truth[:, 0] &= seed % 3 > 0  # without positives, macro figures are not over it
    names = [f"t{at}" for at in range(truth.shape[1])]
    metrics = evaluate(truth, tags, scores, names)
    seen = truth.any(axis=0)
    assert metrics["micro_f1"] == pytest.approx(f1_score(truth, tags, average="micro", zero_division=0))
    per_topic = f1_score(truth, tags, average=None, zero_division=0)
    assert metrics["macro_f1"] == pytest.approx(per_topic[seen].mean())
    for name, score in (("precision", precision_score), ("recall", recall_score)):
        assert metrics[f"micro_{name}"] == pytest.approx(score(truth, tags, average="micro", zero_division=0))
        each = score(truth, tags, average=None, zero_division=0)
        assert metrics[f"macro_{name}"] == pytest.approx(each[seen].mean())
        assert [metrics["topics"][topic][name] for topic in names] == pytest.approx(each)
    assert metrics["exact_match"] == pytest.approx(accuracy_score(truth, tags))
    assert metrics["false_tags_per_thousand"] == pytest.approx(1000 * (tags & ~truth).sum() / len(truth))
    assert [metrics["topics"][topic]["tagged"] for topic in names] == tags.sum(axis=0).tolist()
    each = [average_precision_score(truth[:, at], scores[:, at]) for at in np.flatnonzero(seen)]
    assert metrics["mean_average_precision"] == pytest.approx(np.mean(each))
    full = truth.any(axis=1) | tags.any(axis=1)
    expected = f1_score(truth[full], tags[full], average="samples", zero_division=0)
    assert metrics["example_f1"] == pytest.approx(expected)
    everything = f1_score(truth, tags, average="samples", zero_division=1)
    assert metrics["example_f1_all_rows"] == pytest.approx(everything)
    for at, name in enumerate(names):
        if seen[at]:
            expected = average_precision_score(truth[:, at], scores[:, at])
            assert metrics["topics"][name]["average_precision"] == pytest.approx(expected)
        else:
            assert metrics["topics"][name]["average_precision"] is None
        assert metrics["topics"][name]["support"] == truth[:, at].sum()


def test_a_topic_that_was_never_tagged_lowers_macro_f1() -> None:
    truth = np.array([[True, True], [True, False]])
    tags = np.array([[True, False], [True, False]])
    metrics = evaluate(truth, tags, tags.astype(float), ["common", "rare"])
    assert metrics["macro_f1"] == 0.5
    assert metrics["topics"]["rare"]["f1"] == 0


def test_rows_empty_in_both_are_left_out_of_example_f1() -> None:
    truth = np.array([[False], [True]])
    assert np.isnan(example_f1(truth, truth)[0])
    assert example_f1(truth, truth)[1] == 1


def test_average_precision_does_not_depend_on_the_order_of_ties() -> None:
    truth, scores = np.array([True, False, True, False]), np.array([0.5, 0.5, 0.5, 0.1])
    assert average_precision(truth, scores) == pytest.approx(average_precision(truth[::-1], scores[::-1]))


def test_calibration_error_is_zero_for_true_frequencies() -> None:
    probabilities = np.full((100, 1), 0.25)
    truth = (np.arange(100) % 4 == 0)[:, None]
    assert calibration_error(truth, probabilities) == pytest.approx(0)
    assert calibration_error(~truth, probabilities) == pytest.approx(0.5)
    sure = np.array([[0.95, 0.85]] * 100)
    assert calibration_error(np.array([[True, False]] * 100), sure) == pytest.approx((0.05 + 0.85) / 2)
    rare = np.array([[0.95, 0.05]] * 100)
    assert calibration_error(np.zeros((100, 2), bool), rare) == pytest.approx(0.5)
    assert calibration_error(np.zeros((100, 2), bool), rare, least=0.1) == pytest.approx(0.95)
    assert calibration_error(truth, probabilities, least=0.3) == 0


def test_resampling_draws_whole_articles() -> None:
    articles = ["a"] * 5 + ["b"] * 5
    resampler = Resampler(articles, 200, 0.95, seed=1)
    totals = resampler.totals(np.ones(10))
    assert set(totals) == {10.0}
    first = resampler.totals(np.array([1.0] * 5 + [0.0] * 5))
    assert set(first) <= {0.0, 5.0, 10.0}


def test_intervals_hold_the_figure_and_do_not_depend_on_the_run() -> None:
    truth, tags, scores = random_case(4, n=300)
    articles = [str(row // 3) for row in range(300)]
    names = list("abcde")

    def intervals() -> dict:
        resampler = Resampler(articles, 300, 0.95, seed=9)
        return add_intervals(evaluate(truth, tags, scores, names), resampler, truth, tags)

    metrics = intervals()
    low, high = metrics["intervals"]["micro_f1"]
    assert low < metrics["micro_f1"] < high
    assert metrics == intervals()


def test_intervals_are_those_of_articles_drawn_by_hand() -> None:
    truth, tags, scores = random_case(6, n=120)
    truth[:, 4], tags[:, 4] = np.arange(120) == 7, np.arange(120) % 60 == 7  # in few resamples
    article = np.arange(120) % 40
    resampler = Resampler([f"a{at:02d}" for at in article], 300, 0.8, seed=9)
    names = list("abcde")
    metrics = add_intervals(evaluate(truth, tags, scores, names), resampler, truth, tags)
    assert (resampler._times.sum(axis=1) == 40).all()
    tail = norm.cdf(student.ppf(0.1, 39) * np.sqrt(40 / 39))
    ends = [tail, 1 - tail]
    drawn = []
    for times in resampler._times.astype(int):
        rows = np.repeat(np.arange(120), times[article])
        drawn.append(evaluate(truth[rows], tags[rows], scores[rows], names))
    for topic in names:
        for name, interval in metrics["topics"][topic]["intervals"].items():
            of = {"precision": ["tagged"], "recall": ["support"], "f1": ["tagged", "support"]}[name]
            entries = [figures["topics"][topic] for figures in drawn]
            values = [entry[name] for entry in entries if any(entry[each] for each in of)]
            alone = topic == "e" and name == "recall"  # one article with a positive tells nothing of others
            assert interval == ((0, 1) if alone else pytest.approx(np.quantile(values, ends)))
    for name in ("micro_f1", "example_f1"):
        assert metrics["intervals"][name] == pytest.approx(np.quantile([one[name] for one in drawn], ends))
    kept = {topic: metrics["topics"][topic]["f1"] for topic in names}  # where a resample has no positive
    each = [[one["topics"][t]["f1"] if one["topics"][t]["support"] else kept[t] for t in names] for one in drawn]
    assert metrics["intervals"]["macro_f1"] == pytest.approx(np.quantile(np.mean(each, axis=1), ends))
    other = tags ^ (np.arange(600).reshape(120, 5) % 7 == 0)
    overall, by_topic = compare_tags(truth, tags, other, names, resampler)
    whole = evaluate(truth, other, scores, names)
    for difference in overall:
        assert (difference.a, difference.b) == (metrics[difference.figure], whole[difference.figure])
        low, high = difference.interval
        assert low < difference.b - difference.a < high
    for difference in by_topic:
        topic = difference.figure
        assert (difference.a, difference.b) == (metrics["topics"][topic]["f1"], whole["topics"][topic]["f1"])
    changed = [one.interval for one in by_topic]
    assert len(set(changed)) == len(names)


def test_what_is_always_right_in_few_articles_is_not_called_certain() -> None:
    names = [str(row // 3) for row in range(60)]
    truth = np.zeros((60, 3), dtype=bool)
    truth[:12, 0] = truth[:3, 1] = truth[::3, 2] = True  # of four articles, of one, of twenty
    resampler = Resampler(names, 200, 0.9, seed=4)
    metrics = add_intervals(evaluate(truth, truth, truth.astype(float), list("abc")), resampler, truth, truth)
    for topic, articles in {"a": 4, "c": 20}.items():
        intervals = metrics["topics"][topic]["intervals"]
        for name in ("precision", "recall"):
            low, high = intervals[name]
            assert (binomtest(articles, articles, low, "greater").pvalue, high) == (pytest.approx(0.05), 1)
        share = intervals["precision"][0]
        assert intervals["f1"] == (pytest.approx(2 * share / (1 + share)), 1)
    assert set(metrics["topics"]["b"]["intervals"].values()) == {(0, 1)}


def test_a_draw_is_neither_better_nor_worse() -> None:
    assert Difference("x", 0.5, 0.6, (0.0, 0.2)).verdict == "can't tell"
    assert Difference("x", 0.6, 0.5, (-0.2, 0.0)).verdict == "can't tell"
    assert Difference("x", 0.6, 0.5, (-0.2, -0.01)).verdict == "worse"


def test_one_resample_of_everything_is_the_figure_itself() -> None:
    truth, tags, scores = random_case(8, n=30)
    resampler = Resampler(["only"] * 30, 100, 0.9, seed=2)
    figures = overall_figures(resampler, truth, tags)
    metrics = evaluate(truth, tags, scores, list("abcde"))
    for name, values in figures.items():
        assert values == pytest.approx(np.full(100, metrics[name]))


def test_comparison_is_paired() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((400, 3)) < 0.4
    worse = truth ^ (rng.random((400, 3)) < 0.3)
    better = truth ^ ((worse != truth) & (rng.random((400, 3)) < 0.7))
    resampler = Resampler([str(row) for row in range(400)], 300, 0.95, seed=3)
    overall, by_topic = compare_tags(truth, worse, better, ["x", "y", "z"], resampler)
    assert {difference.verdict for difference in overall} == {"better"}
    same, _ = compare_tags(truth, worse, worse, ["x", "y", "z"], resampler)
    assert {difference.verdict for difference in same} == {"can't tell"}
    assert [difference.figure for difference in by_topic] == ["x", "y", "z"]


@pytest.mark.parametrize("articles", [6, 12, 40])
def test_equally_good_tags_are_seldom_told_apart_however_few_the_articles(articles: int) -> None:
    rng = np.random.default_rng(5)
    names, told = [str(row // 6) for row in range(6 * articles)], 0
    for _ in range(200):
        truth = rng.random((len(names), 3)) < 0.4
        one, other = (truth ^ (rng.random(truth.shape) < 0.2) for _ in range(2))
        [micro, *_], _ = compare_tags(truth, one, other, list("xyz"), Resampler(names, 300, 0.95, seed=3))
        told += micro.verdict != "can't tell"
    assert told <= 16


@pytest.mark.parametrize("articles", range(1, 9))
def test_few_articles_can_not_tell_and_give_no_intervals(articles: int) -> None:
    """All paragraphs of one article are drawn together, so that nothing is seen of how far figures vary."""
    truth = np.ones((80, 2), dtype=bool)
    worse, better = np.zeros_like(truth), truth
    resampler = Resampler([str(row % articles) for row in range(80)], 200, 0.95, seed=3)
    overall, by_topic = compare_tags(truth, worse, better, ["drone_strike", "y"], resampler)
    metrics = add_intervals(evaluate(truth, better, truth.astype(float), ["x", "y"]), resampler, truth, better)
    entries = [metrics, *metrics["topics"].values()]
    for entry in metrics["topics"].values():
        entry["threshold"] = 0.5
    table, compared = results_table({"test": metrics}), comparison_table(overall, by_topic)
    if articles < LEAST_ARTICLES:
        assert {difference.verdict for difference in (*overall, *by_topic)} == {"can't tell"}
        assert {difference.interval for difference in overall} == {None}
        assert {interval for entry in entries for interval in entry["intervals"].values()} == {None}
        assert "[" not in table
        assert "No intervals: the articles are too few to tell" in table
        assert "Which is better can't be told: the articles are too few to tell" in compared
    else:
        assert {difference.verdict for difference in (*overall, *by_topic)} == {"better"}
        assert "1.000 [1.000-1.000]" in table
        assert "\nmicro-f1 " in compared and "\ndrone_strike " in compared
        assert "too few" not in table + compared


@pytest.mark.parametrize("found", [False, True])
def test_every_resample_of_macro_f1_is_over_the_same_topics(found: bool) -> None:
    """A topic of one article keeps its F1, be it 0 or 1, in the resamples that do not hold this article."""
    truth = np.zeros((40, 3), dtype=bool)
    truth[:, 0] = truth[7, 1] = True
    tags = truth.copy()
    tags[7, 1] = found
    tags[20:, 2] = True  # no positives at all: not a part of macro-F1
    resampler = Resampler([str(row) for row in range(40)], 300, 0.95, seed=1)
    drawn = overall_figures(resampler, truth, tags)["macro_f1"]
    assert evaluate(truth, tags, tags.astype(float), list("abc"))["macro_f1"] == (1 + found) / 2
    assert drawn == pytest.approx(np.full(300, (1 + found) / 2))
    nothing = np.zeros_like(truth)
    assert overall_figures(resampler, nothing, tags)["macro_f1"] == pytest.approx(np.zeros(300))


def test_a_figure_that_does_not_exist_is_not_shown_as_zero() -> None:
    topics = ["found", "missed", "absent", "invented"]
    truth, tags = np.zeros((30, 4), dtype=bool), np.zeros((30, 4), dtype=bool)
    truth[::2, 0] = tags[::2, 0] = truth[::3, 1] = tags[::5, 3] = True
    resampler = Resampler([str(row) for row in range(30)], 100, 0.95, seed=1)
    metrics = add_intervals(evaluate(truth, tags, tags.astype(float), topics), resampler, truth, tags)
    for entry in metrics["topics"].values():
        entry["threshold"] = 0.5
    rows = {line.split()[0]: line.split()[1:] for line in results_table({"test": metrics}).splitlines()[2:6]}
    one, zero = ["1.000", "[0.782-1.000]"], ["0.000", "[0.000-0.308]"]  # exact, of 15 and of 10 paragraphs
    assert rows["found"] == ["15", *one, *one, "1.000", "[0.878-1.000]", "1.000", "0.500"]
    assert rows["missed"] == ["10", "-", *zero, "0.000", "[0.000-0.472]", rows["missed"][-2], "0.500"]
    assert rows["absent"] == ["0", "-", "-", "-", "-", "0.500"]
    assert rows["invented"] == ["0", "0.000", "[0.000-0.459]", "-", "-", "-", "0.500"]
    assert {metrics["topics"]["absent"][name] for name in ("precision", "recall", "f1")} == {0.0}
