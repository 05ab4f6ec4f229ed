"""Intervals by resampling whole articles, because paragraphs of one article are not independent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from training.corpus.records import numbered
from training.evaluation.metrics import Bools, Counts, Floats, count, example_f1, ratio

Interval = tuple[float, float]
Of = Callable[[float], float]
LEAST_ARTICLES = 5  # one article has one resample, four have 35: too few to show how far figures vary


class Resampler:
    """Articles drawn with replacement ``resamples`` times (Efron & Tibshirani 1993, ch. 13, percentile intervals).

    The percentiles are those of Student's distribution: resamples of few articles vary less than the articles did
    (Hesterberg, The American Statistician 69, 2015, §5.2, expanded percentile intervals).
    """

    def __init__(self, articles: Sequence[str], resamples: int, confidence: float, seed: int) -> None:
        article = numbered(articles)
        self._order = np.argsort(article, kind="stable")
        self._first = np.flatnonzero(np.diff(article[self._order], prepend=-1))
        n_articles = self._first.size
        rng = np.random.default_rng(seed)
        draws = rng.multinomial(n_articles, np.full(n_articles, 1 / max(n_articles, 1)), size=resamples)
        self._times = draws.astype(np.float64)
        others = max(n_articles - 1, 1)
        self._tail = (1 - confidence) / 2
        tail = float(ndtr(stdtrit(others, self._tail) * np.sqrt(1 + 1 / others)))
        self._tails = (tail, 1 - tail)
        self.articles = n_articles

    def totals(self, per_row: npt.NDArray[Any]) -> Floats:
        """Sums of ``per_row`` [n, …] over the rows of each resample: [resamples, …]."""
        flat = per_row.reshape(len(per_row), -1).astype(np.float64)
        by_article = np.add.reduceat(flat[self._order], self._first, axis=0)
        return (self._times @ by_article).reshape(-1, *per_row.shape[1:])

    def counts(self, truth: Bools, tags: Bools) -> Counts:
        """Counts by topic in each resample, [resamples, topics]."""
        return Counts(self.totals(truth & tags), self.totals(~truth & tags), self.totals(truth & ~tags))

    def interval(self, values: Floats) -> Interval | None:
        """Of ``values`` [resamples]; None if there are fewer articles than can tell how far figures vary."""
        if self.articles < LEAST_ARTICLES:
            return None
        low, high = np.quantile(values, self._tails)
        return float(low), float(high)

    def intervals(self, part: Floats, whole: Floats, decided: Bools, of_share: Of = float) -> list[Interval | None]:
        """The same for ``part / whole`` [resamples, topics], which tell of what is ``decided`` [n, topics].

        Resamples in which nothing is decided about a topic say nothing of it. What is right in every article, or in
        none, is so in every resample: there the end is the exact one of as many articles (Clopper & Pearson,
        Biometrika 1934), and ``of_share`` makes the figure of the share of articles that are right.
        """
        if self.articles < LEAST_ARTICLES:
            return [None] * decided.shape[1]
        articles = np.logical_or.reduceat(decided[self._order], self._first, axis=0).sum(axis=0)
        found: list[Interval | None] = []
        for parts, wholes, number in zip(part.T, whole.T, articles.tolist(), strict=True):
            values = ratio(parts, wholes)[wholes > 0]
            if number < 2 or not values.size:
                found.append((0.0, 1.0))
                continue
            low, high = np.quantile(values, self._tails).tolist()
            share = self._tail ** (1 / number)
            if values.min() == 1:
                low = of_share(share)
            if values.max() == 0:
                high = of_share(1 - share)
            found.append((low, high))
        return found


def overall_figures(resampler: Resampler, truth: Bools, tags: Bools) -> dict[str, Floats]:
    """micro-, macro- and example-based F1 in each resample: {name: [resamples]}.

    Macro-F1 is always over the topics that have positives in ``truth``, as in :func:`evaluate`. A topic has no F1 in a
    resample without any of its positives; there it keeps the F1 that it has in all the data. Averages over fewer topics
    would be of another figure, and a 0 would blame the tags for the draw. So rare topics, of which this holds often,
    add less to the width of the interval than they should: their own intervals say how little is known of them.
    """
    counts, whole = resampler.counts(truth, tags), count(truth, tags)
    seen = truth.any(axis=0)
    f1 = np.where(counts.tp + counts.fn > 0, counts.f1, whole.f1)
    per_row = example_f1(truth, tags)
    counted = ~np.isnan(per_row)
    return {
        "micro_f1": counts.sum().f1,
        "macro_f1": ratio(f1[:, seen].sum(axis=1), seen.sum()),
        "example_f1": ratio(resampler.totals(np.nan_to_num(per_row)), resampler.totals(counted)),
    }


def add_intervals(metrics: dict[str, Any], resampler: Resampler, truth: Bools, tags: Bools) -> dict[str, Any]:
    """``metrics`` with an ``intervals`` entry beside the overall figures and beside those of each topic.

    Where articles are too few, the names of the figures are there all the same, each with None.
    """
    c = resampler.counts(truth, tags)
    twice, any_of = 2 * c.tp, 2 * c.tp + c.fp + c.fn
    every = {
        "precision": resampler.intervals(c.tp, c.tp + c.fp, tags),
        "recall": resampler.intervals(c.tp, c.tp + c.fn, truth),
        "f1": resampler.intervals(twice, any_of, tags | truth, lambda share: 2 * share / (1 + share)),
    }
    for at, topic in enumerate(metrics["topics"]):
        metrics["topics"][topic]["intervals"] = {name: intervals[at] for name, intervals in every.items()}
    metrics["intervals"] = {
        name: resampler.interval(values) for name, values in overall_figures(resampler, truth, tags).items()
    }
    return metrics
