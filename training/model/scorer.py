"""`Scorer`: the scores of a saved linear model for texts in Arrow arrays."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.model import kernels_lookup, kernels_scoring
from training.model.characters import CharacterTable
from training.model.kernels import EMPTY, PADDING
from training.model.kernels_lookup import Lookup
from training.model.kernels_scoring import Found
from training.model.kernels_tokens import Folded, Recipe
from training.model.terms import Terms
from training.model.texts import as_string_array, text_buffer

BATCH = 4096  # texts that one thread takes at once


@dataclass(frozen=True)
class BlockSettings:
    """How a block of features is made; each as `NgramVectorizer` has it."""

    analyzer: str = "word"
    ngram_range: tuple[int, int] = (1, 1)
    lowercase: bool = True
    sublinear_tf: bool = False
    norm: str | None = "l2"

    def __post_init__(self) -> None:
        """Refuse what cannot be scored.

        Raises:
            ValueError: an option is out of range.
        """
        if self.analyzer not in ("word", "char_wb"):
            raise ValueError(f'analyzer is {self.analyzer!r}, but must be "word" or "char_wb".')
        smallest, largest = self.ngram_range
        if not 1 <= smallest <= largest:
            raise ValueError(f"ngram_range is {self.ngram_range}, but must be 1 <= least <= greatest.")
        if self.norm not in ("l2", None):
            raise ValueError(f'norm is {self.norm!r}, but must be "l2" or None.')


@dataclass(frozen=True)
class Block:
    """Features of one kind: their terms, sorted, and the idf of each, float32 [terms] (ones for no idf)."""

    settings: BlockSettings
    terms: Terms
    idf: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    """Where known n-grams occur in a text, block by block, in the order of the text.

    Attributes:
        features: int32 [occurrences], rows of the weights.
        starts: int64 [occurrences], the first character (as `str` counts) in the text as given.
        ends: int64 [occurrences], one after the last. The blanks around a token do not count.
        values: float64 [occurrences], the feature's tf-idf divided by its occurrences, so that
            ``values @ weights[features] + intercepts`` is the score.
    """

    features: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


class Scorer:
    """Linear models, one a topic, over blocks of tf-idf features, each block normalised on its own.

    The scores of a text depend on that text alone: not on the batch, the threads, or the chunks of the array.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        weights: npt.NDArray[np.float32],
        intercepts: npt.NDArray[np.float32],
        characters: CharacterTable,
    ) -> None:
        """Build the tables.

        Args:
            blocks: one or more.
            weights: float32 [terms of all blocks, topics].
            intercepts: float32 [topics].
            characters: the rules of the Python that the model was trained with.

        Raises:
            ValueError: the shapes do not fit together.
        """
        self.weights = np.ascontiguousarray(weights, np.float32)
        self.intercepts = np.ascontiguousarray(intercepts, np.float32)
        features = sum(len(block.terms) for block in blocks)
        if not blocks or self.weights.shape != (features, self.intercepts.size):
            raise ValueError(
                f"The blocks have {features} terms and there are {self.intercepts.size} intercepts, "
                f"but the weights have shape {self.weights.shape}."
            )
        self.blocks = tuple(blocks)
        self.characters = characters
        self._tables = []
        first = 0
        for block in blocks:
            if block.idf.shape != (len(block.terms),):
                raise ValueError(f"A block has {len(block.terms)} terms, but idf has shape {block.idf.shape}.")
            self._tables.append(_BlockTables(block, self.weights[first : first + len(block.terms)], characters))
            first += len(block.terms)

    def scores(self, texts: Any, threads: int = 1) -> npt.NDArray[np.float32]:
        """float32 [texts, topics], the decision values.

        Args:
            texts: an Arrow array or chunked array of strings, or an iterable of str. A null counts as empty.
            threads: how many batches to score at once.

        Raises:
            TypeError: not texts.
        """
        array = as_string_array(texts)
        batches = [array.slice(start, BATCH) for start in range(0, len(array), BATCH)]
        if threads > 1 and len(batches) > 1:
            with ThreadPoolExecutor(threads) as pool:
                parts = list(pool.map(self._score_batch, batches))
        else:
            parts = [self._score_batch(batch) for batch in batches]
        if not parts:
            return np.empty((0, self.intercepts.size), np.float32)
        return np.concatenate(parts)

    def evidence(self, text: str) -> Evidence:
        """Every occurrence of a known n-gram in a text, and what it is worth."""
        buffer = text_buffer(pa.array([text], pa.large_string()))
        parts = []
        first = 0
        for tables in self._tables:
            features, starts, ends, values = tables.occurrences(buffer.data, int(buffer.ends[0]))
            parts.append((features + np.int32(first), starts, ends, values))
            first += tables.idf.size
        return Evidence(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def term(self, feature: int) -> str:
        """The n-gram of a row of the weights."""
        for block in self.blocks:
            if feature < len(block.terms):
                return block.terms[feature]
            feature -= len(block.terms)
        raise IndexError(f"There is no feature {feature} past the last block.")

    def _score_batch(self, batch: pa.Array) -> npt.NDArray[np.float32]:
        data, starts, ends = text_buffer(batch)
        scores = np.tile(self.intercepts.astype(np.float64), (len(batch), 1))
        for tables in self._tables:
            tables.add_scores(data, starts, ends, scores)
        return scores.astype(np.float32)


class _BlockTables:
    """The tables of one block, ready for the kernels."""

    def __init__(self, block: Block, weights: npt.NDArray[np.float32], characters: CharacterTable) -> None:
        settings = block.settings
        smallest, largest = settings.ngram_range
        self.of_words = settings.analyzer == "word"
        self.recipe = Recipe(self.of_words, settings.lowercase, smallest, largest, characters.growth)
        self.sublinear = settings.sublinear_tf
        self.norm = settings.norm == "l2"
        self.idf = np.ascontiguousarray(block.idf, np.float32)
        self.weights = weights
        self.characters = characters.kernel_arrays
        self.lookup = _lookup(block.terms, self.of_words)

    def add_scores(
        self,
        data: npt.NDArray[np.uint8],
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        scores: npt.NDArray[np.float64],
    ) -> None:
        room = 1 << 12
        folded, found = _folded(room), _found(room)
        tally = np.zeros(self.idf.size, np.int32)
        row = 0
        while row < starts.size:
            code, row = kernels_scoring.score_rows(
                data, starts, ends, row, self.recipe, self.sublinear, self.norm, self.characters, self.lookup,
                self.idf, self.weights, folded, found, tally, scores,
            )  # fmt: skip
            if code != kernels_scoring.DONE:
                room *= 2
                folded, found = _folded(room), _found(room)

    def occurrences(self, data: npt.NDArray[np.uint8], end: int) -> tuple[Any, Any, Any, Any]:
        room = 1 << 12
        code = kernels_scoring.FOUND_FULL
        while code != kernels_scoring.DONE:
            room *= 2
            folded, found = _folded(room), _found(room)
            code, count = kernels_scoring.find_features(
                data, 0, end, self.recipe, self.characters, self.lookup, folded, found
            )
        features = found.features[:count].copy()
        times = np.bincount(features, minlength=self.idf.size).astype(np.float64)
        occurring = times > 0
        values = np.zeros_like(times)
        values[occurring] = 1 + np.log(times[occurring]) if self.sublinear else times[occurring]
        values *= self.idf
        length = float(np.sqrt(values @ values))
        if self.norm and length:
            values /= length
        values[occurring] /= times[occurring]
        return features, found.starts[:count].copy(), found.ends[:count].copy(), values[features]


def _lookup(terms: Terms, of_words: bool) -> Lookup:
    text = np.concatenate([terms.data, np.zeros(PADDING, np.uint8)])
    features = len(terms)
    if not of_words:
        lookup = _empty_lookup(text, features, 0, features, features)
        kernels_lookup.add_strings(terms.offsets, lookup)
        return lookup
    total, most = kernels_lookup.count_words(text, terms.offsets)
    lookup = _empty_lookup(text, total, total, features + 2 * total, features)
    kernels_lookup.add_word_ngrams(terms.offsets, most, lookup)
    return lookup


def _empty_lookup(text: npt.NDArray[np.uint8], strings: int, pairs: int, ids: int, features: int) -> Lookup:
    bits, pair_bits = _bits(strings), _bits(pairs)
    return Lookup(
        keys=np.zeros(1 << bits, np.uint64),
        ids=np.full(1 << bits, EMPTY, np.int32),
        spans=np.zeros((ids, 2), np.int64),
        text=text,
        pair_keys=np.zeros(1 << pair_bits, np.uint64),
        pair_ids=np.full(1 << pair_bits, EMPTY, np.int32),
        bits=bits,
        pair_bits=pair_bits,
        features=features,
    )


def _bits(entries: int) -> int:
    return max(4, (2 * entries).bit_length())


def _folded(size: int) -> Folded:
    return Folded(np.zeros(size, np.uint8), *(np.zeros(size, np.int32) for _ in range(3)))


def _found(size: int) -> Found:
    ids, places = (lambda: np.empty(size, np.int32)), (lambda: np.empty(size, np.int64))
    return Found(ids(), places(), places(), ids(), places(), places())
