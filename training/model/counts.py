"""How often each n-gram occurs in each text: counted once, and weighed anew for every fold."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from training.model import kernels_counting as counting
from training.model import kernels_terms, kernels_weighing
from training.model import kernels_vocabulary as vocabularies
from training.model.characters import CharacterTable
from training.model.kernels import EMPTY, note_if_cold, rehash
from training.model.kernels_tokens import Recipe, folded_buffers
from training.model.memory import zeros
from training.model.terms import Terms
from training.model.texts import TextBuffer

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts in compressed sparse rows, columns ascending within a row.

    Attributes:
        indptr: int64 [texts + 1].
        indices: int32 [entries], the term of each count.
        counts: int32 [entries].
        terms: the terms, sorted.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]
    terms: Terms

    @property
    def shape(self) -> tuple[int, int]:
        """(texts, terms)."""
        return self.indptr.size - 1, len(self.terms)

    @property
    def all_rows(self) -> Rows:
        """int64 [texts], every row."""
        return np.arange(self.indptr.size - 1)

    def document_frequency(self, rows: Rows) -> npt.NDArray[np.int64]:
        """int64 [terms], in how many of the rows each term occurs."""
        return kernels_weighing.document_frequency(self.indptr, self.indices, rows, len(self.terms))

    def select(
        self, rows: Rows, min_df: float = 1, max_df: float = 1.0, max_features: int | None = None
    ) -> npt.NDArray[np.int64]:
        """int64, ascending: the terms that `TfidfVectorizer` would keep if it saw these rows alone.

        Args:
            rows: int64 [n].
            min_df: a number of texts, or as a float a share of them.
            max_df: the same.
            max_features: keep the most frequent terms.

        Raises:
            ValueError: no term is left.
        """
        frequency = self.document_frequency(rows)
        if not frequency.any():
            raise ValueError("empty vocabulary; perhaps the documents only contain stop words")
        most = max_df if isinstance(max_df, Integral) else max_df * len(rows)
        least = min_df if isinstance(min_df, Integral) else min_df * len(rows)
        if most < least:
            raise ValueError("max_df corresponds to < documents than min_df")
        kept = np.flatnonzero((frequency > 0) & (frequency <= most) & (frequency >= least))
        if max_features is not None and kept.size > max_features:
            total = kernels_weighing.term_frequency(self.indptr, self.indices, self.counts, rows, len(self.terms))
            # The same unstable sort of the same numbers as in scikit-learn, so ties fall alike.
            kept = np.sort(kept[(-total[kept]).argsort()[:max_features]])
        if not kept.size:
            raise ValueError("After pruning, no terms remain. Try a lower min_df or a higher max_df.")
        return kept

    def places(self, terms: Terms) -> npt.NDArray[np.int32]:
        """int32 [own terms], where each stands among `terms`, or -1."""
        return self.terms.places_in(terms)


def count(texts: TextBuffer, recipe: Recipe, characters: CharacterTable, least: int = 1) -> Counts:
    """Count the n-grams of texts, leaving out those that occur in fewer than `least` texts."""
    note_if_cold()
    return _Counter(texts, recipe, characters).result(least)


def recipe_of(analyzer: str, lowercase: bool, ngram_range: tuple[int, int], growth: int) -> Recipe:
    """What the kernels need to know of a vectorizer's options."""
    smallest, largest = ngram_range
    return Recipe(analyzer == "word", bool(lowercase), int(smallest), int(largest), growth)


