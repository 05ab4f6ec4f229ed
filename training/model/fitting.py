"""From labelled texts to a model: out-of-fold scores, the decision rule from them, final weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.config import Config
from training.model.characters import CharacterTable
from training.model.classifier import TopicClassifier
from training.model.contests import each_contest
from training.model.deciding import OutOfFold, cross_fitted, decide, exclusivity, passage_tokens
from training.model.model import Decision
from training.model.passages import Passages, best_of
from training.model.scorer import Block, BlockSettings, Scorer
from training.model.task import NO_LESSONS, CountedFeatures, Lessons, Task
from training.model.tfidf import FoldFeatures

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

# About as near to the minimum as 30 epochs from zeros, and sooner there; but not where rows are followed closely.
EPOCHS_FROM_WHOLE, TOLERANCE_FROM_WHOLE, STRENGTH_FROM_WHOLE = 6, 0.03, 1.0


@dataclass(frozen=True)
class Fit:
    """A trained scorer with its decision rule, and the out-of-fold estimate of how they do."""

    scorer: Scorer
    decision: Decision
    out_of_fold: OutOfFold


def fit(
    texts: pa.LargeStringArray,
    labels: Bools,
    folds: npt.NDArray[np.intp],
    config: Config,
    threads: int,
    lessons: Lessons = NO_LESSONS,
    rarity: npt.NDArray[np.float64] | None = None,
) -> Fit:
    """Train on ``texts`` [n] and ``labels`` [n, topics]; ``folds`` [n] gives the fold of each text.

    ``lessons`` are learned from in every fold, but nothing is measured or chosen by them. ``rarity`` [topics] is as in
    :func:`choose_thresholds`.
    """
    tokens = passage_tokens(labels, config.classifier)
    task = Task(texts, labels, folds, lessons, tokens)
    counted = CountedFeatures(task, config.features)
    every = np.arange(len(task.all_labels))
    learned, classifier = trained(task, counted, config, every, threads)
    out_of_fold = out_of_fold_scores(task, counted, config, threads, classifier)
    exclusive = exclusivity(labels, config.classifier.exclusive)
    rule = decide(out_of_fold, labels, exclusive, config.thresholds, rarity)
    own, of_contests = rule.matrix[: labels.shape[1]], rule.matrix[labels.shape[1] :]
    passages = None
    if len(task.passage_rows):
        own, of_contests = own + of_contests, of_contests[:0]  # the same weights score the whole and its passages
        if tokens and rule.passage_share:
            passages = Passages(tokens, rule.passage_share)
    weights, intercepts = _calibrated(classifier.coef_.T, own), classifier.intercept_ @ own + rule.offsets
    if len(of_contests):
        matrix = counted.matrix(learned, every)
        for some, first, among in each_contest(task.all_labels, exclusive, config.classifier, threads):
            some.fit(matrix, first, among)
            share, of_contests = np.split(of_contests, [len(some.coef_)])
            weights += some.coef_.T @ share
            intercepts += some.intercept_ @ share
    scorer = _scorer(counted, learned, weights, intercepts, passages)
    estimate = cross_fitted(out_of_fold, labels, folds, exclusive, config.thresholds, rarity, rule, threads)
    return Fit(scorer, rule.decision, estimate)


def trained(
    task: Task, counted: CountedFeatures, config: Config, rows: Rows, threads: int
) -> tuple[list[FoldFeatures], TopicClassifier]:
    """The features and the classifier that are learned from ``rows`` alone."""
    learned = counted.learn(rows)
    matrix, emphasis = counted.matrix(learned, rows), counted.emphasis(learned)
    return learned, _classifier(config, threads).fit(matrix, task.all_labels[rows], emphasis=emphasis)


def scores_of_fold(
    task: Task, counted: CountedFeatures, config: Config, fold: int, threads: int, whole: TopicClassifier | None = None
) -> tuple[Rows, npt.NDArray[np.float32]]:
    """The rows of a fold, and their scores by classifiers that have learned from the other folds alone.

    They begin where ``whole`` ended, which has learned from all rows, if the strength is not great: that is sooner
    done, and the scores are no nearer to the labels of held-out rows than after a fit from zeros
    (experiments/quality/NOTES.md).

    The columns are those of the topics; behind them, where topics exclude one another, those of their contests, and
    otherwise, if any text has passages, those of the best passage.
    """
    held_out = np.flatnonzero(task.folds == fold)
    rows = np.append(np.flatnonzero(task.folds != fold), task.always)
    learned = counted.learn(rows)
    matrix, labels = counted.matrix(learned, rows), task.all_labels[rows]
    to_score, of_passages = _with_passages(task, held_out)
    unseen = counted.matrix(learned, to_score)
    classifier = _classifier(config, threads)
    duals = getattr(whole, "duals_", None) if config.classifier.strength <= STRENGTH_FROM_WHOLE else None  # of SVMs
    if duals is not None:
        classifier.set_params(epochs=EPOCHS_FROM_WHOLE, tolerance=TOLERANCE_FROM_WHOLE)
        duals = duals[rows]
    scores = classifier.fit_scores(matrix, labels, unseen, emphasis=counted.emphasis(learned), duals=duals)
    columns = [_best_passages(task, scores, of_passages)]
    exclusive = exclusivity(task.labels, config.classifier.exclusive)
    for some, first, among in each_contest(labels, exclusive, config.classifier, threads):
        columns.append(some.fit_scores(matrix, first, unseen, among))
    return held_out, np.column_stack(columns)


def topic_scores(
    task: Task, counted: CountedFeatures, learned: Sequence[FoldFeatures], classifier: TopicClassifier, rows: Rows
) -> Floats:
    """float32 [rows, topics] of labelled texts, ``rows`` ascending; twice as wide if any text has passages.

    Then the best passage's scores stand behind those of the whole.
    """
    to_score, of_passages = _with_passages(task, rows)
    return _best_passages(task, classifier.decision_function(counted.matrix(learned, to_score)), of_passages)


def _with_passages(task: Task, rows: Rows) -> tuple[Rows, Rows]:
    """``rows`` and their passages as rows of all texts; for each passage, which of ``rows`` it belongs to."""
    passages = np.flatnonzero(np.isin(task.passage_rows, rows))
    return np.append(rows, task.first_passage + passages), np.searchsorted(rows, task.passage_rows[passages])


def _best_passages(task: Task, scores: Floats, of_passages: Rows) -> Floats:
    """The scores [rows, topics] of texts; behind them those of the best passage, if any text of the task has passages.

    ``scores`` are of the rows and of their passages, as :func:`_with_passages` gives them.
    """
    whole, passages = np.split(scores, [len(scores) - len(of_passages)])
    if not len(task.passage_rows):
        return whole
    best = whole.copy()
    if len(of_passages):
        best[of_passages] = -np.inf
        best_of(passages, of_passages, best)
    return np.column_stack([whole, best])


def _classifier(config: Config, threads: int) -> TopicClassifier:
    chosen = config.classifier
    return TopicClassifier(
        kind=chosen.kind, strength=chosen.strength, threads=threads, emphasis_factor=chosen.query_emphasis
    )


def out_of_fold_scores(
    task: Task, counted: CountedFeatures, config: Config, threads: int, whole: TopicClassifier | None = None
) -> Floats:
    """The scores of :func:`fold_scores` in the order of the rows, float32 [n, columns]."""
    found = list(fold_scores(task, counted, config, threads, whole))
    scores = np.zeros((len(task.labels), found[0][1].shape[1]), dtype=np.float32)
    for held_out, of_fold in found:
        scores[held_out] = of_fold
    return scores


def fold_scores(
    task: Task, counted: CountedFeatures, config: Config, threads: int, whole: TopicClassifier | None = None
) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
    """:func:`scores_of_fold` for one fold after the other, computed side by side."""
    for numbers, each in _dealt(np.unique(task.folds), max(1, threads)):
        scored = partial(scores_of_fold, task, counted, config, threads=each, whole=whole)
        with ThreadPoolExecutor(len(numbers)) as pool:
            yield from pool.map(scored, numbers)


def _dealt(folds: npt.NDArray[np.intp], threads: int) -> list[tuple[npt.NDArray[np.intp], int]]:
    """Folds that are worked on at once, and the threads of each: those that are left at the end share all threads."""
    rounds = [folds[first : first + threads] for first in range(0, len(folds), threads)]
    return [(some, -(-threads // len(some))) for some in rounds]


def _calibrated(weights: Floats, matrix: npt.NDArray[Any]) -> Floats:
    """``weights @ matrix``, in place if it can be: independent topics have a diagonal matrix, and may be hundreds."""
    diagonal = np.diag(matrix)
    if (matrix == np.diag(diagonal)).all():
        weights *= diagonal.astype(np.float32)
        return weights
    return np.asarray(weights @ matrix, np.float32)


def _scorer(
    counted: CountedFeatures,
    learned: Sequence[FoldFeatures],
    weights: Floats,
    intercepts: npt.NDArray[Any],
    passages: Passages | None,
) -> Scorer:
    """``weights`` [features, topics] apply to rows of :meth:`CountedFeatures.matrix`; they become the scorer's."""
    blocks = []
    for (ngrams, vectorizer), features in zip(counted.blocks, learned, strict=True):
        settings = BlockSettings(
            analyzer=vectorizer.analyzer,
            ngram_range=ngrams.ngram_range,
            sublinear_tf=ngrams.sublinear_tf,
            first_tokens=ngrams.first_tokens,
        )
        blocks.append(Block(settings, features.terms, np.asarray(features.idf, dtype=np.float32)))
    block_weights = np.repeat([ngrams.weight for ngrams, _ in counted.blocks], [len(block.terms) for block in blocks])
    weights *= block_weights.astype(np.float32)[:, None]
    return Scorer(blocks, weights, intercepts.astype(np.float32), CharacterTable.current(), passages)
