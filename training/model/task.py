"""What a model learns from: labelled texts, what a codebook teaches, and their n-grams, counted once for all folds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, hstack

from training.config import Features, Ngrams
from training.errors import UserError
from training.model.characters import CharacterTable
from training.model.counts import Counts
from training.model.ngrams import NgramVectorizer
from training.model.passages import passages_of
from training.model.queried import ngrams_of_terms
from training.model.tfidf import FoldFeatures

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
    """Texts to learn from; behind them the lessons that every fold learns from, and passages, which are scored alone.

    Long ``texts`` have passages of about ``passage_tokens`` tokens: those of text ``passage_rows[i]`` stand at
    ``first_passage + i`` of ``all_texts``.
    """

    def __init__(
        self,
        texts: pa.LargeStringArray,
        labels: Bools,
        folds: npt.NDArray[np.intp],
        lessons: Lessons = NO_LESSONS,
        passage_tokens: int | None = None,
    ) -> None:
        self.labels, self.folds, self.queried = labels, folds, lessons.queried
        passages, self.passage_rows = _passages(texts, passage_tokens)
        self.all_texts = pa.concat_arrays([*_chunks(texts), *_chunks(_texts_of(lessons)), passages])
        taught = np.zeros((len(lessons.texts), labels.shape[1]), dtype=bool)
        taught[np.arange(len(lessons.texts)), [topic for _, topic in lessons.texts]] = True
        self.all_labels = np.vstack([labels, taught])
        self.first_passage = len(self.all_labels)
        self.always = np.arange(len(labels), self.first_passage)


class TooFewWordsError(UserError):
    """The texts to learn from have no n-gram that is frequent enough to be a feature."""


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
            raise TooFewWordsError(
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


def _texts_of(lessons: Lessons) -> pa.LargeStringArray:
    return pa.array([text for text, _ in lessons.texts], type=pa.large_string())


def _passages(texts: pa.LargeStringArray, tokens: int | None) -> tuple[pa.LargeStringArray, Rows]:
    if tokens is None:
        return _texts_of(NO_LESSONS), np.zeros(0, np.intp)
    return passages_of(texts, tokens)


def _chunks(texts: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
