"""What is known of each distinct token, kept for the next time it comes.

A token decides its words, its character n-grams and so its share of the scores; tokens repeat so much that
adding up kept shares costs a small part of finding the n-grams again. The cache is a table of buckets of eight
slots, whose keys fill one cache line. A full bucket gives up the token that was used longest ago, but never one
of the text being scored: if all eight are, the newcomer is scored without the cache. So which tokens of a text
are scored from the cache depends on that text alone, and so do its scores, to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.model.characters import CharacterArrays
from training.model.kernels import (
    EMPTY,
    PADDING,
    Bytes,
    Ids,
    Keys,
    Positions,
    add_scaled,
    compiled,
    is_exact,
    same_bytes,
    slot_of,
)
from training.model.kernels_lookup import Lookup, find_string
from training.model.kernels_tokens import Folded, Recipe, fold, next_word

Floats = npt.NDArray[np.float32]

WAYS = 8
LONGEST = 32  # bytes of a token that is kept
MOST_WORDS = 6
NO_SLOT = -1

# Columns of `TokenCache.facts`: the text that last had the token and how often; how many words it has;
# how many of its features are words, how many there are, and how many with repetitions; its words.
TEXT, TIMES, WORDS, WORD_FEATURES, FEATURES, OCCURRENCES, FIRST_WORD = range(7)
FACTS = 16


class Part(NamedTuple):
    """A block of features: which n-grams, where to find them, and how to weigh them. used: whether there is one."""

    recipe: Recipe
    lookup: Lookup
    used: bool
    sublinear: bool
    norm: bool


class Model(NamedTuple):
    """Up to one block of words and one of characters; features of words come first.

    table: float32 [features * width], idf times weight, in runs of `width`. idf: float32 [features].
    """

    words: Part
    letters: Part
    table: Floats
    idf: Floats
    width: int


class TokenCache(NamedTuple):
    """keys: the key of each slot's token. raw: [slots, 32], the tokens. facts: [slots, 16], see above.

    features: [slots, most], ids of features: distinct words, distinct characters, repetitions.
    shares: float32 [slots * row], idf times weight summed over distinct words, and over distinct characters.
    squares: [slots, 2], idf squared summed likewise.
    """

    keys: Keys
    raw: Bytes
    facts: Ids
    features: Ids
    shares: Floats
    squares: Floats
    bits: int


@compiled
def find_slot(data: Bytes, start: int, size: int, key: np.uint64, text: int, cache: TokenCache) -> tuple[bool, int]:
    """(True, the token's slot), or (False, the slot to put it in, NO_SLOT if this text has taken the bucket)."""
    home = slot_of(key, cache.bits)
    bucket = home & ~(WAYS - 1)
    oldest, oldest_text = NO_SLOT, text
    for way in range(WAYS):
        slot = bucket | ((home + way) & (WAYS - 1))
        if cache.keys[slot] == key and (is_exact(key) or same_bytes(cache.raw, slot * LONGEST, data, start, size)):
            return True, slot
        used = np.int64(cache.facts[slot, TEXT])
        if cache.keys[slot] == 0:
            return False, slot
        if used < oldest_text:
            oldest, oldest_text = slot, used
    return False, oldest


@compiled
def list_features(
    data: Bytes, start: int, end: int, model: Model, characters: CharacterArrays, folded: Folded,
    words: Ids, word_count: int, features: Ids, place: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Write the ids of a token's words to `words` and every occurrence of a feature to `features`.

    Both must have room for as many as the token has code points when lower-cased, times the orders of n.

    Returns:
        how many words there are now, where the features of words end, where all features end.
    """
    if model.words.used:
        count = fold(data, start, end, model.words.recipe.lowercase, characters, folded)
        first, last = next_word(folded, 0, count)
        while first < count:
            word = find_string(folded.text, folded.starts[first], folded.starts[last], model.words.lookup)
            words[word_count] = word
            word_count += 1
            if model.words.recipe.smallest == 1 and word != EMPTY and word < model.words.lookup.features:
                features[place] = word
                place += 1
            first, last = next_word(folded, last, count)
    of_words = place
    if model.letters.used:
        recipe = model.letters.recipe
        if not model.words.used or model.words.recipe.lowercase != recipe.lowercase:
            count = fold(data, start, end, recipe.lowercase, characters, folded)
        shift = model.words.lookup.features
        for size in range(recipe.smallest, recipe.largest + 1):
            shown = min(size, count)
            for first in range(count - shown + 1):
                known = find_string(
                    folded.text, folded.starts[first], folded.starts[first + shown], model.letters.lookup
                )
                if known != EMPTY:
                    features[place] = known + shift
                    place += 1
            if size >= count:
                break
    return word_count, of_words, place


@compiled
def distinct_first(features: Ids, start: int, end: int) -> int:
    """Move repetitions to the end of ``features[start:end]``; where they begin. Else the order stays."""
    kept = start
    for i in range(start, end):
        feature = features[i]
        repeated = False
        for j in range(start, kept):
            repeated |= features[j] == feature
        if not repeated:
            for j in range(i, kept, -1):
                features[j] = features[j - 1]
            features[kept] = feature
            kept += 1
    return kept


@compiled
def keep_token(
    data: Bytes, start: int, end: int, key: np.uint64, slot: int, text: int, model: Model, cache: TokenCache,
    words: Ids, word_count: int, features: Ids, of_words: int, count: int,
) -> None:  # fmt: skip
    """Put a token in a slot: ``words[:word_count]``, ``features[:count]`` of which `of_words` are words."""
    facts = cache.facts[slot]
    cache.keys[slot] = key
    for i in range(end - start):
        cache.raw[slot * LONGEST + i] = data[start + i]
    facts[TEXT] = text
    facts[TIMES] = 0
    facts[WORDS] = word_count
    for i in range(word_count):
        facts[FIRST_WORD + i] = words[i]
    row = cache.shares.size // cache.keys.size
    cache.shares[slot * row : (slot + 1) * row] = 0
    cache.squares[slot] = 0
    distinct_words = distinct_first(features, 0, of_words)
    distinct_letters = distinct_first(features, of_words, count)
    place = 0
    for part in range(2):
        first, last = (0, distinct_words) if part == 0 else (of_words, distinct_letters)
        target = slot * row + (row - model.width if part else 0)
        square = 0.0
        for i in range(first, last):
            feature = np.int64(features[i])
            cache.features[slot, place] = feature
            place += 1
            add_scaled(cache.shares, target, model.table, feature * model.width, model.width, np.float32(1))
            square += np.float64(model.idf[feature]) * np.float64(model.idf[feature])
        cache.squares[slot, part] = square
        if part == 0:
            facts[WORD_FEATURES] = place
    facts[FEATURES] = place
    for i in range(distinct_words, of_words):
        cache.features[slot, place] = features[i]
        place += 1
    for i in range(distinct_letters, count):
        cache.features[slot, place] = features[i]
        place += 1
    facts[OCCURRENCES] = place
