"""Finding the features of a model in text: a table of strings, and a table of pairs for n-grams of words.

As in counting, an n-gram of several words is a pair: the n-gram without its last word, and the last word. The id
of a feature is its number; words and beginnings that are needed on the way, but are not features, come after.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.model.kernels import (
    EMPTY,
    GOLDEN,
    ONE,
    SHIFT_32,
    Bytes,
    Ids,
    Positions,
    Table,
    id_at,
    inlined,
    inner,
    is_exact,
    lean,
    pair_key,
    put,
    same_bytes,
    slot_of,
    span_key,
    unsigned,
    whole,
)
from training.model.kernels_machine import equal_words, trailing_zeros
from training.model.kernels_tokens import BLANK

LOW_SIX = np.uint64(63)
LAST_WAY = np.uint64(8)
BUCKET = 8  # 64-bit words: four keys, then their ids plus one
# Terms can be chosen so that all of them belong in one slot, and a table would take hours to fill. Those of a language
# find a free slot within a hundred.
MOST_STEPS, MOST_BUCKETS = 1 << 10, 1 << 8
NO_ROOM, COLLIDING = -1, -2


class Lookup(NamedTuple):
    """strings: table of words or character n-grams, of ``2**bits`` slots. pairs: of (id, word id).

    Pairs are in ``2**pair_bits`` buckets of one cache line: comparing with all four keys takes no branch, which would
    be mispredicted too often. filter: a Bloom filter of the pairs, of ``2**filter_bits`` words, two bits of one word a
    pair (Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters", WEA 2007): most pairs of a text
    are no n-gram of the model, and this says so from the cache of the core. spans: [ids, 2], where each string stands
    in `text`, which is padded. features: ids below this are features.
    """

    strings: Table
    pairs: Table
    filter: Table
    spans: Positions
    text: Bytes
    bits: int
    pair_bits: int
    filter_bits: int
    features: int


@inlined
def find_key(key: np.uint64, text: Bytes, start: int, size: int, lookup: Lookup) -> int:
    """The id of the string of `size` bytes in `text` that has this key, or EMPTY."""
    slot = slot_of(key, lookup.bits)
    known = id_at(lookup.strings, slot)
    while known != EMPTY:
        if lookup.strings[unsigned(2 * slot)] == key:
            if is_exact(key):
                break
            at = lookup.spans[unsigned(known), 0]
            if lookup.spans[unsigned(known), 1] - at == size and same_bytes(lookup.text, at, text, start, size):
                break
        slot = (slot + 1) & ((1 << lookup.bits) - 1)
        known = id_at(lookup.strings, slot)
    return known


@inlined
def find_string(text: Bytes, start: int, end: int, lookup: Lookup) -> int:
    """The id of the string ``text[start:end]``, or EMPTY. `text` must be padded."""
    return find_key(span_key(text, start, end), text, start, end - start, lookup)


@inlined
def pair_bucket(key: np.uint64, lookup: Lookup) -> int:
    """Where the bucket of a pair begins."""
    return BUCKET * slot_of(key, lookup.pair_bits)


@inlined
def filter_place(key: np.uint64, lookup: Lookup) -> tuple[int, np.uint64]:
    """The word of the filter that a pair belongs to, and its two bits there."""
    mixed = (key ^ (key >> SHIFT_32)) * GOLDEN
    bits = ONE << ((mixed >> SHIFT_32) & LOW_SIX) | ONE << ((mixed >> np.uint64(38)) & LOW_SIX)
    return whole(mixed >> np.uint64(64 - lookup.filter_bits)), bits


@inlined
def may_be_pair(key: np.uint64, lookup: Lookup) -> bool:
    """False if a pair is surely not in the table."""
    place, bits = filter_place(key, lookup)
    return bool(lookup.filter[unsigned(place)] & bits == bits)


@inlined
def find_pair(key: np.uint64, lookup: Lookup) -> int:
    """The id of the n-gram that an n-gram and a word make, or EMPTY, also if one of them is EMPTY."""
    bucket = pair_bucket(key, lookup)
    while True:
        ways = equal_words(lookup.pairs, bucket, key)
        way = trailing_zeros(ways | LAST_WAY)
        found = lookup.pairs[unsigned(bucket + BUCKET // 2 + way)] if ways != 0 else np.uint64(0)
        if found != 0 or lookup.pairs[unsigned(bucket + BUCKET - 1)] == 0:
            return whole(found) - 1
        bucket = (bucket + BUCKET) & ((BUCKET << lookup.pair_bits) - 1)


@inner
def add_pair(first: int, second: int, known: int, lookup: Lookup) -> bool:
    """Enter a pair, which must be new, under an id; whether a place for it was near."""
    key = pair_key(first, second)
    place, bits = filter_place(key, lookup)
    lookup.filter[place] |= bits
    bucket = pair_bucket(key, lookup)
    buckets = 1
    while lookup.pairs[bucket + BUCKET - 1] != 0:
        if buckets == MOST_BUCKETS:
            return False
        buckets += 1
        bucket = (bucket + BUCKET) & ((BUCKET << lookup.pair_bits) - 1)
    i = 0
    while lookup.pairs[bucket + BUCKET // 2 + i] != 0:
        i += 1
    lookup.pairs[bucket + i] = key
    lookup.pairs[bucket + BUCKET // 2 + i] = np.uint64(known + 1)
    return True


@inner
def add_string(start: int, end: int, known: int, lookup: Lookup) -> bool:
    """Enter the string ``lookup.text[start:end]``, which must be new, under an id; whether a place for it was near."""
    key = span_key(lookup.text, start, end)
    slot = slot_of(key, lookup.bits)
    steps = 1
    while id_at(lookup.strings, slot) != EMPTY:
        if steps == MOST_STEPS:
            return False
        steps += 1
        slot = (slot + 1) & ((1 << lookup.bits) - 1)
    put(lookup.strings, slot, key, known)
    lookup.spans[known, 0] = start
    lookup.spans[known, 1] = end
    return True


@lean
def add_strings(offsets: Positions, ids: Ids, lookup: Lookup) -> int:
    """Enter every term as one string, term i under ``ids[i]``; how many, or COLLIDING."""
    for term in range(ids.size):
        if not add_string(offsets[term], offsets[term + 1], whole(ids[term]), lookup):
            return COLLIDING
    return int(ids.size)


@lean
def count_words(text: Bytes, offsets: Positions) -> tuple[int, int, int]:
    """How many terms are one word, how many words all terms have together, and the most in one."""
    ones = total = most = 0
    for term in range(offsets.size - 1):
        words = 1
        for at in range(offsets[term], offsets[term + 1]):
            words += text[at] == BLANK
        ones += words == 1
        total += words
        most = max(most, words)
    return ones, total, most


@lean
def add_word_ngrams(offsets: Positions, ids: Ids, most: int, lookup: Lookup) -> int:
    """Enter every term as the pairs of its words, shorter terms first, term i under ``ids[i]``.

    Returns:
        the number of ids; NO_ROOM if there is none for so many that are not features; COLLIDING.
    """
    extra = lookup.features
    for words in range(1, most + 1):
        for term in range(ids.size):
            feature = whole(ids[term])
            end = offsets[term + 1]
            if extra + 2 * words > lookup.spans.shape[0]:
                return NO_ROOM
            blanks = 0
            for at in range(offsets[term], end):
                blanks += lookup.text[at] == BLANK
            if blanks + 1 != words:
                continue
            known = EMPTY
            start = offsets[term]
            for place in range(words):
                stop = start
                while stop < end and lookup.text[stop] != BLANK:
                    stop += 1
                word = find_string(lookup.text, start, stop, lookup)
                if word == EMPTY:
                    word = feature if words == 1 else extra
                    extra += words != 1
                    if not add_string(start, stop, word, lookup):
                        return COLLIDING
                if place == 0:
                    known = word
                else:
                    beginning = known
                    known = find_pair(pair_key(beginning, word), lookup)
                    if known == EMPTY:
                        last = place == words - 1
                        known = feature if last else extra
                        extra += not last
                        if not add_pair(beginning, word, known, lookup):
                            return COLLIDING
                start = stop + 1
    return int(extra)
