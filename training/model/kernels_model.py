"""A model as the scoring kernels see it, and the features of one token under it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.model.characters import CharacterArrays
from training.model.kernels import EMPTY, Bytes, Ids, Table, inlined, inner, lean, slot_of, span_key, unsigned, whole
from training.model.kernels_lookup import Lookup, find_key, find_string
from training.model.kernels_machine import LANES, prefetch
from training.model.kernels_tokens import Folded, Recipe, fold, next_word

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Part(NamedTuple):
    """A block of features: which n-grams, where to find them, and how to weigh them. used: whether there is one."""

    recipe: Recipe
    lookup: Lookup
    used: bool
    sublinear: bool
    norm: bool


class Model(NamedTuple):
    """Up to one block of words and one of characters; features of words come first.

    table: float32 [features * width], a row for each feature: idf times weight, zeros, and last idf itself.
    """

    words: Part
    letters: Part
    table: Floats
    width: int


@lean
def fill_rows(weights: Floats, order: Ids, idf: Floats, topics: int, width: int, table: Floats, first: int) -> None:
    """Write the rows of a block's features to `table` from feature `first` on.

    Args:
        weights: float32 [features * topics], in the order of the block.
        order: int32 [features], which of them each row is of.
        idf: float32 [features], in the order of the block.
    """
    for i in range(order.size):
        feature = whole(order[unsigned(i)])
        row = (first + i) * width
        scale = idf[unsigned(feature)]
        for topic in range(topics):
            table[unsigned(row + topic)] = weights[unsigned(feature * topics + topic)] * scale
        table[unsigned(row + width - 1)] = scale


@inlined
def prefetch_row(model: Model, feature: int) -> None:
    """Ask for a feature's row of the table."""
    for at in range(0, model.width, LANES):
        prefetch(model.table, feature * model.width + at)


@inner
def list_features(
    data: Bytes, start: int, end: int, model: Model, characters: CharacterArrays, folded: Folded,
    words: Ids, word_count: int, features: Ids, feature_count: int, keys: Table,
) -> tuple[int, int]:  # fmt: skip
    """Add the ids of a token's words to `words`, and every occurrence of a character n-gram to `features`.

    All must have room for as many as the token has code points when lower-cased, times the orders of n.

    Returns:
        how many words and features there are now.
    """
    count = 0
    if model.words.used:
        count = fold(data, start, end, model.words.recipe.lowercase, characters, folded)
        first, last = next_word(folded, 0, count)
        while first < count:
            words[word_count] = find_string(folded.text, folded.starts[first], folded.starts[last], model.words.lookup)
            word_count += 1
            first, last = next_word(folded, last, count)
    if model.letters.used:
        recipe, lookup = model.letters.recipe, model.letters.lookup
        if not model.words.used or model.words.recipe.lowercase != recipe.lowercase:
            count = fold(data, start, end, recipe.lowercase, characters, folded)
        # All keys first: by the time that the table is read, it is on its way.
        grams = 0
        for size in range(recipe.smallest, recipe.largest + 1):
            shown = min(size, count)
            for first in range(count - shown + 1):
                key = span_key(folded.text, folded.starts[unsigned(first)], folded.starts[unsigned(first + shown)])
                prefetch(lookup.strings, 2 * slot_of(key, lookup.bits))
                keys[unsigned(grams)] = key
                grams += 1
            if size >= count:
                break
        grams = 0
        for size in range(recipe.smallest, recipe.largest + 1):
            shown = min(size, count)
            for first in range(count - shown + 1):
                left = whole(folded.starts[unsigned(first)])
                size_bytes = folded.starts[unsigned(first + shown)] - left
                known = find_key(keys[unsigned(grams)], folded.text, left, size_bytes, lookup)
                grams += 1
                if known != EMPTY:
                    features[unsigned(feature_count)] = known
                    feature_count += 1
                    prefetch_row(model, model.words.lookup.features + known)
            if size >= count:
                break
    return word_count, feature_count
