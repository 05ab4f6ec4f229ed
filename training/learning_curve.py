"""How much would more labels help? Out-of-fold figures with parts of the labelled articles, overall and by topic."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.config import Config
from training.corpus.records import Corpus
from training.corpus.splits import stratified_folds
from training.evaluation.comparison import Difference, compare_tags, difference_told
from training.evaluation.intervals import Resampler, add_intervals
from training.evaluation.metrics import Bools, evaluate
from training.model.deciding import decide, exclusivity, passage_tokens
from training.model.fitting import scores_of_fold
from training.model.task import NO_LESSONS, CountedFeatures, Lessons, Task, TooFewWordsError

PARTS = 4
FLAT = 0.02
DIGITS = 3  # of F1; a step that is not seen is none

log = logging.getLogger(__name__)


def learning_curve(
    corpus: Corpus,
    groups: npt.NDArray[np.intp],
    folds: npt.NDArray[np.intp],
    config: Config,
    whole: Bools,
    lessons: Lessons = NO_LESSONS,
    rarity: npt.NDArray[np.float64] | None = None,
) -> dict[str, Any] | None:
    """Figures on all paragraphs of ``corpus`` with a quarter, half, three quarters and all of it to learn from.

    Articles are dealt into quarters that resemble one another, ``groups`` [n] staying whole, and each part holds the
    one before it. Whatever the part, each of the ``folds`` [n] is tagged by a model and thresholds that come from the
    part's paragraphs in other folds alone: with five folds, from four fifths of the part. Articles are dealt once: a
    curve that is not smooth says how much depends on which articles they were. ``whole`` [n, topics] are the
    out-of-fold tags with all paragraphs, as :func:`~training.model.fitting.fit` gives them; ``lessons`` and ``rarity``
    [topics] must be those of that fit, or the parts would be tagged by another rule than the whole.

    ``points`` has micro- and macro-F1 with intervals by part; ``topics`` has F1 and the positives by part, and ``gain``
    for each, and overall, is what the last doubling of the labels brought (all against half of them), with the
    interval of the paired difference (None if articles are too few for one) and a verdict:

    ==============  ===================================================================================
    "still rising"  surely better than with half; better than with three quarters, too, and F1 is below 1
    "rose"          surely better than with half, but no better than with three quarters, or F1 is 1
    "falling"       surely worse than with half, and worse than with three quarters
    "fell"          surely worse than with half, but no worse than with three quarters
    "flat"          surely within 0.02 of no gain
    "can't tell"    none of these
    ==============  ===================================================================================

    Parts too small to learn from are left out; if that leaves fewer than two, there is no curve (None). Where half is
    left out, ``gain_from`` is not 0.5 but the share of the smallest part that is left, and gains are measured from it.
    """
    part = _quarters(corpus.labels, groups, folds, config.seed)
    task = Task(corpus.texts, corpus.labels, folds, lessons, passage_tokens(corpus.labels, config.classifier))
    counted = CountedFeatures(task, config.features)
    resampler = Resampler(corpus.article_ids, config.evaluation.resamples, config.evaluation.confidence, config.seed)
    tags, points = {}, []
    by_topic: dict[str, dict[str, Any]] = {topic: {"positives": [], "f1": []} for topic in corpus.topics}
    for parts in range(1, PARTS + 1):
        known = part < parts
        log.info("learning curve: learning from %d of %d paragraphs", known.sum(), len(corpus))
        found = whole if known.all() else _tags_if_any(task, counted, known, config, rarity)
        if found is None:
            log.info("learning curve: %d paragraphs are too few to learn from", known.sum())
            continue
        tags[parts] = found
        figures = evaluate(corpus.labels, tags[parts], tags[parts].astype(float), corpus.topics)
        add_intervals(figures, resampler, corpus.labels, tags[parts])
        points.append(
            {
                "share": parts / PARTS,
                "paragraphs": int(known.sum()),
                **{name: figures[name] for name in ("micro_f1", "macro_f1")},
                "intervals": {name: figures["intervals"][name] for name in ("micro_f1", "macro_f1")},
            }
        )
        for at, topic in enumerate(corpus.topics):
            by_topic[topic]["positives"].append(int(corpus.labels[known, at].sum()))
            by_topic[topic]["f1"].append(figures["topics"][topic]["f1"])
    if len(points) < 2:
        return None
    begin = next(parts for parts in tags if parts >= PARTS // 2)
    overall, of_topics = compare_tags(corpus.labels, tags[begin], tags[PARTS], corpus.topics, resampler)
    for difference in of_topics:
        entry = by_topic[difference.figure]
        entry["gain"] = _gain(difference, entry["f1"])
    gains = {
        difference.figure: _gain(difference, [point[difference.figure] for point in points])
        for difference in overall
        if difference.figure != "example_f1"
    }
    return {"points": points, "topics": by_topic, "gain": gains, "gain_from": begin / PARTS}


def _quarters(
    labels: Bools, groups: npt.NDArray[np.intp], folds: npt.NDArray[np.intp], seed: int
) -> npt.NDArray[np.intp]:
    """The quarter of each row, each with its share of every topic and of every fold.

    Dealt with the seed of the folds, four quarters would be four folds: nothing would be left to learn one from itself.
    """
    resembling = np.hstack([labels, folds[:, None] == np.unique(folds)])
    return stratified_folds(resembling, groups, [1.0] * PARTS, seed + 1)


def tags_from(
    task: Task,
    counted: CountedFeatures,
    known: Bools,
    config: Config,
    rarity: npt.NDArray[np.float64] | None = None,
) -> Bools:
    """Tags of all rows, bool [n, topics], each fold learned from the ``known`` rows [n] of the other folds.

    ``rarity`` [topics] is as in :func:`~training.model.thresholds.choose_thresholds`.
    """
    labels, tags = task.labels, np.zeros(task.labels.shape, dtype=bool)
    scores: Any = None
    for fold in np.unique(task.folds):
        held_out = task.folds == fold
        shown = copy.copy(task)
        shown.folds = (known & ~held_out).astype(np.intp)  # fold 0 is not learned from
        rows, found = scores_of_fold(shown, counted, config, 0, os.cpu_count() or 1)
        scores = np.zeros((len(labels), found.shape[1]), dtype=np.float32) if scores is None else scores
        scores[held_out] = found[np.isin(rows, np.flatnonzero(held_out))]
    exclusive = exclusivity(labels, config.classifier.exclusive)
    for fold in np.unique(task.folds):
        held_out, others = task.folds == fold, known & (task.folds != fold)
        rule = decide(scores[others], labels[others], exclusive, config.thresholds, rarity)
        tags[held_out] = rule.decision.tags(rule.probabilities(scores[held_out]))
    tags[:, labels[known].sum(axis=0) < config.classifier.min_positives] = False
    return tags


def _tags_if_any(
    task: Task, counted: CountedFeatures, known: Bools, config: Config, rarity: npt.NDArray[np.float64] | None
) -> Bools | None:
    """:func:`tags_from`, or None where a fold leaves nothing, or no words, to learn from."""
    if not all((known & (task.folds != fold)).any() for fold in np.unique(task.folds)):
        return None
    try:
        return tags_from(task, counted, known, config, rarity)
    except TooFewWordsError:
        return None


def _gain(difference: Difference, values: Sequence[float]) -> dict[str, Any]:
    """What the difference says of a figure that had these ``values`` with one part after the other."""
    interval = difference.interval
    before, now = (round(value, DIGITS) for value in values[-2:])
    verdict = difference.verdict
    if verdict == "better":
        verdict = "still rising" if before < now < 1 else "rose"
    elif verdict == "worse":
        verdict = "falling" if now < before else "fell"
    elif interval is not None and interval[0] > -FLAT and interval[1] < FLAT:
        verdict = "flat"
    return {"by": difference.b - difference.a, "interval": interval and list(interval), "verdict": verdict}


def curve_lines(curve: Mapping[str, Any]) -> Iterator[str]:
    """The curve as the lines of a text table."""
    points, topics = curve["points"], curve["topics"]
    width = max(len(topic) for topic in (*topics, "macro-F1"))
    shares = "".join(f"{point['share']:>8.0%}" for point in points)
    step = "last doubling" if curve["gain_from"] == 0.5 else f"step from {curve['gain_from']:.0%} to all"
    yield f"{'F1 with so much of the labels':{width + 11}}{shares}   {step}"
    rows = [
        ("micro-F1", points[-1]["paragraphs"], [point["micro_f1"] for point in points], curve["gain"]["micro_f1"]),
        ("macro-F1", points[-1]["paragraphs"], [point["macro_f1"] for point in points], curve["gain"]["macro_f1"]),
        *((topic, entry["positives"][-1], entry["f1"], entry["gain"]) for topic, entry in topics.items()),
    ]
    for name, number, values, gain in rows:
        figures = "".join(f"{value:8.{DIGITS}f}" for value in values)
        told = difference_told(gain["by"], gain["interval"])
        yield f"  {name:{width}} {number:8}{figures}   {told} {gain['verdict']}"
    helped = sum(entry["gain"]["verdict"] in ("still rising", "rose") for entry in topics.values())
    yield (
        f"The {step} of the labels helped {helped} of {len(topics)} topics beyond doubt. As a rule the next one "
        f"helps less; so few points allow no figure for it."
    )
