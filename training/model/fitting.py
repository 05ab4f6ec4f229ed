"""From labelled texts to a model: out-of-fold scores, the decision rule from them, final weights."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, hstack

from training.config import Config, Features, Ngrams
from training.errors import UserError
from training.model.characters import CharacterTable
from training.model.classifier import TopicClassifier
from training.model.counts import Counts
from training.model.deciding import OutOfFold, cross_fitted, decide, exclusivity
from training.model.model import Decision
from training.model.ngrams import FoldFeatures, NgramVectorizer
from training.model.queried import ngrams_of_terms
from training.model.scorer import Block, BlockSettings, Scorer

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]


class Lessons(NamedTuple):
    """What a codebook teaches beside the labelled texts.

    texts: further texts with the column of their topic. queried: for each topic the terms of its keyword query, any one
    of which is enough; or nothing at all.
    """

    texts: Sequence[tuple[str, int]] = ()
    queried: Sequence[Sequence[str]] = ()


NO_LESSONS = Lessons()


@dataclass(frozen=True)
class Fit:
    """A trained scorer with its decision rule, and the out-of-fold estimate of how they do."""

    scorer: Scorer
    decision: Decision
    out_of_fold: OutOfFold


def blocks_of(features: Features) -> list[tuple[Ngrams, NgramVectorizer]]:
    """The feature blocks that a config asks for, each with its vectorizer."""
    chosen: list[tuple[Literal["word", "char_wb"], Ngrams | None]] = [
        ("word", features.word),
        ("char_wb", features.char),
        ("word", features.lead),
    ]
    return [
        (
            ngrams,
            NgramVectorizer(
                analyzer=analyzer,
                ngram_range=ngrams.ngram_range,
                min_df=ngrams.min_df,
                max_features=ngrams.max_features,
                sublinear_tf=ngrams.sublinear_tf,
                first_tokens=ngrams.first_tokens,
                dtype=np.float32,
            ),
        )
        for analyzer, ngrams in chosen
        if ngrams is not None
    ]


class Task:
    """Texts to learn from, with the lessons that every fold learns from put behind them."""

    def __init__(
        self,
        texts: pa.LargeStringArray,
        labels: Bools,
        folds: npt.NDArray[np.intp],
        lessons: Lessons = NO_LESSONS,
    ) -> None:
        self.labels, self.folds, self.queried = labels, folds, lessons.queried
        self.all_texts = pa.concat_arrays([*_chunks(texts), *_chunks(_texts_of(lessons))])
        taught = np.zeros((len(lessons.texts), labels.shape[1]), dtype=bool)
        taught[np.arange(len(lessons.texts)), [topic for _, topic in lessons.texts]] = True
        self.all_labels = np.vstack([labels, taught])
        self.always = np.arange(len(labels), len(self.all_labels))


class CountedFeatures:
    """The n-grams of all texts, counted once; their TF-IDF is made for each fold from its training rows alone."""

    def __init__(self, task: Task, features: Features) -> None:
        self.blocks = blocks_of(features)
        CharacterTable.current()  # measured once, before the threads ask for it
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            self._counts: list[Counts] = list(pool.map(lambda block: block[1].count(task.all_texts), self.blocks))
        self._queried = [
            [
                ngrams_of_terms(counts.terms, terms, ngrams.ngram_range if vectorizer.analyzer == "word" else (0, 0))
                for (ngrams, vectorizer), counts in zip(self.blocks, self._counts, strict=True)
            ]
            for terms in task.queried
        ]

    def learn(self, rows: Rows) -> list[FoldFeatures]:
        """The vocabulary and idf of each block, from the texts of ``rows``."""
        try:
            return [
                vectorizer.fold(counts, rows) for (_, vectorizer), counts in zip(self.blocks, self._counts, strict=True)
            ]
        except ValueError:
            raise UserError(
                f"data.train: {len(rows)} paragraphs to learn from have too few words in common to learn anything. "
                f"Label more paragraphs, or lower features.word.min_df and features.char.min_df to 1."
            ) from None

    def emphasis(self, learned: Sequence[FoldFeatures]) -> list[npt.NDArray[np.int64]] | None:
        """For each topic the columns of :meth:`matrix` that its query looks for; None without queries."""
        if not self._queried:
            return None
        found = []
        for of_topic in self._queried:
            first, columns = 0, [np.zeros(0, np.int64)]
            for features, wanted in zip(learned, of_topic, strict=True):
                columns.append(first + np.flatnonzero(np.isin(features.kept, wanted, assume_unique=True)))
                first += len(features.kept)
            found.append(np.concatenate(columns))
        return found

    def matrix(self, learned: Sequence[FoldFeatures], rows: Rows) -> csr_array:
        """float32 [rows, features of all blocks], each block L2-normalised and times its weight."""
        parts = []
        for (ngrams, _), features in zip(self.blocks, learned, strict=True):
            part = csr_array(features.matrix(rows))
            part.data *= np.float32(ngrams.weight)
            parts.append(part)
        return parts[0] if len(parts) == 1 else csr_array(hstack(parts, format="csr"))


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
    task = Task(texts, labels, folds, lessons)
    counted = CountedFeatures(task, config.features)
    out_of_fold = np.zeros(labels.shape, dtype=np.float32)
    numbers = np.unique(folds)
    workers, each = _dealt(threads, 1 + len(numbers))
    with ThreadPoolExecutor(workers) as pool:
        whole = pool.submit(trained, task, counted, config, np.arange(len(task.all_labels)), each)
        for held_out, scores in pool.map(lambda fold: scores_of_fold(task, counted, config, fold, each), numbers):
            out_of_fold[held_out] = scores
        learned, classifier = whole.result()
    exclusive = exclusivity(labels, config.classifier.exclusive)
    matrix, offsets, decision = decide(out_of_fold, labels, exclusive, config.thresholds, rarity)
    weights = _calibrated(classifier.coef_.T, matrix)
    scorer = _scorer(counted, learned, weights, classifier.intercept_ @ matrix + offsets)
    return Fit(scorer, decision, cross_fitted(out_of_fold, labels, folds, exclusive, config.thresholds, rarity))


def trained(
    task: Task, counted: CountedFeatures, config: Config, rows: Rows, threads: int
) -> tuple[list[FoldFeatures], TopicClassifier]:
    """The features and the classifier that are learned from ``rows`` alone."""
    learned = counted.learn(rows)
    chosen = config.classifier
    classifier = TopicClassifier(
        kind=chosen.kind, strength=chosen.strength, threads=threads, emphasis_factor=chosen.query_emphasis
    )
    return learned, classifier.fit(counted.matrix(learned, rows), task.all_labels[rows], counted.emphasis(learned))


def scores_of_fold(
    task: Task, counted: CountedFeatures, config: Config, fold: int, threads: int
) -> tuple[Rows, npt.NDArray[np.float32]]:
    """The rows of a fold, and their scores by a classifier that has seen the other folds alone."""
    held_out = np.flatnonzero(task.folds == fold)
    rows = np.append(np.flatnonzero(task.folds != fold), task.always)
    learned, classifier = trained(task, counted, config, rows, threads)
    return held_out, classifier.decision_function(counted.matrix(learned, held_out)).reshape(len(held_out), -1)


def fold_scores(
    task: Task, counted: CountedFeatures, config: Config, threads: int
) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
    """:func:`scores_of_fold` for one fold after the other, computed side by side."""
    numbers = np.unique(task.folds)
    workers, each = _dealt(threads, len(numbers))
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda fold: scores_of_fold(task, counted, config, fold, each), numbers)


def _dealt(threads: int, jobs: int) -> tuple[int, int]:
    """How many jobs at once, and with how many threads each."""
    workers = max(1, min(threads, jobs))
    return workers, max(1, threads // workers)


def _texts_of(lessons: Lessons) -> pa.LargeStringArray:
    return pa.array([text for text, _ in lessons.texts], type=pa.large_string())


def _chunks(texts: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]


def _calibrated(weights: Floats, matrix: npt.NDArray[Any]) -> Floats:
    """``weights @ matrix``, in place if it can be: independent topics have a diagonal matrix, and may be hundreds."""
    diagonal = np.diag(matrix)
    if (matrix == np.diag(diagonal)).all():
        weights *= diagonal.astype(np.float32)
        return weights
    return np.asarray(weights @ matrix, np.float32)


def _scorer(
    counted: CountedFeatures, learned: Sequence[FoldFeatures], weights: Floats, intercepts: npt.NDArray[Any]
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
    return Scorer(blocks, weights, intercepts.astype(np.float32), CharacterTable.current())