class _Counter:
    """Runs `count_rows`, making whatever is full larger."""

    def __init__(self, texts: TextBuffer, recipe: Recipe, characters: CharacterTable) -> None:
        texts_count = texts.starts.size
        # What ordinary English needs; memory that is not written to is not taken.
        orders = recipe.largest - recipe.smallest + 1
        expected = (1 << 14) + int(texts.data.size * orders * (0.2 if recipe.of_words else 0.7))
        self.vocabulary = vocabularies.Vocabulary(
            strings=_table(1 << 18),
            pairs=_table(1 << 18 if recipe.of_words and recipe.largest > 1 else 4),
            parents=np.empty(1 << 17, np.int32),
            spans=np.empty((1 << 17, 2), np.int64),
            pool=np.zeros(1 << 20, np.uint8),
            latest=np.full((1 << 17, 2), EMPTY, np.int32),
        )
        self.tokens = vocabularies.Tokens(
            table=_table(1 << 17),
            spans=np.empty((1 << 16, 4), np.int64),
            raw=np.zeros(1 << 19, np.uint8),
            lists=np.empty(1 << 20, np.int32),
        )
        self.counted = counting.Counted(
            indptr=np.zeros(texts_count + 1, np.int64),
            indices=np.empty(expected, np.int32),
            counts=np.empty(expected, np.int32),
            words=np.empty(1 << 10, np.int32),
            grams=np.empty(1 << 10, np.int32),
        )
        self.folded = folded_buffers(1 << 10)
        self.state = np.zeros(vocabularies.STATE_SIZE, np.int64)
        arrays = characters.kernel_arrays
        while code := counting.count_rows(
            *texts, recipe, arrays, self.folded, self.vocabulary, self.tokens, self.counted, self.state
        ):
            self.enlarge(code)

    def enlarge(self, code: int) -> None:
        """Double what `count_rows` found full."""
        vocabulary, tokens, counted = self.vocabulary, self.tokens, self.counted
        if code == vocabularies.TERMS_FULL:
            strings = vocabulary.strings
            if self.state[vocabularies.TERMS] + 1 > strings.size // 4:
                strings = _larger_table(strings)
            self.vocabulary = vocabulary._replace(
                strings=strings,
                parents=_larger(vocabulary.parents),
                spans=_larger(vocabulary.spans),
                latest=np.concatenate([vocabulary.latest, np.full_like(vocabulary.latest, EMPTY)]),
            )
        elif code == vocabularies.PAIRS_FULL:
            self.vocabulary = vocabulary._replace(pairs=_larger_table(vocabulary.pairs))
        elif code == vocabularies.POOL_FULL:
            self.vocabulary = vocabulary._replace(pool=_larger(vocabulary.pool))
        elif code == vocabularies.TOKENS_FULL:
            self.tokens = tokens._replace(table=_larger_table(tokens.table), spans=_larger(tokens.spans))
        elif code == vocabularies.RAW_FULL:
            self.tokens = tokens._replace(raw=_larger(tokens.raw))
        elif code == vocabularies.LISTS_FULL:
            self.tokens = tokens._replace(lists=_larger(tokens.lists))
        elif code == vocabularies.FOLDED_FULL:
            self.folded = folded_buffers(2 * self.folded.starts.size)
        elif code == vocabularies.ROW_FULL:
            self.counted = counted._replace(words=_larger(counted.words))
        elif code == vocabularies.GRAMS_FULL:
            self.counted = counted._replace(grams=_larger(counted.grams))
        elif code == vocabularies.OUTPUT_FULL:
            self.counted = counted._replace(indices=_larger(counted.indices), counts=_larger(counted.counts))

    def result(self, least: int) -> Counts:
        """The counts under sorted terms."""
        vocabulary, counted = self.vocabulary, self.counted
        rows = np.arange(counted.indptr.size - 1)
        known = int(self.state[vocabularies.TERMS])
        frequency = kernels_weighing.document_frequency(counted.indptr, counted.indices, rows, known)
        ids = np.flatnonzero(frequency >= max(1, least)).astype(np.int32)
        offsets = kernels_terms.term_sizes(ids, vocabulary.parents, vocabulary.spans)
        text = np.empty(int(offsets[-1]), np.uint8)
        kernels_terms.write_terms(ids, vocabulary.parents, vocabulary.spans, vocabulary.pool, offsets, text)
        order = kernels_terms.sort_terms(text, offsets[:-1], offsets[1:])
        columns = np.full(known, EMPTY, np.int32)
        columns[ids[order]] = np.arange(ids.size, dtype=np.int32)
        sizes = np.diff(offsets)[order]
        sorted_offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        sorted_text = np.empty_like(text)
        kernels_terms.take_terms(text, offsets, order.astype(np.int64), sorted_offsets, sorted_text)
        pointer = kernels_weighing.kept_entries(counted.indptr, counted.indices, rows, columns)
        indices = np.empty(int(pointer[-1]), np.int32)
        counts = np.empty(int(pointer[-1]), np.int32)
        bits = max(1, int(ids.size).bit_length())
        kernels_weighing.arrange(
            counted.indptr, counted.indices, counted.counts, columns, bits, pointer, indices, counts
        )
        return Counts(pointer, indices, counts, Terms(sorted_text, sorted_offsets))


def _table(slots: int) -> npt.NDArray[np.uint64]:
    return zeros(2 * slots, np.uint64)


def _larger_table(table: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    larger = _table(table.size)
    rehash(table, larger, table.size.bit_length() - 1)
    return larger


def _larger(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    larger = np.empty((2 * array.shape[0], *array.shape[1:]), array.dtype)
    larger[: array.shape[0]] = array
    return larger
