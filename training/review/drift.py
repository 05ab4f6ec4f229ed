"""``drift``: how far an archive is from what the model was trained on, month by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import UserError, listed
from training.evaluation.reference import histogram
from training.model.model import Model
from training.review.months import UNDATED, Month
from training.review.prevalence import competing, corrected, kolmogorov, misfit, wilson

MOST_SUGGESTED = 6
FEWEST = 30  # paragraphs; a month of fewer is shown but not judged


@dataclass(frozen=True)
class TopicMonth:
    """One topic in one month. Shares are of its paragraphs; ``doubtful`` if the correction cannot be trusted."""

    topic: str
    tagged: int
    tagged_share: float
    tagged_interval: tuple[float, float]
    count: float
    count_interval: tuple[float, float]
    share: float
    share_interval: tuple[float, float]
    score_shift: float
    score_shift_by_chance: float
    doubtful: bool


@dataclass(frozen=True)
class Period:
    """One month. ``unknown_words`` is the mean share of a paragraph's words that the model does not know."""

    month: str
    paragraphs: int
    unknown_words: float | None
    unknown_words_interval: tuple[float, float] | None
    topics: tuple[TopicMonth, ...]
    shift: float
    reasons: tuple[str, ...]

    def topic(self, name: str) -> TopicMonth:
        return next(entry for entry in self.topics if entry.topic == name)


@dataclass(frozen=True)
class Drift:
    """The whole comparison. ``sample`` are the months that deserve labels, the most deserving first."""

    model: str
    topics: Sequence[str]
    training_share: dict[str, float]
    training_unknown_words: float | None
    periods: tuple[Period, ...]
    sample: tuple[str, ...]
    rejected: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_drift(
    model: Model, metrics: Mapping[str, Any], months: Mapping[str, Month], rejected: int = 0, seed: int = 13
) -> Drift:
    """Compare ``months`` with the ``reference`` in the model's ``metrics``. Raises :class:`UserError` without one."""
    reference = metrics.get("reference")
    if not reference:
        raise UserError(
            f"{model.folder}/metrics.json: no reference, with which archives are compared: the model was saved by an "
            f"older version. Train it again with: conflict-topics train {model.folder}/config.yaml"
        )
    names = list(months)
    rng = np.random.default_rng(seed)
    words = reference["unknown_words"]
    shares = _shares(model, reference, months, rng)
    by_topic = {
        topic: _topic(at, topic, reference["topics"][topic], months, shares[topic])
        for at, topic in enumerate(model.topics)
    }
    if reference["certainty"] is not None:
        unsure = _unsure(model, reference, months, shares)
        by_topic = {
            topic: [replace(entry, doubtful=doubt) for entry, doubt in zip(entries, unsure, strict=True)]
            for topic, entries in by_topic.items()
        }
    periods = []
    for row, name in enumerate(names):
        month = months[name]
        entries = tuple(by_topic[topic][row] for topic in model.topics)
        mean, interval = _unknown(month, words)
        shift, reasons = _judged(month, entries, mean, interval, words)
        periods.append(Period(name, month.paragraphs, mean, interval, entries, shift, reasons))
    deserving = [period for period in periods if period.reasons and period.month != UNDATED]
    deserving.sort(key=lambda period: -period.shift)
    trained = {
        topic: sum(entry["positive"]) / max(1, sum(entry["positive"]) + sum(entry["negative"]))
        for topic, entry in reference["topics"].items()
    }
    return Drift(
        model.id,
        model.topics,
        trained,
        words["mean"] if words else None,
        tuple(periods),
        tuple(period.month for period in deserving[:MOST_SUGGESTED]),
        rejected,
    )


Shares = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def _shares(
    model: Model, reference: Mapping[str, Any], months: Mapping[str, Month], rng: np.random.Generator
) -> dict[str, Shares]:
    """The corrected share of each topic in each month [months], with intervals [months, 2].

    Topics that exclude one another are estimated together, others each from its own scores.
    """
    entries = [reference["topics"][topic] for topic in model.topics]
    sides = [(np.asarray(entry["positive"], float), np.asarray(entry["negative"], float)) for entry in entries]
    if model.decision.exclusive == "no":
        counts = np.stack([month.scores for month in months.values()]).astype(float)
        return {
            topic: corrected(counts[:, :, at], *sides[at], entries[at]["design_effect"], rng)
            for at, topic in enumerate(model.topics)
        }
    behind = int(reference["paragraphs"])
    without = sum(reference["certainty"][""]) / behind
    carried = np.array([positive.sum() for positive, _ in sides])
    prior = (1 - without) * carried / carried.sum()  # paragraphs of several topics, against the rule, count once
    effect = max(float(entry["design_effect"]) for entry in entries)
    found = []
    for month in months.values():
        rows = np.stack(month.rows).astype(float)
        if model.decision.exclusive != "exactly_one":
            nothing = np.maximum(1 - rows.sum(axis=1, keepdims=True), 1e-6)
            found.append(competing(np.hstack([rows, nothing]), np.append(prior, without), effect, behind))
        else:
            found.append(competing(rows, prior, effect, behind))
    return {
        topic: (np.array([share[at] for share, _ in found]), np.stack([interval[at] for _, interval in found]))
        for at, topic in enumerate(model.topics)
    }


