"""What is known of each distinct token, kept for the next time it comes.

A token decides its words, its character n-grams and so its share of the scores; tokens repeat so much that
adding up kept shares costs a small part of finding the n-grams again. The cache is a table of buckets of eight
slots. A full bucket gives up the token that was used longest ago, but never one of the text being scored: if all
eight are, the newcomer is scored without the cache. So which tokens of a text are scored from the cache depends
on that text alone, and so do its scores, to the last bit.

A bucket is two cache lines: eight keys, eight marks of when and where the token was last, eight words. All that is
needed for characters, or for tokens of several words, is in a record for each slot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.model.characters import CharacterArrays
from training.model.kernels import (
    EMPTY,
    Bytes,
    Ids,
    Table,
    inlined,
    inner,
    is_exact,
    slot_of,
    span_key,
    whole,
)
from training.model.kernels_lookup import Lookup, find_key, find_string
from training.model.kernels_machine import LANES, add_scaled, prefetch
from training.model.kernels_tokens import Folded, Recipe, fold, next_word

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

WAY_BITS = 3
WAYS = 1 << WAY_BITS
BUCKET_WORDS = 16  # 64-bit words of a bucket: eight keys, then halves of marks and of words
MARKS, WORDS = 16, 24  # where these begin, in 32-bit words
LONGEST = 32  # bytes of a token that is kept
MOST_WORDS = 8
NO_SLOT = -1
NO_WORD, SEVERAL_WORDS = -2, -3  # for the word of a token; EMPTY is one word that the model does not know

# A record: the share; from `TokenCache.header` on how many words, how many distinct features of characters, how many
# with repetitions, and the sum of squared idf (64 bits); the features; the words and the bytes of the token.
WORD_COUNT, FEATURES, OCCURRENCES, _, SQUARE, _, FIRST_FEATURE = range(7)


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


class TokenCache(NamedTuple):
    """buckets: ``2**bits`` buckets; marks: the same memory as int32.

    records: [slots * stride]; shares, squares: the same memory as float32 and float64. header, words_at, bytes_at:
    where in a record those begin. most: how many features fit.
    """

    buckets: Table
    marks: Ids
    records: Ids
    shares: Floats
    squares: Doubles
    bits: int
    stride: int
    header: int
    words_at: int
    bytes_at: int
    most: int


@inlined
def bucket_of(key: np.uint64, cache: TokenCache) -> tuple[int, int]:
    """The bucket of a token, and the way to look at first."""
    home = slot_of(key, cache.bits + WAY_BITS)
    return home >> WAY_BITS, home & (WAYS - 1)


@inlined
def mark_at(slot: int) -> int:
    """Where in `TokenCache.marks` the mark of a slot is; its word is ``WORDS - MARKS`` later."""
    return (slot >> WAY_BITS) * 2 * BUCKET_WORDS + MARKS + (slot & (WAYS - 1))


@inlined
def same_token(data: Bytes, start: int, size: int, slot: int, cache: TokenCache) -> bool:
    """Whether the bytes are those of the token in a slot."""
    at = slot * cache.stride + cache.bytes_at
    for i in range(size):
        if (cache.records[at + (i >> 2)] >> (8 * (i & 3))) & 0xFF != data[start + i]:
            return False
    return True


@inlined
def find_slot(data: Bytes, start: int, size: int, key: np.uint64, base: int, cache: TokenCache) -> tuple[bool, int]:
    """(True, the token's slot), or (False, the slot to put it in, NO_SLOT if this text has taken the bucket).

    The marks of this text are from `base` on.
    """
    bucket, home = bucket_of(key, cache)
    oldest, oldest_mark = NO_SLOT, base
    for step in range(WAYS):
        way = (home + step) & (WAYS - 1)
        slot = bucket << WAY_BITS | way
        found = cache.buckets[bucket * BUCKET_WORDS + way]
        if found == key and (is_exact(key) or same_token(data, start, size, slot, cache)):
            return True, slot
        if found == 0:
            return False, slot
        mark = whole(cache.marks[mark_at(slot)])
        if mark < oldest_mark:
            oldest, oldest_mark = slot, mark
    return False, oldest


@inlined
def holds(data: Bytes, start: int, size: int, key: np.uint64, slot: int, cache: TokenCache) -> bool:
    """Whether a slot has this token."""
    found = cache.buckets[(slot >> WAY_BITS) * BUCKET_WORDS + (slot & (WAYS - 1))]
    return found == key and (is_exact(key) or same_token(data, start, size, slot, cache))


@inlined
def ask_for(key: np.uint64, letters: bool, cache: TokenCache) -> int:
    """Where a token with this key seems to be, else NO_SLOT; and ask for its record, if that will be read."""
    bucket, home = bucket_of(key, cache)
    for step in range(WAYS):
        way = (home + step) & (WAYS - 1)
        if cache.buckets[bucket * BUCKET_WORDS + way] == key:
            slot = bucket << WAY_BITS | way
            record = slot * cache.stride
            if letters:
                for line in range(0, cache.header + 2 * LANES, LANES):
                    prefetch(cache.records, record + line)
            if not is_exact(key):
                prefetch(cache.records, record + cache.bytes_at)
            return slot
    return NO_SLOT


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
                key = span_key(folded.text, folded.starts[first], folded.starts[first + shown])
                prefetch(lookup.strings, 2 * slot_of(key, lookup.bits))
                keys[grams] = key
                grams += 1
            if size >= count:
                break
        grams = 0
        for size in range(recipe.smallest, recipe.largest + 1):
            shown = min(size, count)
            for first in range(count - shown + 1):
                left = whole(folded.starts[first])
                known = find_key(keys[grams], folded.text, left, folded.starts[first + shown] - left, lookup)
                grams += 1
                if known != EMPTY:
                    features[feature_count] = known
                    feature_count += 1
                    prefetch_row(model, model.words.lookup.features + known)
            if size >= count:
                break
    return word_count, feature_count


@inner
def keep_token(
    data: Bytes, start: int, end: int, key: np.uint64, slot: int, model: Model, cache: TokenCache,
    words: Ids, word_start: int, word_end: int, features: Ids, feature_start: int, feature_end: int,
) -> None:  # fmt: skip
    """Put a token in a slot, as one that no text has had yet, with its words and features."""
    cache.buckets[(slot >> WAY_BITS) * BUCKET_WORDS + (slot & (WAYS - 1))] = key
    mark = mark_at(slot)
    cache.marks[mark] = EMPTY
    cache.marks[mark + WORDS - MARKS] = SEVERAL_WORDS
    if word_end == word_start:
        cache.marks[mark + WORDS - MARKS] = NO_WORD
    elif word_end == word_start + 1:
        cache.marks[mark + WORDS - MARKS] = words[word_start]
    record = slot * cache.stride
    header = record + cache.header
    for i in range(record + cache.bytes_at, record + cache.bytes_at + LONGEST // 4):
        cache.records[i] = 0
    for i in range(end - start):
        cache.records[record + cache.bytes_at + (i >> 2)] |= whole(data[start + i]) << (8 * (i & 3))
    cache.records[header + WORD_COUNT] = word_end - word_start
    for i in range(word_end - word_start):
        cache.records[record + cache.words_at + i] = words[word_start + i]
    for i in range(record, header):
        cache.shares[i] = 0
    first_feature = header + FIRST_FEATURE
    distinct = 0
    repeated = feature_end - feature_start
    square = 0.0
    for i in range(feature_start, feature_end):
        feature = whole(features[i])
        again = False
        for j in range(first_feature, first_feature + distinct):
            again |= cache.records[j] == feature
        if again:
            repeated -= 1
            cache.records[first_feature + repeated] = feature
        else:
            cache.records[first_feature + distinct] = feature
            distinct += 1
            row = (model.words.lookup.features + feature) * model.width
            add_scaled(cache.shares, record, model.table, row, model.width, np.float32(1))
            idf = np.float64(model.table[row + model.width - 1])
            square += idf * idf
    cache.squares[(header + SQUARE) // 2] = square
    cache.records[header + FEATURES] = distinct
    cache.records[header + OCCURRENCES] = feature_end - feature_start
