"""From labelled texts to a model: out-of-fold scores, thresholds and calibration from them, final weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, hstack

from training.config import Classifier, Config, Features, Ngrams
from training.model.calibration import platt
from training.model.characters import CharacterTable
from training.model.classifier import TopicClassifier
from training.model.counts import Counts
from training.model.model import Decision, Exclusive
from training.model.ngrams import FoldFeatures, NgramVectorizer
from training.model.scorer import Block, BlockSettings, Scorer
from training.model.thresholds import choose_thresholds

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Fit:
    """A trained scorer with its decision rule, and the out-of-fold scores float32 [n, topics] behind that rule."""

    scorer: Scorer
    decision: Decision
    out_of_fold: Floats


def blocks_of(features: Features) -> list[tuple[Ngrams, NgramVectorizer]]:
    """The feature blocks that a config asks for, each with its vectorizer."""
    chosen: list[tuple[Literal["word", "char_wb"], Ngrams | None]] = [
        ("word", features.word),
        ("char_wb", features.char),
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
        return [
            vectorizer.fold(counts, rows) for (_, vectorizer), counts in zip(self.blocks, self._counts, strict=True)
        ]

    def matrix(self, learned: Sequence[FoldFeatures], rows: Rows) -> csr_array:
        """float32 [rows, features of all blocks], each block L2-normalised and times its weight."""
        parts = []
        for (ngrams, _), features in zip(self.blocks, learned, strict=True):
            part = csr_array(features.matrix(rows))
            part.data *= np.float32(ngrams.weight)
            parts.append(part)
        return parts[0] if len(parts) == 1 else csr_array(hstack(parts, format="csr"))


def fit(texts: pa.LargeStringArray, labels: Bools, folds: npt.NDArray[np.intp], config: Config, threads: int) -> Fit:
    """Train on ``texts`` [n] and ``labels`` [n, topics]; ``folds`` [n] gives the fold of each text."""
    counted = CountedFeatures(texts, config.features)
    out_of_fold = np.zeros(labels.shape, dtype=np.float32)
    for fold in np.unique(folds):
        train, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        learned = counted.learn(train)
        classifier = _classifier(config.classifier, threads)
        classifier.fit(counted.matrix(learned, train), labels[train])
        out_of_fold[held_out] = classifier.decision_function(counted.matrix(learned, held_out))
    decision = decide(out_of_fold, labels, config)
    every = np.arange(len(labels))
    learned = counted.learn(every)
    classifier = _classifier(config.classifier, threads).fit(counted.matrix(learned, every), labels)
    return Fit(_scorer(counted, learned, classifier), decision, out_of_fold)


def decide(scores: npt.NDArray[Any], labels: Bools, config: Config) -> Decision:
    """The decision rule from out-of-fold scores."""
    fitted = [platt(scores[:, at].astype(float), labels[:, at]) for at in range(labels.shape[1])]
    slopes = np.array([slope for slope, _ in fitted], dtype=np.float32)
    offsets = np.array([offset for _, offset in fitted], dtype=np.float32)
    rule = config.thresholds
    if rule.method == "fixed":
        thresholds = np.full(labels.shape[1], 0.5 if rule.target is None else rule.target, dtype=np.float32)
    else:
        cuts = choose_thresholds(scores, labels, rule.method, rule.shrinkage).astype(np.float32)
        thresholds = Decision(slopes, offsets, offsets).probabilities(cuts[None, :].copy())[0]
    return Decision(slopes, offsets, thresholds, exclusivity(labels, config.classifier.exclusive))


def exclusivity(labels: Bools, wanted: str) -> Exclusive:
    """Whether topics exclude one another: as ``wanted``, or with ``auto`` as the labels show it."""
    if wanted != "auto":
        return wanted  # type: ignore[return-value]
    carried = labels.sum(axis=1)
    if labels.shape[1] < 2 or carried.max(initial=0) > 1:
        return "no"
    return "exactly_one" if carried.min(initial=1) == 1 else "at_most_one"


def _classifier(config: Classifier, threads: int) -> TopicClassifier:
    strength = 1.0 if config.strength == "auto" else config.strength
    return TopicClassifier(kind=config.kind, strength=strength, threads=threads)


def _scorer(counted: CountedFeatures, learned: Sequence[FoldFeatures], classifier: TopicClassifier) -> Scorer:
    blocks = []
    for (ngrams, vectorizer), features in zip(counted.blocks, learned, strict=True):
        settings = BlockSettings(
            analyzer=vectorizer.analyzer, ngram_range=ngrams.ngram_range, sublinear_tf=ngrams.sublinear_tf
        )
        blocks.append(Block(settings, features.terms, np.asarray(features.idf, dtype=np.float32)))
    block_weights = np.repeat([ngrams.weight for ngrams, _ in counted.blocks], [len(block.terms) for block in blocks])
    weights = np.ascontiguousarray(classifier.coef_.T * block_weights[:, None].astype(np.float32))
    return Scorer(blocks, weights, classifier.intercept_, CharacterTable.current())
