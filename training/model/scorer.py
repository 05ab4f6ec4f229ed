"""`Scorer`: the scores of a saved linear model for texts in Arrow arrays."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.model.characters import CharacterTable
from training.model.kernels import note_if_cold
from training.model.passages import Passages, best_of, split
from training.model.scoring import BlockTables, ScoringPass
from training.model.terms import Terms
from training.model.texts import TextBuffer, as_string_array, beginnings, text_buffer

MOST_GRAMS = 16
BATCH = 4096  # texts that one thread takes at once


@dataclass(frozen=True)
class BlockSettings:
    """How a block of features is made; each as `NgramVectorizer` has it."""

    analyzer: str = "word"
    ngram_range: tuple[int, int] = (1, 1)
    lowercase: bool = True
    sublinear_tf: bool = False
    norm: str | None = "l2"
    first_tokens: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be scored.

        Raises:
            ValueError: an option is out of range.
        """
        if self.analyzer not in ("word", "char_wb"):
            raise ValueError(f'analyzer is {self.analyzer!r}, but must be "word" or "char_wb".')
        smallest, largest = self.ngram_range
        if not 1 <= smallest <= largest <= MOST_GRAMS:
            raise ValueError(f"ngram_range is {self.ngram_range}, but must be 1 <= least <= greatest <= {MOST_GRAMS}.")
        if self.first_tokens is not None and self.first_tokens < 1:
            raise ValueError(f"first_tokens is {self.first_tokens}, but must be at least 1, or None.")
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

    With ``passages`` the score of a long text is a mix of its own and that of its best passage, topic by topic.
    The scores of a text depend on that text alone: not on the batch, the threads, or the chunks of the array.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        weights: npt.NDArray[np.float32],
        intercepts: npt.NDArray[np.float32],
        characters: CharacterTable,
        passages: Passages | None = None,
    ) -> None:
        """Build the tables.

        Args:
            blocks: one or more.
            weights: float32 [terms of all blocks, topics].
            intercepts: float32 [topics].
            characters: the rules of the Python that the model was trained with.
            passages: None to score every text as a whole alone.

        Raises:
            ValueError: the shapes do not fit together.
        """
        note_if_cold()
        self.weights = np.asarray(weights, np.float32)
        self.intercepts = np.ascontiguousarray(intercepts, np.float32)
        features = sum(len(block.terms) for block in blocks)
        if not blocks or self.weights.shape != (features, self.intercepts.size):
            raise ValueError(
                f"The blocks have {features} terms and there are {self.intercepts.size} intercepts, "
                f"but the weights have shape {self.weights.shape}."
            )
        self.blocks = tuple(blocks)
        self.characters = characters
        self.passages = passages
        ends = np.cumsum([len(block.terms) for block in blocks])
        with ThreadPoolExecutor(len(blocks)) as pool:
            self._tables = list(pool.map(self._tables_of, blocks, np.split(self.weights, ends[:-1])))
        self._passes = [
            (first_tokens, scoring_pass)
            for first_tokens in dict.fromkeys(block.settings.first_tokens for block in blocks)
            for scoring_pass in self._passes_over(first_tokens)
        ]

    def _tables_of(self, block: Block, weights: npt.NDArray[np.float32]) -> BlockTables:
        if block.idf.shape != (len(block.terms),):
            raise ValueError(f"A block has {len(block.terms)} terms, but idf has shape {block.idf.shape}.")
        return BlockTables(block.settings, block.terms, block.idf, weights, self.characters)

    def _passes_over(self, first_tokens: int | None) -> list[ScoringPass]:
        """One pass over the text serves a block of words and one of characters; most models need no more."""
        tables = [
            tables
            for tables, block in zip(self._tables, self.blocks, strict=True)
            if block.settings.first_tokens == first_tokens
        ]
        words = [one for one in tables if one.of_words]
        letters = [one for one in tables if not one.of_words]
        return [
            ScoringPass(words[i] if i < len(words) else None, letters[i] if i < len(letters) else None, self.characters)
            for i in range(max(len(words), len(letters)))
        ]

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
        buffer = text_buffer(as_string_array([text]))
        parts = []
        first = 0
        for tables, block in zip(self._tables, self.blocks, strict=True):
            beginning = beginnings(buffer, block.settings.first_tokens, self.characters)
            features, starts, ends, values = tables.occurrences(beginning)
            parts.append((features + np.int32(first), starts, ends, values))
            first += tables.idf.size
        return Evidence(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def passage_scores(self, text: str) -> tuple[list[tuple[int, int]], npt.NDArray[np.float32]]:
        """The passages of a text, first and last character but one each, and their scores, [passages, topics].

        Both are empty for a text that is scored as a whole alone.
        """
        if self.passages is None:
            return [], np.empty((0, self.intercepts.size), np.float32)
        buffer = text_buffer(as_string_array([text]))
        parts, _ = split(buffer, self.passages.tokens, self.characters)
        data = buffer.data.tobytes()
        bounds = zip(parts.starts.tolist(), parts.ends.tolist(), strict=True)
        places = [(len(data[:start].decode()), len(data[:end].decode())) for start, end in bounds]
        return places, self._score_buffer(parts)

    def _score_batch(self, batch: pa.Array) -> npt.NDArray[np.float32]:
        buffer = text_buffer(batch)
        scores = self._score_buffer(buffer)
        if self.passages is not None:
            parts, of = split(buffer, self.passages.tokens, self.characters)
            best = np.full_like(scores, -np.inf)
            for start in range(0, len(of), BATCH):
                some = slice(start, start + BATCH)
                found = self._score_buffer(parts._replace(starts=parts.starts[some], ends=parts.ends[some]))
                best_of(found, of[some], best)
            long = np.unique(of)
            scores[long] += np.float32(self.passages.share) * (best[long] - scores[long])
        return scores

    def _score_buffer(self, texts: TextBuffer) -> npt.NDArray[np.float32]:
        scores = np.tile(self.intercepts, (texts.starts.size, 1))
        for first_tokens, scoring_pass in self._passes:
            scoring_pass.add_scores(beginnings(texts, first_tokens, self.characters), scores)
        return scores
