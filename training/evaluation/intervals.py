"""Intervals by resampling whole articles, because paragraphs of one article are not independent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluation.metrics import Bools, Counts, Floats, example_f1, ratio

Interval = tuple[float, float]


class Resampler:
    """Articles drawn with replacement ``resamples`` times (Efron & Tibshirani 1993, ch. 13, percentile intervals)."""

    def __init__(self, articles: Sequence[str], resamples: int, confidence: float, seed: int) -> None:
        _, self._article = np.unique(np.asarray(articles, dtype=object).astype(str), return_inverse=True)
        n_articles = int(self._article.max(initial=-1)) + 1
        rng = np.random.default_rng(seed)
        draws = rng.multinomial(n_articles, np.full(n_articles, 1 / max(n_articles, 1)), size=resamples)
        self._times = draws.astype(np.float64)
        tail = (1 - confidence) / 2
        self._tails = (tail, 1 - tail)
        self.articles = n_articles

    def totals(self, per_row: npt.NDArray[Any]) -> Floats:
        """Sums of ``per_row`` [n, …] over the rows of each resample: [resamples, …]."""
        flat = per_row.reshape(len(per_row), -1).astype(np.float64)
        by_article = np.zeros((self.articles, flat.shape[1]))
        np.add.at(by_article, self._article, flat)
        return (self._times @ by_article).reshape(-1, *per_row.shape[1:])

    def counts(self, truth: Bools, tags: Bools) -> Counts:
        """Counts by topic in each resample, [resamples, topics]."""
        return Counts(self.totals(truth & tags), self.totals(~truth & tags), self.totals(truth & ~tags))

    def interval(self, values: Floats) -> Interval:
        low, high = np.quantile(values, self._tails)
        return float(low), float(high)


def overall_figures(resampler: Resampler, truth: Bools, tags: Bools) -> dict[str, Floats]:
    """micro-, macro- and example-based F1 in each resample: {name: [resamples]}."""
    counts = resampler.counts(truth, tags)
    support = counts.tp + counts.fn
    per_row = example_f1(truth, tags)
    counted = ~np.isnan(per_row)
    return {
        "micro_f1": counts.sum().f1,
        "macro_f1": ratio((counts.f1 * (support > 0)).sum(axis=1), (support > 0).sum(axis=1)),
        "example_f1": ratio(resampler.totals(np.nan_to_num(per_row)), resampler.totals(counted)),
    }


def add_intervals(metrics: dict[str, Any], resampler: Resampler, truth: Bools, tags: Bools) -> dict[str, Any]:
    """``metrics`` with an ``intervals`` entry beside the overall figures and beside those of each topic."""
    counts = resampler.counts(truth, tags)
    figures: dict[str, Callable[[Counts], Any]] = {
        "precision": lambda c: c.precision,
        "recall": lambda c: c.recall,
        "f1": lambda c: c.f1,
    }
    for at, topic in enumerate(metrics["topics"]):
        one = Counts(counts.tp[:, at], counts.fp[:, at], counts.fn[:, at])
        metrics["topics"][topic]["intervals"] = {
            name: resampler.interval(figure(one)) for name, figure in figures.items()
        }
    metrics["intervals"] = {
        name: resampler.interval(values) for name, values in overall_figures(resampler, truth, tags).items()
    }
    return metrics
