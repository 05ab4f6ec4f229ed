"""The words of a text, and the features among their n-grams.

Models of words alone find the words of a token by a small cache of their own. What it gives does not depend on what
it holds, so it needs no order of age: a line of 64 bytes has two tokens, and a third pushes the older one out.
Tokens of up to fifteen bytes are their own keys, of two words; longer ones, and those of three words or more, are
looked up each time.
"""

from __future__ import annotations

import numpy as np

from training.model.characters import CharacterArrays
from training.model.kernels import (
    EMPTY,
    GOLDEN,
    PADDING,
    SHIFT_32,
    Bytes,
    Table,
    inlined,
    low_bytes,
    pair_key,
    unsigned,
    whole,
)
from training.model.kernels_lookup import find_pair, may_be_pair, pair_bucket
from training.model.kernels_machine import load_word, prefetch
from training.model.kernels_model import Model, list_features, prefetch_row
from training.model.kernels_tokens import token_end, token_start
from training.model.kernels_workspace import DONE, ROOM_FULL, Workspace

LINE = 8  # 64-bit words: key, key and words of one token, of another, and two unused
LONGEST = 15
LOW_HALF = np.uint64(2**32 - 1)


@inlined
def add_word_ngrams(words: int, direct: int, model: Model, work: Workspace) -> int:
    """Put the features among the n-grams of a text's words behind the direct ones; how many there are now.

    All of one order, then all of the next: those that may go on are listed, then asked for, then looked up. Without a
    branch on what is found, which would be mispredicted too often: what is no feature is overwritten.
    """
    recipe, lookup = model.words.recipe, model.words.lookup
    grams = whole(0)  # known n-grams of one order: where each begins << 32 | its id
    for place in range(words):
        gram = whole(work.words[place])
        known = gram != EMPTY
        work.direct[direct] = gram
        direct += (recipe.smallest == 1) & known & (gram < lookup.features)
        prefetch_row(model, max(gram, 0))
        work.flat[grams] = unsigned(place) << SHIFT_32 | unsigned(gram)
        grams += known
    for size in range(2, recipe.largest + 1):
        longer = whole(0)
        for i in range(grams):
            place = whole(work.flat[i] >> SHIFT_32)
            last = place + size - 1
            word = whole(work.words[min(last, words - 1)])
            key = pair_key(whole(work.flat[i] & LOW_HALF), word)
            work.keys[longer] = unsigned(place)
            work.pairs[longer] = key
            longer += (last < words) & (word != EMPTY) & may_be_pair(key, lookup)
        for i in range(longer):
            prefetch(lookup.pairs, pair_bucket(work.pairs[i], lookup))
        grams = whole(0)
        for i in range(longer):
            gram = find_pair(work.pairs[i], lookup)
            known = gram != EMPTY
            work.direct[direct] = gram
            direct += (size >= recipe.smallest) & known & (gram < lookup.features)
            prefetch_row(model, max(gram, 0))
            work.flat[grams] = work.keys[i] << SHIFT_32 | unsigned(gram)
            grams += known
    return direct


@inlined
def cut_words(data: Bytes, start: int, end: int, characters: CharacterArrays, lines: Table, work: Workspace) -> int:
    """Write the spans and keys of a text's tokens, and ask for their lines; how many, or -1 if there is no room."""
    tokens = whole(0)
    at = token_start(data, start, end, characters)
    while at < end:
        if tokens == work.slots.size:
            return -1
        stop = token_end(data, at, end, characters)
        size = stop - at
        work.spans[tokens, 0] = at
        work.spans[tokens, 1] = stop
        if size <= LONGEST:
            low = low_bytes(load_word(data, at), size)
            # Where the token is short, so is the text after it: what is masked away must still be readable.
            further = min(at + 8, data.size - 8)
            high = (np.uint64(size) << np.uint64(56)) | low_bytes(load_word(data, further), size - 8)
            work.keys[2 * tokens] = low
            work.keys[2 * tokens + 1] = high
            prefetch(lines, line_of(low, high, lines))
        tokens += 1
        at = token_start(data, stop, end, characters)
    return tokens


@inlined
def line_of(low: np.uint64, high: np.uint64, lines: Table) -> int:
    """Where the line of a token begins."""
    mixed = (low ^ (high * GOLDEN)) * GOLDEN
    return whole((mixed ^ (mixed >> SHIFT_32)) & unsigned(lines.size // LINE - 1)) * LINE


@inlined
def take_words(
    data: Bytes, tokens: int, model: Model, characters: CharacterArrays, lines: Table, work: Workspace
) -> tuple[int, int]:
    """Write a text's words; (code, how many)."""
    words = whole(0)
    for token in range(tokens):
        at, stop = work.spans[token, 0], work.spans[token, 1]
        short = stop - at <= LONGEST
        low, high = work.keys[2 * token], work.keys[2 * token + 1]
        line = line_of(low, high, lines) if short else 0
        longest = model.words.recipe.growth * (stop - at) + 3
        if words + longest > work.words.size:
            return ROOM_FULL, words
        newer = (lines[line] == low) & (lines[line + 1] == high)
        older = (lines[line + 3] == low) & (lines[line + 4] == high)
        found = lines[line + 2] if newer else lines[line + 5]
        if not (short & (newer | older)):
            if longest + PADDING > work.folded.starts.size:
                return ROOM_FULL, words
            last, _ = list_features(
                data, at, stop, model, characters, work.folded, work.words, words, work.direct, whole(0), work.gram_keys
            )
            if not short or last - words > 2:
                words = last
                continue
            # A word's id plus two: zero is no word, and one a word that the model does not know.
            found = np.uint64(0)
            for i in range(last - 1, words - 1, -1):
                found = found << SHIFT_32 | np.uint64(work.words[i] + 2)
            for i in range(3):
                lines[line + 3 + i] = lines[line + i]
            lines[line], lines[line + 1], lines[line + 2] = low, high, found
        while found != 0:
            work.words[words] = whole(found & LOW_HALF) - 2
            words += 1
            found >>= SHIFT_32
    return DONE, words
