"""What the scoring kernels need: tables of features, made at load, and arrays to work in, one set a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from training.model import (
    kernels_cache,
    kernels_occurrences,
    kernels_scoring,
    kernels_word_scoring,
)
from training.model.characters import CharacterTable
from training.model.kernels import PADDING
from training.model.kernels_cache import TokenCache
from training.model.kernels_lines import LINE
from training.model.kernels_machine import LANES
from training.model.kernels_model import Model, Part, fill_rows
from training.model.kernels_occurrences import Found
from training.model.kernels_tokens import Recipe, folded_buffers
from training.model.kernels_workspace import DONE, Workspace
from training.model.lookup import empty_lookup, lines_of, lookup_of
from training.model.memory import zeros
from training.model.terms import Terms
from training.model.texts import TextBuffer

if TYPE_CHECKING:
    from training.model.scorer import BlockSettings

CACHE_BYTES = 96 << 20  # of one thread's token cache
CACHE_SLOTS = 1 << 17
WORD_LINES = 1 << 16  # of one thread's cache of words, where there are no characters: two tokens each
SMALL_COUNTS = 256
ROOM = 1 << 12
KEPT_LETTERS = 16  # the longest token whose every character n-gram is sure to fit the cache


class BlockTables:
    """One block of features."""

    def __init__(
        self,
        settings: BlockSettings,
        terms: Terms,
        idf: npt.NDArray[np.float32],
        weights: npt.NDArray[np.float32],
        characters: CharacterTable,
    ) -> None:
        smallest, largest = settings.ngram_range
        self.of_words = settings.analyzer == "word"
        self.recipe = Recipe(self.of_words, settings.lowercase, smallest, largest, characters.growth)
        self.sublinear = settings.sublinear_tf
        self.norm = settings.norm == "l2"
        self.idf = np.ascontiguousarray(idf, np.float32)
        self.weights = weights
        self.characters = characters.kernel_arrays
        # Frequent features first, so that the rows that are read all the time lie together.
        self.order = np.argsort(self.idf, kind="stable").astype(np.int32)
        ids = np.empty_like(self.order)
        ids[self.order] = np.arange(ids.size, dtype=np.int32)
        self.lookup = lookup_of(terms, ids, self.of_words)

    @property
    def part(self) -> Part:
        """The block for the kernels."""
        return Part(self.recipe, self.lookup, True, self.sublinear, self.norm)

    def occurrences(self, text: TextBuffer) -> tuple[Any, Any, Any, Any]:
        """Features, starts, ends and values of every occurrence in the first text of a buffer."""
        room = ROOM
        code, count = kernels_occurrences.FOUND_FULL, 0
        while code != kernels_occurrences.DONE:
            room *= 2
            folded, found = folded_buffers(room), _found(room)
            code, count = kernels_occurrences.find_features(
                text.data, text.starts[0], text.ends[0], self.recipe, self.characters, self.lookup, folded, found
            )
        features = self.order[found.features[:count]]
        distinct, which, times = np.unique(features, return_inverse=True, return_counts=True)
        values = (1 + np.log(times) if self.sublinear else times) * self.idf[distinct].astype(np.float64)
        length = float(np.sqrt(values @ values))
        if self.norm and length:
            values /= length
        values /= times
        return features, found.starts[:count].copy(), found.ends[:count].copy(), values[which]


class ScoringPass:
    """One pass over the texts, for a block of words, one of characters, or both."""

    def __init__(self, words: BlockTables | None, letters: BlockTables | None, characters: CharacterTable) -> None:
        blocks = [block for block in (words, letters) if block is not None]
        topics = blocks[0].weights.shape[1]
        self.width = (topics // LANES + 1) * LANES
        features = sum(block.idf.size for block in blocks)
        table = zeros(features * self.width, np.float32)
        first = 0
        for block in blocks:
            weights = np.ascontiguousarray(block.weights).reshape(-1)
            fill_rows(weights, block.order, block.idf, topics, self.width, table, first)
            first += block.idf.size
        self.model = Model(
            words.part if words else _no_part(characters),
            letters.part if letters else _no_part(characters),
            table,
            self.width,
        )
        self.characters = characters.kernel_arrays
        self.lines = lines_of(words.part, characters) if words and not letters else np.zeros(0, np.uint64)
        self._free: list[tuple[TokenCache, Workspace]] = []

    def add_scores(self, texts: TextBuffer, scores: npt.NDArray[np.float32]) -> None:
        """Add the scores of the texts to float32 [texts, topics]. Threads may call it at once."""
        try:
            cache, work = self._free.pop()
        except IndexError:
            cache, work = self._cache(), self._workspace()
        room = ROOM
        row = 0
        roomy = work
        while row < texts.starts.size:
            if self.model.letters.used:
                code, row = kernels_scoring.score_rows(*texts, row, self.model, self.characters, cache, roomy, scores)
            else:
                code, row = kernels_word_scoring.score_words(
                    *texts, row, self.model, self.characters, self.lines, cache.buckets, roomy, scores
                )
            if code != DONE:
                room *= 2
                roomy = work._replace(**_room(room))
        self._free.append((cache, work))

    def _cache(self) -> TokenCache:
        letters = self.model.letters
        header = self.width if letters.used else 0
        most = KEPT_LETTERS * (letters.recipe.largest - letters.recipe.smallest + 1)
        words_at = header + kernels_cache.FIRST_FEATURE + most
        bytes_at = words_at + kernels_cache.MOST_WORDS
        stride = -(-(bytes_at + kernels_cache.LONGEST // 4) // LANES) * LANES
        slot_bytes = 4 * stride + 8 * kernels_cache.BUCKET_WORDS // kernels_cache.WAYS
        slots = min(CACHE_SLOTS, CACHE_BYTES // slot_bytes)
        bits = max(5, (slots // kernels_cache.WAYS).bit_length() - 1)
        # Words alone need no records, and have lines of their own in the place of buckets.
        buckets = zeros(kernels_cache.BUCKET_WORDS << bits if letters.used else LINE * WORD_LINES, np.uint64)
        records = zeros(stride * kernels_cache.WAYS << bits if letters.used else LANES, np.int32)
        return TokenCache(
            buckets=buckets,
            marks=buckets.view(np.int32),
            records=records,
            shares=records.view(np.float32),
            squares=records.view(np.float64),
            share=np.zeros(header, np.float64),
            bits=bits,
            stride=stride,
            header=header,
            words_at=words_at,
            bytes_at=bytes_at,
            most=most,
        )

    def _workspace(self) -> Workspace:
        counts = np.arange(SMALL_COUNTS, dtype=np.float64)
        counts[0] = 1
        return Workspace(
            **_room(ROOM),
            clock=np.ones(1, np.int64),
            seen=np.zeros(
                (self.model.letters if self.model.letters.used else self.model.words).lookup.features, np.uint8
            ),
            logs=1 + np.log(counts),
            total=np.zeros(2 * self.width, np.float64),
            group=np.zeros((kernels_word_scoring.GROUP, 5), np.int64),
        )


def _room(room: int) -> dict[str, Any]:
    """The arrays of a workspace that a long text may outgrow."""
    edges = np.empty(8 * room, np.int64)
    return {
        "spans": edges.reshape(4 * room, 2),
        "edges": edges,
        "keys": np.empty(8 * room, np.uint64),
        "gram_keys": np.empty(8 * room, np.uint64),
        "slots": np.empty(room, np.int32),
        "counts": np.empty((room, 2), np.float64),
        "words": np.empty(4 * room, np.int32),
        "direct": np.empty(8 * room, np.int32),
        "flat": np.empty(16 * room, np.uint64),
        "pairs": np.empty(16 * room + 1, np.uint64),
        "notes": np.empty(32 * room, np.uint64),
        "noted": np.empty(8 * room, np.int32),
        "sums": np.zeros((8 * room, 4), np.float64),
        "starts": np.empty(8 * room, np.int64),
        "scales": np.empty(8 * room, np.float64),
        "folded": folded_buffers(4 * room),
    }


def _no_part(characters: CharacterTable) -> Part:
    recipe = Recipe(True, True, 1, 1, characters.growth)
    return Part(recipe, empty_lookup(np.zeros(PADDING, np.uint8), 0, 0, 0, 0), False, False, False)


def _found(size: int) -> Found:
    ids = [np.empty(size, np.int32) for _ in range(2)]
    places = [np.empty(size, np.int64) for _ in range(4)]
    return Found(ids[0], places[0], places[1], ids[1], places[2], places[3])
