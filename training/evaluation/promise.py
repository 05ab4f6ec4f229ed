"""Thresholds that promise a precision or a recall: can the data bear the promise, and was it kept?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from training.config import Config
from training.corpus.records import Corpus, numbered
from training.evaluation.metrics import Bools

BORNE_OUT, NOT_ENOUGH, MISSED = "borne out", "not enough data", "missed"
ROOM = 0.5  # of the errors that the target allows
KEPT, WITHIN_CHANCE, NOTHING = "kept", "missed within chance", "nothing to judge by"


def add_promises(
    metrics: dict[str, Any],
    config: Config,
    corpus: Corpus,
    tags: Bools,
    learned: Sequence[str],
    rarity: npt.NDArray[np.float64] | None = None,
) -> dict[str, Any]:
    """``metrics`` with a ``promise`` entry, overall and for each ``learned`` topic, if ``config.thresholds`` promise.

    ``tags`` are [n, topics of ``corpus`` and ``metrics``]. An entry holds ``objective``, ``target``,
    ``rarity``, ``observed`` (None where nothing was tagged, or for recall where nothing is positive), ``decisions``
    (the number of tags, or of positives), ``bounds``, ``verdict`` and ``kept``:

    ===========  =======================================================================================
    ``bounds``   lower and upper, each one-sided at ``confidence``, see :func:`bounds`
    ``verdict``  "missed": the upper bound is below the target; "borne out": even at the lower bound there are
                 at most half as many wrong again as promised (0.85 for a target of 0.9); "not enough data":
                 neither, so few decisions cannot bear the promise
    ``kept``     "kept": the observed figure reaches the target; "missed": it does not, and the upper
                 bound neither; "missed within chance": it does not, but the upper bound does
    ===========  =======================================================================================

    The lower bound is given that room because a threshold is chosen to meet its target only just: a bound that has to
    reach the target itself would call every promise doubtful, whatever the data. A pooled threshold promises for all
    topics together, and nothing for one of them.
    """
    rule, truth, confidence = config.thresholds, corpus.labels, config.evaluation.confidence
    if rule.method == "fixed" or rule.objective not in ("precision", "recall") or rule.target is None:
        return metrics
    article = numbered(corpus.article_ids)
    asked, right = (tags, truth) if rule.objective == "precision" else (truth, tags)
    weights = np.ones(len(corpus.topics)) if rarity is None or rule.objective == "recall" else rarity
    known = np.isin(np.array(corpus.topics, dtype=object), np.array(learned, dtype=object))

    def entry(columns: Any) -> dict[str, Any]:
        rows, at = np.nonzero(asked[:, columns])
        hit, weight = right[:, columns][rows, at], weights[columns][at]
        times = float(np.mean(weight if hit.all() else weight[~hit])) if len(hit) else 1.0
        return _entry(hit, article[rows], rule.objective, float(rule.target or 0), confidence, times)

    metrics["promise"] = entry(np.flatnonzero(known))
    if rule.method != "pooled":
        for at, topic in enumerate(corpus.topics):
            if known[at]:
                metrics["topics"][topic]["promise"] = entry([at])
    return metrics


def _entry(
    right: Bools, article: npt.NDArray[np.intp], objective: str, target: float, confidence: float, rarity: float
) -> dict[str, Any]:
    def where_rare(share: float) -> float:
        return share / (share + rarity * (1 - share))

    number = len(right)
    wanted_here = target * rarity / (target * rarity + 1 - target)
    low, high = map(where_rare, bounds(right, article, wanted_here, confidence))
    observed = where_rare(float(right.mean())) if number else None
    bearable = target - ROOM * (1 - target)
    verdict = MISSED if high < target else BORNE_OUT if low >= bearable and number else NOT_ENOUGH
    if observed is None:
        kept = NOTHING
    elif observed >= target:
        kept = KEPT
    else:
        kept = MISSED if high < target else WITHIN_CHANCE
    return {
        "objective": objective,
        "target": target,
        "rarity": rarity,
        "observed": observed,
        "decisions": number,
        "bounds": [low, high],
        "verdict": verdict,
        "kept": kept,
    }


def bounds(right: Bools, article: npt.NDArray[np.intp], target: float, confidence: float) -> tuple[float, float]:
    """One-sided bounds, lower and upper, of the share of decisions that are ``right`` [n]; 0 and 1 without any.

    Clopper & Pearson (Biometrika 26, 1934), with as many decisions as these are worth: those of one ``article`` [n] are
    alike, so their number is divided by the design effect (Kish 1965, §5.4), with deviations from ``target`` in the
    place of the mean, because a few hits without a miss have no deviations from their mean.
    """
    n = len(right)
    if not n:
        return 0.0, 1.0
    deviation = right - target
    by_article = np.bincount(article, weights=deviation)
    spread = float((deviation**2).sum())
    effect = max(1.0, float((by_article**2).sum()) / spread) if spread > 0 else 1.0
    worth, hits = n / effect, float(right.sum()) / effect
    low = float(betaincinv(hits, worth - hits + 1, 1 - confidence)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, worth - hits, confidence)) if hits < worth else 1.0
    return low, high


def promise_summary(part: Mapping[str, Any], key: str) -> str:
    """How many topics of ``part`` (the figures of one set of tags) stand where: by ``verdict`` or by ``kept``."""
    whole = part["promise"]
    observed = "-" if whole["observed"] is None else f"{whole['observed']:.3f}"
    together = f"all topics together {observed} ({whole[key]})"
    verdicts = Counter(entry["promise"][key] for entry in part["topics"].values() if "promise" in entry)
    if not verdicts:
        return together
    return f"{', '.join(f'{word} for {n}' for word, n in verdicts.most_common())}; {together}"
