"""Counting the n-grams of texts, with a vocabulary that grows on the way.

When an array is full, `count_rows` returns which one, its caller makes that larger and calls again, and counting
goes on at the same token: until its n-grams are all known, nothing is counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.model.characters import CharacterArrays
from training.model.kernels import (
    EMPTY,
    Bytes,
    Ids,
    Positions,
    inlined,
    inner,
    lean,
    pair_key,
    slot_of,
    span_key,
    whole,
)
from training.model.kernels_machine import prefetch
from training.model.kernels_tokens import Folded, Recipe, token_end, token_start
from training.model.kernels_vocabulary import (
    AT,
    DONE,
    GRAMS_FULL,
    LIST_END,
    LIST_START,
    LONGEST_KEPT_TOKEN,
    OUTPUT,
    OUTPUT_FULL,
    ROW,
    ROW_FULL,
    WORDS,
    Tokens,
    Vocabulary,
    find_token,
    learn_token,
    pair_id,
    table_bits,
)


class Counted(NamedTuple):
    """Counts by row, in the order of first occurrence. words, grams: one row's, in the making."""

    indptr: Positions
    indices: Ids
    counts: Ids
    words: Ids
    grams: Ids


@inlined
def tally(
    ids: Ids, start: int, end: int, row: int, first: int, place: int, vocabulary: Vocabulary, counted: Counted
) -> int:
    """Count the ids ``ids[start:end]`` in a row of the output, which begins at `first` and goes on at `place`.

    Returns:
        where it goes on now. There must be room.
    """
    for i in range(start, end):
        known = np.uint64(ids[i])
        if vocabulary.latest[known, 0] == row:
            counted.counts[first + vocabulary.latest[known, 1]] += 1
        else:
            vocabulary.latest[known, 0] = row
            vocabulary.latest[known, 1] = place - first
            counted.indices[place] = ids[i]
            counted.counts[place] = 1
            place += 1
    return place


@inner
def join_words(recipe: Recipe, vocabulary: Vocabulary, pair_bits: int, counted: Counted, state: Positions) -> int:
    """Write the n-grams of a row's words to ``counted.grams``; how many, or -code."""
    count = state[WORDS]
    if count * (recipe.largest - recipe.smallest + 1) > counted.grams.size:
        return -GRAMS_FULL
    if recipe.largest > 1:
        for first in range(count - 1):
            key = pair_key(whole(counted.words[first]), whole(counted.words[first + 1]))
            prefetch(vocabulary.pairs, 2 * slot_of(key, pair_bits))
    found = 0
    for first in range(count):
        known = whole(counted.words[first])
        if recipe.smallest == 1:
            counted.grams[found] = known
            found += 1
        for size in range(2, min(recipe.largest, count - first) + 1):
            known = pair_id(known, whole(counted.words[first + size - 1]), vocabulary, pair_bits, state)
            if known < 0:
                return known
            prefetch(vocabulary.latest, 2 * known)
            if size >= recipe.smallest:
                counted.grams[found] = known
                found += 1
    return found


@lean
def count_rows(
    data: Bytes, starts: Positions, ends: Positions, recipe: Recipe, characters: CharacterArrays,
    folded: Folded, vocabulary: Vocabulary, tokens: Tokens, counted: Counted, state: Positions,
) -> int:  # fmt: skip
    """Count the n-grams of each text ``data[starts[i]:ends[i]]``, going on where `state` stands.

    `data` must have `PADDING` readable bytes after the last text.
    """
    bits = table_bits(vocabulary.strings)
    pair_bits = table_bits(vocabulary.pairs)
    token_bits = table_bits(tokens.table)
    for row in range(state[ROW], starts.size):
        end = ends[row]
        row_start = counted.indptr[row]
        place = state[OUTPUT]
        words = state[WORDS]
        at = token_start(data, starts[row] + state[AT], end, characters)
        while at < end:
            stop = token_end(data, at, end, characters)
            key = np.uint64(0)
            token = slot = EMPTY
            if stop - at <= LONGEST_KEPT_TOKEN:
                key = span_key(data, at, stop)
                token, slot = find_token(data, at, stop - at, key, tokens, token_bits)
            if token != EMPTY:
                first, last = tokens.spans[token, 2], tokens.spans[token, 3]
                code = DONE
            else:
                code = learn_token(
                    data, at, stop, key, slot, recipe, characters, folded, vocabulary, bits, tokens, token_bits, state
                )
                first, last = state[LIST_START], state[LIST_END]
            if code == DONE:
                if recipe.of_words and words + last - first > counted.words.size:
                    code = ROW_FULL
                elif not recipe.of_words and place + last - first > counted.indices.size:
                    code = OUTPUT_FULL
            if code != DONE:
                state[ROW] = row
                state[AT] = at - starts[row]
                state[OUTPUT] = place
                state[WORDS] = words
                return code
            if recipe.of_words:
                for i in range(first, last):
                    counted.words[words] = tokens.lists[i]
                    words += 1
            else:
                place = tally(tokens.lists, first, last, row, row_start, place, vocabulary, counted)
            at = token_start(data, stop, end, characters)
        if recipe.of_words:
            state[WORDS] = words
            found = join_words(recipe, vocabulary, pair_bits, counted, state)
            if found < 0 or place + found > counted.indices.size:
                state[ROW] = row
                state[AT] = end - starts[row]
                return -found if found < 0 else OUTPUT_FULL
            place = tally(counted.grams, 0, found, row, row_start, place, vocabulary, counted)
        state[OUTPUT] = place
        state[AT] = 0
        state[WORDS] = 0
        counted.indptr[row + 1] = place
    state[ROW] = starts.size
    return DONE
