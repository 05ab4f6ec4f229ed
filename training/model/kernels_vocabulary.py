"""The n-grams that were met while counting, each with an id; and those of each distinct token.

An n-gram is an id. Words and character n-grams are strings of bytes in `pool`. An n-gram of several words is a
pair (the n-gram without its last word, the last word), so no longer string is ever hashed or stored.
The n-grams of a token depend on the token alone, so they are kept for each distinct one.

Nothing here allocates: a function for which an array is full returns a code, and its caller's caller makes it larger.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.model.characters import CharacterArrays
from training.model.kernels import (
    EMPTY,
    PADDING,
    Bytes,
    Ids,
    Positions,
    Table,
    copy_bytes,
    find_exact,
    id_at,
    inlined,
    inner,
    is_exact,
    pair_key,
    put,
    same_bytes,
    slot_of,
    span_key,
    whole,
)
from training.model.kernels_machine import prefetch, trailing_zeros
from training.model.kernels_tokens import Folded, Recipe, count_ngrams, fold, next_word

# What `count_rows` returns: done, or the array that is full.
DONE, TERMS_FULL, PAIRS_FULL, POOL_FULL, TOKENS_FULL, RAW_FULL, LISTS_FULL, FOLDED_FULL, ROW_FULL, GRAMS_FULL = range(
    10
)
OUTPUT_FULL = 10

# Where `count_rows` stands: row, byte within it, and how much of each array is in use.
ROW, AT, TERMS, PAIRS, POOL, TOKENS, RAW, LISTS, WORDS, OUTPUT, LIST_START, LIST_END = range(12)
STATE_SIZE = 12

LONGEST_KEPT_TOKEN = 64  # bytes; longer ones are addresses and the like, and rarely come back


class Vocabulary(NamedTuple):
    """strings: table of byte strings. pairs: table of (id, word id).

    parents: EMPTY for a byte string, else the id of all but the last word. spans: [ids, 2], start and end in
    `pool`, or (last word, unused). latest: [ids, 2], the row that last had the id, and its place in the row.
    """

    strings: Table
    pairs: Table
    parents: Ids
    spans: Positions
    pool: Bytes
    latest: Ids


class Tokens(NamedTuple):
    """The distinct tokens seen, in a table; spans [tokens, 4], start and end in `raw` and in `lists`."""

    table: Table
    spans: Positions
    raw: Bytes
    lists: Ids


@inlined
def table_bits(table: Table) -> int:
    """The logarithm of the number of slots."""
    return whole(trailing_zeros(np.uint64(table.size))) - 1


@inner
def string_id(text: Bytes, start: int, end: int, vocabulary: Vocabulary, bits: int, state: Positions) -> int:
    """The id of the string ``text[start:end]``, a new one if need be; -code if there is no room for it."""
    key = span_key(text, start, end)
    slot = slot_of(key, bits)
    known = id_at(vocabulary.strings, slot)
    while known != EMPTY:
        if vocabulary.strings[2 * slot] == key:
            if is_exact(key):
                return known
            at = vocabulary.spans[known, 0]
            size = vocabulary.spans[known, 1] - at
            if size == end - start and same_bytes(vocabulary.pool, at, text, start, size):
                return known
        slot = (slot + 1) & ((1 << bits) - 1)
        known = id_at(vocabulary.strings, slot)
    new = state[TERMS]
    if new >= vocabulary.parents.size or new + 1 > 1 << (bits - 1):
        return -TERMS_FULL
    place = state[POOL]
    if place + (end - start) + PADDING > vocabulary.pool.size:
        return -POOL_FULL
    for at in range(end - start):
        vocabulary.pool[place + at] = text[start + at]
    vocabulary.spans[new, 0] = place
    vocabulary.spans[new, 1] = place + (end - start)
    vocabulary.parents[new] = EMPTY
    put(vocabulary.strings, slot, key, new)
    state[TERMS] = new + 1
    state[POOL] = place + (end - start)
    return whole(new)


@inlined
def pair_id(first: int, second: int, vocabulary: Vocabulary, bits: int, state: Positions) -> int:
    """The id of n-gram `first` followed by word `second`, a new one if need be; -code if there is no room."""
    key = pair_key(first, second)
    slot = find_exact(vocabulary.pairs, key, bits)
    known = id_at(vocabulary.pairs, slot)
    if known != EMPTY:
        return known
    new = state[TERMS]
    if new >= vocabulary.parents.size:
        return -TERMS_FULL
    if state[PAIRS] + 1 > 1 << (bits - 1):
        return -PAIRS_FULL
    put(vocabulary.pairs, slot, key, new)
    vocabulary.parents[new] = first
    vocabulary.spans[new, 0] = second
    state[TERMS] = new + 1
    state[PAIRS] += 1
    return whole(new)


@inner
def list_ngrams(
    data: Bytes, start: int, end: int, recipe: Recipe, characters: CharacterArrays, folded: Folded,
    vocabulary: Vocabulary, bits: int, lists: Ids, state: Positions,
) -> int:  # fmt: skip
    """Write the ids of a token's words or character n-grams to `lists`, from ``state[LISTS]`` on."""
    if recipe.growth * (end - start) + 3 + PADDING > folded.starts.size:
        return FOLDED_FULL
    count = fold(data, start, end, recipe.lowercase, characters, folded)
    at = state[LISTS]
    if recipe.of_words:
        if at + count > lists.size:
            return LISTS_FULL
        first, last = next_word(folded, 0, count)
        while first < count:
            known = string_id(folded.text, folded.starts[first], folded.starts[last], vocabulary, bits, state)
            if known < 0:
                return -known
            lists[at] = known
            at += 1
            first, last = next_word(folded, last, count)
    else:
        if at + count_ngrams(count, recipe.smallest, recipe.largest) > lists.size:
            return LISTS_FULL
        for size in range(recipe.smallest, recipe.largest + 1):
            shown = min(size, count)
            for first in range(count - shown + 1):
                key = span_key(folded.text, folded.starts[first], folded.starts[first + shown])
                prefetch(vocabulary.strings, 2 * slot_of(key, bits))
            if size >= count:
                break
        for size in range(recipe.smallest, recipe.largest + 1):
            shown = min(size, count)
            for first in range(count - shown + 1):
                left, right = folded.starts[first], folded.starts[first + shown]
                known = string_id(folded.text, left, right, vocabulary, bits, state)
                if known < 0:
                    return -known
                lists[at] = known
                at += 1
            if size >= count:
                break
    state[LIST_START] = state[LISTS]
    state[LIST_END] = at
    return DONE


