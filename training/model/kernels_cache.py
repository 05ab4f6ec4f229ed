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

from training.model.kernels import (
    EMPTY,
    LOW_HALF,
    SHIFT_32,
    Bytes,
    Ids,
    Positions,
    Table,
    inlined,
    inner,
    is_exact,
    low_bytes,
    slot_of,
    unsigned,
    whole,
)
from training.model.kernels_machine import LANES, add_rows, equal_words, load_word, prefetch, trailing_zeros
from training.model.kernels_model import Doubles, Floats, Model

WAY_BITS = 3
WAYS = 1 << WAY_BITS
BUCKET_WORDS = 16  # 64-bit words of a bucket: eight keys, then halves of marks and of words
MARKS, WORDS = 16, 24  # where these begin, in 32-bit words
LONGEST = 32  # bytes of a token that is kept
MOST_WORDS = 8
NO_SLOT = -1
LAST_WAY = np.uint64(1 << (WAYS - 1))
NO_WORD, SEVERAL_WORDS = -2, -3  # for the word of a token; EMPTY is one word that the model does not know

# A record: the share; from `TokenCache.header` on how many words, how many distinct features of characters, how many
# with repetitions, the bytes of the token, and the sum of squared idf (64 bits); the features; the words and the token.
WORD_COUNT, FEATURES, OCCURRENCES, SIZE, SQUARE, _, FIRST_FEATURE = range(7)


class TokenCache(NamedTuple):
    """buckets: ``2**bits`` buckets; marks: the same memory as int32.

    records: [slots * stride]; shares, squares: the same memory as float32 and float64. share: one, in the making.
    header, words_at, bytes_at: where in a record those begin. most: how many features fit.
    """

    buckets: Table
    marks: Ids
    records: Ids
    shares: Floats
    squares: Doubles
    share: Doubles
    bits: int
    stride: int
    header: int
    words_at: int
    bytes_at: int
    most: int


@inlined
def bucket_of(key: np.uint64, cache: TokenCache) -> int:
    """The bucket of a token."""
    return slot_of(key, cache.bits)


@inlined
def mark_at(slot: int) -> int:
    """Where in `TokenCache.marks` the mark of a slot is; its word is ``WORDS - MARKS`` later."""
    return (slot >> WAY_BITS) * 2 * BUCKET_WORDS + MARKS + (slot & (WAYS - 1))


@inlined
def same_token(data: Bytes, start: int, size: int, slot: int, cache: TokenCache) -> bool:
    """Whether the bytes are those of the token in a slot."""
    record = slot * cache.stride
    if cache.records[unsigned(record + cache.header + SIZE)] != size:
        return False
    at = record + cache.bytes_at
    for i in range(0, size, 8):
        if kept_bytes(at + (i >> 2), cache) != low_bytes(load_word(data, start + i), size - i):
            return False
    return True


@inlined
def kept_bytes(at: int, cache: TokenCache) -> np.uint64:
    """Eight bytes of a record as one word; behind the token they are zeros."""
    low, high = cache.records[unsigned(at)], cache.records[unsigned(at + 1)]
    return np.uint64(np.uint32(low)) | np.uint64(np.uint32(high)) << SHIFT_32


@inlined
def ways_of(key: np.uint64, bucket: int, cache: TokenCache) -> np.uint64:
    """A bit for each way of a bucket that has this key: eight comparisons, but no branch."""
    first = bucket * BUCKET_WORDS
    return equal_words(cache.buckets, first, key) | equal_words(cache.buckets, first + 4, key) << np.uint64(4)


@inlined
def ask_for(key: np.uint64, cache: TokenCache) -> int:
    """Where a token with this key is, or else seems to be; and ask for its record."""
    bucket = bucket_of(key, cache)
    slot = bucket << WAY_BITS | whole(trailing_zeros(ways_of(key, bucket, cache) | LAST_WAY))
    record = slot * cache.stride
    for line in range(0, cache.header + 2 * LANES, LANES):
        prefetch(cache.records, record + line)
    return slot


@inlined
def holds(data: Bytes, start: int, size: int, key: np.uint64, slot: int, cache: TokenCache) -> bool:
    """Whether a slot has this token."""
    found = cache.buckets[unsigned((slot >> WAY_BITS) * BUCKET_WORDS + (slot & (WAYS - 1)))]
    return found == key and (is_exact(key) or same_token(data, start, size, slot, cache))


@inlined
def find_slot(data: Bytes, start: int, size: int, key: np.uint64, base: int, cache: TokenCache) -> tuple[bool, int]:
    """(True, the token's slot), or (False, the slot to put it in, NO_SLOT if this text has taken the bucket).

    The marks of this text are from `base` on.
    """
    bucket = bucket_of(key, cache)
    oldest, oldest_mark = NO_SLOT, base
    for way in range(WAYS):
        slot = bucket << WAY_BITS | way
        if holds(data, start, size, key, slot, cache):
            return True, slot
        mark = whole(cache.marks[unsigned(mark_at(slot))])
        if mark < oldest_mark:
            oldest, oldest_mark = slot, mark
    return False, oldest


@inner
def keep_token(
    data: Bytes, start: int, end: int, key: np.uint64, slot: int, model: Model, cache: TokenCache,
    words: Ids, word_start: int, word_end: int, features: Ids, feature_start: int, feature_end: int,
    starts: Positions, scales: Doubles,
) -> None:  # fmt: skip
    """Put a token in a slot, as one that no text has had yet, with its words and features.

    `starts` and `scales` are there to work in, with room for the features.
    """
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
    for i in range(0, LONGEST, 8):
        word = low_bytes(load_word(data, min(start + i, end)), end - start - i)
        at = record + cache.bytes_at + (i >> 2)
        cache.records[unsigned(at)] = np.int32(word & LOW_HALF)
        cache.records[unsigned(at + 1)] = np.int32(word >> SHIFT_32)
    cache.records[header + SIZE] = end - start
    cache.records[header + WORD_COUNT] = word_end - word_start
    for i in range(word_end - word_start):
        cache.records[unsigned(record + cache.words_at + i)] = words[unsigned(word_start + i)]
    for i in range(cache.share.size):
        cache.share[i] = 0.0
    first_feature = header + FIRST_FEATURE
    distinct = 0
    repeated = feature_end - feature_start
    square = 0.0
    for i in range(feature_start, feature_end):
        feature = whole(features[unsigned(i)])
        again = False
        for j in range(first_feature, first_feature + distinct):
            again |= cache.records[unsigned(j)] == feature
        if again:
            repeated -= 1
            cache.records[unsigned(first_feature + repeated)] = feature
        else:
            cache.records[unsigned(first_feature + distinct)] = feature
            row = (model.words.lookup.features + feature) * model.width
            starts[unsigned(distinct)], scales[unsigned(distinct)] = row, 1.0
            distinct += 1
            idf = np.float64(model.table[unsigned(row + model.width - 1)])
            square += idf * idf
    add_rows(cache.share, 0, model.table, starts, scales, 0, distinct, model.width)
    # Summed in float64 and rounded once: thousands of tokens may have their errors in common.
    for i in range(header - record):
        cache.shares[unsigned(record + i)] = np.float32(cache.share[unsigned(i)])
    cache.squares[(header + SQUARE) // 2] = square
    cache.records[header + FEATURES] = distinct
    cache.records[header + OCCURRENCES] = feature_end - feature_start