def _unsure(
    model: Model, reference: Mapping[str, Any], months: Mapping[str, Month], shares: Mapping[str, Shares]
) -> list[bool]:
    """For each month whether the model is as sure as the mix of topics there explains, by the largest probabilities.

    Where topics exclude one another the scores of one topic change with the shares of the others, so that topics
    cannot be judged one by one.
    """
    held = {topic: np.asarray(counts, dtype=float) for topic, counts in reference["certainty"].items() if sum(counts)}
    effect = max(float(reference["topics"][topic]["design_effect"]) for topic in model.topics)
    verdicts = []
    for row, month in enumerate(months.values()):
        share = {topic: float(shares[topic][0][row]) for topic in model.topics}
        share[""] = max(0.0, 1 - sum(share.values()))
        expected = sum(share[topic] * counts / counts.sum() for topic, counts in held.items())
        observed = histogram(np.stack(month.rows).max(axis=1)).astype(float)
        gap, by_chance = kolmogorov(observed / effect, np.asarray(expected), np.array(reference["paragraphs"] / effect))
        verdicts.append(bool(gap > by_chance))
    return verdicts


def _topic(
    at: int, topic: str, entry: Mapping[str, Any], months: Mapping[str, Month], shares: Shares
) -> list[TopicMonth]:
    share, interval = shares
    positive, negative = (np.asarray(entry[side], dtype=float) for side in ("positive", "negative"))
    effect = float(entry["design_effect"])
    observed = np.stack([month.scores[:, at] for month in months.values()]).astype(float)
    gap, by_chance = misfit(observed / effect, positive / effect, negative / effect)
    shift, shift_by_chance = kolmogorov(observed / effect, positive + negative, (positive + negative).sum() / effect)
    rows = []
    for row, month in enumerate(months.values()):
        n, tagged = month.paragraphs, int(month.tagged[at])
        low, high = wilson(tagged / effect, n / effect)
        limits = (float(interval[row, 0]), float(interval[row, 1]))
        rows.append(
            TopicMonth(
                topic,
                tagged,
                tagged / n,
                (float(low), float(high)),
                float(share[row] * n),
                (limits[0] * n, limits[1] * n),
                float(share[row]),
                limits,
                float(shift[row]),
                float(shift_by_chance[row]),
                bool(gap[row] > by_chance[row]),
            )
        )
    return rows


def _unknown(month: Month, words: Mapping[str, Any] | None) -> tuple[float | None, tuple[float, float] | None]:
    if not words or not month.unknown:
        return None, None
    values = np.asarray(month.unknown)
    values = values[~np.isnan(values)]
    if not len(values):
        return None, None
    error = 1.96 * float(np.sqrt(values.var() * words["design_effect"] / len(values)))
    mean = float(values.mean())
    return mean, (max(0.0, mean - error), min(1.0, mean + error))


def _judged(
    month: Month,
    entries: tuple[TopicMonth, ...],
    mean: float | None,
    interval: tuple[float, float] | None,
    words: Mapping[str, Any] | None,
) -> tuple[float, tuple[str, ...]]:
    """How far the month is from training beyond chance, and why it deserves labels."""
    if month.paragraphs < FEWEST:
        return 0.0, ()
    reasons = []
    beyond = [max(0.0, entry.score_shift - entry.score_shift_by_chance) for entry in entries]
    shift = float(np.mean(beyond))
    doubtful = [entry.topic for entry in entries if entry.doubtful]
    if doubtful:
        which = "all topics" if len(doubtful) == len(entries) else listed(doubtful)
        reasons.append(f"scores unlike any mixture of training's: {which}")
    if words and mean is not None and interval is not None:
        own_error = 1.96 * words["deviation"] * np.sqrt(words["design_effect"] / max(1, words["paragraphs"]))
        excess = max(0.0, interval[0] - words["mean"] - float(own_error))
        shift += excess
        if excess > 0:
            reasons.append(f"{mean:.1%} of words unknown, {words['mean']:.1%} in training")
    return shift, tuple(reasons)