@inlined
def find_token(data: Bytes, start: int, size: int, key: np.uint64, tokens: Tokens, bits: int) -> tuple[int, int]:
    """A token that was seen, or EMPTY; and its slot, or the one for it."""
    slot = slot_of(key, bits)
    token = id_at(tokens.table, slot)
    while token != EMPTY:
        if tokens.table[2 * slot] == key:
            if is_exact(key):
                break
            at = tokens.spans[token, 0]
            if tokens.spans[token, 1] - at == size and same_bytes(tokens.raw, at, data, start, size):
                break
        slot = (slot + 1) & ((1 << bits) - 1)
        token = id_at(tokens.table, slot)
    return token, slot


@inner
def learn_token(
    data: Bytes, start: int, end: int, key: np.uint64, slot: int, recipe: Recipe, characters: CharacterArrays,
    folded: Folded, vocabulary: Vocabulary, bits: int, tokens: Tokens, token_bits: int, state: Positions,
) -> int:  # fmt: skip
    """Set ``state[LIST_START:LIST_END]`` to the place of a new token's ids in ``tokens.lists``, and keep them.

    A long token, for which `slot` is EMPTY, is not kept.
    """
    size = end - start
    new, place = state[TOKENS], state[RAW]
    if new >= tokens.spans.shape[0] or new + 1 > 1 << (token_bits - 1):
        return TOKENS_FULL
    if place + size > tokens.raw.size:
        return RAW_FULL
    code = list_ngrams(data, start, end, recipe, characters, folded, vocabulary, bits, tokens.lists, state)
    if code != DONE or slot == EMPTY:
        return code
    copy_bytes(tokens.raw, place, data, start, end)
    tokens.spans[new, 0] = place
    tokens.spans[new, 1] = place + size
    tokens.spans[new, 2] = state[LIST_START]
    tokens.spans[new, 3] = state[LIST_END]
    put(tokens.table, slot, key, new)
    state[TOKENS] = new + 1
    state[RAW] = place + size
    state[LISTS] = state[LIST_END]
    return DONE
