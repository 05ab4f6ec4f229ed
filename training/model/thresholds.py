"""From out-of-fold scores to thresholds: a family behind one function, :func:`choose_thresholds`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.config import Thresholds

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
SLOPE_RIDGE = 5.0
NEARLY = 0.02  # of one topic's F1


@dataclass(frozen=True)
class Cuts:
    """What each possible threshold of one topic would do, from the strictest; arrays of one length.

    ``at`` lies midway between two scores; ``tp`` and ``tagged`` count what reaches it, ``tagged`` with weights.
    """

    at: Floats
    tp: Floats
    tagged: Floats
    positives: int

    @property
    def f1(self) -> Floats:
        return np.asarray(2 * self.tp / (self.tagged + self.positives))


def cuts_of(scores: Floats, truth: Bools, rarity: float | Floats = 1.0) -> Cuts:
    """Every cut that separates two different scores, and one below them all; a negative counts ``rarity`` times."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(float)
    last = np.append(np.flatnonzero(ranked[:-1] > ranked[1:]), len(ranked) - 1)
    below = np.append(ranked[last[:-1] + 1], ranked[-1] - 1.0)
    counted = np.where(truth, 1.0, rarity)[order]
    tp = np.cumsum(truth[order])[last].astype(float)
    return Cuts((ranked[last] + below) / 2, tp, np.cumsum(counted)[last], int(truth.sum()))


def choose_thresholds(scores: Floats, truth: Bools, rule: Thresholds, rarity: Floats | None = None) -> Floats:
    """A threshold for each topic, float64 [topics], from out-of-fold ``scores`` and ``truth`` [n, topics].

    ===============  =====================================================================================
    ``pooled``       one threshold for all topics
    ``per_topic``    for each topic the best for itself (SCut: Yang, SIGIR 2001)
    ``shrunk``       each topic's own, as of ``micro_macro``, with weight ``n / (n + shrinkage)`` for a topic of n
                     positives; the rest is what topics with so many positives have: a line through all topics'
                     thresholds over log n, as rare topics have low scores and too few of them to choose by
    ``smoothed``     for each topic the best for F1 with one imagined success and failure, so that a rare
                     topic is not tagged everywhere on the strength of one hit (Lin & Lin, CIKM 2023)
    ``micro_macro``  topic by topic the best for micro-F1 of all topics plus the topic's share of macro-F1
                     (as LibMultiLabel's technique of that name)
    ===============  =====================================================================================

    The objectives ``micro_f1``, ``macro_f1`` and ``example_f1`` then move all thresholds together by the one step
    that serves them best; ``precision`` and ``recall`` choose by ``target`` in the place of F1.

    ``rarity`` [topics] is for topics that are rarer in the texts to be tagged: how many of those stand behind each row
    without the topic (prior shift: Saerens et al., Neural Computation 2002, §2.2). The choice is then best for them.
    """
    rarity = np.ones(scores.shape[1]) if rarity is None else rarity
    if rule.objective in ("precision", "recall"):
        return _for_target(scores, truth, rule, rarity)
    pooled = _pooled(scores, truth, rarity, _best)
    columns = range(scores.shape[1])
    if rule.method == "pooled":
        thresholds = np.full(scores.shape[1], pooled)
    elif rule.method == "micro_macro":
        thresholds = _micro_macro(scores, truth, pooled, rarity)
    elif rule.method == "shrunk":
        own = _micro_macro(scores, truth, pooled, rarity)
        thresholds = _shrunk(own, _by_support(own, pooled, truth, rule.shrinkage), truth, rule.shrinkage)
    else:
        smoothing = 1.0 if rule.method == "smoothed" else 0.0
        every = (cuts_of(scores[:, at], truth[:, at], rarity[at]) for at in columns)
        thresholds = np.array([_best(cuts, pooled, smoothing) for cuts in every])
    if rule.objective == "example_f1" or (rule.objective == "macro_f1" and rule.method == "pooled"):
        thresholds = _moved(scores, truth, thresholds, rule.objective, rarity)
    return thresholds


def _pooled(scores: Floats, truth: Bools, rarity: Floats, choose: Callable[[Cuts], float]) -> float:
    return choose(cuts_of(scores.ravel(), truth.ravel(), np.tile(rarity, len(scores))))


def _best(cuts: Cuts, without_positives: float = 0.0, smoothing: float = 0.0) -> float:
    """The cut of the best F1; the strictest of equally good ones."""
    if not cuts.positives:
        return without_positives
    f1 = (2 * cuts.tp + smoothing) / (cuts.tagged + cuts.positives + smoothing)
    return float(cuts.at[int(f1.argmax())])


def _shrunk(own: Floats, prior: float | Floats, truth: Bools, shrinkage: float) -> Floats:
    weight = _trust(truth, shrinkage)
    return np.asarray(weight * own + (1 - weight) * prior)


def _trust(truth: Bools, shrinkage: float) -> Floats:
    positives = truth.sum(axis=0)
    return np.asarray(positives / np.maximum(positives + shrinkage, 1e-9))


def _by_support(own: Floats, pooled: float, truth: Bools, shrinkage: float) -> Floats:
    """What a topic with so many positives is likely to have: a ridge regression through ``pooled``."""
    logs = np.log1p(truth.sum(axis=0))
    logs -= np.average(logs, weights=truth.sum(axis=0)) if truth.any() else 0.0
    trust = _trust(truth, shrinkage)
    slope = (trust * logs * (own - pooled)).sum() / ((trust * logs**2).sum() + SLOPE_RIDGE)
    return np.asarray(pooled + slope * logs)


