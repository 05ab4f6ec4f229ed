"""How many paragraphs truly carry a topic: counts of tags corrected for the error of the model, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluation.reference import EDGES

Floats = npt.NDArray[np.float64]
STEPS = 40
EM_STEPS = 500
CUTS = [at for at, edge in enumerate(EDGES[1:]) if 0.05 <= edge <= 0.95]
RESAMPLES = 400


def mixing_share(observed: Floats, positive: Floats, negative: Floats) -> Floats:
    """The share of positives under which the ``observed`` histograms are most likely, float64 [...].

    All are counts [..., bins]. The likelihood of a mixture of the two reference histograms is concave in the share, so
    halving on its derivative finds the maximum that the EM of Saerens, Latinne & Decaestecker (Neural Computation 14,
    2002, §2.3) climbs to; the densities of the scores are measured here where they trust the probabilities. Assumes
    that positives of the archive score as positives of training do, and negatives as negatives (prior shift).
    """
    high, low = _density(positive, negative)
    shape = np.broadcast_shapes(observed.shape, high.shape)[:-1]
    left, right = np.zeros(shape), np.ones(shape)
    for _ in range(STEPS):
        middle = (left + right) / 2
        mixture = middle[..., None] * high + (1 - middle[..., None]) * low
        rising = (observed * (high - low) / mixture).sum(axis=-1) > 0
        left, right = np.where(rising, middle, left), np.where(rising, right, middle)
    return np.asarray((left + right) / 2)


def misfit(observed: Floats, positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """How far the observed scores are from the best mixture: the Kolmogorov distance [...], and where chance ends.

    Beyond it (Smirnov's two-sample bound at 1%) the archive's positives or negatives do not score as those of training
    did, and the correction is not to be trusted. Counts should be effective ones.
    """
    share = mixing_share(observed, positive, negative)[..., None]
    high, low = _density(positive, negative)
    return kolmogorov(observed, share * high + (1 - share) * low, (positive + negative).sum(axis=-1))


def kolmogorov(observed: Floats, expected: Floats, behind: Floats) -> tuple[Floats, Floats]:
    """The largest difference of two cumulated histograms [..., bins], and Smirnov's 1% bound for it.

    Cuts below 0.05 and above 0.95 do not count: there the model of all the training data is always a little surer than
    those of the folds, which changes no tag. ``behind`` counts the paragraphs that ``expected`` was estimated from.
    """
    n = np.maximum(observed.sum(axis=-1), 1e-9)
    shares = expected / np.maximum(expected.sum(axis=-1, keepdims=True), 1e-9)
    difference = np.abs(np.cumsum(observed / n[..., None], axis=-1) - np.cumsum(shares, axis=-1))
    difference = difference[..., CUTS].max(axis=-1)
    return np.asarray(difference), np.asarray(1.628 * np.sqrt(1 / n + 1 / np.maximum(behind, 1e-9)))


def corrected(
    observed: Floats, positive: Floats, negative: Floats, effect: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The corrected share of each period, [periods], and its 95% interval [periods, 2].

    ``observed`` counts [periods, bins]; ``positive`` and ``negative`` the reference [bins]. The interval resamples the
    archive and both references, each with its effective number of paragraphs (divided by the design ``effect``): it
    covers the error of sampling and of what is known of the model, not a change of what a topic looks like.
    """
    share = mixing_share(observed, positive, negative)
    drawn = np.empty((RESAMPLES, len(observed)))
    high, low = (_drawn(reference, effect, rng) for reference in (positive, negative))
    for at, counts in enumerate(observed):
        drawn[:, at] = mixing_share(_drawn(counts, effect, rng), high, low)
    interval = np.quantile(drawn, [0.025, 0.975], axis=0).T
    # A percentile interval may leave out an estimate that is stuck at 0 or 1.
    return share, np.stack([np.minimum(interval[:, 0], share), np.maximum(interval[:, 1], share)], axis=1)


def competing(probabilities: Floats, prior: Floats, effect: float, behind: int) -> tuple[Floats, Floats]:
    """The share of each of several topics of which a paragraph has exactly one, [topics], and its 95% interval.

    The EM of Saerens et al. (2002, §2.3): ``probabilities`` [n, topics] sum to 1, ``prior`` [topics] are the shares in
    training. Topics are estimated together, because a topic that becomes frequent takes its false tags from the others.
    The interval is Wald's from the observed information, for the effective number of paragraphs, widened for the
    ``behind`` paragraphs of training as if they were a second sample of the same kind.
    """
    ratio = probabilities / np.maximum(prior, 1e-6)
    share = prior / prior.sum()
    for _ in range(EM_STEPS):
        weighed = ratio * share
        now = (weighed / weighed.sum(axis=1, keepdims=True)).mean(axis=0)
        moved = float(np.abs(now - share).max())
        share = now
        if moved < 1e-6:
            break
    n, topics = ratio.shape
    slope = ratio / (ratio @ share)[:, None]
    # Shares sum to 1, so only directions that sum to 0 are free.
    free = np.linalg.svd(np.ones((1, topics)))[2][1:].T
    information = free.T @ (slope.T @ slope) @ free / effect
    covariance = free @ np.linalg.pinv(information) @ free.T
    error = 1.96 * np.sqrt(np.maximum(np.diag(covariance), 0) * (1 + n / max(1, behind)))
    return share, np.stack([np.maximum(0.0, share - error), np.minimum(1.0, share + error)], axis=1)


def wilson(hits: Any, total: Any, z: float = 1.96) -> tuple[Any, Any]:
    """Wilson's score interval of a share (Brown, Cai & DasGupta 2001, eq. 4); 0 to 1 where ``total`` is 0."""
    n = np.maximum(np.asarray(total, dtype=float), 1e-9)
    share = np.asarray(hits, dtype=float) / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(0.0, middle - half), np.minimum(1.0, middle + half)


def _density(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """Both histograms as shares; each gets one paragraph more, spread as all are, so no bin is impossible."""
    together = positive + negative + 0.5
    prior = together / together.sum(axis=-1, keepdims=True)
    smooth = [counts + prior for counts in (positive, negative)]
    high, low = (counts / counts.sum(axis=-1, keepdims=True) for counts in smooth)
    return high, low


def _drawn(counts: Floats, effect: float, rng: np.random.Generator) -> Floats:
    """Multinomial draws [resamples, bins] of the effective size."""
    total = float(counts.sum())
    if total <= 0:
        return np.zeros((RESAMPLES, len(counts)))
    size = max(1, round(total / effect))
    return rng.multinomial(size, counts / total, size=RESAMPLES).astype(float)
