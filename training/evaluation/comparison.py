"""Is one set of tags better than another on the same paragraphs? A paired difference with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.intervals import Interval, Resampler, overall_figures
from training.evaluation.metrics import Bools, Floats, count, evaluate


@dataclass(frozen=True)
class Difference:
    """``b - a`` of one figure, with the interval of the paired resamples; None if articles are too few for one."""

    figure: str
    a: float
    b: float
    interval: Interval | None

    @property
    def verdict(self) -> str:
        if self.interval is None:
            return "can't tell"
        low, high = self.interval
        return "better" if low > 0 else "worse" if high < 0 else "can't tell"


def compare_tags(
    truth: Bools, a: Bools, b: Bools, topics: Sequence[str], resampler: Resampler
) -> tuple[list[Difference], list[Difference]]:
    """Differences overall (micro-, macro-, example-based F1) and in F1 for each topic, articles resampled in pairs."""
    figures_a, figures_b = overall_figures(resampler, truth, a), overall_figures(resampler, truth, b)
    nothing: Floats = truth.astype(float)
    whole_a, whole_b = evaluate(truth, a, nothing, topics), evaluate(truth, b, nothing, topics)
    overall = [
        Difference(name, whole_a[name], whole_b[name], resampler.interval(figures_b[name] - figures_a[name]))
        for name in figures_a
    ]
    drawn_a, drawn_b = resampler.counts(truth, a).f1, resampler.counts(truth, b).f1
    point_a, point_b = count(truth, a).f1, count(truth, b).f1
    by_topic = [
        Difference(topic, float(point_a[at]), float(point_b[at]), resampler.interval(drawn_b[:, at] - drawn_a[:, at]))
        for at, topic in enumerate(topics)
    ]
    return overall, by_topic


def difference_told(by: float, interval: Sequence[float] | None) -> str:
    """A difference with its interval, in the words of tables and logs."""
    return f"{by:+.3f}" if interval is None else f"{by:+.3f} [{interval[0]:+.3f} to {interval[1]:+.3f}]"