def choose_fallback(scores: Floats, truth: Bools, thresholds: Floats, rarity: Floats | None = None) -> float:
    """How far below its threshold the nearest topic of a text without tags may lie, for the best micro-F1; 0 if never.

    ``scores`` and ``truth`` are [n, topics]; the distance is one of a grid of tenths of the scores' spread.
    """
    rarity = np.ones(scores.shape[1]) if rarity is None else rarity
    margins = scores - thresholds
    tags = margins > 0
    rows = np.flatnonzero(~tags.any(axis=1))
    nearest = margins[rows].argmax(axis=1)
    missing, right = -margins[rows, nearest], truth[rows, nearest]
    distances = np.linspace(0, 3, 31) * float(scores.std())
    added = [missing < distance for distance in distances]
    tp = np.array([(right & chosen).sum() for chosen in added]) + (truth & tags).sum()
    counted = np.where(right, 1.0, rarity[nearest])
    tagged = np.array([counted[chosen].sum() for chosen in added]) + _weighed(truth, tags, rarity).sum()
    return float(distances[int((2 * tp / np.maximum(tagged + truth.sum(), 1)).argmax())])


def _weighed(truth: Bools, tags: Bools, rarity: Floats) -> Floats:
    """Tags, of which a wrong one counts ``rarity`` times, float64 [n, topics]."""
    return np.asarray(tags * np.where(truth, 1.0, rarity))


def _micro_macro(scores: Floats, truth: Bools, pooled: float, rarity: Floats) -> Floats:
    """Coordinate ascent, twice over the topics from the most frequent one, starting at the pooled threshold."""
    topics = scores.shape[1]
    thresholds = np.full(topics, pooled)
    tags = scores > pooled
    tp, tagged = (truth & tags).sum(axis=0).astype(float), _weighed(truth, tags, rarity).sum(axis=0)
    positives = truth.sum(axis=0)
    every = [cuts_of(scores[:, at], truth[:, at], rarity[at]) for at in range(topics)]
    for at in [*np.argsort(-positives, kind="stable")] * 2:
        if not positives[at]:
            continue
        other_tp, other_tagged = tp.sum() - tp[at], tagged.sum() - tagged[at]
        micro = 2 * (other_tp + every[at].tp) / (other_tagged + every[at].tagged + positives.sum())
        best = _steady(every[at].at, topics * micro + every[at].f1)
        thresholds[at], tp[at], tagged[at] = every[at].at[best], every[at].tp[best], every[at].tagged[best]
    return thresholds


def _steady(at: Floats, values: Floats) -> int:
    """The cut in the middle of those nearly as good as the best, which chance moves less than the best itself.

    ``values`` [cuts] are in units of one topic's F1. Where two cuts are good and what lies between is not, the best.
    """
    best = int(values.argmax())
    short = values[best] - values
    near = np.flatnonzero(short <= NEARLY)
    if len(near) < 2:
        return best
    middle = np.average(at[near], weights=(NEARLY - short[near]) * np.abs(np.gradient(at[near])) + 1e-12)
    found = int(np.abs(at - middle).argmin())
    return found if short[found] <= NEARLY else best


def _moved(scores: Floats, truth: Bools, thresholds: Floats, objective: str, rarity: Floats) -> Floats:
    """All thresholds moved by the one step, out of 81 over two standard deviations, that serves the objective best."""
    spread = float(scores.std()) or 1.0
    steps = sorted(np.linspace(-1, 1, 81) * spread, key=abs)
    values = []
    for step in steps:
        tags = scores > thresholds + step
        both = truth & tags
        axis = 1 if objective == "example_f1" else 0
        size = truth.sum(axis=axis) + _weighed(truth, tags, rarity).sum(axis=axis)
        counted = size > 0 if objective == "example_f1" else truth.any(axis=0)
        f1 = 2 * both.sum(axis=axis) / np.maximum(size, 1)
        values.append(float(f1[counted].mean()) if counted.any() else 0.0)
    return np.asarray(thresholds + steps[int(np.argmax(values))])


def _for_target(scores: Floats, truth: Bools, rule: Thresholds, rarity: Floats) -> Floats:
    """The most generous cut that keeps the wanted precision, or the strictest that keeps the wanted recall."""
    target = 0.9 if rule.target is None else rule.target

    def chosen(cuts: Cuts, without_positives: float = 0.0) -> float:
        if not cuts.positives:
            return without_positives
        if rule.objective == "recall":
            return float(cuts.at[int(np.argmax(cuts.tp >= target * cuts.positives))])
        kept = np.flatnonzero(cuts.tp >= target * cuts.tagged)
        return float(cuts.at[kept[-1]] if len(kept) else cuts.at[0] + 1.0)

    pooled = _pooled(scores, truth, rarity, chosen)
    every = (cuts_of(scores[:, at], truth[:, at], rarity[at]) for at in range(scores.shape[1]))
    own = np.array([chosen(cuts, pooled) for cuts in every])
    if rule.method == "pooled":
        return np.full(scores.shape[1], pooled)
    return _shrunk(own, pooled, truth, rule.shrinkage) if rule.method == "shrunk" else own
