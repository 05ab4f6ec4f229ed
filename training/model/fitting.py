"""From labelled texts to a model: out-of-fold scores, the decision rule from them, final weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, hstack

from training.config import Classifier, Config, Features, Ngrams
from training.errors import UserError
from training.model.characters import CharacterTable
from training.model.classifier import TopicClassifier
from training.model.contests import fit_contests
from training.model.counts import Counts
from training.model.deciding import OutOfFold, cross_fitted, decide, exclusivity
from training.model.model import Decision
from training.model.ngrams import FoldFeatures, NgramVectorizer
from training.model.scorer import Block, BlockSettings, Scorer

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]


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


class CountedFeatures:
    """The n-grams of all texts, counted once; their TF-IDF is made for each fold from its training rows alone."""

    def __init__(self, texts: pa.LargeStringArray, features: Features) -> None:
        self.blocks = blocks_of(features)
        self._counts: list[Counts] = [vectorizer.count(texts) for _, vectorizer in self.blocks]

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
    lessons: Sequence[tuple[str, int]] = (),
    rarity: npt.NDArray[np.float64] | None = None,
) -> Fit:
    """Train on ``texts`` [n] and ``labels`` [n, topics]; ``folds`` [n] gives the fold of each text.

    ``lessons`` are further texts with the column of their topic, such as a codebook's: they are learned from in every
    fold, but nothing is measured or chosen by them. ``rarity`` [topics] is as in :func:`choose_thresholds`.
    """
    task = Task(texts, labels, folds, lessons)
    counted = CountedFeatures(task.all_texts, config.features)
    out_of_fold = out_of_fold_scores(task, counted, config, threads)
    exclusive = exclusivity(labels, config.classifier.exclusive)
    mixed, offsets, decision = decide(out_of_fold, labels, exclusive, config.thresholds, rarity)
    every = np.arange(len(task.all_labels))
    learned = counted.learn(every)
    matrix = counted.matrix(learned, every)
    classifier = _classifier(config.classifier, threads).fit(matrix, task.all_labels)
    own, of_contests = mixed[: labels.shape[1]], mixed[labels.shape[1] :]
    weights, intercepts = _calibrated(classifier.coef_.T, own), classifier.intercept_ @ own + offsets
    contests = fit_contests(matrix, task.all_labels, exclusive, config.classifier, threads)
    for some in contests:
        share, of_contests = np.split(of_contests, [len(some.coef_)])
        weights += some.coef_.T @ share
        intercepts += some.intercept_ @ share
    scorer = _scorer(counted, learned, weights, intercepts)
    return Fit(scorer, decision, cross_fitted(out_of_fold, labels, folds, exclusive, config.thresholds, rarity))


class Task:
    """Texts to learn from, with the lessons that every fold learns from put behind them."""

    def __init__(
        self,
        texts: pa.LargeStringArray,
        labels: Bools,
        folds: npt.NDArray[np.intp],
        lessons: Sequence[tuple[str, int]] = (),
    ) -> None:
        self.labels, self.folds = labels, folds
        self.all_texts = pa.concat_arrays([*_chunks(texts), *_chunks(_texts_of(lessons))])
        taught = np.zeros((len(lessons), labels.shape[1]), dtype=bool)
        taught[np.arange(len(lessons)), [topic for _, topic in lessons]] = True
        self.all_labels = np.vstack([labels, taught])
        self.always = np.arange(len(labels), len(self.all_labels))


def out_of_fold_scores(task: Task, counted: CountedFeatures, config: Config, threads: int) -> Floats:
    """The scores of :func:`fold_scores` in the order of the rows, float32 [n, columns]."""
    folds = list(fold_scores(task, counted, config, threads))
    scores = np.zeros((len(task.labels), folds[0][1].shape[1]), dtype=np.float32)
    for held_out, found in folds:
        scores[held_out] = found
    return scores


def fold_scores(
    task: Task, counted: CountedFeatures, config: Config, threads: int
) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
    """For each fold its rows, and their scores by classifiers that have seen the other folds alone.

    The columns are those of the topics, and behind them, where topics exclude one another, those of their contests.
    """
    exclusive = exclusivity(task.labels, config.classifier.exclusive)
    for fold in np.unique(task.folds):
        held_out = np.flatnonzero(task.folds == fold)
        train = np.append(np.flatnonzero(task.folds != fold), task.always)
        learned = counted.learn(train)
        matrix, unseen = counted.matrix(learned, train), counted.matrix(learned, held_out)
        labels = task.all_labels[train]
        classifier = _classifier(config.classifier, threads).fit(matrix, labels)
        contests = fit_contests(matrix, labels, exclusive, config.classifier, threads)
        own = classifier.decision_function(unseen).reshape(len(held_out), -1)
        yield held_out, np.column_stack([own, *(some.decision_function(unseen) for some in contests)])


def _texts_of(lessons: Sequence[tuple[str, int]]) -> pa.LargeStringArray:
    return pa.array([text for text, _ in lessons], type=pa.large_string())


def _chunks(texts: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]


def _calibrated(weights: Floats, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """``weights @ matrix``; independent topics have a diagonal one, and hundreds of them would make it slow."""
    diagonal = np.diag(matrix)
    return weights * diagonal if (matrix == np.diag(diagonal)).all() else weights @ matrix


def _classifier(config: Classifier, threads: int) -> TopicClassifier:
    return TopicClassifier(kind=config.kind, strength=config.strength, threads=threads)


def _scorer(
    counted: CountedFeatures, learned: Sequence[FoldFeatures], weights: npt.NDArray[Any], intercepts: npt.NDArray[Any]
) -> Scorer:
    """``weights`` [features, topics] apply to rows of :meth:`CountedFeatures.matrix`."""
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
    scaled = np.ascontiguousarray(weights * block_weights[:, None], dtype=np.float32)
    return Scorer(blocks, scaled, intercepts.astype(np.float32), CharacterTable.current())
