"""Does labelling more still help? Expected corrections, and how far the last round moved the tags of the archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import UserError
from training.model.model import Bools, Floats, Model
from training.review.choose import Item
from training.review.pool import Found

STABLE = 0.99
RESAMPLES = 500


@dataclass(frozen=True)
class Stability:
    """Agreement of the tags of two models, one round of labels apart, on the same random paragraphs.

    ``kappa`` is Cohen's over all (paragraph, topic) decisions, with a percentile interval; ``changed`` the share of
    paragraphs with another set of tags. ``moving`` are the topics whose own kappa is below 0.99.
    """

    paragraphs: int
    kappa: float
    interval: tuple[float, float]
    changed: float
    moving: tuple[str, ...]

    @property
    def stop(self) -> bool:
        return self.kappa >= STABLE


@dataclass(frozen=True)
class Benefit:
    """``expected_chosen`` and ``expected_random``: the share of paragraphs of which the model expects to be wrong."""

    expected_chosen: float | None
    expected_random: float
    stability: Stability | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def sentences(self) -> list[str]:
        """What an analyst should know, most important last."""
        told = []
        if self.expected_chosen is not None:
            told.append(
                f"The model expects to be wrong on {self.expected_chosen:.0%} of the chosen paragraphs and on "
                f"{self.expected_random:.0%} of the archive."
            )
        found = self.stability
        if found is None:
            told.append("Whether labelling still helps is told with --before and the model of the round before.")
            return told
        low, high = found.interval
        measured = (
            f"Since the round before, the tags of {found.changed:.1%} of {found.paragraphs:,} random paragraphs "
            f"changed (kappa {found.kappa:.3f}, {low:.3f} to {high:.3f})."
        )
        if found.stop:
            told.append(
                f"{measured} Labelling more of this archive has stopped to help: the tags stay what they are "
                f"(kappa {STABLE} or more). Look at drift for newer months, and at topics that are still rare."
            )
        else:
            moving = f" Still moving: {', '.join(found.moving)}." if found.moving else ""
            told.append(f"{measured} Labelling more still changes the tags (kappa below {STABLE}): go on.{moving}")
        return told


def benefit(model: Model, before: Model | None, items: Sequence[Item], sample: Sequence[Found]) -> Benefit:
    """What the next round is expected to change; ``sample`` are random paragraphs of the archive."""
    chosen = [item.found for item in items if item.reason != "random"]
    return Benefit(
        expected_wrong(model, chosen) if chosen else None,
        expected_wrong(model, sample),
        stability(model, before, [found.text for found in sample]) if before is not None else None,
    )


def expected_wrong(model: Model, found: Sequence[Found]) -> float:
    """The expected share of paragraphs with at least one wrong tag, from the calibrated probabilities.

    Topics that do not exclude one another are taken as independent given the text, so it is an estimate for ordering,
    not a measurement.
    """
    if not found:
        return 0.0
    return float(1 - probability_right(model, np.stack([one.probabilities for one in found])).mean())


def probability_right(model: Model, probabilities: Floats) -> npt.NDArray[np.float64]:
    """The probability that every tag of a paragraph is right, float64 [n]."""
    tags = model.decide(probabilities)
    wide = probabilities.astype(float)
    if model.decision.exclusive == "no":
        return np.asarray(np.where(tags, wide, 1 - wide).prod(axis=1))
    nothing = np.maximum(0.0, 1 - wide.sum(axis=1))
    single = np.where(tags.any(axis=1), (wide * tags).sum(axis=1), nothing)
    return np.asarray(np.where(tags.sum(axis=1) > 1, 0.0, single))  # of two that exclude one another, one is wrong


def stability(model: Model, before: Model, texts: Sequence[str], seed: int = 0) -> Stability:
    """How far the tags of ``texts`` agree with those of the model before.

    The stopping rule of Bloodgood & Vijay-Shanker (CoNLL 2009): stop when kappa on a large unlabelled sample reaches
    0.99. Bloodgood & Grothendieck (CoNLL 2013) bound the change in F-measure by it.
    """
    shared = [topic for topic in model.topics if topic in before.topics]
    if not shared:
        raise UserError(
            f"--before: it has none of the model's topics ({', '.join(model.topics[:5])} …), so rounds can't be "
            f"compared. Name the model of the round before."
        )
    topics = [*model.topics, *(topic for topic in before.topics if topic not in model.topics)]
    now, then = (_tags(one, list(texts), topics) for one in (model, before))
    rng = np.random.default_rng(seed)
    counts = np.stack([now & then, now & ~then, ~now & then, ~now & ~then], axis=-1).astype(float)  # [n, topics, 4]
    per_row = counts.sum(axis=1)
    times = rng.multinomial(len(texts), np.full(len(texts), 1 / len(texts)), size=RESAMPLES)
    low, high = np.quantile(cohen_kappa(times @ per_row), [0.025, 0.975])
    by_topic = cohen_kappa(counts.sum(axis=0))
    moving = tuple(topic for topic, value in zip(topics, by_topic, strict=True) if value < STABLE)
    overall = float(cohen_kappa(per_row.sum(axis=0)))
    changed = float((now != then).any(axis=1).mean())
    return Stability(len(texts), overall, (float(low), float(high)), changed, moving)


def cohen_kappa(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cohen's kappa from counts [..., 4] of both, first only, second only, neither; 1 where all decisions agree."""
    both, first, second, neither = np.moveaxis(np.asarray(counts, dtype=float), -1, 0)
    total = np.maximum(both + first + second + neither, 1e-12)
    agreed = (both + neither) / total
    yes = (both + first) * (both + second) / total**2
    by_chance = yes + (second + neither) * (first + neither) / total**2
    room = 1 - by_chance
    return np.asarray(np.divide(agreed - by_chance, room, out=np.ones_like(agreed), where=room > 1e-12))


def _tags(model: Model, texts: list[str], topics: Sequence[str]) -> Bools:
    wide = np.zeros((len(texts), len(topics)), dtype=bool)
    wide[:, [topics.index(topic) for topic in model.topics]] = model.predict(texts)
    return wide
